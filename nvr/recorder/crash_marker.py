"""What a recorder is at, in a small file that outlives it.

A camera's bytes must not be able to end the recorder. Should they do it all the same (a fault in a library, a
loop without end), the next recorder reads here whose bytes they were. The file is mapped into memory: saying
what one is at costs a copy of a few bytes, and the kernel keeps them when the process is gone.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
import types
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
SIZE = 128
_NAME_AT = 8
_NAME_SIZE = SIZE - _NAME_AT
_TIME = struct.Struct("<d")
MANY_STREAMS = "*"  # the bytes of many cameras at once
_NOBODY = bytes(_NAME_SIZE)


def path_of(data: Path, index: int) -> Path:
    """Of recorder `index` of the station whose data lie there."""
    return data.absolute() / f"recorder-{index}.box"


def tag(stream: str) -> bytes:
    """A stream's name as `CrashMarker.at` wants it."""
    return stream.encode()[:_NAME_SIZE].ljust(_NAME_SIZE, b"\0")


class CrashMarker:
    """Opened by the recorder; `left` is whose bytes its predecessor died over: a stream, MANY_STREAMS, or empty."""

    def __init__(self, path: Path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size != SIZE:
                os.ftruncate(descriptor, 0)
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self.left = self._map[_NAME_AT:].rstrip(b"\0").decode("utf-8", "replace")
        self.idle()

    def at(self, name: bytes) -> None:
        """From now on the bytes of this stream (its `tag`) are read."""
        self._map[_NAME_AT:] = name

    @types.coroutine
    def during(self, name: bytes, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Await `work`; whenever it runs, the bytes of this stream are read."""
        step, given = work.send, None
        while True:
            self.at(name)
            try:
                awaited = step(given)
            except StopIteration as e:
                result: T = e.value
                return result
            finally:
                self._map[_NAME_AT:] = _NOBODY
            try:
                step, given = work.send, (yield awaited)
            except BaseException as e:  # noqa: BLE001  # a cancellation, or what it waited for failed: `work` hears of it
                step, given = work.throw, e

    def idle(self) -> None:
        """A tick is over, and the recorder lives."""
        self._map[_NAME_AT:] = _NOBODY
        self._map[:_NAME_AT] = _TIME.pack(time.monotonic())


def silent_seconds(path: Path) -> float | None:
    """Seconds since the recorder last ended a tick; None where it never began one."""
    try:
        beat: float = _TIME.unpack(path.read_bytes()[:_NAME_AT])[0]
    except (OSError, struct.error):
        return None
    return time.monotonic() - beat if beat else None
