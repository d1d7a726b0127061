"""The figures of a village's report, and its printed form.

Every rate states its set and its denominator. Formulae: online rate = seconds recorded or covered
by a gap that is not the camera's, over required seconds; completeness = recorded seconds over
required seconds (docs/reports.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.clock import Clock, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from health.faults import FAMILIES, OPEN, RECOVERING
from health.tables import Fault
from nvr.archive import Span
from nvr.reader import ArchiveReader
from nvr.tables import StreamStatus

# Gaps that are the camera's, its line's or its power's; the others are ours.
CAMERA_CAUSES = {"unreachable", "no_packets", "no_keyframe", "protocol_error", "auth_refused", "packet_loss"}
_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape())
_PAGE = _TEMPLATES.get_template("village.html")


@dataclass(frozen=True, slots=True)
class VillageReport:
    """One village, one month. Rates 0…1, None where nothing was required; money in yuan."""

    village: str
    name: str
    month: str
    generated_at: str
    population: int | None
    area_km2: float | None
    cameras: int
    cameras_village: int
    cameras_government: int
    density_per_km2: float | None
    density_set: str
    online_now: int
    online_rate: float | None
    completeness: float | None
    required_hours: float
    recorded_hours: float
    open_faults: list[dict[str, str]]
    faults_closed: int
    mean_repair_hours: float | None
    raised: float
    funding: list[dict[str, str | float]]
    spent: float
    cost_per_channel: float | None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the figures, printed so that a paper copy can be compared."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def month_bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of a month 'YYYY-MM' and of the next one, in the station's zone."""
    try:
        start = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    except ValueError as e:
        raise UsageError(f"'{month}' is not a month; write it like 2026-11") from e
    return start, (start + timedelta(days=32)).replace(day=1)


class Reports:
    def __init__(self, database: Database, clock: Clock, zone: str):
        self._database = database
        self._clock = clock
        self._zone = zone
        self._reader = ArchiveReader(database, clock)

    async def village(self, code: str, month: str) -> VillageReport:
        """Raises NotFoundError for an unknown village, UsageError for a malformed month."""
        zone = await asyncio.to_thread(ZoneInfo, self._zone)  # the first time it reads a file
        start, end = month_bounds(month, zone)
        async with self._database.reading() as session:
            village = await session.get(Village, code)
            if village is None:
                raise NotFoundError(f"there is no village '{code}'")
            cameras = (await session.scalars(select(Camera).where(Camera.village == code, Camera.retired.is_(False)))).all()
            faults = await _faults(session, [c.id for c in cameras], start, end)
            online = await _online_now(session, [c.id for c in cameras])
        times = await self._times(cameras, start, min(end, self._clock.now()))
        own = [c for c in cameras if c.profile.get("owner_kind", "village") != "government"]
        spent = sum(float(c.profile.get("cost", 0)) for c in own)
        costed = [c for c in own if c.profile.get("cost")]
        required, recorded, ours = times
        return VillageReport(
            village=code,
            name=village.name,
            month=month,
            generated_at=self._clock.now().astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            population=village.population,
            area_km2=round(village.area_km2, 3) if village.area_km2 else None,
            cameras=len(cameras),
            cameras_village=len(own),
            cameras_government=len(cameras) - len(own),
            density_per_km2=round(len(cameras) / village.area_km2, 2) if village.area_km2 else None,
            density_set="all cameras in use, village, enterprise and government",
            online_now=online,
            online_rate=round((recorded + ours) / required, 4) if required else None,
            completeness=round(recorded / required, 4) if required else None,
            required_hours=round(required / 3600, 2),
            recorded_hours=round(recorded / 3600, 2),
            open_faults=[
                {
                    "camera": f.camera,
                    "family": f.family,
                    "chinese": FAMILIES[f.family].chinese,
                    "since": f"{f.first_seen:%Y-%m-%d}",
                }
                for f in faults
                if f.state in (OPEN, RECOVERING)
            ],
            faults_closed=sum(1 for f in faults if f.state == "closed"),
            mean_repair_hours=_mean_repair(faults),
            raised=sum(float(f["amount"]) for f in village.funding),
            funding=[
                {"source": f["source"], "amount": f["amount"], "received": f.get("received") or ""} for f in village.funding
            ],
            spent=spent,
            cost_per_channel=round(spent / len(costed), 2) if costed else None,
        )

    async def _times(self, cameras: Sequence[Camera], start: datetime, end: datetime) -> tuple[float, float, float]:
        """(required, recorded, missing through no fault of the camera) seconds of all main streams."""
        required = recorded = ours = 0.0
        for camera in cameras:
            stream = next((s for s in camera.streams if s.kind == "main" and s.record), None)
            if stream is None:
                continue
            spans = await self._reader.coverage(stream.id, to_microseconds(start), to_microseconds(end))
            first = min((s.start_us for s in spans), default=None)
            if first is None:
                continue
            required += (to_microseconds(end) - first) / 1e6  # required from the first fact in the month on
            recorded += _seconds(spans, {""})
            ours += _seconds(spans, {s.cause for s in spans} - CAMERA_CAUSES - {""})
        recorded = min(recorded, required)
        return required, recorded, min(ours, required - recorded)


def render(report: VillageReport, station: str, language: str = "zh") -> str:
    """The report as a printable A4 page (HTML)."""
    return _PAGE.render(r=report, station=station, zh=language == "zh")


def _seconds(spans: Sequence[Span], causes: set[str]) -> float:
    return sum((s.end_us - s.start_us) / 1e6 for s in spans if s.cause in causes)


async def _online_now(session: AsyncSession, cameras: Sequence[str]) -> int:
    query = select(func.count(StreamStatus.stream)).where(
        StreamStatus.stream.in_([f"{c}/main" for c in cameras]), StreamStatus.state == "recording"
    )
    return await session.scalar(query) or 0


async def _faults(session: AsyncSession, cameras: Sequence[str], start: datetime, end: datetime) -> Sequence[Fault]:
    query = select(Fault).where(
        Fault.camera.in_(cameras),
        Fault.opened_at.is_not(None),
        Fault.opened_at < end,
        (Fault.closed_at >= start) | Fault.closed_at.is_(None),
    )
    return (await session.scalars(query.order_by(Fault.id))).all()


def _mean_repair(faults: Sequence[Fault]) -> float | None:
    hours = [
        (f.closed_at - f.opened_at).total_seconds() / 3600
        for f in faults
        if f.closed_at and f.opened_at and f.state == "closed"
    ]
    return round(sum(hours) / len(hours), 1) if hours else None
