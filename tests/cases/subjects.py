"""An approved subject of the watch list, sightings for it, and the matcher."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta, timezone
from typing import Any

from sqlalchemy import select

from cases.register import case_files
from cases.tables import Alert
from cases.watch import proposals
from cases.watch.matcher import Matcher
from cases.watch.subject_words import SubjectWords
from core.clock import ManualClock, to_microseconds
from core.database import Database
from search.store import Sighting, SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from search.vocabulary import ClassWord, Colour, ColourWord
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
            words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
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
    return Matcher(database, clock, days, days.folder.parent, timezone.utc)


async def all_alerts(database: Database) -> list[Alert]:
    async with database.reading() as session:
        return list(await session.scalars(select(Alert).order_by(Alert.id)))
