"""What remains after a recorder is killed. The long version is bench/parts/kills.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.parts.kills import kill_once
from cameras.virtual.clip import LoopClip

FRAGMENT_S, TICK_S = 0.4, 0.2


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 12))])
def test_kill_minus_nine_loses_half_a_second_at_most(seed: int, clip: LoopClip, tmp_path: Path) -> None:
    """The loss is counted in pictures that the recorder received, so a busy machine only makes the test slower.

    Data just read, which its writer has not written yet, may be one more tick.
    """
    assert kill_once(tmp_path, seed, streams=2, clip=clip) <= FRAGMENT_S + TICK_S + 1 / clip.fps
