"""One turn of account care a camera at a time, whichever process takes it (controller, recorder, command line).

A claim is a kernel lock in a file of the data folder (core.network.shared_slots): it ends with its holder, however that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import ConflictError
from core.network.shared_slots import SharedLocks

FILE_NAME = "accounts.lock"  # in the data folder


class AccountClaimed(ConflictError):
    """Somebody gives this camera an account at the moment: that turn decides, and nothing is wrong."""


@asynccontextmanager
async def claim(folder: Path, camera: str) -> AsyncIterator[None]:
    """Hold a camera's accounts for the block. Raises AccountClaimed; ConflictError where the folder takes no locks."""
    byte = SharedLocks.slots_of(camera, 1).start
    try:
        locks = await asyncio.to_thread(
            SharedLocks, folder / FILE_NAME
        )  # anew: who comes later must find the same file
        taken = locks.lock(byte)
    except OSError as e:
        raise ConflictError(f"{folder / FILE_NAME} cannot be locked ({e.strerror}); mend the data folder") from e
    if not taken:
        raise AccountClaimed(f"{camera} is being given an account at the moment; try again in a minute")
    try:
        yield
    finally:
        locks.unlock(byte)
