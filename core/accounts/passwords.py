"""Passwords of accounts: argon2id hashes.

Only processes that sign people in import this module: recorders and analysts only read account rows.
"""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# Measured: about 110 ms on a station PC; the library's default takes six times as long (docs/security.md).
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_DUMMY_HASH = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Return whether the password matches the stored hash.

    None (no such account) never matches and takes the same time.
    """
    try:
        return _hasher.verify(stored or _DUMMY_HASH, password) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False
