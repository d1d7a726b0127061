"""Packages of approved requests from a real archive: sealed once, tried again after problems and kills."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import select, update

from cases.evidence import requests
from cases.evidence.extraction import Extraction
from cases.evidence.requests import RequestLimits
from cases.evidence.tables import EvidenceRequest, EvidenceState
from core import station_keys
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.secrets import Vault
from nvr.archive.reader import ArchiveReader
from nvr.tables import Gap, GapCause, Hold, OpenSegment
from tests.cases.evidence.conftest import asked
from tests.cases.evidence.packages import BEGIN_US, SECOND, verified


@pytest.fixture
def extraction(town: Database, clock: ManualClock, vault: Vault, tmp_path: Path) -> Extraction:
    return Extraction(town, ArchiveReader(town, clock), vault, clock, tmp_path / "evidence", "西店派出所")


def leave_halves(folder: Path, name: str) -> None:
    (folder / f"{name}.part" / "original").mkdir(parents=True)
    (folder / name).mkdir()
    (folder / name / "manifest.json").write_text("{}")


async def extracting(town: Database, clock: ManualClock, **changes: object) -> int:
    async with town.session() as session:
        row = await requests.create(session, clock.now(), "asks", asked(**changes), None, RequestLimits())
        await requests.submit(session, clock.now(), "asks", row)
        await requests.approve(session, clock.now(), "leader", row)
        await requests.begin_extraction(session, clock.now(), "video", row)
        return row.id


async def request(town: Database, number: int) -> EvidenceRequest:
    async with town.reading() as session:
        return await session.get_one(EvidenceRequest, number)


async def test_an_approved_request_becomes_a_sealed_package(
    extraction: Extraction, town: Database, clock: ManualClock
) -> None:
    async with town.session() as session:
        session.add(
            Gap(stream="c1/main", start_us=BEGIN_US + 2 * SECOND, end_us=BEGIN_US + 10 * SECOND,
                cause=GapCause.NO_PACKETS)
        )  # fmt: skip
    number = await extracting(town, clock)
    assert await extraction.run_once() == 1
    assert await extraction.run_once() == 0
    row = await request(town, number)
    folder = extraction.folder / row.package
    assert row.state is EvidenceState.SEALED and row.package == row.number and row.problem == ""
    status, found = await asyncio.to_thread(verified, folder, row.key)
    assert (status, found["problems"]) == (0, [])
    made = json.loads(await asyncio.to_thread((folder / "manifest.json").read_text))
    assert [f["camera"] for f in made["files"] if f["kind"] == "original"] == ["c1"] * 3 + ["c2"] * 3
    assert made["gaps"][0]["cause"] == "no_packets" and made["gaps"][0]["camera"] == "c1"
    assert made["request"]["case"] == "A-1" and made["cameras"][0]["latitude"] == 29.4
    assert [e["action"] for e in made["custody"]] == ["created", "submitted", "approved", "extraction"]
    async with town.reading() as session:
        assert not list(await session.scalars(select(Hold).where(Hold.released_at.is_(None))))
        sealed = await session.scalar(select(AuditRow).where(AuditRow.action == "evidence.seal"))
        assert sealed is not None and sealed.data["manifest"] == row.manifest_sha256


async def test_a_killed_extraction_starts_again(extraction: Extraction, town: Database, clock: ManualClock) -> None:
    """Killed while it wrote, and killed between the finished folder and the database."""
    number = await extracting(town, clock)
    name = (await request(town, number)).number
    await asyncio.to_thread(leave_halves, extraction.folder, name)
    assert await extraction.run_once() == 1
    assert await asyncio.to_thread(os.listdir, extraction.folder) == [name]
    key = (await request(town, number)).key
    assert (await asyncio.to_thread(verified, extraction.folder / name, key))[0] == 0


async def test_footage_that_is_still_being_written_waits(
    extraction: Extraction, town: Database, clock: ManualClock
) -> None:
    number = await extracting(town, clock)
    async with town.session() as session:
        session.add(OpenSegment(stream="c1/main", start_us=BEGIN_US + 25 * SECOND, volume=1))
    assert await extraction.run_once() == 0
    assert "still being written" in (await request(town, number)).problem
    async with town.session() as session:
        await session.delete(await session.get_one(OpenSegment, ("c1/main", BEGIN_US + 25 * SECOND)))
    assert await extraction.run_once() == 1 and (await request(town, number)).problem == ""


async def test_removed_footage_is_said_and_not_sealed(
    extraction: Extraction, town: Database, clock: ManualClock, tmp_path: Path
) -> None:
    number = await extracting(town, clock)
    await asyncio.to_thread(lambda: next((tmp_path / "volume" / "c2" / "main").rglob("*.mp4")).unlink())
    assert await extraction.run_once() == 0
    row = await request(town, number)
    assert row.state is EvidenceState.EXTRACTING and "removed" in row.problem
    assert row.number not in await asyncio.to_thread(os.listdir, extraction.folder)


async def test_without_a_key_nothing_is_written(extraction: Extraction, town: Database, clock: ManualClock) -> None:
    number = await extracting(town, clock)
    async with town.session() as session:
        await session.execute(update(station_keys.StationKeyRow).values(retired_at=clock.now()))
    assert await extraction.run_once() == 0
    assert "minwang keys make" in (await request(town, number)).problem


async def test_the_range_decides_what_is_in_it(extraction: Extraction, town: Database, clock: ManualClock) -> None:
    """Segments are whole files: a range of half a second takes the file that it touches."""
    number = await extracting(
        town, clock, cameras=["c1"], start_us=BEGIN_US + 10 * SECOND, end_us=BEGIN_US + 10 * SECOND + 500_000
    )
    plan = await extraction.plan(await request(town, number))
    assert [len(s.segments) for s in plan.streams] == [1]
    empty = await extracting(town, clock, cameras=["c3"])
    with pytest.raises(NotFoundError):
        await extraction.plan(await request(town, empty))


async def test_a_request_withdrawn_while_it_was_written_leaves_nothing(
    extraction: Extraction, town: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await extracting(town, clock)
    plan = extraction.plan

    async def withdrawn_meanwhile(row: EvidenceRequest) -> object:
        async with town.session() as session:
            mine = await requests.request_of(session, number, None)
            await requests.cancel(session, clock.now(), "asks", mine, "not needed")
        return await plan(row)

    monkeypatch.setattr(Extraction, "plan", lambda _self, row: withdrawn_meanwhile(row))
    await extraction.run_once()
    row = await request(town, number)
    assert row.state is EvidenceState.CANCELLED and row.package == ""
    assert await asyncio.to_thread(os.listdir, extraction.folder) == []


async def test_a_rotated_key_signs_the_next_package(extraction: Extraction, town: Database, clock: ManualClock) -> None:
    first = await extracting(town, clock)
    await extraction.run_once()
    clock.advance(1.0)
    async with town.session() as session:
        await station_keys.make(session, extraction.vault, clock.now(), "t")
    second = await extracting(town, clock)
    await extraction.run_once()
    keys = [(await request(town, n)).key for n in (first, second)]
    assert keys[0] != keys[1]
    for number, key in zip((first, second), keys, strict=True):
        folder = extraction.folder / (await request(town, number)).package
        assert (await asyncio.to_thread(verified, folder, key))[0] == 0
    async with town.reading() as session:
        assert [k.fingerprint for k in await station_keys.all_keys(session)] == keys[::-1]
    with pytest.raises(ConflictError):
        async with town.session() as session:
            await requests.begin_extraction(
                session, clock.now(), "video", await requests.request_of(session, first, None)
            )
