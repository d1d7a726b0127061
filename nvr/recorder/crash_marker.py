"""Crash marker: a small file that records which stream's data the recorder is processing, and survives its crash.

A camera's data must not be able to end the recorder. If it does (a fault in a library, an endless loop), the next
recorder reads from this file whose data it was. The file is mapped into memory: an update costs a copy of a few bytes,
and the kernel keeps them when the process is gone.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

from core.tasks import Work

T = TypeVar("T")
SIZE = 128
_NAME_AT = 8
_NAME_SIZE = SIZE - _NAME_AT
_TIME = struct.Struct("<d")
MANY_STREAMS = "*"  # data of many cameras in one batch
_NOBODY = bytes(_NAME_SIZE)


def path_of(data: Path, index: int) -> Path:
    """Return the marker path of recorder `index`; `data` is the station's data folder."""
    return data.absolute() / f"recorder-{index}.box"


def tag(stream: str) -> bytes:
    """Return a stream's name in the form that `CrashMarker.set_stream` expects."""
    return stream.encode()[:_NAME_SIZE].ljust(_NAME_SIZE, b"\0")


class CrashMarker:
    """Opened by the recorder. `crashed_stream`: the stream on which its predecessor crashed, MANY_STREAMS, or empty."""

    def __init__(self, path: Path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size != SIZE:
                os.ftruncate(descriptor, 0)
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self.crashed_stream = self._map[_NAME_AT:].rstrip(b"\0").decode("utf-8", "replace")
        self.idle()

    def set_stream(self, name: bytes) -> None:
        """Record that the data of this stream (its `tag`) is processed from now on."""
        self._map[_NAME_AT:] = name

    @types.coroutine
    def mark_during(self, name: bytes, work: Work[T]) -> Generator[Any, Any, T]:
        """Await `work`; mark this stream whenever `work` runs."""
        step, given = work.send, None
        while True:
            self.set_stream(name)
            try:
                awaited = step(given)
            except StopIteration as e:
                result: T = e.value
                return result
            finally:
                self._map[_NAME_AT:] = _NOBODY
            try:
                step, given = work.send, (yield awaited)
            except BaseException as e:  # noqa: BLE001  # a cancellation or a failed future: pass it to `work`
                step, given = work.throw, e

    def idle(self) -> None:
        """Record the end of a tick: no stream is being processed, and the recorder is alive."""
        self._map[_NAME_AT:] = _NOBODY
        self._map[:_NAME_AT] = _TIME.pack(time.monotonic())


def silent_seconds(path: Path) -> float | None:
    """Return the seconds since the recorder last ended a tick; None where it never began one."""
    try:
        beat: float = _TIME.unpack(path.read_bytes()[:_NAME_AT])[0]
    except (OSError, struct.error):
        return None
    return time.monotonic() - beat if beat else None
