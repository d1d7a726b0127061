"""A package imports only packages below it; the same holds for the sub-packages and modules inside each package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Every package with its parts, lowest first. A part imports itself and the parts before it; docs/architecture.md
# contains this table.
LAYERS = {
    "core": (
        "clock error_codes error_parameters errors input_problems files ids intervals json_types numbers units erase "
        "executors host log_repeats secrets "
        "settings_source tasks logs settings_section settings_notify settings "
        "database_kind database_errors network database events audit station_keys accounts notify migrate migrations"
    ),
    "cameras": "states records onvif tables per_camera registry vault discovery onboarding virtual ptz upkeep",
    "nvr": (
        "clock engine_choice recording_state rtsp tables media storage archive clock_correction streams recorder edge "
        "playback"
    ),
    "nvr.media": "cpu_time work_budget buffers codec samples mp4 rtp pictures batch receiver",
    "nvr.archive": (
        "segment_index deletions volume_files gaps bookmarks fact_queue archive_log reader coverage writing retention "
        "integrity"
    ),
    "health": "vocabulary tables faults checks camera_states kpi orders order_queries vendors picture patrol register",
    "search": "tables vocabulary models store analysis query indexing",
    "cases": "tables units register alerts watch shifts evidence",
    "reports": "pdf percentages periods register repairs tables coverage today",
    "web": "tls work http doctor sessions services framework policy views api server",
    "station": (
        "backup database files install pip_progress runtime schema inventory_start database_copy supervision upgrade "
        "demo roles cli __main__"
    ),
}
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


def folder_of(package: str) -> Path:
    return ROOT / package.replace(".", "/")


def sources(package: str) -> list[Path]:
    return [p for p in folder_of(package).rglob("*.py") if "node_modules" not in p.parts]


def imported(path: Path) -> set[str]:
    """Return all modules that a file imports: at its top, inside functions, under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def test_no_package_imports_a_package_above_it_or_beside_it() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {other}"
        for package, below in BELOW.items()
        for path in sources(package)
        for other in ({m.partition(".")[0] for m in imported(path)} & set(BELOW)) - below - {package}
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("package", LAYERS)
def test_no_part_of_a_package_imports_a_part_above_it(package: str) -> None:
    parts, folder = LAYERS[package].split(), folder_of(package)
    there = {p.relative_to(folder).parts[0].removesuffix(".py") for p in sources(package)} - {"__init__"}
    assert there == set(parts), "the table names every part"
    wrong = []
    for path in sources(package):
        part = path.relative_to(folder).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for module in imported(path):
            other = module.removeprefix(f"{package}.").split(".")[0] if module.startswith(f"{package}.") else part
            if other in parts and parts.index(other) > parts.index(part):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong, wrong


def test_every_package_says_what_it_does() -> None:
    silent = [
        str(p.parent.relative_to(ROOT))
        for package in BELOW
        for p in sources(package)
        if p.name == "__init__.py" and "versions" not in p.parts and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent, silent


def test_no_file_swallows_everything() -> None:
    crowded = [
        f"{p.relative_to(ROOT)}: {n}"
        for package in BELOW
        for p in sources(package)
        if "versions" not in p.parts and (n := len(p.read_text().splitlines())) > 450
    ]
    assert not crowded, crowded


def test_the_architecture_document_shows_the_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package, parts in LAYERS.items():
        shown = ", ".join(p for p in parts.split() if p != "__main__")
        assert f"| {shown} |" in text, package
