"""Stand-ins for the indexer's archive reader and worker pool."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterable
from typing import Any

from core.errors import ProtocolError
from nvr.archive.reader import Keyframe


class Killed(BaseException):
    """The process ended here."""


class InlinePool:
    """Runs a worker's function in a thread of this process.

    `bad`: times of keyframes that crash the worker; after `die_after` calls the process is `Killed`.
    """

    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.die_after = 10**9
        self.calls = 0

    async def run(self, function: Any, *args: Any) -> Any:
        self.calls += 1
        if self.calls > self.die_after:
            raise Killed
        if any(f.at_us in self.bad for f in _keyframes(args)):
            raise ProtocolError("the picture crashed its decoder")
        # Copies through pickle, as a pipe does: changes by the worker are visible in its answer only.
        return await asyncio.to_thread(lambda: pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(args))))))


def _keyframes(args: Iterable[Any]) -> list[Keyframe]:
    return [f for arg in args for f in (arg if isinstance(arg, list) else [arg]) if isinstance(f, Keyframe)]


class FakeReader:
    """Reads keyframes from a list instead of the archive."""

    def __init__(self, frames: list[Keyframe]):
        self.frames = frames

    async def keyframes(self, stream: str, start_us: int, end_us: int, limit: int) -> list[Keyframe]:
        found = [f for f in self.frames if f.stream == stream and start_us <= f.at_us < end_us]
        return sorted(found, key=lambda f: f.at_us)[:limit]

    async def keyframe_at(self, stream: str, at_us: int) -> Keyframe | None:
        found = [f for f in self.frames if f.stream == stream and f.at_us <= at_us]
        return max(found, key=lambda f: f.at_us, default=None)
