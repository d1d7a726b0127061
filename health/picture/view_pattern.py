"""The view pattern: the mean fine contrast of many pictures, in which shadows, people and noise cancel out.

A single picture of bare asphalt under moving shadows shares little with another one. The mean of some dozens keeps the
permanent structure: cracks, lines, stains, kerbs. A picture is correlated with the pattern cell by cell; each cell has
the weight of its permanent structure. On-screen text, which stays whatever the camera points at, has no extra weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import CELLS, THUMB, Plane, thirds

Signature = npt.NDArray[np.float32]
KEPT = 96  # inspections in the mean, after which the oldest fade
LEAST = 24  # inspections below which the pattern is not used
SIGMA, AROUND, FLOOR = 3.0, 15, 1.5  # pixels of the thumbnail (SIGMA, AROUND); grey levels (FLOOR)
HEAVIEST = 1.5  # maximum weight of a cell, multiple of the median
DARK, STEEPEST, GONE = 8.0, 0.25, 0.02  # grey levels; share of the brightness; share of the usual strength
MARKED = 92  # percentile of the cells above which on-screen text may be


@dataclass(frozen=True, slots=True)
class ViewPattern:
    """`mean`: mean of the signatures of `looks` pictures, 90×160."""

    mean: Signature
    looks: int

    def packed(self) -> bytes:
        return self.mean.astype("<f2").tobytes()

    @classmethod
    def unpacked(cls, blob: bytes, looks: int) -> ViewPattern:
        return cls(np.frombuffer(blob, "<f2").reshape(THUMB[1], THUMB[0]).astype(np.float32), looks)


def signature(thumb: Plane) -> Signature:
    """Return the fine contrast of a thumbnail, in units of the local contrast."""
    return _normalised(_fine(thumb)[1])


def _fine(thumb: Plane) -> tuple[Signature, Signature]:
    """Return (local brightness, difference from it) of each pixel, grey levels."""
    picture = thumb.astype(np.float32)
    level = np.asarray(cv2.GaussianBlur(picture, (0, 0), SIGMA), np.float32)
    return level, picture - level


def _normalised(fine: Signature) -> Signature:
    return np.asarray(fine / (np.sqrt(np.maximum(0.0, cv2.blur(fine * fine, (AROUND, AROUND)))) + FLOOR), np.float32)


def learned(pattern: ViewPattern | None, thumb: Plane) -> ViewPattern:
    """Return the pattern with one more picture."""
    made = signature(thumb)
    if pattern is None:
        return ViewPattern(made, 1)
    looks = min(pattern.looks + 1, KEPT)
    return ViewPattern(np.asarray(pattern.mean + (made - pattern.mean) / looks, np.float32), looks)


def _cells(plane: Signature) -> Signature:
    return np.asarray(cv2.resize(plane, CELLS, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True)
class PatternLikeness:
    """Correlation of a picture with the pattern.

    `known`: of the whole picture, −1…1, about 0 for another view; `thirds`: of the upper, middle, lower, left, middle
    and right third. `strengths`: contrast of the pattern in these thirds as a share of their brightness, in relative
    units.
    """

    known: float
    thirds: npt.NDArray[np.float32]
    strengths: npt.NDArray[np.float32]

    @property
    def strength(self) -> float:
        return float(self.strengths[:3].sum())


class PatternMatch:
    """Compares pictures with one pattern."""

    def __init__(self, pattern: ViewPattern):
        self._pattern = pattern
        self._power = _cells(pattern.mean * pattern.mean)
        self._plain = self._power <= np.percentile(self._power, MARKED)

    def of(self, thumb: Plane) -> PatternLikeness:
        """Correlate a thumbnail (90×160) with the pattern."""
        level, fine = _fine(thumb)
        mine = _normalised(fine)
        power, n = _cells(mine * mine), self._pattern.looks
        likeness = _cells(mine * self._pattern.mean) / np.sqrt(power * self._power + 1e-4)
        # Subtracts the power that the mean of n unrelated pictures would have too.
        stays = np.sqrt(np.maximum(0.0, (n * self._power - power) / max(1, n - 1)))
        weight = np.minimum(stays, HEAVIEST * np.median(stays)) * self._plain
        all_of_it = _weighted(likeness, weight)
        each = np.array([_weighted(a, b) for a, b in zip(thirds(likeness), thirds(weight), strict=True)], np.float32)
        contrast = np.clip(fine / (level + DARK), -STEEPEST, STEEPEST)
        strength = _cells(contrast * self._pattern.mean) * self._plain
        return PatternLikeness(
            all_of_it, each, np.array([float(third.sum()) for third in thirds(strength)], np.float32)
        )


def _weighted(values: npt.NDArray[Any], weight: npt.NDArray[Any]) -> float:
    return float((values * weight).sum() / max(1e-6, float(weight.sum())))


FAINT = 0.1  # correlation of a third of the reference pictures below which the third holds nothing to recognise
KNOWABLE = 0.15  # the same for the whole picture, median of the reference pictures
WELL = 0.6  # correlation from which the contrast of thirds can be compared


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """How well a picture is recognised, relative to the reference pictures.

    `known`: relative to the least recognised reference picture (1: as well); `least`, `best`: the least and the best
    recognised third, relative to their medians. `faded`: ln contrast of the pattern against its median; `kept`: the
    same for the third that kept most of it, if the view is recognised well enough. `told`: a comparison was possible;
    otherwise the values are those of an unchanged view.
    """

    known: float = 1.0
    least: float = 1.0
    best: float = 1.0
    faded: float = 0.0
    kept: float = 0.0
    told: bool = False

    def hidden(self, share: float) -> bool:
        """Return whether one third is recognised by less than `share` of the best third."""
        return self.least < share * self.best


def recognised(pattern: ViewPattern | None, thumb: Plane, scenes: Sequence[Plane]) -> RecognitionResult:
    """Compare a picture with the view pattern, relative to the reference pictures `scenes`."""
    if pattern is None or pattern.looks < LEAST or not scenes:
        return RecognitionResult()
    by = PatternMatch(pattern)
    theirs = [by.of(scene) for scene in scenes]
    usual, usual_thirds = float(np.median([t.known for t in theirs])), np.median([t.thirds for t in theirs], 0)
    there = usual_thirds > FAINT
    if usual < KNOWABLE or not there.any():
        return RecognitionResult()
    mine = by.of(thumb)
    faded = _fall(mine.strength, float(np.median([t.strength for t in theirs])))
    kept = faded
    if usual > WELL:
        kept = max(map(_fall, mine.strengths, np.median([t.strengths for t in theirs], 0)))
    share = (mine.thirds / np.maximum(FAINT, usual_thirds))[there]
    known = mine.known / max(FAINT, min(t.known for t in theirs))
    return RecognitionResult(known, float(share.min()), float(share.max()), faded, kept, True)


def _fall(now: float, usual: float) -> float:
    usual = max(1e-6, float(usual))
    return float(np.log(max(float(now), GONE * usual) / usual))
