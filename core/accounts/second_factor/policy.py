"""Which accounts must have a second factor (R-AUTH-1)."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.accounts.permissions import Role
from core.accounts.sessions import Identity
from core.error_codes import ErrorCode
from core.errors import ForbiddenError
from core.settings import SecondFactorPolicy

ROLES = frozenset({Role.APPROVER, Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR})
CONFIRMED_FOR = timedelta(minutes=5)  # so long a code counts for what needs a fresh one


def must_have(policy: SecondFactorPolicy, role: Role) -> bool:
    """Return whether accounts of a role need a second factor."""
    return policy is SecondFactorPolicy.REQUIRED and role in ROLES


def must_enrol(policy: SecondFactorPolicy, identity: Identity) -> bool:
    """Return whether this session may do nothing but enrol a second factor."""
    return not identity.has_second_factor and must_have(policy, identity.role)


def require_fresh_code(policy: SecondFactorPolicy, identity: Identity, now: datetime) -> None:
    """Raise ForbiddenError unless a code was given in this session within `CONFIRMED_FOR`.

    Accounts without a second factor must enrol first, unless the station demands none.
    """
    if not identity.has_second_factor:
        if policy is SecondFactorPolicy.OFF:
            return
        raise ForbiddenError("set up a second factor for your account first", ErrorCode.SECOND_FACTOR_MISSING)
    if identity.code_at is None or not timedelta() <= now - identity.code_at <= CONFIRMED_FOR:
        raise ForbiddenError("give a one-time code first", ErrorCode.SECOND_FACTOR_CODE)
