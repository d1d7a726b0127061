"""Who is called for a dispatched alert, and when: the units one after the other, the leaders, then everybody.

Named unit, or the nearest free one on duty, at once; after three minutes the next one and the leaders of the village.
Without a free unit all officers of the village on duty are called, and without any all its officers, as if nobody said
who is on duty. The whole order is written with the dispatch, so that it survives whatever happens to the station. When
an officer cannot come, the order is made anew without him and his unit. A call forbids nothing: every officer who sees
an alert may take it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.tables import Alert, AlertCall, AlertState, CallKind
from cases.units import duty, ranking
from cases.units.ranking import UnitOnMap
from core.accounts import enabled
from core.accounts.permissions import Role
from core.error_codes import ErrorCode
from core.errors import ConflictError

NEXT_UNIT_AFTER = timedelta(seconds=180)
MAX_UNITS = 3  # called one after the other; then everybody


@dataclass(frozen=True, slots=True)
class Call:
    """`after`: the time from the dispatch. `unit`: None for officers without regard to their units."""

    kind: CallKind
    accounts: tuple[str, ...]
    after: timedelta
    unit: int | None = None


async def plan(
    session: AsyncSession, now: datetime, alert: Alert, chosen: int | None = None, without: Collection[str] = ()
) -> list[Call]:
    """Return who is called, in this order. `chosen`: the unit to begin with; `without`: officers who cannot come.

    Raises ConflictError if nobody of the chosen unit is on duty.
    """
    offered = await offers(session, now, alert, None)
    excluded = {u.unit.id for u in offered if set(without) & set(u.on_duty)}
    everybody = await officers_of(session, alert.village, without)
    # Who may not see the village's alerts is not called, whatever his unit.
    offered = [replace(u, on_duty=tuple(a for a in u.on_duty if a in everybody)) for u in offered]
    free = [u for u in offered if u.is_free and u.in_area and u.unit.id not in excluded]
    if chosen is not None:
        named = [u for u in offered if u.unit.id == chosen and u.on_duty]
        if not named:
            raise ConflictError("nobody of this unit is on duty; choose another one", ErrorCode.UNIT_NOT_ON_DUTY)
        free = [*named, *(u for u in free if u.unit.id != chosen)]
    free = free[:MAX_UNITS]
    others = await duty.on_duty(session) - {name for u in free for name in u.on_duty}
    present = [name for name in everybody if name in others]
    leaders = await enabled.of_village(session, Role.APPROVER, alert.village)
    return list(_distinct(_order(free, present, everybody, leaders)))


def _order(
    free: Sequence[UnitOnMap], present: Sequence[str], everybody: Sequence[str], leaders: Sequence[str]
) -> Iterator[Call]:
    for turn, u in enumerate(free):
        yield Call(CallKind.UNIT, u.on_duty, turn * NEXT_UNIT_AFTER, u.unit.id)
    last = len(free) * NEXT_UNIT_AFTER
    if present:
        yield Call(CallKind.ON_DUTY, tuple(present), last)
    # Without anybody on duty everybody is called in place of those.
    yield Call(CallKind.EVERYBODY, tuple(everybody), last + NEXT_UNIT_AFTER if present else last)
    yield Call(CallKind.LEADERS, tuple(leaders), NEXT_UNIT_AFTER)


def _distinct(calls: Iterator[Call]) -> Iterator[Call]:
    """Yield calls in which nobody is called twice, without empty ones."""
    called = set[str]()
    for call in calls:
        accounts = tuple(a for a in call.accounts if a not in called)
        called |= set(accounts)
        if accounts:
            yield Call(call.kind, accounts, call.after, call.unit)


async def offers(session: AsyncSession, now: datetime, alert: Alert, scope: Sequence[str] | None) -> list[UnitOnMap]:
    """Return the units for an alert in the order in which they are offered, of an account's villages."""
    camera = await session.get(Camera, alert.camera)
    position = camera.profile.get("position") if camera is not None else None
    return await ranking.for_place(session, now, alert.village, position, scope)


async def write(session: AsyncSession, now: datetime, alert: Alert, calls: Sequence[Call]) -> int:
    """Write the calls as the alert's newest round; returns its number, from 1."""
    newest = await session.scalar(select(func.max(AlertCall.round)).where(AlertCall.alert == alert.id))
    number = (newest or 0) + 1
    session.add_all(
        AlertCall(
            alert=alert.id, round=number, kind=c.kind, unit=c.unit, accounts=list(c.accounts), due_at=now + c.after
        )
        for c in calls
    )
    await session.flush()
    return number


async def of_alerts(session: AsyncSession, numbers: Collection[int]) -> dict[int, list[AlertCall]]:
    """Return the newest round of calls of alerts, in their order, by alert."""
    found: dict[int, list[AlertCall]] = {}
    query = select(AlertCall).where(AlertCall.alert.in_(numbers)).order_by(AlertCall.due_at, AlertCall.id)
    for row in await session.scalars(query):
        rows = found.setdefault(row.alert, [])
        if rows and rows[0].round != row.round:
            newer = row.round > rows[0].round
            found[row.alert] = [row] if newer else rows
        else:
            rows.append(row)
    return found


async def of_alert(session: AsyncSession, number: int) -> list[AlertCall]:
    """Return the newest round of calls of an alert, in their order."""
    return (await of_alerts(session, {number})).get(number, [])


def seconds_until_called(alert: Alert, calls: Sequence[AlertCall], account: str, now: datetime) -> float | None:
    """Return in how many seconds an officer is called; 0: he is, None: he is not, or somebody has taken the alert."""
    if alert.state is not AlertState.DISPATCHED:
        return None
    if not calls:  # dispatched by a release without calls: everybody
        return 0.0
    own = [c.due_at for c in calls if account in c.accounts]
    return max(0.0, (min(own) - now).total_seconds()) if own else None


async def officers_of(session: AsyncSession, village: str, without: Collection[str] = ()) -> list[str]:
    """Return the enabled patrol officers whose scope includes a village."""
    return [n for n in await enabled.of_village(session, Role.PATROL_OFFICER, village) if n not in without]
