"""Tells infra-red pictures, which have no colours, from pictures in colour, independently of tint and brightness.

A camera under infra-red light sends brightness only. What chroma its picture still has is a tint, the same everywhere
or in proportion to the brightness, and the noise of compression. So the chroma of blocks is predicted from their
brightness by a robust line; what remains is noise in an infra-red picture and the things' own colours in others. Rows
at the top and at the bottom, where cameras burn in the time and their name, do not count.

One picture of a grey yard has hardly more colour than noise: a camera's state (`InfraredState`) follows the median of
its last pictures and changes only where that is clear; a picture with strong colours ends infra-red at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from nvr.playback.pictures import Picture

BLOCKS = (40, 24)  # columns and rows of blocks of which the chroma is averaged
DISPLAY_ROWS = 3  # rows of blocks at the top and at the bottom that may show burnt-in text
SPREAD_PERCENTILE = 98
FIT_PASSES = 3
MIN_SCALE = 0.25  # of the residuals in the robust fit, levels: below it they are rounding
# Spreads in levels of chroma (Cb, Cr), set on frames of the shared clips as x264 (crf 18 to 44) and JPEG (15 to 90):
# grey with and without tint against daylight and sodium light; docs/benchmarks.md judges them on other codings.
MAX_INFRARED_SPREAD = 1.6  # median below which a camera is infra-red
MIN_COLOUR_SPREAD = 2.4  # median above which it is not
MIN_STRONG_SPREAD = 7.0  # one such picture is enough: no tint or compression reaches it
REMEMBERED = 5  # pictures of which the median is taken
_LUMA_OF_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # BT.601
_CB_OF_BLUE, _CR_OF_RED = 0.564, 0.713
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class InfraredState:
    """Whether a camera sends infra-red pictures, with hysteresis."""

    active: bool = False
    spreads: list[float] = field(default_factory=list)

    def update(self, picture: Picture) -> bool:
        """Take the next BGR picture of the camera, at least 40×24; return whether it is infra-red."""
        spread = chroma_spread(picture)
        first = not self.spreads
        self.spreads = [*self.spreads[1 - REMEMBERED :], spread]
        median = float(np.median(self.spreads))
        if spread > MIN_STRONG_SPREAD or median > MIN_COLOUR_SPREAD:
            self.active = False
        elif median < MAX_INFRARED_SPREAD and (first or len(self.spreads) >= REMEMBERED or self.active):
            self.active = True
        return self.active


def is_monochrome(picture: Picture) -> bool:
    """Return whether a single BGR picture, at least 40×24, is without colours."""
    return chroma_spread(picture) < MAX_INFRARED_SPREAD


def chroma_spread(picture: Picture) -> float:
    """Return how far the blocks' chroma lies from what their brightness tells, in levels (98th percentile)."""
    blocks = cv2.resize(picture, BLOCKS, interpolation=cv2.INTER_AREA).astype(np.float32)[DISPLAY_ROWS:-DISPLAY_ROWS]
    luma = np.asarray((blocks @ _LUMA_OF_BGR).ravel(), np.float32)
    cb = np.asarray((blocks[..., 0].ravel() - luma) * _CB_OF_BLUE, np.float32)
    cr = np.asarray((blocks[..., 2].ravel() - luma) * _CR_OF_RED, np.float32)
    return float(np.percentile(np.hypot(_residuals(luma, cb), _residuals(luma, cr)), SPREAD_PERCENTILE))


def _residuals(luma: Floats, chroma: Floats) -> Floats:
    """Return the chroma without its robust linear fit on luma (Huber's weights, iterated)."""
    weights = np.ones_like(luma)
    residuals = chroma
    for _ in range(FIT_PASSES):
        x = luma - np.average(luma, weights=weights)
        y = chroma - np.average(chroma, weights=weights)
        variance = float((weights * x * x).sum())
        slope = float((weights * x * y).sum()) / variance if variance > 0 else 0.0
        residuals = np.asarray(y - slope * x, np.float32)
        scale = float(np.median(np.abs(residuals))) * 1.4826 + MIN_SCALE
        weights = (1 / np.maximum(1, np.abs(residuals) / (1.5 * scale))).astype(np.float32)
    return residuals
