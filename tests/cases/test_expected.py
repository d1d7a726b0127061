"""What a subject would have given in the last day: as many alerts as the matcher raises."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import select

from cases.register import case_files
from cases.tables import AlertTrail, ExampleSource, WatchSubject
from cases.watch import examples, expected, proposals
from cases.watch.examples import ExampleLooks
from cases.watch.expected import ExpectedAlerts
from cases.watch.subject_words import SubjectWords
from cases.watch.watched import load
from core.clock import ManualClock
from core.database import Database
from search.store import SightingStore, camera_numbers
from search.vocabulary import ClassWord, ColourWord
from tests.cases.subjects import active_subject, all_alerts, matcher_of, write_sighting


async def count(database: Database, clock: ManualClock, days: SightingStore, subject: int) -> ExpectedAlerts:
    async with database.reading() as session:
        row = await session.get_one(WatchSubject, subject)
        (watched,) = await load(session, [row], timezone.utc)
        places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
    return await asyncio.to_thread(expected.count, days, watched, clock.now(), places, packs)


async def test_it_counts_what_the_matcher_would_have_raised(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several sightings within ten minutes are one alert per camera; other colours, classes and villages are none."""
    monkeypatch.setattr(expected, "BATCH", 3)
    await write_sighting(database, clock, days)  # before the day that counts
    clock.advance(3600)
    for pause, camera, village, upper in (
        (0, "c1", "v", "red"), (300, "c1", "v", "red"), (0, "c2", "v", "red"), (400, "c1", "v", "red"),
        (30, "c1", "v", "blue"), (10, "c3", "w", "red"), (700, "c1", "v", "red"), (5, "c2", "v", "red"),
    ):  # fmt: skip
        clock.advance(pause)
        await write_sighting(database, clock, days, upper, camera, village)
    matcher = matcher_of(database, clock, days)
    await matcher.run_once()  # nobody is looked for yet
    subject = await active_subject(database, clock)
    clock.advance(24 * 3600 - 3000)
    found = await count(database, clock, days, subject)
    assert (found.sightings, dict(found.alerts), found.complete, found.observed) == (6, {"c1": 3, "c2": 2}, True, True)
    async with database.session() as session:
        await proposals.look_back(session, clock.now(), "x", subject, 24)
    while await matcher.run_once():
        pass
    # While an alert is open, later sightings join its trail; each of them counts.
    async with database.reading() as session:
        raised = [*await all_alerts(database), *await session.scalars(select(AlertTrail))]
    assert [s.best_ms for s in found.newest] == sorted((s.best_ms for s in found.newest), reverse=True)
    assert len(found.newest) == 6 and found.cameras == 2 and found.per_day(clock.now()) == 5
    assert {c: sum(a.camera == c for a in raised) for c in ("c1", "c2", "c3")} == {"c1": 3, "c2": 2, "c3": 0}


async def test_without_sightings_it_knows_nothing(database: Database, clock: ManualClock, days: SightingStore) -> None:
    """Cameras that gave no sightings are not quiet: perhaps nobody analysed them."""
    subject = await active_subject(database, clock)
    assert not (await count(database, clock, days, subject)).observed
    await write_sighting(database, clock, days, village="elsewhere", camera="c9")
    assert not (await count(database, clock, days, subject)).observed
    await write_sighting(database, clock, days, "blue")
    found = await count(database, clock, days, subject)
    assert found.observed and found.alerts.total() == 0


async def test_it_says_since_when_it_counted(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected, "BATCH", 2)
    monkeypatch.setattr(expected, "MAX_EXAMINED", 4)
    for _ in range(6):
        clock.advance(3600)
        await write_sighting(database, clock, days)
    subject = await active_subject(database, clock)
    found = await count(database, clock, days, subject)
    assert not found.complete and found.alerts.total() == 4
    assert found.since == clock.now() - timedelta(hours=3)


async def test_a_picture_is_compared_as_the_matcher_does(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    """Sightings without a vector of the same pack match no example."""
    now = clock.now()
    async with database.session() as session:
        case = await case_files.open_case(session, now, "zhang", "2026-1", "t")
        looks = ExampleLooks("person", np.zeros(256, np.int8).tobytes(), "people@1")
        example = await examples.choose(session, now, "zhang", ExampleSource.UPLOAD, looks, "")
        row = await proposals.propose(
            session, now, "zhang", case=case.id, title="t",
            words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
            villages=["v"],
            reason="rr", expires_at=now + timedelta(days=1), shown=[example],
        )  # fmt: skip
        subject = row.id
    await write_sighting(database, clock, days)
    found = await count(database, clock, days, subject)
    assert found.observed and found.sightings == 0
