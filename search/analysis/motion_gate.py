"""Motion detection: a running average of the luma in 160×90, with masks that learn clocks and trees.

Cost: 0.02 ms per picture. A pixel that differs in most pictures (an on-screen clock, a tree in the wind, a flag) does
not count until it has been quiet for a while; noise is learned per pixel. A change of more than 40 % of the picture is
a change of light, not motion: the average restarts and the whole picture is searched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from search.analysis.detectors.base import Region

WIDTH, HEIGHT = 160, 90
LEARN_WEIGHT = 0.08  # weight of a new picture in the average
LEARN_NOISE_WEIGHT = 0.03
MAX_BUSY_SHARE = 0.35  # share of pictures with motion above which a pixel does not count
MIN_DIFFERENCE = 9.0  # grey levels
NOISE_SIGMAS = 4.5
MIN_PIXELS = 5  # of 14,400 pixels
LEARNING_PICTURES = 2
MAX_MOTION_SHARE = 0.4
Plane = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class MotionGate:
    """The state of one camera; it travels with the work to any worker."""

    mean: Floats = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    noise: Floats = field(default_factory=lambda: np.full((HEIGHT, WIDTH), 2.0, np.float32))
    busy: Floats = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    pictures: int = 0

    def detect_motion(self, luma: Plane) -> list[Region] | None:
        """Return regions with motion in shares of the picture; None if everything changed or too little is known."""
        small = downscale(luma).astype(np.float32)
        difference = cv2.absdiff(small, self.mean)
        limit = np.maximum(MIN_DIFFERENCE, NOISE_SIGMAS * self.noise)
        moved = difference > limit
        self.pictures += 1
        if self.pictures <= LEARNING_PICTURES or moved.mean() > MAX_MOTION_SHARE:
            self.mean = (
                small
                if self.pictures == 1 or moved.mean() > MAX_MOTION_SHARE
                else self.mean + (small - self.mean) * 0.5
            )
            return None
        quiet = ~moved
        self.mean += (small - self.mean) * np.where(quiet, LEARN_WEIGHT, LEARN_WEIGHT * 0.25).astype(np.float32)
        self.noise += np.where(quiet, (difference * 1.25 - self.noise) * LEARN_NOISE_WEIGHT, 0).astype(np.float32)
        counted = moved & (self.busy < MAX_BUSY_SHARE)
        # A busy pixel must be quiet for long before it counts again; objects that only pass by hardly make a pixel
        # busy.
        self.busy += (moved.astype(np.float32) - self.busy) * LEARN_NOISE_WEIGHT
        return regions(counted)


def downscale(luma: Plane) -> Plane:
    """Scale to 160×90 in two steps: averaging straight from 1080p costs five times as much."""
    if luma.shape[1] > WIDTH * 4:
        luma = np.asarray(cv2.resize(luma, (WIDTH * 4, HEIGHT * 4), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def regions(moved: npt.NDArray[np.bool_]) -> list[Region]:
    """Return boxes around connected moving pixels, largest first, in shares of the picture."""
    mask = moved.astype(np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    found = [tuple(int(v) for v in stats[i]) for i in range(1, count) if stats[i][cv2.CC_STAT_AREA] >= MIN_PIXELS]
    found.sort(key=lambda s: -s[4])
    return [(x / WIDTH, y / HEIGHT, (x + w) / WIDTH, (y + h) / HEIGHT) for x, y, w, h, _ in found]
