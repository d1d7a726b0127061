"""Haze on the glass (dust, dew, grease), and fog, which is no fault of the camera.

In both, dark parts are brighter and contrast is lower. Haze on the glass affects near parts as much as far ones; fog
affects far parts more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from health.picture.detectors.base import CLEAN, Observation, PictureDetection
from health.vocabulary import FaultFamily


@dataclass(frozen=True, slots=True)
class FogThresholds:
    """Losses of contrast are ln, medians over cells (structure.ContrastLoss)."""

    max_far_loss: float = -0.6  # upper third of the picture
    max_loss: float = -0.35  # all cells: a third of the contrast
    min_similarity: float = 0.25  # edge correlation: still the same scene
    max_unsharp_share: float = 0.3  # of the structured cells; fog reaches 0.25, more is defocus


@dataclass(frozen=True, slots=True)
class HazeThresholds:
    """Losses of contrast are ln. Lowered while the fault is open."""

    # With a view pattern: fixed structure keeps its contrast in light and shade and loses it only behind haze.
    min_lift: float = 4.0  # z, or 1 / 1.2 of the floors, by which the darkest 2 % are brighter than ever
    max_pattern_loss: float = -0.25  # contrast of the view pattern; half of it in the third that kept most
    min_recognition: float = 0.4  # relative to the least recognised reference; clean pictures stay above 0.6
    hidden_share: float = 0.2  # a third recognised by less than this share of the best one is covered, not hazy
    # Without one: contrast of the cells.
    min_lift_without_pattern: float = 5.0
    max_loss: float = -0.35  # all cells: a third of the contrast in the median cell
    max_least_loss_share: float = 0.6  # of max_loss, in 70 % of the cells
    min_similarity_share: float = 0.45  # of the usual edge correlation
    max_near_loss_share: float = 0.6  # of the far loss, where the darkest parts alone are brighter
    min_loss: float = -3.5  # haze leaves some contrast
    outside_history_weight: float = 1.2  # of the distance outside the history against z


FOG = FogThresholds()


def is_fog(observation: Observation, t: FogThresholds = FOG) -> bool:
    """Return whether the air, not the camera, takes the contrast.

    Far and near can be compared only if both contain structure.
    """
    loss = observation.contrast
    thick = loss.far < t.max_far_loss and loss.all < t.max_loss and abs(loss.near) < -loss.far
    return bool(
        thick
        and loss.comparable
        and not loss.even
        and observation.comparison.similarity > t.min_similarity
        and observation.sharpness.share < t.max_unsharp_share
    )


class HazeDetector:
    """Detects haze on the glass."""

    family = FaultFamily.HAZE

    def __init__(self, thresholds: HazeThresholds = HazeThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Judge by the view pattern where there is one, otherwise by the contrast of the cells."""
        if observation.earlier.fog:
            return CLEAN
        c, t = observation.comparison, self._t
        lifted = max(c.common_z("p2"), t.outside_history_weight * c.outside_history("p2"))
        if c.recognition.comparable:
            return self._by_pattern(observation, lifted)
        return self._by_cells(observation, lifted)

    def _by_pattern(self, observation: Observation, lifted: float) -> PictureDetection:
        c, t, view = observation.comparison, self._t, observation.comparison.recognition
        brighter = np.log(max(1.0, c.measurement["mean"]) / max(1.0, c.hour_median("mean")))
        same_view = view.recognition > t.min_recognition and not view.hidden(t.hidden_share)
        fades = (
            view.faded < c.threshold_above(self.family, t.max_pattern_loss)
            and view.kept < c.threshold_above(self.family, t.max_pattern_loss / 2)
            and view.faded + brighter < 0
        )
        if lifted > c.threshold_above(self.family, t.min_lift) and fades and same_view:
            return self._found(observation, view.faded)
        return CLEAN

    def _by_cells(self, observation: Observation, lifted: float) -> PictureDetection:
        c, t, loss = observation.comparison, self._t, observation.contrast
        even = (
            loss.least < t.max_least_loss_share * t.max_loss
            and loss.even
            and c.similarity > t.min_similarity_share * c.usual_similarity
        )
        bright = (
            c.outside_history("p2") > c.threshold_above(self.family, t.min_lift_without_pattern)
            and loss.near < t.max_near_loss_share * loss.far
            and loss.all > t.min_loss
        )
        if (
            lifted > c.threshold_above(self.family, t.min_lift_without_pattern)
            and loss.all < c.threshold_above(self.family, t.max_loss)
            and (even or bright)
        ):
            return self._found(observation, loss.all)
        return CLEAN

    def _found(self, observation: Observation, lost: float) -> PictureDetection:
        c = observation.comparison
        return PictureDetection({"darkest": c.measurement["p2"], "usual": c.hour_median("p2"), "lost": lost})
