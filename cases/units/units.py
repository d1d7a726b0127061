"""Administration of patrol units: name, call sign, area, members."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Village
from cases.units.tables import Unit, UnitMember
from core.accounts import enabled
from core.accounts.permissions import Role
from core.accounts.scope import Villages, covers, overlaps
from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What a unit is to be. `villages`: None for the whole town."""

    name: str
    call_sign: str
    villages: Villages
    members: Sequence[str]
    disabled: bool = False


async def get(session: AsyncSession, number: int, scope: Villages) -> Unit:
    """Return a unit that works in one of an account's villages. Raises NotFoundError, also for others."""
    row = await session.get(Unit, number)
    if row is None or not overlaps(scope, row.villages):
        raise NotFoundError("there is no such unit", ErrorCode.UNIT_NOT_FOUND)
    return row


async def managed(session: AsyncSession, scope: Villages) -> list[Unit]:
    """Return the units whose whole area lies in an account's villages, by name."""
    return [u for u in await session.scalars(select(Unit).order_by(Unit.name)) if covers(scope, u.villages)]


async def members(session: AsyncSession, numbers: Collection[int]) -> dict[int, list[str]]:
    """Return the accounts of units, by unit."""
    found: dict[int, list[str]] = {n: [] for n in numbers}
    query = select(UnitMember).where(UnitMember.unit.in_(numbers)).order_by(UnitMember.account)
    for row in await session.scalars(query):
        found[row.unit].append(row.account)
    return found


async def names(session: AsyncSession, numbers: Collection[int]) -> dict[int, str]:
    """Return the names of units by number."""
    return {u.id: u.name for u in await session.scalars(select(Unit).where(Unit.id.in_(numbers)))}


async def of_officer(session: AsyncSession, account: str) -> Unit | None:
    """Return the unit of an officer; None: he belongs to none."""
    query = select(Unit).join(UnitMember, UnitMember.unit == Unit.id).where(UnitMember.account == account)
    unit: Unit | None = await session.scalar(query)
    return unit


async def create(session: AsyncSession, now: datetime, actor: str, facts: UnitFacts, scope: Villages) -> Unit:
    """Create a unit. Raises NotFoundError for villages and officers outside the scope, ConflictError."""
    row = Unit(name=facts.name, call_sign="", villages=None, disabled=False, changed_by=actor, changed_at=now)
    await _set(session, now, actor, row, facts, scope)
    await _record(session, now, actor, AuditAction.UNIT_CREATE, row, facts, "")
    return row


async def change(
    session: AsyncSession, now: datetime, actor: str, number: int, facts: UnitFacts, reason: str, scope: Villages
) -> Unit:
    """Change a unit. Raises NotFoundError for what is outside the scope, ConflictError."""
    row = await session.get(Unit, number)
    if row is None or not covers(scope, row.villages):
        raise NotFoundError("there is no such unit", ErrorCode.UNIT_NOT_FOUND)
    await _set(session, now, actor, row, facts, scope)
    await _record(session, now, actor, AuditAction.UNIT_CHANGE, row, facts, reason)
    return row


async def _set(session: AsyncSession, now: datetime, actor: str, row: Unit, facts: UnitFacts, scope: Villages) -> None:
    await _check_villages(session, facts.villages, scope)
    await _check_members(session, facts.members, scope)
    row.name, row.call_sign, row.disabled = facts.name, facts.call_sign, facts.disabled
    row.villages = None if facts.villages is None else sorted(facts.villages)
    row.changed_by, row.changed_at = actor, now
    session.add(row)
    try:
        await session.flush()
        await session.execute(delete(UnitMember).where(UnitMember.unit == row.id))
        session.add_all([UnitMember(account=name, unit=row.id) for name in sorted(set(facts.members))])
        await session.flush()
    except IntegrityError as e:
        sentence = "another unit has this name or one of these officers; an officer belongs to one unit"
        raise ConflictError(sentence, ErrorCode.UNIT_CONFLICT) from e


async def _check_villages(session: AsyncSession, wanted: Villages, scope: Villages) -> None:
    if wanted is None and scope is not None:
        raise NotFoundError("the whole town is outside your villages", ErrorCode.VILLAGE_NOT_FOUND, village="")
    known = set(await session.scalars(select(Village.code)))
    for village in wanted or ():
        if village not in known or not covers(scope, [village]):
            raise NotFoundError("there is no such village", ErrorCode.VILLAGE_NOT_FOUND, village=village)


async def possible_members(session: AsyncSession, scope: Villages) -> list[User]:
    """Return the enabled patrol officers whose whole scope lies in an account's villages, by name."""
    return [u for u in await enabled.with_role(session, Role.PATROL_OFFICER) if covers(scope, u.villages)]


async def _check_members(session: AsyncSession, names: Sequence[str], scope: Villages) -> None:
    officers = {u.name for u in await possible_members(session, scope)}
    for name in names:
        if name not in officers:
            raise NotFoundError(f"there is no patrol officer '{name}'", ErrorCode.ACCOUNT_NOT_FOUND, account=name)


async def _record(
    session: AsyncSession, now: datetime, actor: str, action: AuditAction, row: Unit, facts: UnitFacts, reason: str
) -> None:
    await audit_trail.record(
        session, now, actor, action, str(row.id), reason=reason, name=facts.name, call_sign=facts.call_sign,
        villages=row.villages, members=sorted(set(facts.members)), disabled=facts.disabled,
    )  # fmt: skip
