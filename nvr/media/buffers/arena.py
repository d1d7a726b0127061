"""Arenas: shared read buffers for the data of many cameras, visible to Python, NumPy and the kernel."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvr.media.buffers.iovec import address_of

HEADER_BYTES = 20  # bytes of an interleaved frame that the batch depacketizer inspects


class Arena:
    """A buffer, its Python and NumPy views, and the number of pending write batches that refer to it."""

    def __init__(self, buffer: mmap.mmap):
        self.users = 0
        self.buffer = buffer
        self.view = memoryview(buffer)
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(buffer, np.uint8)
        self.base = address_of(buffer)
        # headers[p] is a view of the HEADER_BYTES bytes that begin at p; the last positions have no row.
        size = len(self.bytes) - HEADER_BYTES + 1
        self.headers = np.lib.stride_tricks.as_strided(self.bytes, (size, HEADER_BYTES), (1, 1), writeable=False)
        self.words: npt.NDArray[np.uint32] = np.ndarray((size,), ">u4", buffer, strides=(1,))


class ArenaPool:
    """Arenas in anonymous memory; pages that were never written use no physical memory.

    Call `take` to get a buffer to read into, `hold` once for each write batch that refers to it, and `release` when
    that batch is written. Thread-safe.
    """

    def __init__(self, size: int):
        self._size = size
        self._free: list[Arena] = []
        self._lock = threading.Lock()

    def take(self) -> Arena:
        with self._lock:
            if self._free:
                return self._free.pop()
        return Arena(mmap.mmap(-1, self._size))

    def hold(self, arenas: Sequence[Arena]) -> None:
        with self._lock:
            for arena in arenas:
                arena.users += 1

    def release(self, arenas: Sequence[Arena]) -> None:
        with self._lock:
            for arena in arenas:
                arena.users -= 1
                if arena.users == 0:
                    self._free.append(arena)
