"""One backup per night, retried after a failure, reported when missing; the last good one is never removed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from core import settings as core_settings
from core.clock import SystemClock
from core.database import Database
from core.events import Event
from core.host import backup_log
from core.host.backup_log import BackupRun
from core.settings import Settings
from station.backup import schedule
from station.backup.schedule import NightlyBackup, due, excess_archives
from tests.conftest import open_database
from web.api.metrics import collect
from web.doctor.data import backup as fact
from web.doctor.facts import CheckedStation, CheckState

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 28, 4, 0, tzinfo=timezone.utc)  # 12:00 in Shanghai


def ran(hours_ago: float, error: str = "") -> BackupRun:
    return BackupRun(NOON - timedelta(hours=hours_ago), "x", 1.0, error=error)


@pytest.mark.parametrize(
    ("runs", "at", "expected"),
    [
        ([], "02:30", True),  # never made: due at once
        ([ran(9)], "02:30", False),  # made this night
        ([ran(10)], "02:30", True),  # made before this night's hour
        ([ran(20)], "13:00", False),  # today's hour is still to come, yesterday's backup was made
        ([ran(24)], "13:00", True),  # yesterday's was missed: the station was off
        ([ran(30), ran(0.5, "full")], "02:30", False),  # failed just now
        ([ran(30), ran(1.5, "full")], "02:30", True),  # retried after an hour
        ([ran(5), ran(1.5, "full")], "02:30", False),  # a manual one failed; this night's exists
        ([ran(0.01)], "12:00", True),  # exactly at noon
    ],
)
def test_when_one_is_due(runs: list[BackupRun], at: str, expected: bool) -> None:
    assert due(runs, NOON, at, SHANGHAI) is expected


def test_the_newest_stay(tmp_path: Path) -> None:
    names = [f"minwang-2026010{n}T000000Z.tar" for n in range(1, 6)]
    for name in [*names, "minwang-notes.txt", "other.tar", ".minwang-9.tar.unverified"]:
        (tmp_path / name).touch()
    assert [p.name for p in excess_archives(tmp_path, 3)] == names[:2]
    assert [p.name for p in excess_archives(tmp_path, 0)] == names[:4]


def test_a_lost_log_is_no_good_backup(tmp_path: Path) -> None:
    backup_log.add(tmp_path, ran(2))
    for _ in range(150):
        backup_log.add(tmp_path, ran(1, "full"))
    last = backup_log.last_good(tmp_path)
    assert last == ran(2) and len(backup_log.read(tmp_path)) <= 101
    (tmp_path / backup_log.FILE).write_text("{")
    assert backup_log.last_good(tmp_path) is None


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[tuple[Settings, Database]]:
    data, target, config = tmp_path / "data", tmp_path / "disk", tmp_path / "minwang.toml"
    data.mkdir()
    target.mkdir()
    config.write_text(f'[data]\ndir = "{data}"\n[backup]\ntarget = "{target}"\nwithout_key = true\nkeep = 1\n')
    async with open_database(data, "minwang.db") as database:
        yield core_settings.load(config), database


async def _kinds(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(select(Event.kind).order_by(Event.id)))


@pytest.mark.long
async def test_a_night_s_backup_its_rotation_and_its_failure(
    station: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MINWANG_DATA__DATABASE", raising=False)
    settings, database = station
    target, checked = settings.backup.target, CheckedStation(settings, SystemClock())
    assert target is not None and fact(checked)[0].state is CheckState.WARNING
    older = target / "minwang-20200101T000000Z.tar"
    older.touch()
    nightly = NightlyBackup(settings, database, SystemClock())
    await nightly.run_once()
    (made,) = list(target.iterdir())
    assert made != older and fact(checked)[0].state is CheckState.OK
    await nightly.run_once()
    assert list(target.iterdir()) == [made] and await _kinds(database) == ["backup.made"]

    monkeypatch.setattr("station.backup.schedule.due", lambda *_: True)
    target.rename(target.with_name("unmounted"))
    await nightly.run_once()
    assert await _kinds(database) == ["backup.made", "backup.failed"]
    assert "is its disk mounted?" in backup_log.read(settings.data.dir)[-1].error
    assert fact(checked)[0].state is CheckState.WARNING and "is its disk mounted?" in fact(checked)[0].value
    metrics = await _metrics(database, settings)
    assert 0 < metrics["minwang_backup_age_seconds"] < 600 and metrics["minwang_backup_failed"] == 1
    assert not target.exists(), "a folder that is gone does not become a file"


async def test_one_that_is_missing_is_said_once_a_day(
    station: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, database = station
    monkeypatch.setattr("station.backup.schedule.due", lambda *_: False)
    assert (await _metrics(database, settings))["minwang_backup_age_seconds"] == float("inf")
    settings.backup.max_age_hours = 1e-9
    nightly = NightlyBackup(settings, database, SystemClock())
    await asyncio.gather(nightly.run_once(), nightly.run_once())
    await nightly.run_once()
    assert await _kinds(database) == ["backup.overdue"]


async def _metrics(database: Database, settings: Settings) -> dict[str, float]:
    async with database.reading() as session:
        text = (await collect(session, settings)).decode()
    return {
        s.name: s.value
        for f in text_string_to_metric_families(text)
        for s in f.samples
        if s.name.startswith("minwang_backup")
    }


async def test_a_backup_that_ignores_the_end_of_the_station_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "STOP_SECONDS", 0.05)
    ignores = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ignores, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    await schedule._stop(process)
    assert process.returncode == -signal.SIGKILL
