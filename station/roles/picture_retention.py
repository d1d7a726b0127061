"""Retention of pictures of persons: of alerts, of watched subjects, of candidates, of patrol and faults, of orders.

A row older than its limit loses its picture but stays; a hold on the camera's footage of that time keeps the picture.
An example picture of a subject belongs to no camera: a hold for its case keeps it. Then the folders are swept: a file
that no row refers to (of a withdrawn candidate, or left by a crash) is deleted too.
Nothing is deleted while the station's time is not trusted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import Alert, AlertPhoto, AlertTrail, WatchExample, WatchSubject
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock, from_microseconds, to_microseconds
from core.database import Database
from core.settings import PictureSettings
from health.tables import Fault, Inspection, WorkOrder, WorkOrderPhoto
from health.vocabulary import FaultStatus
from nvr.archive.retention.holds import effective_holds
from nvr.archive.retention.retention_clock import ClockCheck, RetentionClock
from nvr.tables import Hold
from search.store import ids
from search.tables import Judgement

log = logging.getLogger(__name__)

PictureRow = (
    Alert | AlertTrail | AlertPhoto | WatchExample | Judgement | Inspection | Fault | WorkOrderPhoto
)  # a row that refers to pictures

FOLDERS = ("alerts", "watch", "candidates", "patrol", "orders")
BATCH = 500
UNNAMED_S = 3600.0  # a younger file without a row may still be being written


class PictureKind(StrEnum):
    """What the pictures belong to; the audit trail counts the rows of each kind under these names."""

    ALERTS = "alerts"
    TRAILS = "trails"
    SUBJECTS = "subjects"
    CANDIDATES = "candidates"
    INSPECTIONS = "inspections"
    FAULTS = "faults"
    ORDERS = "orders"
    ALERT_PHOTOS = "alert_photos"


@dataclass(frozen=True, slots=True)
class OldPicture:
    """A row whose retention time may be over: its camera, when that saw the picture, and when the time began.

    `case`: the case that the picture belongs to instead of a camera.
    """

    row: PictureRow
    camera: str
    seen_at: datetime
    kept_since: datetime
    case: int | None = None


class PictureRetention:
    """Deletes expired pictures; `run_once` is called every hour."""

    def __init__(
        self, database: Database, clock: Clock, data_dir: Path, settings: PictureSettings, guard: RetentionClock | None
    ):
        """`guard` says whether the time can be trusted; without it the clock is trusted."""
        self._database, self._clock, self._data_dir = database, clock, data_dir
        self._settings, self._guard = settings, guard

    async def run_once(self) -> int:
        """Delete expired pictures; returns the number of files, 0 while the time is not trusted."""
        wall = to_microseconds(self._clock.now())
        trust = await self._guard.check() if self._guard is not None else ClockCheck(wall, wall, False)
        if trust.suspended:
            return 0
        counts = await self._expire(trust)
        async with self._database.reading() as session:
            named = await _named(session)
        gone = await asyncio.to_thread(_sweep, self._data_dir, named)
        if gone or counts:
            async with self._database.session() as session:
                await audit_trail.record(
                    session, self._clock.now(), "system", AuditAction.PICTURES_DROP, str(gone), files=gone, rows=counts
                )
        return gone

    async def _expire(self, trust: ClockCheck) -> dict[str, int]:
        """Remove the pictures from expired rows; returns the number of rows of each kind."""
        counts: dict[str, int] = {}
        for kind, days in (
            (PictureKind.ALERTS, self._settings.alert_days),
            (PictureKind.TRAILS, self._settings.alert_days),
            (PictureKind.SUBJECTS, self._settings.alert_days),
            (PictureKind.CANDIDATES, self._settings.candidate_days),
            (PictureKind.INSPECTIONS, self._settings.patrol_days),
            (PictureKind.FAULTS, self._settings.patrol_days),
            (PictureKind.ORDERS, self._settings.order_days),
            (PictureKind.ALERT_PHOTOS, self._settings.alert_days),
        ):
            if expired := await self._expire_kind(kind, days, trust):
                counts[kind.value] = expired
        return counts

    async def _expire_kind(self, kind: PictureKind, days: float, trust: ClockCheck) -> int:
        expired, position, before = 0, 0, from_microseconds(trust.now_us) - timedelta(days=days)
        while True:
            async with self._database.session() as session:
                holds = await effective_holds(session, trust)
                pictures = await _FIND[kind](session, before, position)
                for picture in pictures:
                    is_held = _held(holds, picture)
                    if _age_days(trust, picture.kept_since) >= days and not is_held:
                        await _forget(session, picture.row)
                        expired += 1
            if len(pictures) < BATCH:
                return expired
            position = pictures[-1].row.id


async def _alerts(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = select(Alert).where(Alert.thumbnail != "", Alert.raised_at < before, Alert.id > position)
    alerts = await session.scalars(query.order_by(Alert.id).limit(BATCH))
    return [OldPicture(a, a.camera, from_microseconds(a.at_us), a.raised_at) for a in alerts]


async def _trails(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = select(AlertTrail).where(
        AlertTrail.thumbnail != "", AlertTrail.recorded_at < before, AlertTrail.id > position
    )
    found = await session.scalars(query.order_by(AlertTrail.id).limit(BATCH))
    return [OldPicture(t, t.camera, from_microseconds(t.at_us), t.recorded_at) for t in found]


async def _subjects(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = (
        select(WatchExample, WatchSubject)
        .join(WatchSubject, WatchSubject.id == WatchExample.subject)
        .where(WatchExample.picture != "", WatchSubject.expires_at < before, WatchExample.id > position)
    )
    found = await session.execute(query.order_by(WatchExample.id).limit(BATCH))
    return [OldPicture(e, "", s.proposed_at, s.expires_at, s.case) for e, s in found]


async def _candidates(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = select(Judgement).where(Judgement.thumbnail != "", Judgement.at < before, Judgement.id > position)
    judged = await session.scalars(query.order_by(Judgement.id).limit(BATCH))
    return [OldPicture(j, j.camera, from_microseconds(ids.milliseconds(j.sighting) * 1000), j.at) for j in judged]


async def _inspections(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = select(Inspection).where(Inspection.picture.is_not(None), Inspection.at < before, Inspection.id > position)
    inspections = await session.scalars(query.order_by(Inspection.id).limit(BATCH))
    return [OldPicture(i, i.camera, i.at, i.at) for i in inspections]


async def _faults(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    over = Fault.state.in_((FaultStatus.CLOSED, FaultStatus.DISMISSED)) & (Fault.first_seen < before)
    query = select(Fault).where(over, Fault.picture.is_not(None) | Fault.reference.is_not(None), Fault.id > position)
    faults = await session.scalars(query.order_by(Fault.id).limit(BATCH))
    return [OldPicture(f, f.camera, f.opened_at or f.first_seen, f.closed_at or f.first_seen) for f in faults]


async def _order_photos(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = (
        select(WorkOrderPhoto, WorkOrder)
        .join(WorkOrder, WorkOrder.id == WorkOrderPhoto.order)
        .where(WorkOrder.closed_at < before, WorkOrderPhoto.id > position)
    )
    photos = await session.execute(query.order_by(WorkOrderPhoto.id).limit(BATCH))
    return [OldPicture(photo, order.camera or "", photo.at, order.closed_at or photo.at) for photo, order in photos]


async def _alert_photos(session: AsyncSession, before: datetime, position: int) -> Sequence[OldPicture]:
    query = (
        select(AlertPhoto, Alert)
        .join(Alert, Alert.id == AlertPhoto.alert)
        .where(AlertPhoto.at < before, AlertPhoto.id > position)
    )
    photos = await session.execute(query.order_by(AlertPhoto.id).limit(BATCH))
    return [OldPicture(photo, alert.camera, from_microseconds(alert.at_us), photo.at) for photo, alert in photos]


# Each returns the next rows after an id, by id, whose retention time began before a time.
_FIND: dict[PictureKind, Callable[[AsyncSession, datetime, int], Awaitable[Sequence[OldPicture]]]] = {
    PictureKind.ALERTS: _alerts,
    PictureKind.TRAILS: _trails,
    PictureKind.SUBJECTS: _subjects,
    PictureKind.CANDIDATES: _candidates,
    PictureKind.INSPECTIONS: _inspections,
    PictureKind.FAULTS: _faults,
    PictureKind.ORDERS: _order_photos,
    PictureKind.ALERT_PHOTOS: _alert_photos,
}


def _age_days(trust: ClockCheck, at: datetime) -> float:
    at_us = to_microseconds(at)
    return trust.age_us(at_us, at_us) / 86_400e6


def _held(holds: Iterable[Hold], picture: OldPicture) -> bool:
    if picture.case is not None:
        return any(h.case == picture.case for h in holds)
    at_us = to_microseconds(picture.seen_at)
    return any(h.camera == picture.camera and h.start_us <= at_us < h.end_us for h in holds)


async def _forget(session: AsyncSession, row: PictureRow) -> None:
    if isinstance(row, WorkOrderPhoto | AlertPhoto):
        await session.delete(row)
    elif isinstance(row, Fault):
        row.picture = row.reference = None
    elif isinstance(row, Inspection):
        row.picture = None
    elif isinstance(row, WatchExample):
        row.picture = ""
    else:
        row.thumbnail = ""


async def _named(session: AsyncSession) -> set[str]:
    """Return the files, relative to the data folder, that a row still refers to."""
    found: set[str] = set()
    for column in (
        Alert.thumbnail,
        AlertTrail.thumbnail,
        WatchExample.picture,
        Judgement.thumbnail,
        Inspection.picture,
        Fault.picture,
        Fault.reference,
        WorkOrderPhoto.path,
        AlertPhoto.path,
    ):
        found |= {p for p in await session.scalars(select(column).where(column != "")) if p}
    return found


def _sweep(data_dir: Path, named: Collection[str]) -> int:
    """Delete files of the picture folders that no row refers to; returns how many. Blocking."""
    gone, young = 0, time.time() - UNNAMED_S
    for folder in FOLDERS:
        for path in (data_dir / folder).rglob("*"):
            try:
                if path.is_file() and str(path.relative_to(data_dir)) not in named and path.stat().st_mtime < young:
                    path.unlink()
                    gone += 1
            except OSError as e:
                log.error("%s is expired but could not be deleted: %s", path, e)
    return gone
