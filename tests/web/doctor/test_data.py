"""The checks of the station's data: database, recorders, registry, models, certificates and backups."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

import core
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.host import backup_log, station_lock
from core.host.process_role import ProcessRole
from core.settings import DataSettings, SearchSettings, Settings, TlsMode, WebSettings
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.recorder.heartbeats import Heartbeat
from nvr.tables import OpenSegment, StreamStatus, Worker
from search.tables import IndexState
from tests.conftest import ROOT
from tests.web.certificates import certificate_pair, write
from tests.web.doctor.checked import apply_inventory, checked_station, states
from web.api.metrics import collect
from web.doctor import data
from web.doctor.facts import CheckedStation, CheckResult, CheckState
from web.tls.authority import Authority


async def test_the_database_on_either_kind(either_database: Database, server_address: str, tmp_path: Path) -> None:
    here = checked_station(tmp_path, either_database)
    if server_address:
        here.settings.data.database = str(either_database.url)
    (found,) = await data.database(here)
    assert found.state is CheckState.OK and found.value.startswith("1" if server_address else "schema"), found
    assert "geheim" not in found.value
    async with either_database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    (old,) = await data.database(here)
    assert old.state is CheckState.FAILED and "start the station" in old.remedy
    async with either_database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "install the newer one" in (await data.database(here))[0].remedy


async def test_unreadable_database(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "minwang.db").write_bytes, b"SQLite is not this" * 100)
    broken = Database(f"sqlite+aiosqlite:///{tmp_path / 'minwang.db'}")
    (found,) = await data.database(checked_station(tmp_path, broken))
    await broken.close()
    assert found.state is CheckState.FAILED and "file is not a database" in found.value, found
    gone = Settings(data=DataSettings(dir=tmp_path, database="postgresql+psycopg://pol:geheim@127.0.0.1:1/minwang"))
    server = Database(gone.database_url)
    (found,) = await data.database(CheckedStation(gone, SystemClock(), server))
    await server.close()
    assert (
        found.state is CheckState.FAILED
        and "geheim" not in found.value + found.remedy
        and "start the server" in found.remedy
    )


async def test_recorders_and_recorded_streams(either_database: Database, tmp_path: Path) -> None:
    now = SystemClock().now()
    here = checked_station(tmp_path, either_database)
    await apply_inventory(either_database)
    assert (await data.running(here))[0].value == "no recorder has sent a heartbeat for 30 s"
    lock = await asyncio.to_thread(station_lock.acquire, tmp_path, "serve")
    (silent,) = await data.running(here)
    await asyncio.to_thread(lock.release)
    assert silent.value.startswith(f"'minwang serve' (process {os.getpid()}") and silent.remedy == "read its log"
    async with either_database.session() as session:
        session.add(Worker(name="recorder-0", role="recorder", url="", pid=1, seen_at=now))
        session.add(_status("wj-01/main", now))
    (some,) = await data.running(here)
    assert some.state is CheckState.WARNING and some.value == "1 of 16 streams recorded by 1 recorders"
    here.settings.recorder.workers = 2
    assert (await data.running(here))[0].state is CheckState.FAILED


def _status(stream: str, at: datetime, state: str = "recording") -> StreamStatus:
    return StreamStatus(
        stream=stream, worker="recorder-0", state=state, engine="native", at=at, since=at, last_picture=at
    )


async def test_backlog(either_database: Database, tmp_path: Path) -> None:
    now = SystemClock().now()
    here = checked_station(tmp_path, either_database)
    assert states(await data.backlog(here)) == ["ok", "ok", "unknown"]  # nothing is indexed
    now_us = to_microseconds(now)
    async with either_database.session() as session:
        session.add(_status("a/main", now))
        flags = (0, SegmentFlag.UNHASHED, SegmentFlag.UNHASHED)
        files = [Segment("a/main", 1, now_us - i * 1000, now_us, flags=f) for i, f in enumerate(flags)]
        await segment_index.append(session, files)
        session.add(OpenSegment(stream="a/main", start_us=now_us - 1_000_000_000, volume=1))
        session.add(IndexState(stream="a/main", position_us=now_us - 700_000_000))
    rows, hashes, behind = await data.backlog(here)
    assert (rows.state, rows.value) == ("warning", "1 streams have unwritten archive rows")
    assert (hashes.state, hashes.value) == ("warning", "2 of 3 files of the last 2 hours")
    assert behind.state is CheckState.WARNING and behind.value.startswith(("699 s", "700 s"))


async def test_registry_against_the_file(database: Database, tmp_path: Path) -> None:
    await apply_inventory(database)
    here = checked_station(tmp_path, database, inventory=ROOT / "inventory.yaml")
    assert states(await data.registry_difference(here)) == ["ok"]
    async with database.session() as session:
        await session.execute(text("UPDATE camera SET name = 'x' WHERE id = 'wj-01'"))
    # The station learned it itself, and the registry is the station's.
    assert states(await data.registry_difference(here)) == ["ok"]
    changed = tmp_path / "changed.yaml"
    text_ = await asyncio.to_thread((ROOT / "inventory.yaml").read_text, "utf-8")
    await asyncio.to_thread(changed.write_text, text_.replace("王家祠堂", "王家老祠堂"), "utf-8")
    here.settings.inventory = changed
    (found,) = await data.registry_difference(here)
    assert found.state is CheckState.WARNING and "0 to add, 1 to change, 0 to retire" in found.value
    here.settings.inventory = tmp_path / "none.yaml"
    assert states(await data.registry_difference(here)) == ["unknown"]
    await asyncio.to_thread(here.settings.inventory.write_text, "cameras: 3\n")
    assert states(await data.registry_difference(here)) == ["failed"]


def test_model_packs(tmp_path: Path) -> None:
    (none,) = data.models(checked_station(tmp_path))
    assert none.state is CheckState.WARNING and "no model pack" in none.value
    (missing,) = data.models(checked_station(tmp_path, search=SearchSettings(detector="nosuch")))
    assert (missing.state, missing.subject) == ("failed", "nosuch")


def test_certificates_of_the_console(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)

    def look(host: str = "127.0.0.1", tls: TlsMode = TlsMode.OWN) -> CheckResult:
        return data.certificate(checked_station(tmp_path, web=WebSettings(host=host, tls=tls)))[0]

    assert look(tls=TlsMode.OFF).state is CheckState.OK and look(tls=TlsMode.PROXY).state is CheckState.UNKNOWN
    assert (plain := look("0.0.0.0", TlsMode.OFF)).state is CheckState.WARNING and "without encryption" in plain.value
    assert (none := look()).state is CheckState.FAILED and "create one with 'minwang cert'" in none.remedy, none
    authority = Authority(tmp_path)
    authority.create([], now)
    authority.issue(["10.250.250.250"], now)
    assert look().state is CheckState.OK and "valid for 395 days" in look().value
    authority.issue(["10.250.250.250"], now - timedelta(days=380))
    assert (soon := look()).state is CheckState.WARNING and soon.remedy.startswith("minwang cert renew")
    old = certificate_pair("old", days=(-500, -400))
    write(tmp_path / "tls", [old], old[1])
    assert (
        (expired := look()).state is CheckState.FAILED
        and "expired on" in expired.value
        and "renew it" in expired.remedy
    )


async def test_certificate_expiry_metric(database: Database, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)

    async def value(tls: TlsMode) -> float | None:
        async with database.reading() as session:
            text = (await collect(session, checked_station(tmp_path, web=WebSettings(tls=tls)).settings)).decode()
        found = re.search(r"^minwang_certificate_expires_timestamp_seconds (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    assert await value(TlsMode.OFF) is None
    assert await value(TlsMode.OWN) == 0
    await asyncio.to_thread(Authority(tmp_path).create, [], now)
    await asyncio.to_thread(Authority(tmp_path).issue, ["localhost"], now)
    assert await value(TlsMode.OWN) == pytest.approx((now + timedelta(days=396)).timestamp(), abs=2)


def test_backups(tmp_path: Path) -> None:
    here, now = checked_station(tmp_path), datetime.now(timezone.utc)

    def made_at(days: float, error: str = "") -> CheckResult:
        backup_log.add(
            tmp_path,
            backup_log.BackupRun(
                now - timedelta(days=days), "/mnt/nas", 10, 3_000_000, backup_log.BackupVerification.RESTORED, error
            ),
        )
        return data.backup(here)[0]

    assert data.backup(here)[0].value == "no backup was ever made"
    assert (
        first := made_at(20, "the disk is full")
    ).state is CheckState.WARNING and "the last attempt failed: the disk is full" in first.value
    assert made_at(15).state is CheckState.FAILED
    assert made_at(3).state is CheckState.WARNING
    assert (fresh := made_at(0.5)).state is CheckState.OK and fresh.value == "0.5 days old, 3.0 MB at /mnt/nas"
    assert (broken := made_at(0.1, "no route to host")).state is CheckState.WARNING and "0.5 days old" in broken.value
    (tmp_path / "backups.json").write_text("{")
    assert data.backup(here)[0].state is CheckState.UNKNOWN


async def test_a_process_of_another_version_is_told(database: Database, tmp_path: Path) -> None:
    here, now = checked_station(tmp_path, database), SystemClock().now()
    analyst = Heartbeat(ProcessRole.ANALYST, "analyst", SystemClock())
    async with database.session() as session:
        await analyst.write(session)
        gone = now - timedelta(minutes=5)
        session.add(Worker(name="recorder-9", role="recorder", url="", pid=2, seen_at=gone, release="0.0.1"))
    assert [(f.state, f.value) for f in await data.processes(here)] == [("ok", f"all run {core.__version__}")]
    async with database.session() as session:
        session.add(Worker(name="recorder-0", role="recorder", url="", pid=1, seen_at=now, release="0.0.1"))
        session.add(Worker(name="recorder-1", role="recorder", url="", pid=1, seen_at=now))
    (old,) = await data.processes(here)
    assert old.state is CheckState.WARNING and old.found.parameters["names"] == "recorder-0 0.0.1, recorder-1"
    assert "systemctl restart" in old.remedy
    await analyst.store(database)
    async with database.reading() as session:
        row = await session.get_one(Worker, "analyst")
    assert row.release == core.__version__ and row.started_at is not None and row.pid == os.getpid()
