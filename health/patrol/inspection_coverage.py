"""How many cameras the patrol did not inspect, and since when: "no open faults" says nothing about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.scope import Villages, village_in_scope
from health.tables import Inspection

NOT_INSPECTED_AFTER = timedelta(hours=24)  # the patrol inspects each camera several times a day


@dataclass(frozen=True, slots=True)
class InspectionCoverage:
    """Cameras in use, and those of them that were not inspected within a day."""

    cameras: int
    not_inspected: int
    never: int  # of these, cameras that were never inspected
    since: datetime | None  # oldest last inspection of the others; None: there is none
    last: datetime | None  # newest inspection of all; None: never

    @property
    def is_complete(self) -> bool:
        """Return whether "no open faults" may be said: there are cameras, and each was inspected."""
        return self.cameras > 0 and not self.not_inspected


async def by_village(session: AsyncSession, scope: Villages, now: datetime) -> dict[str, InspectionCoverage]:
    """Return the coverage by village within a scope; villages without cameras are omitted.

    One index seek for each camera, however many inspections there are.
    """
    last = select(func.max(Inspection.at)).where(Inspection.camera == Camera.id).correlate(Camera).scalar_subquery()
    query = select(Camera.village, last).where(Camera.retired.is_(False), village_in_scope(Camera.village, scope))
    found: dict[str, list[datetime | None]] = {}
    for village, at in await session.execute(query):
        found.setdefault(village, []).append(at)
    return {village: _coverage(times, now) for village, times in found.items()}


def total(parts: Iterable[InspectionCoverage]) -> InspectionCoverage:
    """Return the coverage of all parts together."""
    all_parts = list(parts)
    return InspectionCoverage(
        cameras=sum(p.cameras for p in all_parts),
        not_inspected=sum(p.not_inspected for p in all_parts),
        never=sum(p.never for p in all_parts),
        since=min((p.since for p in all_parts if p.since is not None), default=None),
        last=max((p.last for p in all_parts if p.last is not None), default=None),
    )


def _coverage(times: list[datetime | None], now: datetime) -> InspectionCoverage:
    known = [at for at in times if at is not None]
    old = [at for at in known if now - at > NOT_INSPECTED_AFTER]
    never = len(times) - len(known)
    return InspectionCoverage(
        len(times), len(old) + never, never, min(old, default=None), max(known, default=None)
    )  # fmt: skip
