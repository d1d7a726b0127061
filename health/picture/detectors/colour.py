"""Lost colour by day, and a colour cast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from health.picture import structure
from health.picture.detectors.base import CLEAN, Observation, PictureDetection
from health.vocabulary import FaultFamily


@dataclass(frozen=True, slots=True)
class MonochromeThresholds:
    """Chroma is the mean distance of U and V from grey, in levels."""

    min_usual_chroma: float = 2.5  # grey places cannot lose colour: unknown
    grey_chroma: float = 1.0  # chroma of a grey picture after encoding
    max_share: float = 0.35  # of the usual chroma, both without grey_chroma
    max_z: float = -3.0  # robust z of the chroma, against both sets of the history
    min_mean: float = 55.0  # grey levels; a dark picture has no colour
    max_lift_z: float = 3.0  # haze lifts the darkest 2 % and takes colour too


class MonochromeDetector:
    """Detects pictures that have lost their colour, as by an infra-red filter that does not return by day."""

    family = FaultFamily.MONOCHROME

    def __init__(self, thresholds: MonochromeThresholds = MonochromeThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the chroma with that of the same hour."""
        c, t = observation.comparison, self._t
        usual, now = c.hour_median("chroma"), c.measurement["chroma"]
        lost = (
            usual > t.min_usual_chroma
            and now - t.grey_chroma < t.max_share * (usual - t.grey_chroma)
            and c.common_z("chroma") < t.max_z
            and c.measurement["mean"] > t.min_mean
            and c.hour_known
            and c.common_z("p2") < t.max_lift_z
        )
        figures = {"colour": now, "usual": usual} if lost else None
        return PictureDetection(figures, unknown=usual <= t.min_usual_chroma)


@dataclass(frozen=True, slots=True)
class ColourCastThresholds:
    """The distance is lowered while the fault is open."""

    min_distance: float = 5.5  # robust z of the medians of U and V together
    outside_history_weight: float = 1.3  # of the distance outside the history against z
    min_mean: float = 30.0  # grey levels; a dark picture has no colour
    min_tinted_share: float = structure.MIN_TINTED_SHARE  # of the cells, tinted to the same side


class ColourCastDetector:
    """Detects a tint of the whole picture. A picture without colour has no cast."""

    family = FaultFamily.COLOUR_CAST

    def __init__(self, thresholds: ColourCastThresholds = ColourCastThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the medians of U and V with the history."""
        c, t = observation.comparison, self._t
        if FaultFamily.MONOCHROME in observation.earlier.found:
            return CLEAN
        distance = max(
            float(np.hypot(c.common_z("u"), c.common_z("v"))),
            t.outside_history_weight * float(np.hypot(c.outside_history("u"), c.outside_history("v"))),
        )
        if (
            distance > c.threshold_above(self.family, t.min_distance)
            and c.measurement["mean"] > t.min_mean
            and structure.tinted(c) >= t.min_tinted_share
        ):
            return PictureDetection({"distance": distance, "u": c.measurement["u"], "v": c.measurement["v"]})
        return CLEAN
