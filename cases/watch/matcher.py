"""Matches new and older sightings with the watch list and raises alerts.

The matcher takes each sighting from the list that the indexer writes with it, so that it misses none and none raises
two alerts. It stores the alerts; patrol officers get them by cases.alerts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import alerts, trail
from cases.alerts.true_alarms import AUTOMATIC
from cases.tables import Alert, WatchSubject
from cases.watch import false_alarms, subjects
from cases.watch.look_back import IN_PROGRESS, LookBack
from cases.watch.subjects import is_active
from cases.watch.watch_list import WatchList, matches
from cases.watch.watched import load
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock, to_microseconds
from core.database import Database
from search.store import Sighting, SightingStore, camera_numbers, ids, thumbnails
from search.store.vectors import Floats

log = logging.getLogger(__name__)

ALERT_QUIET_US = 600 * 1_000_000  # at most one alert per subject and camera in this time
BATCH = 500
MUTINGS_EVERY_S = 10.0
REBUILD_S = 60.0  # a subject with an area or a heading follows cameras that were moved within this time


class Matcher:
    """Raises alerts for new sightings that match a subject.

    It examines each new or better sighting at once and then removes it from the indexer's list. The alert is written
    before that; a crash in between makes the matcher examine the sighting again, and the quiet time prevents a second
    alert.
    """

    def __init__(self, database: Database, clock: Clock, store: SightingStore, data_dir: Path, zone: tzinfo):
        """`zone`: the station's, for the hours of a subject."""
        self._database, self._clock, self._store, self._data_dir = database, clock, store, data_dir
        self._zone, self._mutings_due = zone, 0.0
        self._back = LookBack(database, clock, store, self._examine_older)
        self._list: WatchList | None = None
        self._version: tuple[object, ...] = ()

    async def run_once(self) -> int:
        """Examine all new sightings, batch by batch; return the number of alerts raised."""
        await self._propose_mutings()
        raised = await self._back.run_once()
        while pending := await asyncio.to_thread(self._store.pending, BATCH):
            raised += await self._examine_new(pending)
        return raised

    async def _propose_mutings(self) -> None:
        """Propose to mute subjects where officers called three alerts of today false; every few seconds."""
        if self._clock.monotonic() < self._mutings_due:
            return
        self._mutings_due = self._clock.monotonic() + MUTINGS_EVERY_S
        async with self._database.session() as session:
            await false_alarms.propose_mutings(session, self._clock.now(), self._zone)

    async def _examine_new(self, pending: Sequence[tuple[str, int, int]]) -> int:
        now = self._clock.now()
        async with self._database.reading() as session:
            places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
            watched = await self._watched(session, now, len(places))
        seen = await asyncio.to_thread(self._store.many, {number for _, _, number in pending}) if len(watched) else {}
        found = await asyncio.to_thread(self._matches, watched, list(seen.values()), places, packs)
        raised = 0
        for subject, sighting in found:
            raised += await self._raise(now, subject, sighting, places[sighting.camera])
        await asyncio.to_thread(self._store.acknowledge, pending)
        return raised

    async def _examine_older(self, subject: WatchSubject, seen: Sequence[Sighting]) -> int:
        """Raise alerts for older sightings. The approver's rule dispatches only those that may still be there."""
        now = self._clock.now()
        async with self._database.reading() as session:
            places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
            watched = WatchList(await load(session, [subject], self._zone))
        found = await asyncio.to_thread(self._matches, watched, seen, places, packs)
        raised, late = 0, to_microseconds(now - IN_PROGRESS) // 1000
        for _, sighting in found:
            direct = max(sighting.end_ms, sighting.best_ms) >= late
            raised += await self._raise(now, subject, sighting, places[sighting.camera], direct=direct)
        return raised

    async def villages(self) -> set[str] | None:
        """Return the villages in which somebody is looked for; None: the whole town."""
        async with self._database.reading() as session:
            subjects_now = await subjects.active(session, self._clock.now())
        if any(s.villages is None for s in subjects_now):
            return None
        return {v for s in subjects_now for v in s.villages or ()}

    async def _watched(self, session: AsyncSession, now: datetime, cameras: int) -> WatchList:
        """Return the watch list; it is rebuilt when a subject is added, changed, ends or expires.

        Areas and headings follow cameras that are moved within REBUILD_S, and new ones (`cameras`: their number) at
        once.
        """
        query = select(
            func.count(), func.max(WatchSubject.id), func.max(WatchSubject.approved_at),
            func.max(WatchSubject.threshold_at),
        ).where(is_active(now))  # fmt: skip
        slice_ = int(self._clock.monotonic() // REBUILD_S) if self._list is None or self._list.needs_places else 0
        version = (*(await session.execute(query)).one(), cameras, slice_)
        if self._list is None or version != self._version:
            self._list = WatchList(await load(session, await subjects.active(session, now), self._zone))
            self._version = version
        return self._list

    def _matches(
        self,
        watched: WatchList,
        seen: Sequence[Sighting],
        places: dict[int, camera_numbers.CameraPlace],
        packs: dict[int, str],
    ) -> list[tuple[WatchSubject, Sighting]]:
        return matches(watched, seen, places, packs, self._vector)

    def _vector(self, s: Sighting) -> Floats | None:
        return self._store.vectors([s]).get(s.id)

    async def _raise(
        self,
        now: datetime,
        subject: WatchSubject,
        sighting: Sighting,
        place: camera_numbers.CameraPlace,
        *,
        direct: bool = True,
    ) -> bool:
        """Raise an alert for a match, or add it to the trail of the subject's open alert.

        Neither if the subject was on the camera shortly before. `direct`: the approver's rule applies.
        """
        at_us = sighting.best_ms * 1000
        async with self._database.reading() as session:
            if await false_alarms.is_muted(session, self._clock.now(), subject.id, place.camera):
                return False
            if not await alerts.is_quiet(session, subject.id, place.camera, at_us, ALERT_QUIET_US):
                return False
        # The alert keeps a copy: the sighting's own picture is deleted with its day.
        picture = await asyncio.to_thread(self._copy_picture, sighting, subject.id)
        async with self._database.session() as session:
            if not (await session.get_one(WatchSubject, subject.id)).is_active(self._clock.now()):
                return False  # ended or expired since the list was read
            seen = trail.Seen(sighting.id, place.camera, place.village, at_us, picture, sighting.direction)
            if (running := await trail.open_alert(session, subject.id, seen)) is not None:
                await trail.append(session, now, running, seen)
                return False
            alert = await alerts.add(
                session, now, subject, sighting=sighting.id, camera=place.camera, village=place.village, at_us=at_us,
                thumbnail=picture,
            )  # fmt: skip
            await _announce(session, now, alert)
            if subject.auto_dispatch and direct:
                reason = f"approved for direct dispatch by {subject.approved_by}"
                await alerts.dispatch(session, now, AUTOMATIC, alert, reason=reason)
        return True

    def _copy_picture(self, sighting: Sighting, subject: int) -> str:
        """Copy the sighting's picture; return its path below the data folder, empty if it fails. Blocking."""
        relative = f"alerts/{sighting.id}-{subject}.jpg"
        try:
            content = thumbnails.read(
                self._store.day_dir(ids.day_of(sighting.start_ms)), sighting.thumb, sighting.thumb_size
            )
            (self._data_dir / relative).parent.mkdir(parents=True, exist_ok=True)
            (self._data_dir / relative).write_bytes(content)
        except OSError as e:
            log.error("raising an alert without its picture; writing it failed: %s", e)
            return ""
        return relative


async def _announce(session: AsyncSession, now: datetime, alert: Alert) -> None:
    picture = bool(alert.thumbnail)
    events.append(
        session,
        now,
        events.EventKind.ALERT_RAISED,
        village=alert.village,
        camera=alert.camera,
        alert=alert.id,
        picture=picture,
    )
    await audit_trail.record(
        session, now, "system", AuditAction.ALERT_RAISE, str(alert.id), subject=alert.subject, sighting=alert.sighting,
        picture=picture,
    )  # fmt: skip
