"""Disturbances of sensor, line and decoder: noise, banding, blocking."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from health.picture import measurement
from health.picture.comparison import Comparison
from health.picture.detectors.base import CLEAN, Observation, PictureDetection
from health.picture.measurement import INDEX
from health.vocabulary import FaultFamily


@dataclass(frozen=True, slots=True)
class NoiseThresholds:
    """Noise is a standard deviation in grey levels (Immerkaer 1996), on the quiet quarter of nine native crops."""

    reference_percentile: float = 90.0  # of the compared inspections: what the history reaches
    min_ratio: float = 1.8  # to that level
    min_excess: float = 3.0  # grey levels above it
    min_z: float = 4.0  # robust z, against both sets of the history


class NoiseDetector:
    """Detects more sensor or line noise than ever."""

    family = FaultFamily.NOISE

    def __init__(self, thresholds: NoiseThresholds = NoiseThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the noise with the upper range of the history."""
        c, t = observation.comparison, self._t
        noise = c.measurement["noise"]
        usual = float(np.percentile(c.history.vectors[np.union1d(*c.sets), INDEX["noise"]], t.reference_percentile))
        if noise > max(t.min_ratio * usual, usual + t.min_excess) and c.common_z("noise") > t.min_z:
            return PictureDetection({"level": noise, "usual": usual})
        return CLEAN


@dataclass(frozen=True, slots=True)
class BandingThresholds:
    """A wave is measured in ln against its neighbours in the spectrum and against the history."""

    min_straight: float = 2.0  # across or down the whole picture; clean pictures reach 1.9
    min_slanted: float = 0.85  # in any direction, shared by most of ten tiles; clean pictures reach 0.8
    open_fault_margin: float = 0.3  # ln by which both are lowered while the fault is open
    light_and_shade_bins: int = 4  # lowest frequencies of the straight waves, which light and shade have too


BANDING = BandingThresholds()
# Neighbours in the spectrum, without the bin itself and its skirt: a new edge raises a whole ray of bins, a band only
# one.
_NEIGHBOURS = np.array([[1, 1, 1, 0, 0, 0, 1, 1, 1]], np.float32) / np.float32(6)


class BandingDetector:
    """Detects stripes through the whole picture: mains hum, interference, flickering light."""

    family = FaultFamily.BANDING

    def __init__(self, thresholds: BandingThresholds = BANDING):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare the strongest wave with the limit of clean pictures."""
        c = observation.comparison
        peak = wave_excess(c, self._t)
        if peak > (-self._t.open_fault_margin if self.family in c.open_families else 0.0):
            return PictureDetection({"peak": peak})
        return CLEAN


def wave_excess(c: Comparison, t: BandingThresholds = BANDING) -> float:
    """Return by how much, in ln, a wave exceeds the limit of clean pictures: across, down, or in any direction."""
    straight = _isolated(
        np.asarray(measurement.waves(c.measurement.vector) - measurement.waves(c.compared).max(0), np.float32)
    )
    straight[:, : t.light_and_shade_bins] = 0
    slanted = measurement.spectrum(c.measurement.vector) - measurement.spectrum(c.compared).max(0)
    slanted[:2, :1] = slanted[-1:, :1] = 0
    return float(max(straight.max() - t.min_straight, slanted.max() - t.min_slanted))


def _isolated(excess: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    around = cv2.filter2D(np.ascontiguousarray(excess), -1, _NEIGHBOURS, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.minimum(excess, excess - around), np.float32)


@dataclass(frozen=True, slots=True)
class BlockingThresholds:
    """Another view has other edges: rows and block borders count only while it is the same scene."""

    same_scene: float = 0.35  # edge correlation above which it is the same scene
    unrecognised: float = 0.2  # recognition of the view below which it is surely another one
    min_borders: float = 8.0  # isolated block borders more than ever; lowered while the fault is open
    min_borders_other_scene: float = 60.0  # no scene has as many
    min_missing_rows: float = 0.1  # share of the height that repeats one row, more than ever
    min_torn_rows: float = 4.0
    min_torn_rows_other_scene: float = 6.0
    min_torn_rows_unrecognised: float = 12.0
    max_wave_excess: float = 0.6  # bands across the picture are row jumps too, and explain all of them


class BlockingDetector:
    """Detects damaged coded data: block artefacts, torn and missing rows."""

    family = FaultFamily.BLOCKING

    def __init__(self, thresholds: BlockingThresholds = BlockingThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Compare block borders, torn rows and missing rows with the history; believe the decoder."""
        c, t = observation.comparison, self._t
        m, vectors = c.measurement, c.history.vectors
        torn = torn_rows(c)
        borders = m["tiles"] - float(vectors[:, INDEX["tiles"]].max())
        missing = m["still"] - float(vectors[:, INDEX["still"]].max())
        same = c.similarity > t.same_scene
        blocks = borders > (c.threshold_above(self.family, t.min_borders) if same else t.min_borders_other_scene)
        if (
            m.corrupt
            or blocks
            or missing > t.min_missing_rows
            or (torn >= self._min_torn(c, same) and wave_excess(c) < t.max_wave_excess)
        ):
            return PictureDetection({"rows": torn, "blocks": borders, "missing": missing})
        return CLEAN

    def _min_torn(self, c: Comparison, same: bool) -> float:
        if same:
            return self._t.min_torn_rows
        unrecognised = c.recognition.recognition < self._t.unrecognised
        return self._t.min_torn_rows_unrecognised if unrecognised else self._t.min_torn_rows_other_scene


def torn_rows(c: Comparison) -> float:
    """Return the number of rows with an isolated jump that the history does not have."""
    now, history = measurement.rows(c.measurement.vector), measurement.rows(c.compared)
    new = now > 1.6 * history.max(0) + 6
    isolated = now > 2.0 * np.maximum(np.roll(now, 2), np.roll(now, -2)) + 4
    return float(np.sum(new & isolated)) + max(
        0.0,
        c.measurement["steps"] - float(history.shape[0] and c.history.vectors[:, INDEX["steps"]].max()) - 1,
    )
