"""Comparison of one inspection with earlier inspections of the same camera.

An inspection is compared with two sets: the earlier ones of the same hour of the day, and those most similar in
brightness. A fault must deviate from both: the first set knows the lamp that is switched on at six, the second the
thunderstorm at noon.
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
from health.picture.threads import Mask, new_threads
from health.picture.view_pattern import RecognitionResult, ViewPattern, recognise

HOUR_WINDOW = 1.5
NEAREST_IN_BRIGHTNESS = 12
MIN_REFERENCES = 5  # a set with fewer inspections is not used
OPEN_FAULT_EASE = 0.7  # share of the threshold below which an open fault counts as clean
BRIGHT_PERCENTILE = 90.0  # of the brightness of all accepted inspections
DARK_HOUR_SHARE = 0.6  # of that brightness, below which an hour is dark
REFERENCE_SCENES = 6  # reference pictures compared, those nearest in brightness

# Spread of each measurement on a healthy camera, used where the history shows less.
SPREAD_FLOORS = {
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
_FLOOR = np.array([SPREAD_FLOORS[name] for name in measurement.SCALARS], np.float32)
_SCALARS = len(_FLOOR)


@dataclass(slots=True)
class AcceptedHistory:
    """Accepted inspections of one camera and view.

    `vectors`: N×SIZE; `hours`: N local hours of the day (0…24); `scenes`: reference pictures; `pattern`: the view
    pattern; `settled_scenes`: how many of `scenes`, the first ones, are older than the settling time; `previous`: the
    picture of the inspection before.
    """

    vectors: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]
    scenes: Sequence[Plane] = ()
    pattern: ViewPattern | None = None
    settled_scenes: int = 0
    previous: Plane | None = None


class Comparison:
    """Deviations of one measurement from the accepted history.

    `compared`: the inspections of both sets. `cells`, `history_cells`: ln energies of the cells, BANDS×8×12 and
    N×BANDS×8×12. `open_families`: families with an open fault, whose thresholds are lowered by OPEN_FAULT_EASE.
    """

    def __init__(self, measured: Measurement, history: AcceptedHistory, hour: float, open_families: frozenset[str]):
        self.measurement, self.history, self.open_families = measured, history, open_families
        hours_apart = np.abs((history.hours - hour + 12) % 24 - 12)
        by_hour = np.flatnonzero(hours_apart <= HOUR_WINDOW)
        brightness = INDEX["mean"]
        distance = np.abs(history.vectors[:, brightness] - measured.vector[brightness])
        by_brightness = np.argsort(distance, kind="stable")[:NEAREST_IN_BRIGHTNESS]
        # With too few inspections of this hour, the brightness set stands for both, and `monochrome` is not judged.
        self.hour_known = len(by_hour) >= MIN_REFERENCES
        self.sets = (by_hour if self.hour_known else by_brightness, by_brightness)
        self.compared = history.vectors[np.union1d(*self.sets)]
        self.cells, self.history_cells = measurement.cells(measured.vector), measurement.cells(self.compared)
        self.usual_cells = np.median(self.history_cells, 0)
        self._z = [_robust_z(measured.vector, history.vectors[s]) for s in self.sets]
        nearest = self._nearest = self._nearest_in_brightness(history.scenes)
        self.edges: Edges = displacement.edges(measured.thumb)
        self.scenes = [displacement.edges(scene) for scene in nearest]
        self.similarities = [displacement.correlation(self.edges, e) for e in self.scenes]
        # Edge correlation with the most similar reference picture: 1 the same … 0 another scene; 1 without reference
        # pictures.
        self.similarity = max(self.similarities, default=1.0)

    def _nearest_in_brightness(self, scenes: Sequence[Plane]) -> list[Plane]:
        level = float(self.measurement.thumb.mean())
        return sorted(scenes, key=lambda scene: abs(float(scene.mean()) - level))[:REFERENCE_SCENES]

    def threshold_above(self, family: str, threshold: float) -> float:
        """Return the threshold that a value must exceed, lowered for families with an open fault."""
        return threshold * OPEN_FAULT_EASE if family in self.open_families else threshold

    def threshold_below(self, family: str, threshold: float) -> float:
        """Return the threshold that a value must stay below, raised for families with an open fault."""
        return threshold / OPEN_FAULT_EASE if family in self.open_families else threshold

    def hour_z(self, name: str) -> float:
        """Return the robust z of a measurement against the set of the same hour."""
        return float(self._z[0][INDEX[name]])

    def common_z(self, name: str) -> float:
        """Return the smaller of the two deviations (robust z); 0 if they have different signs."""
        first, second = (float(z[INDEX[name]]) for z in self._z)
        return 0.0 if first * second <= 0 else min(first, second, key=abs)

    def outside_history(self, name: str) -> float:
        """Return the distance, in floors, outside the range of the whole history; 0 inside."""
        values, now = self.history.vectors[:, INDEX[name]], self.measurement[name]
        return (
            max(0.0, now - float(values.max())) / SPREAD_FLOORS[name]
            - max(0.0, float(values.min()) - now) / SPREAD_FLOORS[name]
        )

    def below_hour_minimum(self, name: str) -> float:
        """Return the distance, in floors, below the minimum of the set of the same hour."""
        return (float(self.history.vectors[self.sets[0], INDEX[name]].min()) - self.measurement[name]) / SPREAD_FLOORS[
            name
        ]

    def hour_median(self, name: str) -> float:
        """Return the median of a measurement over the set of the same hour."""
        return float(np.median(self.history.vectors[self.sets[0], INDEX[name]]))

    @cached_property
    def is_dark_hour(self) -> bool:
        """Whether this hour is usually much darker than the bright ones: only lamps give light."""
        bright = float(np.percentile(self.history.vectors[:, INDEX["mean"]], BRIGHT_PERCENTILE))
        return self.hour_known and self.hour_median("mean") < DARK_HOUR_SHARE * bright

    @cached_property
    def recognition(self) -> RecognitionResult:
        """How well the view pattern is recognised in the picture."""
        return recognise(self.history.pattern, self.measurement.thumb, self._nearest)

    @cached_property
    def new_threads(self) -> Mask:
        """The cells (8×12) that new bright threads cross, now and at the inspection before (health.picture.threads)."""
        settled = self._nearest_in_brightness(self.history.scenes[: self.history.settled_scenes])
        return new_threads(self.measurement.thumb, self.history.previous, settled)

    @cached_property
    def known_by_cell(self) -> npt.NDArray[np.float32]:
        """Edge correlation of each of 8×12 cells with the reference picture most like it; there must be one."""
        return np.asarray(np.max([displacement.correlation_by_cell(self.edges, e) for e in self.scenes], 0), np.float32)

    @cached_property
    def usual_similarity(self) -> float:
        """How similar the reference pictures are: the minimum over each one's best correlation with another."""
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
    """Return (x − median) / hypot(1.4826 · MAD, floor) of the scalars."""
    scalars = references[:, :_SCALARS]
    median = np.median(scalars, axis=0)
    spread = 1.4826 * np.median(np.abs(scalars - median), axis=0)
    return np.asarray((vector[:_SCALARS] - median) / np.hypot(spread, _FLOOR), np.float32)
