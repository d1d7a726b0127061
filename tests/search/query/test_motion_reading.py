"""The keyframes read by a motion search: at most one per second, and no refresh period twice.

The reader thins them before reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from nvr.archive.reader import ArchiveReader, Keyframe
from search.query import motion_search
from search.query.motion_search import STEP_US, STRETCH_KEYFRAMES, Mask, MotionProgress, mask_of

S = 1_000_000


class FakeReader:
    """Keyframes of a stream with a gradual refresh of three seconds."""

    def __init__(self) -> None:
        self.read: list[Keyframe] = []

    async def keyframes(
        self, stream: str, start_us: int, end_us: int, limit: int, *, step_us: int = 0
    ) -> list[Keyframe]:
        assert limit <= STRETCH_KEYFRAMES and step_us == STEP_US
        found = [Keyframe(stream, t, "h264", b"", b"", refresh_us=3 * S) for t in range(start_us, end_us, 4 * S)][:5]
        if start_us >= 0 and end_us == 60 * S:
            self.read += found
        return found


async def test_keyframes_inside_a_refresh_period_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stretch(
        _pool: Any, _before: Sequence[Keyframe], frames: Sequence[Keyframe], _mask: Mask
    ) -> MotionProgress:
        return MotionProgress(frames[-1].at_us, len(frames), [])

    monkeypatch.setattr(motion_search, "_search_stretch", stretch)
    reader = FakeReader()
    found = [
        p
        async for p in motion_search.search(
            cast(ArchiveReader, reader), cast(Any, None), "c/main", 0, 60 * S, mask_of([])
        )
    ]
    assert sum(p.keyframes for p in found) == len(reader.read) > 10
    assert all(b.at_us > a.complete_us for a, b in zip(reader.read, reader.read[1:], strict=False))
