"""The keyframes read by a motion search: at most one per second, and no refresh period twice.

The reader thins them before reading.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from nvr.archive.reader import ArchiveReader, Keyframe
from search.analysis.moving_pixels import Mask
from search.query import motion_search
from search.query.motion_search import (
    JOIN_MS,
    STEP_US,
    STRETCH_KEYFRAMES,
    MotionProgress,
    MotionSpan,
    Stretch,
    joined,
    mask_of,
)

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
    async def stretch(_pool: Any, what: Stretch, _mask: Mask) -> MotionProgress:
        return MotionProgress(what.frames[-1].at_us, len(what.frames), [])

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


def test_an_event_that_two_stretches_share_is_one() -> None:
    early = MotionSpan(0, 2000, 0.1, (0, 0, 0.1, 0.1))
    late = MotionSpan(2000 + JOIN_MS, 9000, 0.4, (0.2, 0.2, 0.5, 0.5))
    apart = MotionSpan(9000 + JOIN_MS + 1, 20_000, 0.1, (0, 0, 0.1, 0.1))
    assert joined([early], [late, apart]) == [MotionSpan(0, 9000, 0.4, late.box), apart]
    assert joined([], [early]) == [early] == joined([early], [])


@pytest.mark.parametrize(("step_ms", "quiet", "events"), [(1000, 1, 1), (5000, 0, 1), (5000, 1, 2)])
def test_motion_in_keyframes_in_a_row_is_one_event(
    monkeypatch: pytest.MonkeyPatch, step_ms: int, quiet: int, events: int
) -> None:
    """Three pictures with motion, `quiet` ones, and three with motion, at long and short intervals of keyframes."""
    moves = [True] * 3 + [False] * quiet + [True] * 3
    frames = [Keyframe("c/main", i * step_ms * 1000, "h264", b"", b"") for i in range(len(moves))]
    monkeypatch.setattr(motion_search, "_lumas", lambda some: (list(some), [f.at_us // 1000 for f in some]))
    monkeypatch.setattr(motion_search, "moving_pixels", lambda *_: (mask_of([]) & moved for moved in moves))
    found = motion_search.find_motion(Stretch((), frames, ()), mask_of([]))
    assert len(found) == events
    assert (found[0].start_ms, found[-1].end_ms) == (0, (len(moves) - 1) * step_ms)
