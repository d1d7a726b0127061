"""Which detection continues which track.

For each pair the logarithm of a likelihood ratio: the same object against another one. It adds three parts:
appearance (cosine against what different objects of the camera have), motion (where the track's object may be by now,
against the density of objects that appear anew) and size. Pairs above 0 go into an optimal assignment (Hungarian
method). A join stands only if the best assignment without it is worse by MIN_MARGIN: with two explanations of nearly
the same worth the track ends ("split when in doubt").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from search.analysis.tracking.ground_plane import is_cut
from search.analysis.tracking.motion import MODELS, Motion, MotionModel
from search.analysis.tracking.similarity import SimilarityLevels
from search.analysis.tracking.tracks import ObjectKind, Track, TrackedDetection, kind_of

MIN_MARGIN = 1.5  # of a join, in the unit of the likelihood ratio (natural logarithm)
MIN_APPEARANCE = 0.0  # vectors that speak against the same object are not outvoted
MAX_PART, MIN_PART = 5.0, -9.0  # limits of the appearance's part
OTHER_SIZE_SPREAD = 0.4  # of ln height between different objects at one place
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Join:
    """A detection's track; `margin`: how much worse the best assignment without this join is."""

    track: Track
    margin: float


@dataclass(frozen=True, slots=True)
class Association:
    """Joins by number of the detection; `disputed`: those not made, because another explanation is as good."""

    joins: dict[int, Join] = field(default_factory=dict)
    disputed: dict[int, Join] = field(default_factory=dict)


def associate(
    tracks: Sequence[Track],
    detections: Sequence[TrackedDetection],
    at_ms: int,
    motion: Motion,
    levels: SimilarityLevels,
) -> Association:
    """Return which track each detection of a keyframe continues."""
    if not tracks or not detections:
        return Association()
    gains = np.full((len(tracks), len(detections)), -np.inf)
    columns = _Columns.of(detections, motion.aspect, levels)
    for i, track in enumerate(tracks):
        if track.last_ms < at_ms:
            gains[i] = _gains(track, columns, at_ms, motion)
    return _certain(tracks, np.where(gains > 0, gains, -np.inf))


@dataclass(frozen=True, slots=True)
class _Columns:
    """The detections of a keyframe as arrays."""

    kinds: npt.NDArray[np.int64]
    embedders: npt.NDArray[np.str_]
    vectors: npt.NDArray[np.float32]
    levels: Floats  # mean cosine of different objects
    x: Floats  # feet, in picture heights, x from the middle
    y: Floats
    heights: Floats
    cut: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, detections: Sequence[TrackedDetection], aspect: float, levels: SimilarityLevels) -> _Columns:
        boxes = np.array([(d.whole.x, d.whole.y, d.whole.w, d.whole.h) for d in detections])
        x, y, w, h = boxes.T
        return cls(
            np.array([kind_of(d.whole.cls) for d in detections]),
            np.array([d.embedder for d in detections]),
            np.stack([d.vector for d in detections]),
            np.array([levels.of(d) for d in detections]),
            (x + w / 2 - 0.5) * aspect,
            np.minimum(1.0, y + h),
            np.maximum(h, 1e-4),
            np.array([is_cut(d.whole) for d in detections]),
        )


def _gains(track: Track, columns: _Columns, at_ms: int, motion: Motion) -> Floats:
    """Return ln of the likelihood ratio, same object against another one, for each detection."""
    kind = kind_of(track.leading_class())
    model, seconds = MODELS[kind], (at_ms - track.last_ms) / 1000
    gains = motion.gains(track, model, seconds, columns.x, columns.y, columns.heights)
    gains[~_comparable(kind, columns.kinds)] = -np.inf
    if np.all(gains <= -MAX_PART):
        return np.full(len(gains), -np.inf)
    appearance = _appearance(track, columns, model)
    gains[appearance < MIN_APPEARANCE] = -np.inf
    return gains + appearance + _size(columns, motion.real_growth(track, columns.y, columns.heights), model, seconds)


def _comparable(kind: ObjectKind, kinds: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    if kind == ObjectKind.other:
        return np.ones(len(kinds), np.bool_)
    allowed = (kinds == kind) | (kinds == ObjectKind.other)
    if kind in (ObjectKind.person, ObjectKind.rider):
        allowed |= (kinds == ObjectKind.person) | (kinds == ObjectKind.rider)
    return np.asarray(allowed, np.bool_)


def _appearance(track: Track, columns: _Columns, model: MotionModel) -> Floats:
    """Return ln of the likelihood ratio of the cosines; 0 where vectors are missing or of different embedders."""
    if not np.any(track.vector):
        return np.zeros(len(columns.x))
    distance = (1 - columns.vectors @ track.vector) / (1 - columns.levels)
    same = _normal(distance, model.same_distance, model.same_spread)
    other = (1 - model.alike) * _normal(distance, 1.0, model.other_spread) + model.alike * same
    # Closer than the same object usually is says no less than "same".
    same = np.where(distance < model.same_distance, _normal(0.0, 0.0, model.same_spread), same)
    ratio = np.log(np.maximum(same, 1e-9) / np.maximum(other, 1e-9))
    return np.where(columns.embedders == track.embedder, np.clip(ratio, MIN_PART, MAX_PART), 0.0)


def _normal(x: Floats | float, mean: float, spread: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((x - mean) / spread) ** 2) / spread)


def _size(columns: _Columns, change: Floats, model: MotionModel, seconds: float) -> Floats:
    """Return ln of the likelihood ratio of the change of height. A box that the picture cuts says little."""
    spread = model.size_spread + model.size_growth * min(seconds, 4.0) + np.where(columns.cut, 0.4, 0.0)
    other = np.hypot(spread, OTHER_SIZE_SPREAD)
    ratio = -0.5 * (change / spread) ** 2 - np.log(spread) + 0.5 * (change / other) ** 2 + np.log(other)
    return np.asarray(np.maximum(ratio, MIN_PART))


def _certain(tracks: Sequence[Track], gains: Floats) -> Association:
    """Return the joins of the optimal assignment that no other assignment contests."""
    chosen = _assign(gains)
    total = sum(gains[i, j] for i, j in chosen)
    found = Association()
    for i, j in chosen:
        margin = float(gains[i, j])
        if np.isfinite(gains[i]).sum() > 1 or np.isfinite(gains[:, j]).sum() > 1:
            without = gains.copy()
            without[i, j] = -np.inf
            margin = float(total - sum(without[pair] for pair in _assign(without)))
        (found.joins if margin >= MIN_MARGIN else found.disputed)[j] = Join(tracks[i], margin)
    return found


def _assign(gains: Floats) -> list[tuple[int, int]]:
    """Return the assignment with the highest sum of gains; pairs of −inf are left out."""
    # Imported here, because the console imports this module without matching: saves 0.3 s CPU at each start.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(np.isfinite(gains), -gains, 0.0))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if np.isfinite(gains[i, j])]
