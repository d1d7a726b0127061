"""What a camera has learned of its ground and traffic survives a restart, unless it is old or damaged."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from search.analysis.detectors.base import Detection
from search.analysis.tracking.learned_motion import MAX_AGE_MS, pack, restore
from search.analysis.tracking.motion import Motion
from search.vocabulary import Cls

AT_MS = 1_780_000_000_000


def learned_motion() -> Motion:
    """Return the motion of a road whose vehicles are taller the lower they stand, and drive to the right."""
    motion = Motion(16 / 9)
    for i in range(40):
        height = 0.05 + 0.2 * (i % 10) / 10
        motion.learn_places([Detection(Cls.car, 0.9, 0.4, 0.3 + height, height, height)])
    for _ in range(5):
        motion.flow.learn(0.5, 0.6, (3.0, 0.5), margin=5.0)
    assert motion.plane.is_known and motion.flow.at(0.5, 0.6)
    return motion


def test_ground_and_traffic_are_the_same_after_a_restart() -> None:
    before, after = learned_motion(), Motion(4 / 3)
    assert restore(after, pack(before, AT_MS), AT_MS + 60_000)
    assert (after.plane.horizon, after.plane.rise) == (before.plane.horizon, before.plane.rise)
    assert np.array_equal(after.plane.sums, before.plane.sums)
    assert after.flow.at(0.5, 0.6) == before.flow.at(0.5, 0.6)
    after.flow.learn(0.5, 0.6, (3.0, 0.5), margin=5.0)  # it goes on learning
    assert after.aspect == 4 / 3


@pytest.mark.parametrize("later_ms", [-1, MAX_AGE_MS + 1])
def test_what_is_old_or_from_the_future_is_not_used(later_ms: int) -> None:
    motion = Motion(16 / 9)
    assert not restore(motion, pack(learned_motion(), AT_MS), AT_MS + later_ms)
    assert not motion.plane.is_known and not motion.flow.at(0.5, 0.6)


@pytest.mark.parametrize("damage", ["empty", "short", "long", "version", "infinite"])
def test_what_is_damaged_or_of_another_version_is_not_used(damage: str) -> None:
    good = pack(learned_motion(), AT_MS)
    content = {
        "empty": b"",
        "short": good[:-1],
        "long": good + b"\0",
        "version": struct.pack("<H", 2) + good[2:],
        "infinite": good[:-4] + struct.pack("<f", math.inf),
    }[damage]
    motion = Motion(16 / 9)
    assert not restore(motion, content, AT_MS)
    assert not motion.plane.is_known
