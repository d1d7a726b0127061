"""What the inspections of the last seven days found on a camera, and its reference pictures by day and by night.

Both read a bounded stretch of the index (camera, at): a week, and the time for which pictures are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.faults.state_machine import OPEN_STATES
from health.kpi.camera_days import bounds
from health.patrol.inspection import INSPECTION_FAMILIES, VISUAL_FAMILIES
from health.tables import CameraBaseline, Fault, Inspection
from health.vocabulary import EvidenceFigures, FaultFamily, FaultStatus, Light

WEEK_DAYS = 7
REFERENCE_AGE = timedelta(days=31)  # an older picture is no longer kept (pictures.patrol_days)
MAX_INSPECTIONS = 5_000  # of a week: one every two minutes


class DayResult(StrEnum):
    """What a day's inspections say about a fault of a camera."""

    FOUND = "found"  # the fault itself
    OTHER = "other"  # only faults of other families
    CLEAN = "clean"  # the picture was judged, for this fault too, and nothing was found
    UNKNOWN = "unknown"  # no inspection, or none that could judge it


@dataclass(slots=True)
class InspectedDay:
    """A local day of a camera; counts of inspections. `picture`: the inspection whose picture stands for the day."""

    day: date
    result: DayResult = DayResult.UNKNOWN
    inspections: int = 0
    found: int = 0  # inspections that found the fault
    judged: int = 0  # inspections that could say whether it is there
    families: Counter[FaultFamily] = field(default_factory=Counter)
    picture: int | None = None
    picture_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReferencePicture:
    """A good picture of the camera's present view. `inspection`: the inspection that it belongs to."""

    light: Light
    inspection: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    at: datetime
    findings: Mapping[str, EvidenceFigures]
    unknown: Collection[str]
    picture: str | None


async def of_fault(session: AsyncSession, fault: Fault, now: datetime, zone: tzinfo) -> list[InspectedDay]:
    """Return the last seven local days of the fault's camera, the oldest first; none for a fault of no camera."""
    if not fault.camera:
        return []
    today = now.astimezone(zone).date()
    days = {d: InspectedDay(d) for d in (today - timedelta(days=n) for n in reversed(range(WEEK_DAYS)))}
    start, _ = bounds(min(days), zone)
    columns = Inspection.id, Inspection.at, Inspection.findings, Inspection.unknown, Inspection.picture
    query = select(*columns).where(Inspection.camera == fault.camera, Inspection.at >= start, Inspection.at <= now)
    rows: dict[date, list[_Row]] = {}
    for row in await session.execute(query.order_by(Inspection.at.desc()).limit(MAX_INSPECTIONS)):
        rows.setdefault(row.at.astimezone(zone).date(), []).append(_Row(*row))
    periods = await _periods(session, fault, start)
    for day, found in days.items():
        begin, end = bounds(day, zone)
        lasted = any(since < end and (until is None or until > begin) for since, until in periods)
        _judge(found, rows.get(day, []), fault.family, lasted=lasted)
    return list(days.values())


async def references(session: AsyncSession, camera: str, now: datetime) -> list[ReferencePicture]:
    """Return the newest good picture by day and the newest by night that is kept of the camera's present view."""
    since = await session.scalar(select(CameraBaseline.since).where(CameraBaseline.camera == camera))
    earliest = max(now - REFERENCE_AGE, since) if since is not None else now - REFERENCE_AGE
    good = Inspection.accepted & Inspection.picture.is_not(None)
    found = []
    for light in (Light.DAY, Light.NIGHT):
        query = select(Inspection.id, Inspection.at).where(
            Inspection.camera == camera, Inspection.at >= earliest, Inspection.light == light, good
        )
        row = (await session.execute(query.order_by(Inspection.at.desc()).limit(1))).first()
        if row is not None:
            found.append(ReferencePicture(light, row.id, row.at))
    return found


async def picture_of(session: AsyncSession, fault: Fault, inspection: int) -> Inspection:
    """Return an inspection of the fault's camera with a picture. Raises NotFoundError."""
    row = await session.get(Inspection, inspection)
    if row is None or not fault.camera or row.camera != fault.camera or row.picture is None:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    return row


async def _periods(session: AsyncSession, fault: Fault, start: datetime) -> Sequence[tuple[datetime, datetime | None]]:
    """Return when the camera had this fault since `start`, for a family that the inspections do not judge."""
    if fault.family in INSPECTION_FAMILIES:
        return []
    query = select(Fault.first_seen, Fault.closed_at).where(
        Fault.camera == fault.camera,
        Fault.family == fault.family,
        Fault.state.in_((*OPEN_STATES, FaultStatus.CLOSED)),
        Fault.closed_at.is_(None) | (Fault.closed_at >= start),
    )
    return [(since, until) for since, until in await session.execute(query)]


def _judge(day: InspectedDay, rows: Sequence[_Row], family: FaultFamily, *, lasted: bool) -> None:
    """Fill in a day from its inspections, the newest first. `lasted`: the counters' fault was there on that day."""
    seen = [r for r in rows if family in r.findings]
    judged = [r for r in rows if family in r.findings or not _missed(r, family)]
    day.inspections, day.found, day.judged = len(rows), len(seen), len(judged)
    day.families = Counter(FaultFamily(f) for r in rows for f in r.findings if f in set(FaultFamily))
    if seen or lasted:
        day.result = DayResult.FOUND
    elif day.families:
        day.result = DayResult.OTHER
    elif judged:
        day.result = DayResult.CLEAN
    kept = [r for r in (seen or rows) if r.picture is not None]
    if kept:
        day.picture, day.picture_at = kept[0].id, kept[0].at


def _missed(row: _Row, family: FaultFamily) -> bool:
    """Return whether an inspection could not say that the fault is absent.

    Of a family that the counters judge, it says as much as its picture: that the camera showed a good one.
    """
    if family in INSPECTION_FAMILIES:
        return family in row.unknown
    return set(row.unknown) >= VISUAL_FAMILIES
