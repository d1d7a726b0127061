"""A look beside what the same camera looked like before.

A look is compared with two sets of the camera's past: those of the same hour of the day, and those most alike in
brightness. What is a fault must be out of the ordinary against both: the first knows the lamp that comes on at six,
the second the thunderstorm at noon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from health.picture import displacement, measurement
from health.picture.displacement import Edges
from health.picture.measurement import INDEX, Measurement, Plane, Vector
from health.picture.view_pattern import RecognitionResult, ViewPattern, recognised

HOURS = 1.5
NEAREST = 12
ENOUGH = 5  # references of a set, below which it says nothing
EASE = 0.7  # of the threshold, at which an open fault is left
COMPARED = 6  # reference pictures, the nearest in brightness

# What a measurement wavers by on a good camera although its past did not show it.
FLOORS = {
    "p2": 4.0,
    "p50": 6.0,
    "p98": 6.0,
    "mean": 5.0,
    "sd": 2.5,
    "saturated": 0.02,
    "dark": 0.03,
    "f0": 0.15,
    "f1": 0.12,
    "f2": 0.12,
    "edge": 0.12,
    "noise": 0.35,
    "u": 1.2,
    "v": 1.2,
    "chroma": 0.5,
    "flat": 0.02,
    "level": 0.05,
    "e0": 0.2,
    "e1": 0.2,
    "e2": 0.2,
    "e3": 0.2,
    "steps": 1.0,
    "tiles": 3.0,
    "still": 0.05,
}
_FLOOR = np.array([FLOORS[name] for name in measurement.SCALARS], np.float32)
_SCALARS = len(_FLOOR)


@dataclass(slots=True)
class AcceptedHistory:
    """Accepted looks of one camera and scene: N vectors, local hours of the day (0…24), reference pictures, and what stays of
    the view."""

    vectors: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]
    scenes: Sequence[Plane] = ()
    pattern: ViewPattern | None = None


class Comparison:
    """`near`: the looks of both sets; `mine`, `theirs`: ln energies of the cells, BANDS×8×12 and N×BANDS×8×12."""

    def __init__(self, sight: Measurement, past: AcceptedHistory, hour: float, eased: frozenset[str]):
        self.sight, self.past, self.eased = sight, past, eased
        apart = np.abs((past.hours - hour + 12) % 24 - 12)
        by_hour = np.flatnonzero(apart <= HOURS)
        brightness = INDEX["mean"]
        distance = np.abs(past.vectors[:, brightness] - sight.vector[brightness])
        alike = np.argsort(distance, kind="stable")[:NEAREST]
        # Too few looks of this hour yet: the other set speaks for both, and is asked for more.
        self.hour_known = len(by_hour) >= ENOUGH
        self.sets = (by_hour if self.hour_known else alike, alike)
        self.near = past.vectors[np.union1d(*self.sets)]
        self.mine, self.theirs = measurement.cells(sight.vector), measurement.cells(self.near)
        self.usual_cells = np.median(self.theirs, 0)
        self._z = [_robust_z(sight.vector, past.vectors[s]) for s in self.sets]
        level = float(sight.thumb.mean())
        nearest = sorted(past.scenes, key=lambda scene: abs(float(scene.mean()) - level))[:COMPARED]
        self._nearest = nearest
        self.edges: Edges = displacement.edges(sight.thumb)
        self.scenes = [displacement.edges(scene) for scene in nearest]
        self.likeness = [displacement.correlation(self.edges, e) for e in self.scenes]
        # Correlation of edges with the most similar reference: 1 alike … 0 another scene; 1 where there is none.
        self.alike = max(self.likeness, default=1.0)

    def least(self, family: str, threshold: float) -> float:
        return threshold * EASE if family in self.eased else threshold

    def most(self, family: str, threshold: float) -> float:
        """The same of what must lie below it."""
        return threshold / EASE if family in self.eased else threshold

    def hour(self, name: str) -> float:
        return float(self._z[0][INDEX[name]])

    def both(self, name: str) -> float:
        """The weaker of the two deviations; 0 where they point in different directions."""
        first, second = (float(z[INDEX[name]]) for z in self._z)
        return 0.0 if first * second <= 0 else min(first, second, key=abs)

    def beyond(self, name: str) -> float:
        """How far, in floors, it lies outside of all that the camera ever showed; 0 within."""
        values, now = self.past.vectors[:, INDEX[name]], self.sight[name]
        return max(0.0, now - float(values.max())) / FLOORS[name] - max(0.0, float(values.min()) - now) / FLOORS[name]

    def below_hour(self, name: str) -> float:
        """How far, in floors, it lies below all looks of the same hour."""
        return (float(self.past.vectors[self.sets[0], INDEX[name]].min()) - self.sight[name]) / FLOORS[name]

    def usual(self, name: str) -> float:
        return float(np.median(self.past.vectors[self.sets[0], INDEX[name]]))

    @cached_property
    def recognised(self) -> RecognitionResult:
        """How well the view is recognised by what stays of it."""
        return recognised(self.past.pattern, self.sight.thumb, self._nearest)

    @cached_property
    def usual_likeness(self) -> float:
        """How alike the camera's reference pictures are among each other: each with the most similar of the others, the least."""
        pairs = (
            [
                max(displacement.correlation(a, b) for k, b in enumerate(self.scenes) if k != i)
                for i, a in enumerate(self.scenes)
            ]
            if len(self.scenes) > 1
            else [1.0]
        )
        return min(pairs)


def _robust_z(vector: Vector, references: npt.NDArray[np.float32]) -> Vector:
    """(x − median) / hypot(1.4826 · MAD, floor) of the scalars."""
    scalars = references[:, :_SCALARS]
    median = np.median(scalars, axis=0)
    spread = 1.4826 * np.median(np.abs(scalars - median), axis=0)
    return np.asarray((vector[:_SCALARS] - median) / np.hypot(spread, _FLOOR), np.float32)
