"""Locks that let one process at a time (controller, recorder, command line) change a camera's accounts.

A claim is a kernel lock in a file of the data folder (core.network.shared_locks): it ends when its process ends, in
whatever way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.error_codes import ErrorCode
from core.errors import ConflictError
from core.network.shared_locks import SharedLocks

FILE_NAME = "accounts.lock"  # in the data folder


class AccountClaimed(ConflictError):
    """Another process is changing this camera's account; this is not an error."""

    code = ErrorCode.OWN_CAMERA_ACCOUNT_BUSY


@asynccontextmanager
async def claim(folder: Path, camera: str) -> AsyncIterator[None]:
    """Hold a camera's claim for the block. Raises AccountClaimed; ConflictError if the folder has no file locks."""
    byte = SharedLocks.slots_of(camera, 1).start
    try:
        # Open the file each time, so that later processes lock the same file.
        locks = await asyncio.to_thread(SharedLocks, folder / FILE_NAME)
        taken = locks.lock(byte)
    except OSError as e:
        raise ConflictError(
            f"{folder / FILE_NAME} cannot be locked ({e.strerror}); check the data folder",
            ErrorCode.OWN_CAMERA_ACCOUNT_BUSY,
        ) from e
    if not taken:
        raise AccountClaimed(f"another process is changing the account of {camera}; try again in a minute")
    try:
        yield
    finally:
        locks.unlock(byte)
