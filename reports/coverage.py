"""The figures of a village's monthly report, and its printed form.

Every rate names its set and its denominator and comes from health.kpi.figures (formulae: docs/health.md, Figures). The
report of a complete month is made once and stored with its digest, so that a printed copy can be compared with it
later.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import periods_in_use
from cameras.tables import Camera, Village
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.checks import presence
from health.checks.presence import Presence
from health.faults.families import chinese_name
from health.kpi import figures
from health.kpi.rates import Rate, RateName, Rates
from health.tables import Fault
from reports.percentages import percent
from reports.periods import month_bounds
from reports.repairs import Repair, repairs
from reports.tables import StoredReport


def css_text(text: str) -> str:
    """Return a text as it stands between double quotes in CSS (CSS Syntax 4.3.7), whatever it contains."""
    return "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(), auto_reload=False
)
_TEMPLATES.filters["css_text"] = css_text
_TEMPLATES.get_template("report.css")  # read now, because a page is also rendered in the event loop
_PAGE = _TEMPLATES.get_template("village.html")
CAUSES = {
    "unreachable": "不可达", "auth_refused": "认证被拒", "no_packets": "无码流", "no_keyframe": "无关键帧",
    "packet_loss": "丢包", "protocol_error": "协议错误", "station_fault": "本站故障", "recorder_down": "录像程序中断",
    "disk_full": "磁盘已满", "disk_error": "磁盘故障", "clock_step": "时钟跳变", "unaccounted": "原因不明",
}  # fmt: skip
AT_THE_END = timedelta(seconds=1)  # cameras that were in use in the last second of a month are counted
MONTHS_BACK = 13  # reports of this many past months are made if they are missing
_PASSING = ("digest", "generated_at", "online_now")  # values of the moment, not of the month: not part of the digest


# The parts of a report hold the names of their figures; VillageReport inherits them.


@dataclass(frozen=True)
class _CameraFigures:
    """What cameras the village has, for how many people on how much land."""

    population: int | None
    area_km2: float | None
    cameras: int
    cameras_village: int
    cameras_government: int
    density_per_km2: float | None
    density_set: str


@dataclass(frozen=True)
class _FaultFigures:
    """The month's faults."""

    open_faults: list[dict[str, str]]
    faults_closed: int
    outages: list[dict[str, str | float]]


@dataclass(frozen=True)
class _MoneyFigures:
    """What was paid for the cameras, in yuan."""

    raised: float
    funding: list[dict[str, str | float]]
    spent: float
    cost_per_channel: float | None


@dataclass(frozen=True)
class _RepairFigures:
    """The month's repairs and what they cost, in yuan."""

    repairs: list[Repair]
    repair_cost: float
    repair_cost_warranty: float


@dataclass(frozen=True)
class VillageReport(_CameraFigures, _FaultFigures, _MoneyFigures, _RepairFigures):
    """The report of one village for one month. Rates 0…1, None if nothing was required or known; money in yuan."""

    village: str
    name: str
    month: str
    generated_at: str
    final: bool  # the month is over and its daily figures are written: stored and never made again
    until: str  # last day that counts; the running day counts up to generated_at
    online_now: int | None  # None: the month is over, or no recorder reports
    online_rate: float | None
    intact_rate: float | None
    completeness: float | None
    required_hours: float
    recorded_hours: float
    missing_hours: dict[str, float]
    unknown_share: float | None
    reconstructed: bool
    mean_repair_hours: float | None
    short_holes: int | None = None  # shorter than a second, which are not gaps; None: not counted (older reports)
    short_hole_seconds: float | None = None
    rates: Rates = field(default_factory=dict)  # the three rates with their basis; empty in older reports
    not_inspected: int | None = None  # cameras that the patrol never judged in the month; None: older reports
    digest: str | None = None  # SHA-256 of the figures; final reports only


def digest_of(report: VillageReport) -> str:
    """Return the SHA-256 of the report's lasting figures. It is printed, to compare a paper with the stored report."""
    stable = {k: v for k, v in asdict(report).items() if k not in _PASSING}
    return hashlib.sha256(json.dumps(stable, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Reports:
    """Makes, stores and returns the villages' monthly reports."""

    def __init__(self, database: Database, clock: Clock, zone: str):
        self._database = database
        self._clock = clock
        self._zone = zone

    async def village(self, code: str, month: str | None = None) -> VillageReport:
        """Return the report of a month; None is the running one.

        Stored reports are returned as they were made. Raises NotFoundError for an unknown village, UsageError for a
        malformed month.
        """
        zone = await asyncio.to_thread(ZoneInfo, self._zone)  # the first call reads a file
        now = self._clock.now()
        month = month or f"{now.astimezone(zone):%Y-%m}"
        start, end = month_bounds(month, zone)
        async with self._database.reading() as session:
            village = await session.get(Village, code)
            if village is None:
                raise NotFoundError(f"there is no village '{code}'", ErrorCode.VILLAGE_NOT_FOUND, village=code)
            stored = await session.get(StoredReport, (code, start.strftime("%Y-%m")))
            if stored is not None:
                return _stored_report(stored)
            final = end <= now and await figures.is_written(session, (end - timedelta(days=1)).date())
            report = await _compute_report(session, village, start, end, now, final=final)
        return await self._stored(report, now) if final else report

    async def keep_months(self) -> int:
        """Make the missing reports of the last MONTHS_BACK months; return how many."""
        zone = await asyncio.to_thread(ZoneInfo, self._zone)
        made, end = 0, self._clock.now().astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for _ in range(MONTHS_BACK):
            month = f"{end - timedelta(days=1):%Y-%m}"
            async with self._database.reading() as session:
                has = select(StoredReport.village).where(StoredReport.month == month)
                missing = (await session.scalars(select(Village.code).where(Village.code.not_in(has)))).all()
                written = await figures.is_written(session, (end - timedelta(days=1)).date())
            for code in missing if written else ():
                made += (await self.village(code, month)).final
            end = (end - timedelta(days=1)).replace(day=1)
        return made

    async def _stored(self, report: VillageReport, now: datetime) -> VillageReport:
        report = replace(report, digest=digest_of(report))
        try:
            async with self._database.session() as session:
                session.add(
                    StoredReport(
                        village=report.village,
                        month=report.month,
                        figures=asdict(report),
                        digest=report.digest,
                        made_at=now,
                    )
                )
        except IntegrityError:  # another request was faster: its report counts
            async with self._database.reading() as session:
                return _stored_report(await session.get_one(StoredReport, (report.village, report.month)))
        return report


def _stored_report(row: StoredReport) -> VillageReport:
    known = {f.name for f in fields(VillageReport)}
    figures_ = {k: v for k, v in row.figures.items() if k in known}
    rates = {RateName(name): Rate(**rate) for name, rate in figures_.get("rates", {}).items()}
    return VillageReport(
        **{**figures_, "repairs": [Repair(**r) for r in figures_.get("repairs", [])], "rates": rates}
    )  # fmt: skip


async def _compute_report(
    session: AsyncSession, village: Village, start: datetime, end: datetime, now: datetime, *, final: bool
) -> VillageReport:
    zone = start.tzinfo
    assert zone is not None
    until = min(end, max(now, start))
    last = (until - timedelta(microseconds=1)).astimezone(zone).date()
    # Rates and money cover the same cameras of the village.
    every = await periods_in_use.cameras_in_use(session, start, until, [village.code])
    cameras = await periods_in_use.cameras_in_use(session, until - AT_THE_END, until, [village.code])
    # A camera that was moved to another village does not bring that village's outages into this report.
    faults = [
        f for f in await figures.concerning(session, every, start, until) if f.camera or f.village == village.code
    ]
    rows = await figures.period(session, every, start.date(), last, zone, now)
    told = figures.summary(rows, faults, len(cameras), until)
    return VillageReport(
        village=village.code,
        name=village.name,
        month=f"{start:%Y-%m}",
        generated_at=now.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
        final=final,
        until=last.isoformat(),
        **vars(_cameras(village, cameras)),
        online_now=await _online_now(session, cameras, now) if now < end else None,
        online_rate=_rounded_down(told.online),
        intact_rate=_rounded_down(told.intact),
        completeness=_rounded_down(told.recorded),
        required_hours=told.required_hours,
        recorded_hours=told.recorded_hours,
        missing_hours=told.missing_hours,
        unknown_share=_rounded_up(told.unknown),
        reconstructed=told.reconstructed,
        short_holes=told.short_holes,
        short_hole_seconds=told.short_hole_seconds,
        rates=told.rates,
        not_inspected=told.rates[RateName.INTACT].cameras_not_observed,
        mean_repair_hours=None if told.mttr_hours is None else round(told.mttr_hours, 1),
        **vars(_faults(faults, start, until)),
        **vars(_money(village, cameras)),
        **vars(_repair_costs(await repairs(session, village.code, start, until))),
    )


def _cameras(village: Village, cameras: Sequence[Camera]) -> _CameraFigures:
    government = sum(c.profile.get("owner_kind") == "government" for c in cameras)
    return _CameraFigures(
        population=village.population,
        area_km2=round(village.area_km2, 3) if village.area_km2 else None,
        cameras=len(cameras),
        cameras_village=len(cameras) - government,
        cameras_government=government,
        density_per_km2=round(len(cameras) / village.area_km2, 2) if village.area_km2 else None,
        density_set="all cameras in use, village, enterprise and government",
    )


def _rounded_down(share: float | None) -> float | None:
    """Round to 0.01 %: 99.996 % is not 100 %."""
    return None if share is None else math.floor(share * 10_000 + 1e-6) / 10_000


def _rounded_up(share: float | None) -> float | None:
    return None if share is None else math.ceil(share * 10_000 - 1e-6) / 10_000


def _faults(faults: Sequence[Fault], start: datetime, until: datetime) -> _FaultFigures:
    """Return the faults as they stood at the end of the month.

    An up-link's outage is named by the village or switch that was cut off.
    """
    ends = [f.closed_at if f.closed_at is not None and f.closed_at < until else None for f in faults]
    return _FaultFigures(
        open_faults=[
            {
                "camera": f.camera or f.detail,
                "family": f.family,
                "chinese": chinese_name(f.family),
                "since": f"{f.first_seen.astimezone(start.tzinfo):%Y-%m-%d}",
            }
            for f, ended in zip(faults, ends, strict=True)
            if ended is None
        ],
        faults_closed=sum(ended is not None for ended in ends),
        outages=[
            {
                "of": f.detail,
                "since": f"{f.first_seen.astimezone(start.tzinfo):%Y-%m-%d %H:%M}",
                "until": f"{ended.astimezone(start.tzinfo):%Y-%m-%d %H:%M}" if ended else "",
                "hours": round(((ended or until) - max(f.first_seen, start)).total_seconds() / 3600, 2),
            }
            for f, ended in zip(faults, ends, strict=True)
            if not f.camera
        ],
    )


def _money(village: Village, cameras: Sequence[Camera]) -> _MoneyFigures:
    own = [c for c in cameras if c.profile.get("owner_kind", "village") != "government"]
    spent = sum(float(c.profile.get("cost", 0)) for c in own)
    costed = [c for c in own if c.profile.get("cost")]
    return _MoneyFigures(
        raised=sum(float(f["amount"]) for f in village.funding),
        funding=[
            {"source": f["source"], "amount": f["amount"], "received": f.get("received") or ""} for f in village.funding
        ],
        spent=spent,
        cost_per_channel=round(spent / len(costed), 2) if costed else None,
    )


def _repair_costs(mended: Sequence[Repair]) -> _RepairFigures:
    return _RepairFigures(
        repairs=list(mended),
        repair_cost=sum(r.cost or 0.0 for r in mended if not r.warranty),
        repair_cost_warranty=sum(r.cost or 0.0 for r in mended if r.warranty),
    )


def render(report: VillageReport, station: str, language: str = "zh") -> str:
    """The report as a printable A4 page (HTML)."""
    return _PAGE.render(
        r=report, station=station, zh=language == "zh", percent=partial(percent, digits=1), causes=CAUSES
    )


async def _online_now(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> int | None:
    """Return how many cameras are online now; None if nobody knows it of any."""
    states = await presence.present_states(session, cameras, now)
    return presence.count(states, Presence.ONLINE) if len(states) > presence.count(states, Presence.UNKNOWN) else None
