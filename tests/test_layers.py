"""A room imports only rooms below it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
BELOW = {
    "core": set(),
    "cameras": {"core"},
    "nvr": {"core", "cameras"},
    "health": {"core", "cameras", "nvr"},
    "search": {"core", "cameras", "nvr"},
    "cases": {"core", "cameras", "nvr", "health", "search"},
    "reports": {"core", "cameras", "nvr", "health", "search", "cases"},
    "web": {"core", "cameras", "nvr", "health", "search", "cases", "reports"},
    "station": {"core", "cameras", "nvr", "health", "search", "cases", "reports", "web"},
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            rooms |= {a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            rooms.add((node.module or "").partition(".")[0])
    return rooms & set(BELOW)


def test_no_room_imports_a_room_above_it_or_beside_it() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {other}"
        for room, below in BELOW.items()
        for path in (ROOT / room).rglob("*.py")
        if "node_modules" not in path.parts
        for other in imported_rooms(path) - below - {room}
    ]
    assert not wrong, wrong


def test_every_room_has_modules() -> None:
    assert all(list((ROOT / room).glob("*.py")) for room in BELOW)


def test_no_file_swallows_everything() -> None:
    crowded = [
        f"{p.relative_to(ROOT)}: {n}"
        for room in BELOW
        for p in (ROOT / room).rglob("*.py")
        if "node_modules" not in p.parts and "versions" not in p.parts and (n := len(p.read_text().splitlines())) > 450
    ]
    assert not crowded, crowded
