from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from cameras.tables import Camera
from cases.alerts import alerts
from cases.register import case_files
from cases.tables import Alert, WatchSubject
from cases.watch import look_back, proposals
from cases.watch.manual_alerts import raise_manual_alert
from cases.watch.matcher import Matcher
from core.audit import audit_trail
from core.audit.verification import Verifier
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from core.events import Event
from search.store import Sighting, SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from search.vocabulary import Colour
from tests.search.sightings import sighting


async def active_subject(database: Database, clock: ManualClock, *, auto: bool = False) -> int:
    now = clock.now()
    async with database.session() as session:
        case = await case_files.open_case(session, now, "zhang", "2026-1", "电动车被盗")
        subject = await proposals.propose(
            session,
            now,
            "zhang",
            case=case.id,
            title="红衣",
            cls="person",
            upper="red",
            lower=None,
            villages=["v"],
            reason="监控",
            expires_at=now + timedelta(days=7),
        )
        await proposals.approve(session, now, "chen", subject.id, yes=True, auto_dispatch=auto)
        return subject.id


async def write_sighting(
    database: Database,
    clock: ManualClock,
    days: SightingStore,
    upper: str = "red",
    camera: str = "c1",
    village: str = "v",
    **fields: Any,
) -> Sighting:
    async with database.session() as session:
        number = await camera_numbers.of_camera(session, camera, village)
    at_ms = to_microseconds(clock.now()) // 1000
    made = sighting(at_ms, number, next(_counts) % 512, upper=int(Colour[upper]), **fields)
    await asyncio.to_thread(
        days.write, ids.day_of(at_ms), [Batch(f"{camera}/main", at_ms * 1000, new=[made], pending=[made.id])]
    )
    return made


_counts = itertools.count()


def matcher_of(database: Database, clock: ManualClock, days: SightingStore) -> Matcher:
    return Matcher(database, clock, days, days.folder.parent)


async def all_alerts(database: Database) -> list[Alert]:
    async with database.reading() as session:
        return list(await session.scalars(select(Alert).order_by(Alert.id)))


async def test_a_matching_sighting_becomes_one_alert(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    await write_sighting(database, clock, days, upper="blue")
    await write_sighting(database, clock, days, village="elsewhere")
    await write_sighting(database, clock, days)  # same person, same camera: no second alert for ten minutes
    assert await matcher.run_once() == 1
    assert await matcher.run_once() == 0
    clock.advance(700)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1
    assert [a.state for a in await all_alerts(database)] == ["new", "new"]


async def test_a_manual_alert_is_dispatched_at_once(database: Database, clock: ManualClock) -> None:
    subject, camera = await active_subject(database, clock), Camera(id="c1", name="c", village="v")
    async with database.session() as session:
        alert = await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "alerts/x.jpg")
        assert (alert.state, alert.confirmed_by, alert.thumbnail) == ("dispatched", "zhang", "alerts/x.jpg")
        with pytest.raises(ConflictError, match="village"):
            await raise_manual_alert(session, clock.now(), "zhang", subject, Camera(id="c2", village="w"), 1, "x")
        with pytest.raises(NotFoundError):
            await raise_manual_alert(session, clock.now(), "zhang", 99, camera, 1, "x")
    clock.advance(8 * 86400)
    async with database.session() as session:
        with pytest.raises(ConflictError, match="not on the watch list"):
            await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "x")


async def test_an_expired_subject_stops_matching_at_once(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    clock.advance(7 * 86_400 + 1)
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 0


async def test_a_second_person_must_approve(database: Database, clock: ManualClock, days: SightingStore) -> None:
    now = clock.now()
    async with database.session() as session:
        case = await case_files.open_case(session, now, "zhang", "2026-1", "x")
        subject = await proposals.propose(
            session,
            now,
            "zhang",
            case=case.id,
            title="x",
            cls="person",
            upper="red",
            lower=None,
            villages=None,
            reason="grund",
            expires_at=now + timedelta(days=1),
        )
    async with database.session() as session:
        with pytest.raises(ForbiddenError, match="second person"):
            await proposals.approve(session, now, "zhang", subject.id, yes=True)
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 0  # a proposed subject is not active
    async with database.session() as session:
        row = await session.get_one(WatchSubject, subject.id)
        row.approved_by = "zhang"  # the database refuses it as well
        with pytest.raises(Exception, match="second_person"):
            await session.flush()
        await session.rollback()


async def test_an_expiry_beyond_30_days_is_refused(database: Database, clock: ManualClock, days: SightingStore) -> None:
    now = clock.now()
    async with database.session() as session:
        case = await case_files.open_case(session, now, "zhang", "2026-1", "x")
        with pytest.raises(UsageError, match="30 days"):
            await proposals.propose(
                session,
                now,
                "zhang",
                case=case.id,
                title="x",
                cls="person",
                upper=None,
                lower=None,
                villages=None,
                reason="grund",
                expires_at=now + timedelta(days=31),
            )


async def test_states_of_an_alert_and_their_audit_rows(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    now = clock.now()
    async with database.session() as session:
        alert = await alerts.get(session, 1, None)
        with pytest.raises(ConflictError):
            await alerts.acknowledge(session, now, "wang", alert)  # nobody has confirmed it yet
        await alerts.confirm(session, now, "zhang", alert, yes=True)
        await alerts.acknowledge(session, now, "wang", alert)
        with pytest.raises(ConflictError, match="wang"):
            await alerts.acknowledge(session, now, "li", alert)
        with pytest.raises(ConflictError):
            await alerts.answer(session, now, "li", alert, "caught")
        with pytest.raises(UsageError):
            await alerts.answer(session, now, "wang", alert, "vanished")
        await alerts.answer(session, now, "wang", alert, "caught", "交所里")
    async with database.reading() as session:
        actions = [
            r.action
            for r in await session.scalars(select(audit_trail.AuditRow).order_by(audit_trail.AuditRow.id))
            if r.action.startswith("alert.")
        ]
        assert actions == ["alert.raise", "alert.dispatch", "alert.ack", "alert.answer"]
    assert (await Verifier(database, Path("none")).verify_all_rows()).broken_at is None


async def test_direct_dispatch_needs_the_approvers_consent(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock, auto=True)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    (alert,) = await all_alerts(database)
    assert (alert.state, alert.confirmed_by) == ("dispatched", "auto")


async def test_an_alert_outside_the_scope_is_not_found(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    async with database.reading() as session:
        with pytest.raises(NotFoundError):
            await alerts.get(session, 1, ["other"])
        assert await alerts.recent(session, ["other"]) == []
        assert len(await alerts.recent(session, ["v"])) == 1


async def test_a_backlog_without_a_match_is_examined_completely(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cases.watch.matcher.BATCH", 5)
    await active_subject(database, clock)
    for _ in range(12):
        await write_sighting(database, clock, days, upper="blue")
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 1
    assert not await asyncio.to_thread(days.pending, 100)


async def test_an_alert_without_a_stored_picture_says_so(
    database: Database,
    clock: ManualClock,
    days: SightingStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("search.store.thumbnails.read", full)
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 1
    async with database.reading() as session:
        assert list(await session.scalars(select(Alert.thumbnail))) == [""]
    assert "without its picture" in caplog.text


async def test_approval_searches_the_last_hour(database: Database, clock: ManualClock, days: SightingStore) -> None:
    await write_sighting(database, clock, days)
    matcher = matcher_of(database, clock, days)
    assert await matcher.run_once() == 0  # nobody is looked for; the sighting is removed from the list of new ones
    clock.advance(60)
    await active_subject(database, clock)
    assert await matcher.run_once() == 1
    assert await matcher.run_once() == 0


async def test_a_look_back_searches_the_last_hours(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_back, "BATCH", 3)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    for _ in range(20):
        await write_sighting(database, clock, days, upper="blue")
    await matcher.run_once()
    clock.advance(3 * 3600)
    subject = await active_subject(database, clock, auto=True)
    assert await matcher.run_once() == 0
    async with database.session() as session:
        await proposals.look_back(session, clock.now(), "zhang", subject, 4)
        row = await session.scalar(select(audit_trail.AuditRow).where(audit_trail.AuditRow.action == "watch.look_back"))
        assert row is not None and row.reason == (await session.get_one(WatchSubject, subject)).reason
    passes = [await matcher.run_once() for _ in range(4)]
    assert sum(passes) == 1 and passes[0] == 0  # a few batches per pass: new sightings do not wait
    (alert,) = await all_alerts(database)
    assert alert.state == "new"  # hours old: not dispatched without a person's confirmation
    assert await matcher.run_once() == 0


async def test_an_ended_subject_matches_nothing_and_its_alerts_stay(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    subject = await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1
    async with database.session() as session:
        await proposals.end_subject(session, clock.now(), "zhang", subject, "抓获")
    clock.advance(700)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 0
    async with database.session() as session:
        alert = await alerts.get(session, 1, None)
        with pytest.raises(ConflictError, match="no longer on the watch list"):
            await alerts.confirm(session, clock.now(), "zhang", alert, yes=True)
        await alerts.confirm(session, clock.now(), "zhang", alert, yes=False)


async def test_alerts_of_an_expired_subject_can_be_dispatched_after_renewal(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    subject = await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    await matcher.run_once()
    clock.advance(8 * 86_400)
    later = clock.now() + timedelta(days=7)
    async with database.session() as session:
        alert = await alerts.get(session, 1, None)
        with pytest.raises(ConflictError, match="no longer on the watch list"):
            await alerts.confirm(session, clock.now(), "zhang", alert, yes=True)
        with pytest.raises(ForbiddenError, match="second person"):
            await proposals.renew(session, clock.now(), "zhang", subject, later, "still free")
        with pytest.raises(UsageError, match="30 days"):
            await proposals.renew(session, clock.now(), "chen", subject, clock.now() + timedelta(days=31), "still free")
        await proposals.renew(session, clock.now(), "chen", subject, later, "still free")
        await alerts.confirm(session, clock.now(), "zhang", alert, yes=True)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1


async def test_a_look_back_waits_for_the_matcher_and_is_extended(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests made while no matcher runs, or while one runs, are neither refused nor restarted nor cut short."""
    monkeypatch.setattr(look_back, "BATCH", 3)
    monkeypatch.setattr(look_back, "BATCHES_PER_PASS", 1)
    await write_sighting(database, clock, days)
    clock.advance(6 * 3600)
    for _ in range(10):
        await write_sighting(database, clock, days, upper="blue")
    await matcher_of(database, clock, days).run_once()  # nobody is looked for yet
    clock.advance(2 * 3600)
    subject = await active_subject(database, clock)

    async def ask(hours: float) -> None:
        async with database.session() as session:
            await proposals.look_back(session, clock.now(), "zhang", subject, hours)

    async def asked() -> tuple[Any, Any]:
        async with database.reading() as session:
            row = await session.get_one(WatchSubject, subject)
            return row.look_back_to, row.looked_back_at

    await ask(3)
    await ask(1)  # reaches less far: the first request stays
    assert await asked() == (clock.now() - timedelta(hours=3), None)
    matcher = matcher_of(database, clock, days)  # the matcher is running again
    looked: list[int] = []
    find = look_back.find

    def counted(*args: Any) -> list[Sighting]:
        rows = find(*args)
        looked.extend(r.id for r in rows)
        return rows

    monkeypatch.setattr(look_back, "find", counted)
    assert await matcher.run_once() == 0 and (await asked())[1] == clock.now()
    await ask(9)  # while the matcher works on it
    raised = 0
    for _ in range(8):
        raised += await matcher.run_once()
    assert raised == 1 and await asked() == (None, None)
    assert len(looked) == len(set(looked)) == 11
    async with database.reading() as session:
        kinds = list(await session.scalars(select(Event.kind).where(Event.kind.like("watch.look%")).order_by(Event.id)))
    assert kinds == ["watch.look_back"] * 3 + ["watch.looked_back"]


async def test_look_backs_take_turns_and_are_not_restarted(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seen = clock.now(), list[str]()
    async with database.session() as session:
        case = await case_files.open_case(session, now, "li", "7", "t")
        for village in ("wangjia", "xidian"):
            row = await proposals.propose(
                session,
                now,
                "li",
                case=case.id,
                title=village,
                cls="person",
                upper="red",
                lower=None,
                villages=[village],
                reason="case 7",
                expires_at=now + timedelta(days=5),
            )
            await proposals.approve(session, now, "wang", row.id, yes=True)

    async def look(subject: WatchSubject, rows: Sequence[Sighting]) -> int:
        seen.append(subject.title)
        return 0

    def find(days: object, query: object, limit: int, after: int | None = None) -> list[Any]:
        newest = 50_000 if after is None else after
        return [SimpleNamespace(id=newest - i) for i in range(1, min(limit, newest) + 1)]

    monkeypatch.setattr(look_back, "find", find)
    back = look_back.LookBack(database, clock, None, look)  # type: ignore[arg-type]
    for _ in range(2):
        await back.run_once()
    assert set(seen) == {"wangjia", "xidian"}  # each had its first batches
    before = back._at[1]
    async with database.session() as session:
        await proposals.look_back(session, clock.now(), "zhang", 1, 24)
    await back.run_once()
    assert back._at[1].before < before.before and back._at[1].end_us == before.end_us
    async with database.session() as session:  # the subject has ended meanwhile: its position is forgotten
        await proposals.end_subject(session, clock.now(), "li", 1, "found")
    await back.run_once()
    assert set(back._at) <= {2} and seen[-1] == "xidian"
