"""The ground plane and the traffic of a camera as bytes, to be kept over a restart of the analyst.

Layout, little-endian: version (u16), time (i64, ms UTC), horizon and rise (2 × f64), sums of the regression (6 × f64),
paces and counts of the traffic (f32). What has another version or length, is older than a week, comes from the future
or holds numbers that are none is not used: the camera learns again.
"""

from __future__ import annotations

import struct

import numpy as np

from search.analysis.place_map import COLUMNS, ROWS
from search.analysis.tracking.ground_plane import GroundPlane
from search.analysis.tracking.motion import Motion
from search.analysis.tracking.traffic_flow import MODES, TrafficFlow

VERSION = 1
MAX_AGE_MS = 7 * 86_400_000  # after which a camera may well have been turned
_HEAD = struct.Struct("<Hq2d6d")
_COUNTS = (ROWS + 1) * COLUMNS * MODES
_SIZE = _HEAD.size + 4 * 3 * _COUNTS


def pack(motion: Motion, at_ms: int) -> bytes:
    """Return what was learned until `at_ms`."""
    plane, (pace, count) = motion.plane, motion.flow.learned()
    head = _HEAD.pack(VERSION, at_ms, plane.horizon, plane.rise, *(float(v) for v in plane.sums))
    return head + pace.astype("<f4").tobytes() + count.astype("<f4").tobytes()


def restore(motion: Motion, content: bytes, at_ms: int) -> bool:
    """Let a motion continue from `content`; return whether it was usable at `at_ms`."""
    if len(content) != _SIZE:
        return False
    version, learned_ms, horizon, rise, *sums = _HEAD.unpack_from(content)
    numbers = np.frombuffer(content, "<f4", offset=_HEAD.size)
    sound = bool(np.isfinite([horizon, rise, *sums]).all() and np.isfinite(numbers).all())
    if version != VERSION or not sound or not 0 <= at_ms - learned_ms <= MAX_AGE_MS:
        return False
    motion.plane = GroundPlane(np.array(sums), horizon, rise)
    pace = numbers[: 2 * _COUNTS].reshape(ROWS + 1, COLUMNS, MODES, 2)
    motion.flow = TrafficFlow(pace, numbers[2 * _COUNTS :].reshape(ROWS + 1, COLUMNS, MODES))
    return True
