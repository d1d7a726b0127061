"""Pictures of persons are deleted when their time is over, unless a hold keeps them or the time is not trusted."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.tables import Camera, Village
from cases.tables import Alert, Case, WatchExample, WatchSubject
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from core.events import Event
from core.settings import PictureSettings
from health.tables import Fault, Inspection, PatrolRound, WorkOrder, WorkOrderPhoto
from nvr.archive.retention import holds
from nvr.archive.retention.retention_clock import ClockCheck
from search.store import ids
from search.tables import Judgement
from station.roles.picture_retention import PictureRetention

DAY = timedelta(days=1)
SETTINGS = PictureSettings(alert_days=10, candidate_days=10, patrol_days=10, order_days=10)


@pytest.fixture(autouse=True)
async def town(database: Database) -> None:
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(Camera(id="c1", name="c", village="v", profile={}))


def files(folder: Path) -> set[str]:
    return {
        str(p.relative_to(folder))
        for kind in ("alerts", "candidates", "patrol", "orders", "watch")
        for p in (folder / kind).rglob("*")
    }


def put(folder: Path, name: str, *, old: bool = True) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    if old:
        os.utime(path, (1, 1))
    return name


async def filled(database: Database, clock: ManualClock, folder: Path, days: int) -> None:
    """Write one picture of each kind, `days` old; of faults an open and a closed one."""
    at, n = clock.now() - days * DAY, str(days)
    names = [f"{kind}/{n}.jpg" for kind in ("alerts", "candidates", "patrol", "orders", "watch")]
    faults = {state: f"patrol/{state}-{n}.jpg" for state in ("open", "closed")}
    await asyncio.to_thread(lambda: [put(folder, name) for name in [*names, *faults.values()]])
    order: dict[str, Any] = {"created_at": at, "created_by": "x", "respond_by": at, "repair_by": at, "closed_at": at}
    async with database.session() as session:

        async def add(row: Any) -> Any:
            session.add(row)
            await session.flush()
            return row

        case = await add(Case(number=n, title="t", village="v", opened_at=at, opened_by="x"))
        person: dict[str, Any] = {"title": "t", "cls": "person", "reason": "r", "proposed_by": "x", "proposed_at": at}
        subject = await add(
            WatchSubject(case=case.id, villages=["v"], state="ended", expires_at=at, words={}, **person)
        )
        shown: dict[str, Any] = {"source": "upload", "cls": "person", "vector": b"", "embedder": "", "added_by": "x"}
        await add(WatchExample(subject=subject.id, picture=names[4], added_at=at, **shown))
        seen: dict[str, Any] = {"camera": "c1", "village": "v"}
        raised: dict[str, Any] = {"raised_at": at, "at_us": to_microseconds(at), "state": "answered"}
        await add(Alert(subject=subject.id, sighting=1, thumbnail=names[0], **raised, **seen))
        number = ids.compose(to_microseconds(at) // 1000, 1, 1)
        await add(Judgement(reason=n, sighting=number, verdict="candidate", by="x", at=at, thumbnail=names[1], **seen))
        patrol = await add(PatrolRound(asked_at=at, asked_by="x"))
        look: dict[str, Any] = {"findings": {}, "figures": {}, "unknown": [], "accepted": True}
        await add(Inspection(round=patrol.id, camera="c1", at=at, picture=names[2], **look))
        for state, name in faults.items():
            over = at if state == "closed" else None
            about: dict[str, Any] = {
                "family": "black",
                "severity": 1,
                "first_seen": at,
                "opened_at": at,
                "closed_at": over,
            }
            await add(Fault(state=state, picture=name, **about, **seen))
        made = await add(WorkOrder(title="t", state="closed", severity=1, **order, **seen))
        await add(WorkOrderPhoto(order=made.id, at=at, by="x", path=names[3]))


async def test_what_is_over_goes_and_what_is_not_stays(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    await filled(database, clock, tmp_path, 9)
    await filled(database, clock, tmp_path, 11)
    await asyncio.to_thread(put, tmp_path, "candidates/taken-back.jpg")
    await asyncio.to_thread(put, tmp_path, "candidates/being-written.jpg", old=False)
    await asyncio.to_thread(put, tmp_path, "cameras/c1/sign.jpg")  # the camera's file, not a picture of persons
    care = PictureRetention(database, clock, tmp_path, SETTINGS, None)
    assert await care.run_once() == 7
    assert await asyncio.to_thread(files, tmp_path) == {
        "alerts/9.jpg",
        "candidates/9.jpg",
        "patrol/9.jpg",
        "patrol/open-9.jpg",
        "patrol/closed-9.jpg",
        "orders/9.jpg",
        "watch/9.jpg",
        "patrol/open-11.jpg",
        "candidates/being-written.jpg",
    }
    assert await asyncio.to_thread((tmp_path / "cameras/c1/sign.jpg").exists)
    assert await care.run_once() == 0
    async with database.reading() as session:
        assert sorted(await session.scalars(select(Alert.thumbnail))) == ["", "alerts/9.jpg"]
        (row,) = await session.scalars(select(AuditRow).where(AuditRow.action == "pictures.drop"))
    assert row.data["files"] == 7 and row.data["rows"] == {
        "alerts": 1,
        "candidates": 1,
        "subjects": 1,
        "inspections": 1,
        "faults": 1,
        "orders": 1,
    }


async def test_a_hold_keeps_the_pictures_of_its_time(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    await filled(database, clock, tmp_path, 11)
    at_us, now = to_microseconds(clock.now() - 11 * DAY), clock.now()
    span: dict[str, Any] = {"camera": "c1", "start_us": at_us - 1_000_000, "end_us": at_us + 1_000_000}
    async with database.session() as session:
        number = await holds.add(session, now, owner="x", reason="7", lasts=DAY, **span)
    care = PictureRetention(database, clock, tmp_path, SETTINGS, None)
    assert await care.run_once() == 1, "the example of a subject belongs to no camera, and this hold to no case"
    async with database.session() as session:
        await holds.release(session, now, number, "x", "done")
    assert await care.run_once() == 5
    assert await asyncio.to_thread(files, tmp_path) == {"patrol/open-11.jpg"}


async def test_a_hold_for_the_case_keeps_a_subject_s_examples(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    await filled(database, clock, tmp_path, 11)
    now = clock.now()
    async with database.session() as session:
        case = await session.scalar(select(Case.id))
        span: dict[str, Any] = {"camera": "c1", "start_us": 0, "end_us": 1, "case": case}
        number = await holds.add(session, now, owner="x", reason="7", lasts=DAY, **span)
    care = PictureRetention(database, clock, tmp_path, SETTINGS, None)
    await care.run_once()
    assert await asyncio.to_thread(files, tmp_path) == {"patrol/open-11.jpg", "watch/11.jpg"}
    async with database.session() as session:
        await holds.release(session, now, number, "x", "done")
    assert await care.run_once() == 1


async def test_nothing_goes_while_the_time_is_not_known(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    class Doubting:
        async def check(self) -> ClockCheck:
            return ClockCheck(to_microseconds(clock.now()), to_microseconds(clock.now()), True)

    await filled(database, clock, tmp_path, 1000)
    doubting: Any = Doubting()
    assert await PictureRetention(database, clock, tmp_path, SETTINGS, doubting).run_once() == 0
    assert len(await asyncio.to_thread(files, tmp_path)) == 7


async def test_a_hold_is_told_of_before_it_ends_and_reviewed(database: Database, clock: ManualClock) -> None:
    async def told() -> list[str | None]:
        async with database.session() as session:
            await holds.announce_ending_holds(session, clock.now())
        async with database.reading() as session:
            return list(await session.scalars(select(Event.village).where(Event.kind == "hold.ending")))

    span: dict[str, Any] = {"camera": "c1", "start_us": 1, "end_us": 2}
    async with database.session() as session:
        number = await holds.add(session, clock.now(), owner="x", reason="7", lasts=30 * DAY, **span)
    assert await told() == []
    clock.advance(17 * 86_400)
    assert await told() == await told() == ["v"]  # announced once
    async with database.session() as session:
        with pytest.raises(UsageError):
            await holds.review(session, clock.now(), number, "li", " ", 30 * DAY)
        with pytest.raises(NotFoundError):
            await holds.review(session, clock.now(), 99, "li", "still needed", 30 * DAY)
        assert (
            await holds.review(session, clock.now(), number, "li", "still needed", 30 * DAY) == clock.now() + 30 * DAY
        )
    clock.advance(17 * 86_400)
    assert await told() == ["v", "v"]
    clock.advance(14 * 86_400)
    async with database.session() as session:
        with pytest.raises(ConflictError):
            await holds.review(session, clock.now(), number, "li", "still needed", 30 * DAY)
