"""No signal, black picture, overexposure, underexposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from health.picture.comparison import Comparison
from health.picture.detectors.base import CLEAN, Observation, PictureDetection
from health.picture.measurement import Measurement
from health.vocabulary import FaultFamily


@dataclass(frozen=True, slots=True)
class EmptyPictureThresholds:
    """A picture without content, not even sensor noise; judged without a history.

    A test card or a decoder's fill colour has one grey level on almost the whole picture; a lens cap gives a dark
    picture without spread. Levels are grey levels 0…255.
    """

    min_level_share: float = 0.85  # share of the picture at one grey level (± 1) of a test card
    max_saturated_share: float = 0.3  # a saturated picture is overexposed, not a test card
    min_card_level: float = 20.0  # median level above which a uniform picture is a test card and not black
    min_card_chroma: float = 20.0  # a coloured uniform picture is a test card at any level
    max_black_level: float = 48.0  # 98th percentile of a black picture
    max_black_spread: float = 14.0  # between the 2nd and the 98th percentile


EMPTY_PICTURE = EmptyPictureThresholds()


def detect_no_signal(m: Measurement, t: EmptyPictureThresholds = EMPTY_PICTURE) -> PictureDetection:
    """Detect a test card or a fill colour; needs no history."""
    spread, coloured = m["p98"] - m["p2"], m["chroma"] > t.min_card_chroma
    if (
        m["level"] > t.min_level_share
        and m["saturated"] < t.max_saturated_share
        and (m["p50"] > t.min_card_level or coloured)
    ):
        return PictureDetection({"share": m["level"], "spread": spread})
    return CLEAN


def detect_empty_black(m: Measurement, t: EmptyPictureThresholds = EMPTY_PICTURE) -> PictureDetection:
    """Detect a black picture without content; needs no history."""
    spread, coloured = m["p98"] - m["p2"], m["chroma"] > t.min_card_chroma
    if m["p98"] <= t.max_black_level and spread <= t.max_black_spread and not coloured:
        return PictureDetection({"level": m["p98"], "spread": spread})
    return CLEAN


@dataclass(frozen=True, slots=True)
class BlackThresholds:
    """A dark picture of a camera that is brighter at this hour. Levels are grey levels of the 98th percentile."""

    max_level: float = EMPTY_PICTURE.max_black_level
    max_z: float = -3.0  # robust z against the same hour
    min_usual_level: float = 60.0  # a camera that is darker than this at the hour cannot be told from a black one
    max_unlit_level: float = 48.0  # usual level of an unlit yard at night, which is no fault …
    min_unlit_spread: float = 4.0  # … if the picture has at least this spread


class BlackDetector:
    """Detects a picture that is black although the camera shows more at this hour."""

    family = FaultFamily.BLACK

    def __init__(self, thresholds: BlackThresholds = BlackThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the brightest parts with those of the same hour."""
        c, t = observation.comparison, self._t
        level, usual = c.measurement["p98"], c.hour_median("p98")
        if level <= t.max_level and c.hour_z("p98") < t.max_z and usual > t.min_usual_level:
            return PictureDetection({"level": level, "usual": usual})
        return CLEAN

    def is_unlit_night(self, c: Comparison) -> bool:
        """Return whether a black picture is no fault: an unlit yard at night, with some sensor noise."""
        m, t = c.measurement, self._t
        return c.hour_median("p98") <= t.max_unlit_level and m["p98"] - m["p2"] > t.min_unlit_spread


@dataclass(frozen=True, slots=True)
class OverexposureThresholds:
    """Both must be exceeded; lowered while the fault is open."""

    min_saturated_share: float = 0.12  # share of the picture; low sun saturates less on healthy cameras
    min_z: float = 3.0  # robust z of that share, against both sets of the history


class OverexposureDetector:
    """Detects saturated pictures."""

    family = FaultFamily.OVEREXPOSED

    def __init__(self, thresholds: OverexposureThresholds = OverexposureThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the saturated share with an absolute limit and with the history."""
        c, t = observation.comparison, self._t
        share = c.measurement["saturated"]
        if share > c.threshold_above(self.family, t.min_saturated_share) and c.common_z(
            "saturated"
        ) > c.threshold_above(self.family, t.min_z):
            return PictureDetection({"share": share, "usual": c.hour_median("saturated")})
        return CLEAN


@dataclass(frozen=True, slots=True)
class UnderexposureThresholds:
    """A picture that is darker than usual at this hour, and still shows the view."""

    min_level_drop_z: float = 5.0  # robust z of the 98th percentile below the same hour, together with …
    min_contrast_drop_z: float = 2.5  # … robust z of the third band's energy
    min_darkest_floors: float = 3.0  # or: floors below the minimum of the same hour, of level and mean
    max_mean: float = 80.0  # grey levels; a brighter picture is not underexposed
    min_similarity_share: float = 0.45  # of the usual edge correlation: it is still the same view
    # Less light lowers contrast as much as brightness; an occlusion lowers contrast further.
    contrast_per_brightness: float = 2.0  # ln contrast explained by ln brightness
    contrast_margin: float = 1.0  # ln
    # Less light lowers colour with brightness; a strong cast takes brightness and raises colour.
    max_chroma_ratio: float = 1.8  # of chroma per brightness to its usual value, together with …
    max_chroma_rise: float = 4.0  # … levels of chroma above the usual


class UnderexposureDetector:
    """Detects pictures that are too dark."""

    family = FaultFamily.UNDEREXPOSED

    def __init__(self, thresholds: UnderexposureThresholds = UnderexposureThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare brightness and contrast with the same hour; a loss of contrast alone is an occlusion."""
        c, t, family = observation.comparison, self._t, self.family
        dim = -c.hour_z("p98") > c.threshold_above(family, t.min_level_drop_z) and -c.hour_z("e2") > c.threshold_above(
            family, t.min_contrast_drop_z
        )
        darkest = min(c.below_hour_minimum("p98"), c.below_hour_minimum("mean")) > c.threshold_above(
            family, t.min_darkest_floors
        )
        mean, usual = c.measurement["mean"], c.hour_median("mean")
        explained = t.contrast_per_brightness * np.log(max(1.0, usual / max(1.0, mean))) + t.contrast_margin
        if (
            (dim or darkest)
            and mean < t.max_mean
            and c.similarity > t.min_similarity_share * c.usual_similarity
            and observation.occlusion.fallen < explained
            and not self._is_tinted(c)
        ):
            return PictureDetection({"mean": mean, "usual": usual})
        return CLEAN

    def _is_tinted(self, c: Comparison) -> bool:
        """Return whether the picture is dark because a cast took one or two of its colours."""
        chroma, usual = c.measurement["chroma"], c.hour_median("chroma")
        per_brightness = chroma / max(1.0, c.measurement["mean"])
        usual_per_brightness = max(1.0, usual) / max(1.0, c.hour_median("mean"))
        return (
            chroma > usual + self._t.max_chroma_rise
            and per_brightness > self._t.max_chroma_ratio * usual_per_brightness
        )
