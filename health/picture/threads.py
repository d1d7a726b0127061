"""Cobwebs before the lens: soft bright threads over much of the picture, which were not there and which stay.

A thread so near is out of focus and catches the light of the sky, the lamp or the infra-red lamp, so it is a bright
ridge a few pixels wide, in places where no earlier picture of this light has one. Shadows, rain, people and machines
make such ridges too, but not in the same places an hour later, or only in a small part of the picture. A web sways a
little. Reference pictures younger than the settling time do not count: a web that was not found at first is in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import CELLS, Plane

SIGMA_PIXELS = 1.2  # of the thumbnail: the scale of the threads
MIN_RIDGE = 4.0  # strength of a ridge, grey levels per pixel² of the Sobel kernel (4 times the second derivative)
MIN_EXCESS = 2.0  # multiple of the strongest ridge that the reference pictures have near it
NEAR_PIXELS = 5  # size of the neighbourhood in which a ridge of a reference picture explains one
SWAY_PIXELS = (5, 3)  # how far a web sways from one inspection to the next: across, down
MIN_CELL_SHARE = 0.02  # of a cell's pixels, from which threads cross it
MIN_SETTLED_SCENES = 2  # reference pictures below which nothing can be said
Mask = npt.NDArray[np.bool_]
Ridges = npt.NDArray[np.float32]


def bright_ridges(thumb: Plane) -> Ridges:
    """Return the strength of bright ridges: how far the smaller eigenvalue of the Hessian lies below 0."""
    level = cv2.GaussianBlur(thumb.astype(np.float32), (0, 0), SIGMA_PIXELS)
    xx, yy, xy = (cv2.Sobel(level, cv2.CV_32F, dx, dy, ksize=3) for dx, dy in ((2, 0), (0, 2), (1, 1)))
    least = (xx + yy) / 2 - cv2.magnitude((xx - yy) / 2, xy)
    return np.asarray(np.maximum(0, -least), np.float32)


def new_threads(now: Plane, previous: Plane | None, scenes: Sequence[Plane]) -> Mask:
    """Return the cells (8×12) that bright threads cross now and at the previous inspection, and in no reference.

    `scenes`: reference pictures of this light older than the settling time. Without enough of them, or without a
    previous picture, no cell is.
    """
    if previous is None or len(scenes) < MIN_SETTLED_SCENES:
        return np.zeros((CELLS[1], CELLS[0]), bool)
    strongest = np.max([bright_ridges(scene) for scene in scenes], axis=0)
    near = cv2.dilate(strongest, np.ones((NEAR_PIXELS, NEAR_PIXELS), np.uint8))
    limit = np.maximum(MIN_RIDGE, MIN_EXCESS * near)
    here, before = (bright_ridges(thumb) > limit for thumb in (now, previous))
    swayed = cv2.dilate(before.astype(np.uint8), np.ones(SWAY_PIXELS[::-1], np.uint8)) > 0
    shares = cv2.resize((here & swayed).astype(np.float32), CELLS, interpolation=cv2.INTER_AREA)
    return np.asarray(shares > MIN_CELL_SHARE, bool)
