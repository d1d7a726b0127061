"""What tests of sign-in share: a vault with a fixed key, and the session of an account without a second factor."""

from __future__ import annotations

from core.accounts.sign_in import CodeNeeded, OpenedSession
from core.secrets import Vault


async def fixed_vault() -> Vault:
    return Vault(bytes(range(32)))


def opened(result: OpenedSession | CodeNeeded) -> OpenedSession:
    """Return the session that a sign-in opened; fails if it waits for a code."""
    assert isinstance(result, OpenedSession), result
    return result
