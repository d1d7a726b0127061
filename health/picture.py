"""Picture checks on newest keyframes: black, frozen, blurred. Runs in disposable workers.

Thresholds and their reasons: docs/health.md. No absolute sharpness threshold is used: published ones
flag up to 60 % of healthy cameras; a camera is compared with its own accepted looks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from nvr.pictures import Picture, decode
from nvr.reader import Keyframe

WIDTH = 640
FLAT_LEVELS = 14  # spread of grey levels below which nothing is in the picture (a real unlit night has 41 or more)
BLACK_LEVEL = 60
FROZEN_MAD = 0.05  # grey levels; sensor noise alone gives 0.9 and more between keyframes
BLUR_Z, BLUR_SUM = 3.0, 6.0
MIN_REFERENCES = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """Measured on one look. Levels 0…255; fine, middle: log energy of two octave bands against the contrast."""

    p2: float
    p98: float
    fine: float
    middle: float
    still_seconds: float  # span of the newest keyframes that are all alike
    span_seconds: float  # span of all keyframes that were compared

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def examine(frames: Sequence[Keyframe]) -> tuple[Figures, bytes]:
    """Figures of the newest keyframe (compared with those before it) and the picture as JPEG."""
    cv2.setNumThreads(1)
    picture = decode(frames[-1], WIDTH)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    p2, p98 = (float(v) for v in np.percentile(grey, (2, 98)))
    fine, middle = detail(np.asarray(grey, np.uint8))
    figures = Figures(p2, p98, fine, middle, _still_seconds(frames, picture), (frames[-1].at_us - frames[0].at_us) / 1e6)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return figures, jpeg.tobytes()


def detail(grey: Picture) -> tuple[float, float]:
    """ln(e0/σ²) and ln(e1/σ²): the energies of the two finest octave bands against the picture's variance.

    Blur removes the fine bands and leaves the variance; fog and darkness shrink all of them alike.
    """
    level = grey.astype(np.float32)
    variance = float(np.var(level)) + 1.0
    energies = []
    for _ in range(2):
        low = cv2.GaussianBlur(level, (0, 0), 1.0)
        energies.append(float(np.mean((level - low) ** 2)) + 0.02)
        level = np.asarray(cv2.resize(low, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
    return math.log(energies[0] / variance), math.log(energies[1] / variance)


def _still_seconds(frames: Sequence[Keyframe], newest: Picture) -> float:
    """How far back the keyframes show the very same picture, seconds."""
    small = _small(newest)
    still = 0.0
    for frame in reversed(frames[:-1]):
        if frame.data != frames[-1].data:
            difference = np.mean(np.abs(_small(decode(frame, WIDTH)).astype(np.int16) - small))
            if difference > FROZEN_MAD:
                break
        still = (frames[-1].at_us - frame.at_us) / 1e6
    return still


def _small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (160, 90), interpolation=cv2.INTER_AREA), np.uint8)


def findings(figures: Figures, accepted: Sequence[dict[str, float]], frozen_seconds: float) -> tuple[dict[str, str], set[str]]:
    """(found families with a sentence, families that could not be tested).

    `accepted` are figures of the camera's own earlier looks without findings, newest last.
    """
    found: dict[str, str] = {}
    unknown: set[str] = set()
    if figures.p98 - figures.p2 <= FLAT_LEVELS and figures.p98 <= BLACK_LEVEL:
        found["black"] = f"nothing to see: grey levels {figures.p2:.0f} to {figures.p98:.0f} of 255"
    if figures.still_seconds >= frozen_seconds:
        found["frozen"] = f"the same picture for {figures.still_seconds:.0f} s"
    elif figures.span_seconds < frozen_seconds:
        unknown.add("frozen")
    blur = _blur(figures, accepted)
    if blur is None:
        unknown.add("blurred")
    elif blur:
        found["blurred"] = blur
    return found, unknown


def _blur(figures: Figures, accepted: Sequence[dict[str, float]]) -> str | None:
    """A sentence where the finest detail is lost against the camera's own looks; '' where not; None: still learning."""
    if len(accepted) < MIN_REFERENCES:
        return None
    fine, middle = (robust_z(getattr(figures, k), [a[k] for a in accepted], 0.12) for k in ("fine", "middle"))
    if fine < -BLUR_Z and fine + min(middle, 0.0) < -BLUR_SUM:
        return f"fine detail is lost: {fine:.1f} deviations below this camera's own looks"
    return ""


def robust_z(value: float, sample: Sequence[float], floor: float) -> float:
    """(value − median) / hypot(1.4826 · MAD, floor)."""
    median = statistics.median(sample)
    mad = statistics.median(abs(s - median) for s in sample)
    return (value - median) / math.hypot(1.4826 * mad, floor)
