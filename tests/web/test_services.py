"""What the controller's services cache and drop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.errors import DetectorError, ProtocolError
from nvr.archive.reader import Keyframe
from web.work.snapshots import MAX_SNAPSHOTS, Snapshots


class Pool:
    """A decode pool that succeeds or fails as set; `asked` counts the calls."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def run(self, _function: object, frame: Keyframe, _width: int, _masks: object) -> bytes:
        self.asked += 1
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return frame.stream.encode()


def frame(number: int = 1) -> Any:
    return type("Frame", (), {"stream": f"c{number}/main", "at_us": number})()


@pytest.mark.parametrize(
    "error", [ProtocolError("broken"), DetectorError("no process"), OSError(24, "files"), KeyError("x")]
)
async def test_a_failed_decode_is_not_cached(error: Exception) -> None:
    pool = Pool()
    snapshots = Snapshots(pool)  # type: ignore[arg-type]
    pool.fails = error
    with pytest.raises(type(error)):
        await snapshots.jpeg(frame(), 640)
    pool.fails = None
    assert await snapshots.jpeg(frame(), 640) == b"c1/main" and pool.asked == 2


async def test_concurrent_requests_share_one_decode() -> None:
    pool = Pool()
    snapshots = Snapshots(pool)  # type: ignore[arg-type]
    pool.go.clear()
    first, second = (asyncio.create_task(snapshots.jpeg(frame(), 640)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    pool.go.set()
    assert await second == b"c1/main" and pool.asked == 1
    for number in range(MAX_SNAPSHOTS + 10):
        await snapshots.jpeg(frame(number), 320)
    assert len(snapshots._decodes) == MAX_SNAPSHOTS
