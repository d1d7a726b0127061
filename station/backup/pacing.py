"""Writing gigabytes beside recorders: the disk is theirs first.

What is only handed to the kernel piles up, and its flush holds up everybody else's writes for many seconds. So a backup
flushes every few megabytes and then rests as long as that took: of a disk's time it takes half at most, however slow it is.
"""

from __future__ import annotations

import os
import time
from typing import IO

STEP_BYTES = 16_000_000
LONGEST_REST_S = 5.0


class WritePacer:
    """`calm` False: as fast as it goes, for a restore, beside which nobody records."""

    def __init__(self, calm: bool = True):
        self.calm, self._written = calm, 0

    def wrote(self, descriptor: int, count: int) -> None:
        """Told after each write."""
        self._written += count
        if self.calm and self._written >= STEP_BYTES:
            self._written = 0
            began = time.monotonic()
            os.fdatasync(descriptor)
            time.sleep(min(time.monotonic() - began, LONGEST_REST_S))


class PacedFile:
    """The part of a file that tarfile writes to."""

    def __init__(self, file: IO[bytes], pace: WritePacer):
        self._file, self._pace = file, pace

    def write(self, data: bytes) -> int:
        count = self._file.write(data)
        self._pace.wrote(self._file.fileno(), count)
        return count

    def tell(self) -> int:
        return self._file.tell()
