"""Defocus of the whole picture, and of a part of it: drops, smears, dirt, cobwebs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from health.picture import structure
from health.picture.detectors.base import CLEAN, UNKNOWN, Observation, PictureDetection
from health.picture.structure import SharpnessLoss
from health.vocabulary import FaultFamily


@dataclass(frozen=True, slots=True)
class DefocusConditions:
    """When a loss of sharpness can be judged at all (structure.SharpnessLoss); losses are ln."""

    min_cells: int = 6  # cells with structure; with fewer the picture is unknown
    max_coarse_loss: float = -0.55  # of the coarse band, which defocus keeps; below it all bands lost contrast …
    min_strong_share: float = 0.75  # … unless so many cells are less sharp than ever …
    min_strong_drop: float = 0.8  # … and by so much


CONDITIONS = DefocusConditions()


def _is_testable(loss: SharpnessLoss) -> bool:
    return loss.cells >= CONDITIONS.min_cells


def _lost_all_bands(loss: SharpnessLoss) -> bool:
    return loss.coarse < CONDITIONS.max_coarse_loss and not (
        loss.share > CONDITIONS.min_strong_share and loss.sharpness_drop < -CONDITIONS.min_strong_drop
    )


@dataclass(frozen=True, slots=True)
class BlurThresholds:
    """Lowered while the fault is open. In harder light than before, edges look soft: more is required."""

    min_share: float = 0.35  # of the structured cells, less sharp than in every earlier inspection
    min_drop: float = 0.3  # ln, mean of these cells
    min_share_hard_light: float = 0.4
    min_drop_hard_light: float = 0.5


class BlurDetector:
    """Detects defocus of the whole picture."""

    family = FaultFamily.BLURRED

    def __init__(self, thresholds: BlurThresholds = BlurThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Judge the sharpness of all cells. Once suspected, blur need not cover the whole picture again."""
        c, loss, t = observation.comparison, observation.sharpness, self._t
        if not _is_testable(loss):
            return UNKNOWN
        if _lost_all_bands(loss):
            return CLEAN
        share, drop = (
            (t.min_share_hard_light, t.min_drop_hard_light) if loss.harder_light else (t.min_share, t.min_drop)
        )
        if (
            loss.share > c.threshold_above(self.family, share)
            and -loss.sharpness_drop > c.threshold_above(self.family, drop)
            and (loss.everywhere or self.family in observation.live_families)
        ):
            return PictureDetection({"share": loss.share, "lost": loss.sharpness_drop})
        return CLEAN


@dataclass(frozen=True, slots=True)
class PartialBlurThresholds:
    """Numbers of the 96 cells; lowered while the fault is open."""

    min_connected_cells: int = 6  # clean pictures repeatedly have up to 2
    min_cells: int = 7  # in total; clean pictures repeatedly have up to 5
    min_thread_share: float = 0.25  # of all cells, crossed by new bright threads; clean pictures reach 0.23


class PartialBlurDetector:
    """Detects drops, smears and dirt on a part of the glass, and webs before it."""

    family = FaultFamily.BLURRED_PART

    def __init__(self, thresholds: PartialBlurThresholds = PartialBlurThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Count the cells crossed by new threads and the degraded ones."""
        c, loss, t = observation.comparison, observation.sharpness, self._t
        threads = c.new_threads
        if threads.mean() >= c.threshold_above(self.family, t.min_thread_share):
            return PictureDetection({"share": float(threads.mean())}, cells=threads.astype(np.float32))
        if not _is_testable(loss):
            return UNKNOWN
        if _lost_all_bands(loss):
            return CLEAN
        degraded = loss.degraded
        if structure.largest_patch(degraded).sum() >= c.threshold_above(
            self.family, t.min_connected_cells
        ) or degraded.sum() >= c.threshold_above(self.family, t.min_cells):
            return PictureDetection({"share": float(degraded.mean())}, cells=degraded.astype(np.float32))
        return CLEAN
