"""The villages as the page Today shows them: cameras online now, open faults, the three rates of today and of the last
fourteen days, and when the patrol was last there.

Past days come from the stored daily figures; today is computed from the facts of the running day. Nothing here reads
the archive, so the work does not grow with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.tables import Camera
from core.accounts.scope import Villages
from health.checks import presence
from health.checks.presence import CameraPresence, Presence
from health.faults import fault_queries
from health.kpi import daily_figures, figures, rates
from health.kpi.rates import RateName, Rates
from health.patrol import inspection_coverage
from health.patrol.inspection_coverage import InspectionCoverage
from health.tables import CameraDay, DailyFigures
from health.vocabulary import FiguresKind

DAYS_SHOWN = 14  # before today
NOT_INSPECTED = InspectionCoverage(0, 0, 0, None, None)  # of a village without cameras


@dataclass(frozen=True, slots=True)
class DayRates:
    """The rates of a past day, 0…1; None: unknown, or the day is not written yet."""

    day: str
    online: float | None
    intact: float | None
    recorded: float | None


@dataclass(frozen=True, slots=True)
class VillageToday:
    """A village's row of the page Today. `open_faults`: number by severity, 1 (evidence is being lost) … 4."""

    code: str
    name: str
    cameras: int
    online: int
    offline: int
    unknown: int
    open_faults: dict[int, int]
    rates: Rates  # of today until now
    days: list[DayRates]  # oldest first
    inspections: InspectionCoverage


@dataclass(frozen=True, slots=True)
class TownToday:
    """The table, and when it was computed. `day`: the running local day."""

    day: str
    computed_at: datetime
    villages: list[VillageToday]


async def today(session: AsyncSession, scope: Villages, now: datetime, zone: tzinfo) -> TownToday:
    """Return the row of each village in the scope, by code."""
    local = now.astimezone(zone).date()
    cameras: dict[str, list[Camera]] = {}
    for camera in await lookup.all_cameras(session, scope):
        if not camera.retired:
            cameras.setdefault(camera.village, []).append(camera)
    every = [c for some in cameras.values() for c in some]
    states = await presence.present_states(session, every, now)
    rows: dict[str, list[CameraDay]] = {}
    for row in await figures.period(session, every, local, local, zone, now):
        rows.setdefault(row.village, []).append(row)
    days = [(local - timedelta(days=n)).isoformat() for n in range(DAYS_SHOWN, 0, -1)]
    stored = await daily_figures.between(session, FiguresKind.VILLAGE, scope, days[0], days[-1])
    inspected = await inspection_coverage.by_village(session, scope, now)
    faults = await _open_faults(session, scope)
    return TownToday(
        local.isoformat(),
        now,
        [
            VillageToday(
                code=v.code,
                name=v.name,
                **_counts(cameras.get(v.code, ()), states),
                open_faults=faults.get(v.code, {}),
                rates=rates.all_rates(rows.get(v.code, ()), len(cameras.get(v.code, ()))),
                days=[_day_rates(day, stored.get((day, v.code))) for day in days],
                inspections=inspected.get(v.code, NOT_INSPECTED),
            )
            for v in await lookup.villages(session, scope)
        ],
    )


def _counts(cameras: Sequence[Camera], states: Mapping[str, CameraPresence]) -> dict[str, int]:
    mine = [states[c.id].presence for c in cameras]
    return {
        "cameras": len(mine), "online": mine.count(Presence.ONLINE), "offline": mine.count(Presence.OFFLINE),
        "unknown": mine.count(Presence.UNKNOWN),
    }  # fmt: skip


def _day_rates(day: str, stored: DailyFigures | None) -> DayRates:
    values = {name: stored.figures.get(name) if stored is not None else None for name in RateName}
    online, intact, recorded = (
        float(value) if isinstance(value := values[name], int | float) else None for name in RateName
    )
    return DayRates(day, online, intact, recorded)


async def _open_faults(session: AsyncSession, scope: Villages) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for village, _family, severity, number in await fault_queries.open_counts(session, scope):
        if village is not None:
            by_severity = found.setdefault(village, {})
            by_severity[severity] = by_severity.get(severity, 0) + number
    return found
