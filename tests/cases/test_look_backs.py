"""Searches of the last hours for a subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from cases.register import case_files
from cases.tables import WatchSubject
from cases.watch import look_back, proposals
from cases.watch.subject_words import SubjectWords
from core.audit import audit_trail
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from search.query.find import find
from search.store import Sighting, SightingStore
from search.vocabulary import ClassWord, ColourWord
from tests.cases.subjects import active_subject, all_alerts, matcher_of, write_sighting


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
                words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
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
