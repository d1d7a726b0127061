"""Checks of the accounts: whether those with much power need more than a password, and whether duties are separate."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from core.accounts.permissions import Role
from core.accounts.second_factor import rows
from core.accounts.second_factor.policy import must_have
from core.accounts.separation import separation
from core.accounts.tables import User
from core.settings import SecondFactorPolicy
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, needs_database, ok, warning


async def second_factor(station: CheckedStation) -> Sequence[CheckResult]:
    """Warn where the second factor is off; else count the accounts that need one. Those without enrol at sign-in."""
    rule = station.settings.accounts.second_factor
    if rule is SecondFactorPolicy.OFF:
        return [warning(V.SECOND_FACTOR_OFF(), R.REQUIRE_SECOND_FACTOR())]
    if station.database is None:
        return [needs_database()]
    async with station.database.reading() as session:
        users = (await session.execute(select(User.id, User.role).where(User.disabled.is_(False)))).all()
        enrolled = await rows.enrolled(session)
    needing = [user for user, role in users if must_have(rule, Role(role))]
    return [ok(V.SECOND_FACTOR_ON(enrolled=len(enrolled.intersection(needing)), accounts=len(needing)))]


async def separate_duties(station: CheckedStation) -> Sequence[CheckResult]:
    """Warn where one account runs the system and manages the accounts, or nobody manages them or audits."""
    if station.database is None:
        return [needs_database()]
    async with station.database.reading() as session:
        duties = await separation(session)
    if duties.double:
        return [warning(V.DUTIES_DOUBLE(accounts=", ".join(duties.double)), R.ADD_SECURITY_ADMINISTRATOR())]
    if not duties.security:
        return [warning(V.NO_SECURITY_ADMINISTRATOR(), R.ADD_SECURITY_ADMINISTRATOR())]
    if not duties.audit:
        return [warning(V.NO_AUDITOR(), R.ADD_AUDITOR())]
    return [ok(V.DUTIES_SEPARATE())]
