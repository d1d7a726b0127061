"""Rules for new and changed accounts: log-in name, password, role with its scope and company."""

from __future__ import annotations

import re

from core.accounts.permissions import Role, scope_problem
from core.error_codes import ErrorCode
from core.errors import UsageError

MIN_PASSWORD_LENGTH = 10
RESERVED_NAMES = frozenset({"system", "schedule", "anonymous", "auto"})  # actor names that belong to no person


def check_vendor(role: Role, vendor: str) -> None:
    if (role is Role.CONTRACTOR) != bool(vendor):
        raise UsageError(
            "a contractor's account, and only that, needs the company whose orders it sees (--vendor)",
            ErrorCode.ACCOUNT_COMPANY_MISMATCH,
        )


def check_name(name: str) -> None:
    """Raise UsageError if this cannot be a log-in name."""
    if name.lower() in RESERVED_NAMES:
        raise UsageError(
            f"'{name}' is reserved for the station's own records; choose another log-in name",
            ErrorCode.ACCOUNT_NAME_RESERVED,
            account=name,
        )
    if not re.fullmatch(r"[\w.@-]{2,60}", name):
        raise UsageError(
            f"'{name}' cannot be a log-in name; use 2 to 60 letters, digits, '.', '-', '_' or '@'",
            ErrorCode.ACCOUNT_NAME_INVALID,
            account=name[:60],
        )


def check_password(password: str) -> None:
    """Raise UsageError if the password is too short."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise UsageError(
            f"a password needs at least {MIN_PASSWORD_LENGTH} characters",
            ErrorCode.PASSWORD_TOO_SHORT,
            minimum=MIN_PASSWORD_LENGTH,
        )


def check_scope(role: Role, villages: list[str] | None) -> None:
    """Raise UsageError if the role cannot have this scope."""
    if problem := scope_problem(role, villages):
        raise UsageError(problem, ErrorCode.ACCOUNT_SCOPE_INVALID)
