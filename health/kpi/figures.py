"""Key figures of the camera network: each formula once, for pages, registers, reports and metrics.

All figures are computed from the rows of health.kpi.camera_days and from faults, never from counters that need
resetting. Formulae: docs/health.md, Figures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import periods_in_use
from cameras.tables import Camera
from core.accounts.scope import Villages, village_in_scope
from core.database import Database
from health.faults import topology
from health.faults.families import FAMILIES
from health.kpi import camera_days
from health.kpi.camera_days import bounds
from health.kpi.rates import MIN_DENOMINATOR, Rate, RateName, Rates, all_rates
from health.tables import (
    CameraDay,
    DailyFigures,
    Fault,
    Inspection,
    RateRecord,
    RegisterFault,
    RegisterFigures,
    WrittenDay,
)
from health.vocabulary import FiguresKind
from nvr.archive.retention.retention import GAPS_KEPT_US

MAX_COMPUTED_AGE = timedelta(days=2)  # a past day without rows is computed from facts if it is not older than this
MAX_DAYS_PER_RUN = 31  # days written by one call of write_past_days


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of some cameras over some days.

    Shares are 0…1; None if there was nothing to judge. MTTR in hours, MTBF in days. `online`, `intact` and `recorded`
    are the values of `rates`, which hold their basis.
    """

    cameras: int
    online: float | None  # 在线率
    intact: float | None  # 完好率
    recorded: float | None  # 录像完整率
    clock_right: float | None  # cameras whose clock is within 2 s / cameras whose clock is known
    mttr_hours: float | None
    mtbf_days: float | None
    faults: int
    unknown: float | None = None  # share of the time in use for which it is unknown whether the camera was online
    not_judged: int = 0  # camera-days that the patrol did not judge
    required_hours: float = 0.0
    recorded_hours: float = 0.0
    missing_hours: dict[str, float] = field(default_factory=dict)  # hours by cause
    by_cause: dict[str, int] = field(default_factory=dict)  # faults by family
    reconstructed: bool = False  # some rows were written long after their day
    short_holes: int | None = None  # holes shorter than a second, which are no gaps; None: not counted
    short_hole_seconds: float | None = None  # seconds missing in these holes; they count as recorded
    rates: Rates = field(default_factory=dict)  # empty in figures stored by earlier versions


def summary(rows: Sequence[CameraDay], faults: Sequence[Fault], cameras: int, end: datetime) -> Figures:
    """Compute the figures from rows of one or several days and the faults that concern them.

    `end`: an open fault counts until then.
    """
    told = all_rates(rows, cameras)
    service, unknown = sum(r.service for r in rows), sum(r.unknown for r in rows)
    required, recorded = sum(r.required for r in rows), sum(r.recorded for r in rows)
    clocks = [r for r in rows if r.clock_right is not None]
    counted = [r for r in rows if r.short_holes is not None]
    own = [f for f in faults if f.camera]
    repair_seconds = [
        (f.closed_at - f.first_seen).total_seconds() for f in own if f.closed_at is not None and f.closed_at <= end
    ]
    days = sum(r.service for r in rows) / 86400
    return Figures(
        cameras=cameras,
        online=told[RateName.ONLINE].value,
        intact=told[RateName.INTACT].value,
        recorded=told[RateName.RECORDED].value,
        clock_right=_share(sum(bool(r.clock_right) for r in clocks), len(clocks)),
        mttr_hours=sum(repair_seconds) / len(repair_seconds) / 3600 if repair_seconds else None,
        mtbf_days=days / len(own) if own and days else None,
        faults=len(faults),
        unknown=_share(unknown, service),
        not_judged=sum(r.intact is None for r in rows),
        required_hours=round(required / 3600, 2),
        recorded_hours=round(recorded / 3600, 2),
        missing_hours={cause: round(s / 3600, 2) for cause, s in _sum(r.missing for r in rows).items()},
        by_cause=_count(f.family for f in faults),
        reconstructed=any(r.reconstructed for r in rows),
        short_holes=sum(r.short_holes or 0 for r in counted) if counted else None,
        short_hole_seconds=round(sum(r.short_hole_seconds or 0.0 for r in counted), 1) if counted else None,
        rates=told,
    )


def _share(part: float, whole: float) -> float | None:
    """Return part / whole; None if `whole` is 0."""
    return part / whole if whole > MIN_DENOMINATOR else None


def _sum(those: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for each in those:
        for name, value in each.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _count(names: Iterable[str]) -> dict[str, int]:
    return {name: int(count) for name, count in _sum({n: 1} for n in names).items()}


async def of(session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime) -> Figures:
    """Compute figures over [start, end) from the facts. For past days `period` reads the written rows."""
    rows = await camera_days.of_interval(session, cameras, start, end)
    return summary(rows, await concerning(session, cameras, start, end), len(cameras), end)


async def concerning(session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime) -> list[Fault]:
    """Return the faults of the cameras and of the parents they are below."""
    ids = {c.id for c in cameras}
    return [f for f in await camera_days.faults_between(session, start, end) if _concerns(f, ids, cameras)]


def _concerns(fault: Fault, ids: Collection[str], cameras: Sequence[Camera]) -> bool:
    """Return whether a fault is one of these cameras (`ids`: their ids) or of a parent that one of them is below."""
    return fault.camera in ids if fault.camera else any(topology.is_below(c, fault) for c in cameras)


async def period(
    session: AsyncSession, cameras: Sequence[Camera], first: date, last: date, zone: tzinfo, now: datetime
) -> list[CameraDay]:
    """Return the rows of the local days first…last: written rows, and computed rows for days not written yet."""
    ids = [c.id for c in cameras]
    span = CameraDay.day.between(first.isoformat(), last.isoformat())
    rows = [
        r
        for part in _parts(ids)
        for r in await session.scalars(select(CameraDay).where(span, CameraDay.camera.in_(part)))
    ]
    written = {r.day for r in rows}
    for day in (last - timedelta(days=n) for n in range((last - first).days + 1)):
        start, end = bounds(day, zone)
        if start >= now or day.isoformat() in written:
            continue
        if end < now - MAX_COMPUTED_AGE:
            break
        if end > now or not await is_written(session, day):
            rows += await camera_days.of_interval(session, cameras, start, min(end, now))
    return rows


def _parts(ids: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (ids[i : i + size] for i in range(0, len(ids), size))


async def is_written(session: AsyncSession, day: date) -> bool:
    """Return whether the day's rows are complete, also if no camera was in use."""
    return await session.get(WrittenDay, day.isoformat()) is not None


async def day(session: AsyncSession, villages: Villages, start: datetime, now: datetime) -> RegisterFigures:
    """Return the content of the day's register: cameras inspected, figures and faults.

    Covers the cameras in use on the day in a scope of villages (None: the whole town, including the station's own
    faults). `start`: local midnight.
    """
    zone = start.tzinfo
    assert zone is not None
    _, over = bounds(start.date(), zone)
    end = min(over, now)
    inspected = set(
        await session.scalars(select(Inspection.camera).where(Inspection.at >= start, Inspection.at < end).distinct())
    )
    written = set(await session.scalars(select(CameraDay.camera).where(CameraDay.day == start.date().isoformat())))
    cameras = await periods_in_use.cameras_in_use(session, start, end, villages, inspected | written)
    rows = await period(session, cameras, start.date(), start.date(), zone, now)
    ids = {c.id for c in cameras}
    made = summary(rows, await concerning(session, cameras, start, end), len(cameras), end)
    return {
        "cameras": len(cameras), "looked": len(inspected & ids), "not_looked": sorted(ids - inspected),
        "online": made.online, "intact": made.intact, "recorded": made.recorded, "clock_right": made.clock_right,
        "unknown": made.unknown, "short_holes": made.short_holes, "short_hole_seconds": made.short_hole_seconds,
        "faults": await day_faults(session, ids, villages, start, end),
        "rates": {name: rate_record(rate) for name, rate in made.rates.items()},
    }  # fmt: skip


def rate_record(rate: Rate) -> RateRecord:
    """Return a rate as it is stored in a register."""
    return {
        "value": rate.value, "numerator": rate.numerator, "denominator": rate.denominator,
        "not_observed": rate.not_observed, "cameras": rate.cameras,
        "cameras_not_observed": rate.cameras_not_observed, "unit": rate.unit, "reason": rate.reason,
    }  # fmt: skip


async def day_faults(
    session: AsyncSession, cameras: Collection[str], villages: Villages, start: datetime, end: datetime
) -> list[RegisterFault]:
    """Return every fault that was open between start and end, as stored in a register.

    Covers these cameras and the parents they are below. The station's own faults belong to the whole town: a register
    of some villages omits them, as the fault list of such an account does.
    """
    open_then = (
        Fault.opened_at < end,
        Fault.closed_at.is_(None) | (Fault.closed_at >= start),
        Fault.family.in_(FAMILIES),
    )
    above = (Fault.camera != "") | village_in_scope(Fault.village, villages)
    rows = await session.scalars(select(Fault).where(*open_then, above).order_by(Fault.id))
    return [
        {
            "id": f.id,
            "camera": f.camera,
            "village": f.village,
            "name": f.detail,
            "family": f.family,
            "severity": f.severity,
            "opened_at": f.opened_at.isoformat() if f.opened_at else None,
            "closed_at": f.closed_at.isoformat() if f.closed_at else None,
            "order": f.order,
            "verdict": f.verdict,
        }
        for f in rows
        if not f.camera or f.camera in cameras
    ]


async def last_days(session: AsyncSession, camera: Camera, days: int, zone: tzinfo, now: datetime) -> Figures:
    """Return the figures of one camera's last days, including the running day."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    rows = await period(session, [camera], first, today, zone, now)
    return summary(rows, await concerning(session, [camera], bounds(first, zone)[0], now), 1, now)


KINDS = tuple(FiguresKind)


def _concerned(row: CameraDay) -> Iterable[tuple[FiguresKind, str]]:
    return ((FiguresKind.VILLAGE, row.village), (FiguresKind.VENDOR, row.vendor), (FiguresKind.SPONSOR, row.sponsor))


def groups(rows: Sequence[CameraDay]) -> dict[tuple[FiguresKind, str], list[CameraDay]]:
    """Group rows by (kind, code or name) of those whom the figures concern."""
    found: dict[tuple[FiguresKind, str], list[CameraDay]] = {(FiguresKind.TOWN, ""): list(rows)}
    for row in rows:
        for kind, name in _concerned(row):
            if name:
                found.setdefault((kind, name), []).append(row)
    return found


async def write_day(database: Database, day: date, zone: tzinfo, now: datetime) -> int:
    """Write a past day once: one row per camera, and the figures of town, villages, vendors and sponsors.

    Returns the number of figures written.
    """
    start, end = bounds(day, zone)
    async with database.reading() as session:
        cameras = list(await session.scalars(select(Camera).order_by(Camera.id)))
        rows = await camera_days.of_interval(session, cameras, start, end)
        faults = await concerning(session, cameras, start, end)
    by_id = {c.id: c for c in cameras}
    made = []
    for (kind, name), some in groups(rows).items():
        theirs = [by_id[r.camera] for r in some]
        ids = {c.id for c in theirs}
        concern = [f for f in faults if _concerns(f, ids, theirs)]
        figures = asdict(summary(some, concern, len(some), end))
        made.append(DailyFigures(day=day.isoformat(), kind=kind, name=name, figures=figures))
    async with database.session() as session:
        if await is_written(session, day):
            return 0
        session.add(WrittenDay(day=day.isoformat(), cameras=len(rows)))
        for row in rows:
            row.reconstructed = now - end > camera_days.RECONSTRUCTED_AFTER
            if row.reconstructed and not row.short_holes:  # no holes, or the day precedes their counting: unknown
                row.short_holes = row.short_hole_seconds = None
        session.add_all(rows)
        # figures written by an earlier version stay
        if await session.get(DailyFigures, (day.isoformat(), FiguresKind.TOWN, "")) is None:
            session.add_all(made)
    return len(made)


async def write_past_days(database: Database, now: datetime, zone: tzinfo) -> int:
    """Write the past days that are not written yet, oldest first. Returns the number of figures written.

    A controller that was off catches up. The first run reconstructs all days that have gaps or footage.
    """
    async with database.reading() as session:
        first = await camera_days.first_fact(session)
        if first is None:
            return 0
        first = max(first, now - timedelta(microseconds=GAPS_KEPT_US))
        since = first.astimezone(zone).date()
        days = (since + timedelta(days=n) for n in range((now.astimezone(zone).date() - since).days))
        known = set(await session.scalars(select(WrittenDay.day)))
    due = [day for day in days if day.isoformat() not in known]
    return sum([await write_day(database, day, zone, now) for day in due[:MAX_DAYS_PER_RUN]])
