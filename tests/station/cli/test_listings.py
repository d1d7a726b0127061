"""The lists of `minwang cameras` and `minwang archive`: their text has what their JSON has, in its columns."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cameras.registry import history
from cameras.tables import Camera, Finding
from core import settings as core_settings
from core.clock import from_microseconds, to_microseconds
from core.database import Database
from nvr.tables import FootageDeletion, StreamUsage
from station.cli.main import cli

TOWN = """\
town: t
villages: [{code: wang, name: W}]
cameras:
- {id: w-1, name: 村口, village: wang, address: 10.1.1.1}
- {id: w-2, name: 桥头, village: wang, address: 10.1.1.2}
"""
NOW = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
DAY = "2026-11-20"
FIRST_US = to_microseconds(datetime(2026, 11, 20, 6, tzinfo=timezone.utc))


@pytest.fixture(autouse=True)
def _station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("MINWANG_")]:
        monkeypatch.delenv(name)
    (tmp_path / "minwang.toml").write_text('inventory = "town.yaml"\n')
    (tmp_path / "town.yaml").write_text(TOWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text(0, "inventory", "apply")
    asyncio.run(_add_rows(core_settings.load().database_url))


async def _add_rows(url: str) -> None:
    database = Database(url)
    try:
        async with database.session() as session:
            camera = (await session.scalars(select(Camera).where(Camera.id == "w-1"))).one()
            camera.clock_offset, camera.problem = 75.0, "it refuses the credential"
            history.record_change(session, "w-1", NOW, "zhang", "address", None, "10.1.1.1")
            session.add(
                Finding(camera="w-1", address="", village="wang", kind="drift", detail={"codec": "H264"}, opened_at=NOW)
            )
            session.add(
                Finding(camera=None, address="10.1.1.9", village=None, kind="unknown_device", detail={}, opened_at=NOW)
            )
            run = {
                "volume": 1, "first": FIRST_US, "last": FIRST_US + 1, "until": FIRST_US + 2, "files": 2, "unhashed": 1,
                "digest": "ab12",
            }  # fmt: skip
            session.add(
                FootageDeletion(day=DAY, stream="w-1/main", files=2, bytes=7, runs=[run], first_at=NOW, last_at=NOW)
            )
            session.add(StreamUsage(stream="w-1/main", bytes_held=3_000_000_000))
    finally:
        await database.close()


def text(status: int, *arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == status, done.output
    return done.output


def rows(*arguments: str) -> Any:
    return json.loads(text(0, *arguments, "--json"))


def test_checklists() -> None:
    symbols = {"ok": "✓", "failed": "✗", "todo": "·"}
    found = rows("cameras", "list")
    assert [row["id"] for row in found] == ["w-1", "w-2"]
    lines = []
    for row in found:
        marks = "".join(symbols[check["state"]] for check in row["checks"])
        failed = ", ".join(
            f"{check['name']}: {check['detail'] or 'failed'}" for check in row["checks"] if check["state"] == "failed"
        )
        lines.append(f"{row['id']:20} {marks}  {row['address'] or '-':22} {row['name']}  {failed}")
    assert text(0, "cameras", "list").splitlines() == [line.rstrip("\n") for line in lines]
    assert "clock: +75.0" in lines[0]
    assert [row["id"] for row in rows("cameras", "list", "--problems")] == ["w-1"]
    assert text(0, "cameras", "list", "--village", "nowhere") == "no cameras\n"


def test_one_camera_with_its_history() -> None:
    found = rows("cameras", "show", "w-1")
    assert found["problem"] == "it refuses the credential" and found["address"] == "10.1.1.1"
    lines = [f"{name}: {value}" for name, value in found.items() if name != "history"]
    lines.append("2026-11-21 08:00 zhang: address: None → 10.1.1.1")  # the newest change first
    said = text(0, "cameras", "show", "w-1").splitlines()
    assert said[: len(lines)] == lines and len(said) == len(found) - 1 + len(found["history"])
    assert found["history"][0] == {
        "at": str(NOW), "actor": "zhang", "field": "address", "old": None, "new": "10.1.1.1",
    }  # fmt: skip
    assert "there is no camera 'w-9'" in text(1, "cameras", "show", "w-9")


def test_findings() -> None:
    found = rows("cameras", "findings")
    assert {(f["kind"], f["camera"], f["address"]) for f in found} == {
        ("drift", "w-1", ""), ("unknown_device", None, "10.1.1.9"),
    }  # fmt: skip
    lines = [f"{f['id']:5} {f['kind']:20} {f['camera'] or f['address']:24} {f['detail']}" for f in found]
    assert text(0, "cameras", "findings").splitlines() == lines


def test_holds() -> None:
    assert text(0, "archive", "holds") == "no holds\n"
    start, end = "2026-11-20T06:00:00+00:00", "2026-11-20T07:00:00+00:00"
    text(0, "archive", "hold", "w-1", start, end, "--reason", "案件 1")
    (hold,) = rows("archive", "holds")
    assert (hold["camera"], hold["start"], hold["reason"]) == ("w-1", "2026-11-20 06:00:00+00:00", "案件 1")
    assert text(0, "archive", "holds") == (
        f"{hold['hold']:5} {'w-1':12} {hold['start']} – {hold['end']}  {hold['owner']}: 案件 1, until "
        f"{hold['expires']}\n"
    )


def test_deletions_of_a_day(tmp_path: Path) -> None:
    assert text(0, "archive", "deleted", "w-1", "2026-11-19") == "nothing of that day was deleted\n"
    (found,) = rows("archive", "deleted", "w-1", DAY)
    assert (found["stream"], found["files"], found["first_at"]) == ("w-1/main", 2, str(NOW))
    assert "problem" not in found
    lines = [
        f"w-1/main: 2 files, 7 bytes, deleted {NOW} – {NOW}",
        f"  {from_microseconds(FIRST_US)} – {from_microseconds(FIRST_US + 1)}: 2 files (1 without hash), ab12",
    ]
    assert text(0, "archive", "deleted", "w-1", DAY).splitlines() == lines
    copy = str(tmp_path / "data" / "minwang.db")  # an earlier copy without these files
    compared = text(1, "archive", "deleted", "w-1", DAY, "--copy", copy).splitlines()
    assert compared[:2] == lines and len(compared) == 3 and compared[2] != "  fits the copy"


def test_the_forecast() -> None:
    (found,) = rows("archive", "forecast")
    assert found == {
        "village": "wang", "bytes_held": 3_000_000_000, "bytes_per_day": 0, "days_possible": None,
        "days_until_full": None,
    }  # fmt: skip
    assert text(0, "archive", "forecast") == (
        f"{'wang':16} holds {3.0:9.1f} GB, writes {0.0:7.1f} GB a day; the disks keep ? days, first full in ? days\n"
    )


def test_the_database() -> None:
    found = rows("database", "status")
    assert found["version"] == found["newest"] and found["rows"]["camera"] == 2 and found["bytes"] > 0
    said = text(0, "database", "status").splitlines()
    assert said[0].startswith(f"{found['address']}: version {found['version']}, ")
    assert f"{2:12}  camera" in said and f"{2:12}  camera_finding" in said
