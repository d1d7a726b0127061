"""Arenas: memory that what many cameras sent is read into, as Python, NumPy and the kernel see it."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nvr.media.iovec import address_of

HEAD = 20  # bytes of an interleaved frame that are looked at


class Arena:
    """Bytes as Python and as NumPy see them, and how many batches of writing still need them."""

    def __init__(self, buffer: Any):
        self.users = 0
        self.buffer = buffer
        self.view = memoryview(buffer)
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(buffer, np.uint8)
        self.base = address_of(buffer)
        # heads[p] are the HEAD bytes from p on; the last positions have none.
        size = len(self.bytes) - HEAD + 1
        self.heads = np.lib.stride_tricks.as_strided(self.bytes, (size, HEAD), (1, 1), writeable=False)
        self.words: npt.NDArray[np.uint32] = np.ndarray((size,), ">u4", buffer, strides=(1,))


class ArenaPool:
    """Arenas in anonymous memory, of which untouched pages cost nothing.

    `take` for reading, `hold` once for each batch of writing that refers to it, `release` when that is done
    (any thread).
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
