"""The view pattern: the mean fine contrast of many pictures, in which shadows, people and noise cancel out.

A single picture of bare asphalt under moving shadows shares little with another one. The mean of some dozens keeps the
permanent structure: cracks, lines, stains, kerbs. A picture is correlated with the pattern cell by cell; each cell has
the weight of its permanent structure. On-screen text, which stays whatever the camera points at, has no extra weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import CELLS, THUMB, Floats, Plane, thirds

Signature = npt.NDArray[np.float32]
MAX_PICTURES = 96  # pictures in the mean, after which the oldest fade
MIN_PICTURES = 24  # pictures below which the pattern is not used
SIGMA_PIXELS = 3.0  # of the thumbnail
NEIGHBOURHOOD_PIXELS = 15
CONTRAST_FLOOR = 1.5  # grey levels
MAX_WEIGHT = 1.5  # maximum weight of a cell, multiple of the median
DARKNESS_OFFSET = 8.0  # grey levels
MAX_RELATIVE_CONTRAST = 0.25  # share of the brightness
MIN_STRENGTH_SHARE = 0.02  # of the usual strength
OSD_PERCENTILE = 92  # percentile of the cells above which on-screen text may be


LEVEL, WHOLE, THIRDS = 0, 1, slice(2, 8)  # columns of ViewPattern.recognitions
NEAREST_IN_BRIGHTNESS = 16  # earlier recognitions that a picture is compared with
MIN_RECOGNITIONS = 24  # recognitions below which they say nothing


def _no_recognitions() -> Floats:
    return np.zeros((0, THIRDS.stop), np.float32)


@dataclass(frozen=True, slots=True)
class ViewPattern:
    """`mean`: mean of the signatures of the pictures, 90×160; `pictures`: their number.

    `recognitions`: N×8, how well each of the last pictures was recognised before it was learned: its brightness (grey
    levels), the correlation of the whole picture and of its six thirds. They tell what of the view can be relied on: a
    sky, or ground on which machines park, is not recognised in some of them.
    """

    mean: Signature
    pictures: int
    recognitions: Floats = field(default_factory=_no_recognitions)

    def pack(self) -> bytes:
        return self.mean.astype("<f2").tobytes() + self.recognitions.astype("<f2").tobytes()

    @classmethod
    def unpack(cls, blob: bytes, pictures: int) -> ViewPattern:
        values = np.frombuffer(blob, "<f2").astype(np.float32)
        size = THUMB[0] * THUMB[1]
        return cls(values[:size].reshape(THUMB[1], THUMB[0]), pictures, values[size:].reshape(-1, THIRDS.stop))

    def least_recognitions(self, level: float) -> Floats | None:
        """Return the lowest recognitions (8, as a row) of the pictures nearest in brightness; None if few are known."""
        if len(self.recognitions) < MIN_RECOGNITIONS:
            return None
        nearest = np.argsort(np.abs(self.recognitions[:, LEVEL] - level), kind="stable")[:NEAREST_IN_BRIGHTNESS]
        return np.asarray(self.recognitions[nearest].min(0), np.float32)


def signature(thumb: Plane) -> Signature:
    """Return the fine contrast of a thumbnail, in units of the local contrast."""
    return _normalised(_fine(thumb)[1])


def _fine(thumb: Plane) -> tuple[Signature, Signature]:
    """Return (local brightness, difference from it) of each pixel, grey levels."""
    picture = thumb.astype(np.float32)
    level = np.asarray(cv2.GaussianBlur(picture, (0, 0), SIGMA_PIXELS), np.float32)
    return level, picture - level


def _normalised(fine: Signature) -> Signature:
    return np.asarray(
        fine
        / (
            np.sqrt(np.maximum(0.0, cv2.blur(fine * fine, (NEIGHBOURHOOD_PIXELS, NEIGHBOURHOOD_PIXELS))))
            + CONTRAST_FLOOR
        ),
        np.float32,
    )


def learn(pattern: ViewPattern | None, thumb: Plane) -> ViewPattern:
    """Return the pattern with one more picture."""
    made = signature(thumb)
    if pattern is None:
        return ViewPattern(made, 1)
    pictures = min(pattern.pictures + 1, MAX_PICTURES)
    mean = np.asarray(pattern.mean + (made - pattern.mean) / pictures, np.float32)
    return ViewPattern(mean, pictures, _with_recognition(pattern, thumb))


def _with_recognition(pattern: ViewPattern, thumb: Plane) -> Floats:
    """Return the recognitions with that of one more picture; the first pictures say nothing about a pattern."""
    if pattern.pictures < MIN_PICTURES:
        return pattern.recognitions
    match = PatternMatch(pattern).of(thumb)
    row = np.array([float(thumb.mean()), match.correlation, *match.thirds], np.float32)
    return np.asarray(np.vstack([pattern.recognitions, row])[-MAX_PICTURES:], np.float32)


def _cells(plane: Signature) -> Signature:
    return np.asarray(cv2.resize(plane, CELLS, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True)
class PatternCorrelation:
    """Correlation of a picture with the pattern.

    `correlation`: of the whole picture, −1…1, about 0 for another view; `thirds`: of the upper, middle, lower, left,
    middle and right third. `strengths`: contrast of the pattern in these thirds as a share of their brightness, in
    relative units.
    """

    correlation: float
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
        self._plain = self._power <= np.percentile(self._power, OSD_PERCENTILE)

    def of(self, thumb: Plane) -> PatternCorrelation:
        """Correlate a thumbnail (90×160) with the pattern."""
        level, fine = _fine(thumb)
        mine = _normalised(fine)
        power, n = _cells(mine * mine), self._pattern.pictures
        correlations = _cells(mine * self._pattern.mean) / np.sqrt(power * self._power + 1e-4)
        # Subtracts the power that the mean of n unrelated pictures would have too.
        stays = np.sqrt(np.maximum(0.0, (n * self._power - power) / max(1, n - 1)))
        weight = np.minimum(stays, MAX_WEIGHT * np.median(stays)) * self._plain
        whole = _weighted(correlations, weight)
        each = np.array(
            [_weighted(a, b) for a, b in zip(thirds(correlations), thirds(weight), strict=True)], np.float32
        )
        contrast = np.clip(fine / (level + DARKNESS_OFFSET), -MAX_RELATIVE_CONTRAST, MAX_RELATIVE_CONTRAST)
        strength = _cells(contrast * self._pattern.mean) * self._plain
        return PatternCorrelation(whole, each, np.array([float(third.sum()) for third in thirds(strength)], np.float32))


def _weighted(values: Floats, weight: Floats) -> float:
    return float((values * weight).sum() / max(1e-6, float(weight.sum())))


MIN_THIRD_CORRELATION = 0.1  # of a third of the reference pictures; below it the third holds nothing to recognise
MIN_CORRELATION = 0.15  # the same for the whole picture, median of the reference pictures
# A third can be called hidden only if each reference picture, and each earlier one of this brightness, shows it by this
# much: clouds, parked machines and lamps make a third that some of them do not show.
MIN_DEPENDABLE_CORRELATION = 0.2
MIN_COMPARABLE_CORRELATION = 0.6  # correlation from which the contrast of thirds can be compared


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """How well a picture is recognised, relative to the reference pictures.

    `recognition`: relative to the least recognised reference picture (1: as well); `least`, `best`: the least and
    the best recognised third, relative to their medians. `dependable`: the least recognised one of the thirds that
    all reference pictures show, relative to the reference picture that shows it least; 1 if there is none. `faded`:
    ln contrast of the pattern against its median; `kept`: the same for the third that kept most of it, if the view
    is recognised well enough. `comparable`: a comparison was possible; otherwise the values are those of an
    unchanged view.
    """

    recognition: float = 1.0
    least: float = 1.0
    best: float = 1.0
    faded: float = 0.0
    kept: float = 0.0
    comparable: bool = False
    dependable: float = 1.0

    def hidden(self, share: float) -> bool:
        """Return whether a third that is always there is recognised by less than `share` of the best third."""
        return self.dependable < share * self.best


def recognise(pattern: ViewPattern | None, thumb: Plane, scenes: Sequence[Plane]) -> RecognitionResult:
    """Compare a picture with the view pattern, relative to the reference pictures `scenes`."""
    if pattern is None or pattern.pictures < MIN_PICTURES or not scenes:
        return RecognitionResult()
    by = PatternMatch(pattern)
    theirs = [by.of(scene) for scene in scenes]
    usual, usual_thirds = float(np.median([t.correlation for t in theirs])), np.median([t.thirds for t in theirs], 0)
    there = usual_thirds > MIN_THIRD_CORRELATION
    if usual < MIN_CORRELATION or not there.any():
        return RecognitionResult()
    mine = by.of(thumb)
    faded = _fall(mine.strength, float(np.median([t.strength for t in theirs])))
    kept = faded
    if usual > MIN_COMPARABLE_CORRELATION:
        kept = max(map(_fall, mine.strengths, np.median([t.strengths for t in theirs], 0)))
    share = (mine.thirds / np.maximum(MIN_THIRD_CORRELATION, usual_thirds))[there]
    always = np.min([t.thirds for t in theirs], 0)
    least = min(t.correlation for t in theirs)
    earlier = pattern.least_recognitions(float(thumb.mean()))
    if earlier is not None:
        always, least = np.minimum(always, earlier[THIRDS]), min(least, float(earlier[WHOLE]))
    recognition = mine.correlation / max(MIN_THIRD_CORRELATION, least)
    shown = always > MIN_DEPENDABLE_CORRELATION
    dependable = (mine.thirds[shown] / always[shown]).min(initial=1.0)
    return RecognitionResult(recognition, float(share.min()), float(share.max()), faded, kept, True, float(dependable))


def _fall(now: float, usual: float) -> float:
    usual = max(1e-6, float(usual))
    return float(np.log(max(float(now), MIN_STRENGTH_SHARE * usual) / usual))
