"""Officers on duty whom no alert would reach while their phone's page is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cases.units import duty
from core.accounts import enabled
from core.accounts.permissions import Role
from core.accounts.scope import Villages, overlaps
from core.notify import reach
from core.notify.reach import ReachProblem
from core.notify.vocabulary import ChannelKind


@dataclass(frozen=True, slots=True)
class UnreachableOfficer:
    """An officer on duty whom nothing reaches. `name`: of the person."""

    account: str
    name: str
    problem: ReachProblem


async def unreachable_on_duty(
    session: AsyncSession, now: datetime, scope: Villages, channels: Sequence[ChannelKind]
) -> list[UnreachableOfficer]:
    """Return them by account. `channels`: those of alerts that the station has."""
    on_duty = await duty.on_duty(session)
    officers = {u.name: u for u in await enabled.with_role(session, Role.PATROL_OFFICER) if u.name in on_duty}
    mine = sorted(name for name, u in officers.items() if overlaps(scope, u.villages))
    found = await reach.unreachable(session, now, mine, channels)
    return [UnreachableOfficer(name, officers[name].display_name or name, problem) for name, problem in found.items()]
