"""The figures by which a network is judged. Formulae and what they leave out: docs/health.md.

All are computed from intervals of faults and from gaps, never from counters that somebody must remember to reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from health.faults import DEAD, DISMISSED, FAMILIES
from health.tables import DailyFigures, Fault, Look, Maintenance
from nvr.tables import Gap

PLANNED = ("schedule", "retention")
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares 0…1; None where nothing was there to be judged. Hours for MTTR, days for MTBF."""

    cameras: int
    online: float | None  # 在线率: seconds online / seconds required
    intact: float | None  # 完好率: cameras without an open fault of severity 1 or 2 at the end / cameras
    recorded: float | None  # 录像完整率: seconds recorded / seconds planned
    clock_right: float | None  # cameras whose clock is within 2 s / cameras whose clock is known
    mttr_hours: float | None
    mtbf_days: float | None
    faults: int
    by_cause: dict[str, int] = field(default_factory=dict)


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Overlapping intervals as one, in order."""
    found: list[Interval] = []
    for start, end in sorted(i for i in intervals if i[1] > i[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def length(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in joined(intervals))


def without(intervals: Iterable[Interval], excluded: Sequence[Interval]) -> list[Interval]:
    """Intervals less what is excluded."""
    found = joined(intervals)
    for cut_start, cut_end in joined(excluded):
        found = [
            piece
            for start, end in found
            for piece in ((start, min(end, cut_start)), (max(start, cut_end), end))
            if piece[1] > piece[0]
        ]
    return found


async def of(session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime) -> Figures:
    """Over [start, end). Planned work is left out of what is required; a parent's outage counts for its cameras."""
    begin, finish = start.timestamp(), end.timestamp()
    ids = {c.id: c for c in cameras}
    overlapping = (Fault.opened_at.is_not(None), Fault.opened_at < end, Fault.closed_at.is_(None) | (Fault.closed_at > start))
    faults = [
        f for f in await session.scalars(select(Fault).where(*overlapping, Fault.state != DISMISSED)) if _concerns(f, ids)
    ]
    planned = (await session.scalars(select(Maintenance).where(Maintenance.start < end, Maintenance.until > start))).all()
    required = up = 0.0
    for camera in cameras:
        rest = joined((max(m.start.timestamp(), begin), min(m.until.timestamp(), finish)) for m in planned if _rests(m, camera))
        wanted = without([(begin, finish)], rest)
        down = [
            (max(_opened(f), begin), min(_closed(f, finish), finish))
            for f in faults
            if (f.camera == camera.id and f.family in DEAD) or (not f.camera and _beneath(f, camera))
        ]
        required += length(wanted)
        up += length(wanted) - length(without(down, rest))
    own = [f for f in faults if f.camera]
    mended = [_closed(f, finish) - _opened(f) for f in own if f.closed_at is not None]
    bad = {f.camera for f in own if f.severity <= 2 and (f.closed_at is None or f.closed_at >= end)}
    known = [c for c in cameras if c.clock_offset is not None]
    days = (finish - begin) / 86400
    causes: dict[str, int] = {}
    for f in faults:
        causes[f.family] = causes.get(f.family, 0) + 1
    return Figures(
        cameras=len(cameras),
        online=up / required if required else None,
        intact=1 - len(bad & set(ids)) / len(cameras) if cameras else None,
        recorded=await _recorded(session, cameras, begin, finish),
        clock_right=sum(abs(c.clock_offset or 0.0) <= 2.0 for c in known) / len(known) if known else None,
        mttr_hours=sum(mended) / len(mended) / 3600 if mended else None,
        mtbf_days=len(cameras) * days / len(own) if own else None,
        faults=len(faults),
        by_cause=causes,
    )


def _concerns(fault: Fault, cameras: dict[str, Camera]) -> bool:
    if fault.camera:
        return fault.camera in cameras
    return fault.family == "uplink" and any(_beneath(fault, c) for c in cameras.values())


def _beneath(fault: Fault, camera: Camera) -> bool:
    if fault.family != "uplink" or fault.village != camera.village:
        return False
    return "/" not in fault.detail or fault.detail == f"{camera.village}/{camera.profile.get('switch') or ''}"


def _rests(m: Maintenance, camera: Camera) -> bool:
    return m.camera == camera.id or m.village == camera.village


def _opened(fault: Fault) -> float:
    """A fault begins when it was first seen, not when it was believed."""
    return fault.first_seen.timestamp()


def _closed(fault: Fault, now: float) -> float:
    return fault.closed_at.timestamp() if fault.closed_at else now


async def _recorded(session: AsyncSession, cameras: Sequence[Camera], begin: float, finish: float) -> float | None:
    """Seconds that are not in an unplanned gap, of the seconds that are not in a planned one."""
    streams = [s.id for c in cameras for s in c.streams if s.kind == "main" and s.record]
    if not streams:
        return None
    unplanned: dict[str, list[Interval]] = {}
    planned: dict[str, list[Interval]] = {}
    start_us, end_us = int(begin * 1e6), int(finish * 1e6)
    query = select(Gap).where(Gap.start_us < end_us, Gap.end_us.is_(None) | (Gap.end_us > start_us))
    wanted = set(streams)
    for gap in await session.scalars(query):
        if gap.stream in wanted:
            span = (max(gap.start_us / 1e6, begin), min((gap.end_us or end_us) / 1e6, finish))
            (planned if gap.cause in PLANNED else unplanned).setdefault(gap.stream, []).append(span)
    total = lost = 0.0
    for s in streams:
        total += (finish - begin) - length(planned.get(s, []))
        lost += length(without(unplanned.get(s, []), planned.get(s, [])))
    return 1 - lost / total if total > 0 else None


async def day(session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime) -> dict[str, Any]:
    """The day's register: what was looked at, what was found, what is still open."""
    ids = {c.id for c in cameras}
    looked = set(await session.scalars(select(Look.camera).where(Look.at >= start, Look.at < end).distinct()))
    figures = await of(session, cameras, start, end)
    rows = await session.scalars(
        select(Fault).where(Fault.opened_at < end, Fault.closed_at.is_(None) | (Fault.closed_at >= start))
    )
    faults = [
        {
            "id": f.id, "camera": f.camera, "village": f.village, "name": f.detail, "family": f.family, "severity": f.severity,
            "opened_at": f.opened_at.isoformat() if f.opened_at else None,
            "closed_at": f.closed_at.isoformat() if f.closed_at else None, "order": f.order, "verdict": f.verdict,
        }
        for f in rows
        if f.family in FAMILIES and (not f.camera or f.camera in ids)
    ]  # fmt: skip
    return {
        "cameras": len(cameras), "looked": len(looked & ids), "not_looked": sorted(ids - looked),
        "online": figures.online, "intact": figures.intact, "recorded": figures.recorded, "clock_right": figures.clock_right,
        "faults": faults,
    }  # fmt: skip


KINDS = ("town", "village", "vendor", "sponsor")


def groups(cameras: Sequence[Camera]) -> dict[tuple[str, str], list[Camera]]:
    """Cameras by whom their figures concern: (kind, code or name)."""
    found: dict[tuple[str, str], list[Camera]] = {("town", ""): list(cameras)}
    for camera in cameras:
        names = {
            "village": camera.village,
            "vendor": camera.profile.get("maintainer"),
            "sponsor": camera.profile.get("sponsor"),
        }
        for kind, name in names.items():
            if name:
                found.setdefault((kind, str(name)[:80]), []).append(camera)
    return found


async def keep_day(session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime, day: str) -> int:
    """Write a day that is over as rows, once: town, villages, vendors, sponsors. Returns how many."""
    if await session.get(DailyFigures, (day, "town", "")) is not None:
        return 0
    rows = [
        DailyFigures(day=day, kind=kind, name=name, figures=asdict(await of(session, some, start, end)))
        for (kind, name), some in groups(cameras).items()
    ]
    session.add_all(rows)
    return len(rows)


async def keep_days(session: AsyncSession, now: datetime, zone: tzinfo, back: int = 7) -> int:
    """The days of the last week that are over and not yet written: a controller that was off catches up."""
    cameras = list(await session.scalars(select(Camera).where(Camera.retired.is_(False))))
    today = now.astimezone(zone).date()
    first = await session.scalar(select(func.min(Look.at)))
    written = 0
    for n in range(back, 0, -1):
        date = today - timedelta(days=n)
        start, end = (datetime.combine(d, time(), zone) for d in (date, date + timedelta(days=1)))
        if first is not None and end > first:
            written += await keep_day(session, cameras, start, end, date.isoformat())
    return written
