"""Hashes and verifies passwords in threads, and limits how many verifications may wait."""

from __future__ import annotations

from types import ModuleType

from core.accounts.account_rules import check_password
from core.error_codes import ErrorCode
from core.errors import TooManyError
from core.executors import Executor

MAX_HASHES_WAITING = 60


class PasswordHashing:
    """Runs argon2; one instance per process."""

    def __init__(self) -> None:
        self._executor = Executor("hashing", 2)  # one argon2 hash takes 19 MB and 0.1 s
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the hash to store. Raises UsageError if the password is too short."""
        check_password(password)
        return await self._executor.run(_passwords().hash_password, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches; None (no such account) takes the same time.

        Raises TooManyError if MAX_HASHES_WAITING checks are waiting already.
        """
        if self._waiting >= MAX_HASHES_WAITING:
            raise TooManyError("too many sign-ins at the moment; try again in a few seconds", ErrorCode.SIGN_IN_BUSY)
        self._waiting += 1
        try:
            return await self._executor.run(_passwords().verify_password, stored, password)
        finally:
            self._waiting -= 1


def _passwords() -> ModuleType:
    from core.accounts import passwords  # imports argon2: only processes that sign people in need it

    return passwords
