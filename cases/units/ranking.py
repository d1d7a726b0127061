"""Which unit an alert is offered to: free units on duty first, the nearest first; unknown positions come last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import Alert, AlertState
from cases.units import duty, units
from cases.units.tables import Unit
from core.accounts import enabled
from core.accounts.permissions import Role
from core.accounts.scope import Villages, covers, overlaps
from search.query.co_occurrence import great_circle_m

TAKEN = (AlertState.ACKED, AlertState.UNDER_WAY)  # an officer with such an alert is busy


@dataclass(frozen=True, slots=True)
class UnitOnMap:
    """A unit as it is offered for an alert.

    `on_duty`: its officers on duty. `metres`: of the nearest of them from the alert's camera, straight line, None:
    unknown. `at`: when he was there. `alerts`: open alerts that its officers have taken. `in_area`: the alert's village
    belongs to its area.
    """

    unit: Unit
    on_duty: tuple[str, ...]
    metres: float | None
    at: datetime | None
    alerts: tuple[int, ...]
    in_area: bool

    @property
    def is_free(self) -> bool:
        return bool(self.on_duty) and not self.alerts

    @property
    def order(self) -> tuple[bool, bool, bool, bool, float, str]:
        far = self.metres if self.metres is not None else float("inf")
        return not self.on_duty, bool(self.alerts), not self.in_area, self.metres is None, far, self.unit.name


async def for_place(
    session: AsyncSession, now: datetime, village: str, position: Sequence[float] | None, scope: Villages
) -> list[UnitOnMap]:
    """Return the units that work in one of the scope's villages, in the order in which they are offered.

    `position`: of the alert's camera (longitude, latitude); None: unknown, and so are all distances.
    """
    rows = [
        u for u in await session.scalars(select(Unit).where(Unit.disabled.is_(False))) if overlaps(scope, u.villages)
    ]
    by_unit = await units.members(session, [u.id for u in rows])
    active = {u.name for u in await enabled.with_role(session, Role.PATROL_OFFICER)} & await duty.on_duty(session)
    taken = await _taken(session)
    places = await duty.positions(session, active, now)
    found = []
    for unit in rows:
        there = tuple(name for name in by_unit[unit.id] if name in active)
        far = [(great_circle_m(position, (p.longitude, p.latitude)), p.at)
               for name in there if position and (p := places.get(name))]  # fmt: skip
        metres, at = min(far, default=(None, None))
        open_alerts = tuple(sorted(a for name in by_unit[unit.id] for a in taken.get(name, ())))
        found.append(UnitOnMap(unit, there, metres, at, open_alerts, covers(unit.villages, [village])))
    return sorted(found, key=lambda u: u.order)


async def _taken(session: AsyncSession) -> dict[str, list[int]]:
    """Return the open alerts that officers have taken, by account."""
    found: dict[str, list[int]] = {}
    query = select(Alert.acked_by, Alert.id).where(Alert.state.in_(TAKEN), Alert.acked_by.is_not(None))
    for account, number in await session.execute(query):
        found.setdefault(account or "", []).append(number)
    return found
