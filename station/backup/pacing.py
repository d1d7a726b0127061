"""Writing gigabytes beside recorders without delaying their writes.

Dirty pages pile up in the kernel, and their flush delays everybody's writes for many seconds. So a backup flushes every
STEP_BYTES and then pauses as long as the flush took: it uses at most half of the disk's time, however slow the disk is.
"""

from __future__ import annotations

import os
import time
from typing import IO

STEP_BYTES = 16_000_000
LONGEST_REST_S = 5.0


class WritePacer:
    """Flushes and pauses after every STEP_BYTES. `paced` False: full speed, for a restore, when nothing records."""

    def __init__(self, paced: bool = True):
        self.paced, self._written = paced, 0

    def after_write(self, descriptor: int, count: int) -> None:
        """Call after each write, with the number of bytes."""
        self._written += count
        if self.paced and self._written >= STEP_BYTES:
            self._written = 0
            began = time.monotonic()
            os.fdatasync(descriptor)
            time.sleep(min(time.monotonic() - began, LONGEST_REST_S))


class PacedFile:
    """The part of the file interface that tarfile writes to."""

    def __init__(self, file: IO[bytes], pace: WritePacer):
        self._file, self._pace = file, pace

    def write(self, data: bytes) -> int:
        count = self._file.write(data)
        self._pace.after_write(self._file.fileno(), count)
        return count

    def tell(self) -> int:
        return self._file.tell()
