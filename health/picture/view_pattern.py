"""What stays of a view: the mean of many pictures' fine contrast, in which shadows, people and noise cancel out.

A single picture of bare asphalt under wandering shadows has little that another one has too. The mean of some dozens keeps
what is always there: cracks, lines, stains, kerbs. A picture is correlated with it cell by cell, each cell counted as much as
it has something that stays; marks burnt into the picture, which stay whatever the camera looks at, count no more than others.
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
KEPT = 96  # looks in the mean, from which on the oldest fade
LEAST = 24  # looks, below which it says nothing
SIGMA, AROUND, FLOOR = 3.0, 15, 1.5  # pixels of the thumbnail; grey levels
HEAVIEST = 1.5  # times the median weight
DARK, STEEPEST, GONE = 8.0, 0.25, 0.02  # grey levels; share of the brightness; of the usual strength
MARKED = 92  # percentile of the cells, above which marks may be


@dataclass(frozen=True, slots=True)
class ViewPattern:
    """`mean` of the signatures of `looks` pictures, 90×160."""

    mean: Signature
    looks: int

    def packed(self) -> bytes:
        return self.mean.astype("<f2").tobytes()

    @classmethod
    def unpacked(cls, blob: bytes, looks: int) -> ViewPattern:
        return cls(np.frombuffer(blob, "<f2").reshape(THUMB[1], THUMB[0]).astype(np.float32), looks)


def signature(thumb: Plane) -> Signature:
    """Fine contrast of a thumbnail, in units of the contrast around it."""
    return _normalised(_fine(thumb)[1])


def _fine(thumb: Plane) -> tuple[Signature, Signature]:
    """(brightness around each pixel, what differs from it), grey levels."""
    picture = thumb.astype(np.float32)
    level = np.asarray(cv2.GaussianBlur(picture, (0, 0), SIGMA), np.float32)
    return level, picture - level


def _normalised(fine: Signature) -> Signature:
    return np.asarray(fine / (np.sqrt(np.maximum(0.0, cv2.blur(fine * fine, (AROUND, AROUND)))) + FLOOR), np.float32)


def learned(pattern: ViewPattern | None, thumb: Plane) -> ViewPattern:
    """The pattern with one picture more."""
    made = signature(thumb)
    if pattern is None:
        return ViewPattern(made, 1)
    looks = min(pattern.looks + 1, KEPT)
    return ViewPattern(np.asarray(pattern.mean + (made - pattern.mean) / looks, np.float32), looks)


def _cells(plane: Signature) -> Signature:
    return np.asarray(cv2.resize(plane, CELLS, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True)
class PatternLikeness:
    """`known`: correlation of a picture with the pattern, −1…1, about 0 for another view; `thirds`: the same of the upper, middle, lower,
    left, middle and right third. `strengths`: how much of the pattern's contrast these thirds have, as a share of their brightness, in
    units that only compare pictures with each other."""

    known: float
    thirds: npt.NDArray[np.float32]
    strengths: npt.NDArray[np.float32]

    @property
    def strength(self) -> float:
        return float(self.strengths[:3].sum())


class PatternMatch:
    """How well pictures are recognised by a pattern."""

    def __init__(self, pattern: ViewPattern):
        self._pattern = pattern
        self._power = _cells(pattern.mean * pattern.mean)
        self._plain = self._power <= np.percentile(self._power, MARKED)

    def of(self, thumb: Plane) -> PatternLikeness:
        level, fine = _fine(thumb)
        mine = _normalised(fine)
        power, n = _cells(mine * mine), self._pattern.looks
        likeness = _cells(mine * self._pattern.mean) / np.sqrt(power * self._power + 1e-4)
        # What the mean of n unlike pictures would have too does not count.
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


FAINT = 0.1  # of the reference pictures, below which there is nothing that a picture could lack
KNOWABLE = 0.15  # the same, of their median
WELL = 0.6  # from which thirds have a contrast that can be compared


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """`known`: how well, 1: as well as the least known of the reference pictures; `least`, `best`: in the least and the best known third of
    the picture, 1: as well as in their median. `faded`: ln of the contrast of what stays, against their median; `kept`: the same of the
    third that kept most of it, where the view is known well enough for that. Where there is nothing to know it by (`told` is not set),
    all is as always."""

    known: float = 1.0
    least: float = 1.0
    best: float = 1.0
    faded: float = 0.0
    kept: float = 0.0
    told: bool = False

    def hidden(self, share: float) -> bool:
        """Whether one third is known by less than a share of what another one is."""
        return self.least < share * self.best


def recognised(pattern: ViewPattern | None, thumb: Plane, scenes: Sequence[Plane]) -> RecognitionResult:
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
