"""Subjects of the watch list: two persons decide, and a subject ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cases.alerts import alerts
from cases.register import case_files
from cases.tables import WatchSubject
from cases.watch import proposals
from cases.watch.subject_words import SubjectWords
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, ForbiddenError, UsageError
from search.store import SightingStore
from search.vocabulary import ClassWord, ColourWord
from tests.cases.subjects import active_subject, matcher_of, write_sighting


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
            words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
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
                words=SubjectWords(cls=[ClassWord.PERSON]),
                villages=None,
                reason="grund",
                expires_at=now + timedelta(days=31),
            )


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
