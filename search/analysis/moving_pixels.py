"""Finds the pixels that move in a row of pictures that is known as a whole, as in a motion search.

The motion gate of the indexer knows only the past of a camera: what stood in its first pictures leaves a ghost that
"moves" for a minute. Here the background of a picture is the median of the pictures around it, so that people who pass
by do not belong to it. The noise of a pixel is what it usually deviates from the background or, if that is less, what
it usually changes from one picture to the next: leaves change all the time; people who stand somewhere one after
another make the pixels deviate, but seldom change. A place that differs from the background counts only where it also
changed since the picture before or until the next one: a parked car differs, but it does not move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from search.analysis.motion_gate import HEIGHT, MIN_DIFFERENCE, MIN_PIXELS, NOISE_SIGMAS, WIDTH, Plane

BLOCK = 30  # pictures that share a background
MAX_SAMPLES = 41  # pictures of which a background is the median
REACH = 45  # pictures before and after a block that are taken into its background
MAD_TO_SIGMA = 1.4826  # of a normal distribution
CHANGES_IN_FOUR = 3  # of four changes from a picture to the next that noise explains
LEVEL_RANGE = (0.5, 2.0)  # factors by which the exposure of a picture is levelled
LIGHT_SHARE = 0.2  # of the picture; where more differs, it is asked whether only the light changed
SAME_SCENE = 0.5  # correlation of brightness gradients above which the same scene is seen in another light
REACH_OF_CHANGE = 5  # pixels of 160: how far around changed pixels a moving object extends
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


def moving_pixels(pictures: Sequence[Plane], begin: int = 0, end: int | None = None) -> Iterator[Mask]:
    """Return an iterator over the moving pixels (90 × 160) of pictures[begin:end].

    `pictures`: lumas in order of time, already scaled by `motion_gate.downscale`; those outside [begin, end) are only
    context. One picture alone has nothing to differ from: nothing moves in it.
    """
    stack = np.stack(pictures) if pictures else np.empty((0, HEIGHT, WIDTH), np.uint8)
    last = len(stack) if end is None else end
    for first in range(begin, last, BLOCK):
        until = min(first + BLOCK, last)
        background, limit = _background(stack[max(0, first - REACH) : until + REACH])
        levelled = [_levelled(p, background, limit) for p in stack[max(0, first - 1) : until + 1]]
        offset = first - max(0, first - 1)
        for i in range(offset, offset + until - first):
            yield _moving(levelled[max(0, i - 1) : i + 2], min(i, 1), background, limit)


def _background(window: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return background and limit of difference (grey levels) of each pixel: median and noise of the pictures."""
    chosen = np.linspace(0, len(window) - 1, min(len(window), MAX_SAMPLES)).round().astype(int)
    # One pixel's levels side by side: sorting along the first axis would jump through the memory.
    levels, following = (
        np.ascontiguousarray(window[numbers].reshape(len(chosen), -1).T).astype(np.int16)
        for numbers in (chosen, np.minimum(chosen + 1, len(window) - 1))
    )
    middle = len(chosen) // 2
    background = _ranked(levels, middle)
    deviation = _ranked(np.abs(levels - background[:, None]), middle)
    change = _ranked(np.abs(following - levels), len(chosen) * CHANGES_IN_FOUR // 4)
    limit = np.maximum(MIN_DIFFERENCE, NOISE_SIGMAS * MAD_TO_SIGMA * np.minimum(deviation, change))
    return background.reshape(HEIGHT, WIDTH).astype(np.float32), limit.reshape(HEIGHT, WIDTH).astype(np.float32)


def _ranked(values: npt.NDArray[np.int16], rank: int) -> npt.NDArray[np.int16]:
    """Return the value of each row that `rank` others do not exceed."""
    return np.partition(values, rank, axis=1)[:, rank]


def _levelled(picture: Plane, background: Floats, limit: Floats) -> Floats:
    """Return the picture at the exposure of the background.

    Cameras change their gain, which the median ratio of the pixels tells, or lift and lower the whole curve of
    tones, which the median difference tells. Where an object hides half of the view, neither tells anything. What is
    most like the background counts.
    """
    values = picture.astype(np.float32)
    ratio = float(np.median((values + 1) / (background + 1)))
    by_gain = values / min(max(ratio, LEVEL_RANGE[0]), LEVEL_RANGE[1])
    by_offset = values + float(np.median(background - values))
    return min((by_gain, by_offset, values), key=lambda p: float((cv2.absdiff(p, background) > limit).mean()))


def _moving(pictures: Sequence[Floats], at: int, background: Floats, limit: Floats) -> Mask:
    """Return the moving pixels of pictures[at]; the others are its neighbours in time."""
    picture = pictures[at]
    differs = cv2.absdiff(picture, background) > limit
    if differs.mean() > LIGHT_SHARE and _same_scene(picture, background, differs):
        return np.zeros_like(differs)
    changed = np.zeros_like(differs)
    for other in (p for i, p in enumerate(pictures) if i != at):
        changed |= cv2.absdiff(picture, other) > limit
    return _grown(differs, differs & changed)


def _grown(differs: Mask, changed: Mask) -> Mask:
    """Return the parts of what differs that lie near enough to changed pixels, without specks."""
    near = cv2.dilate(changed.astype(np.uint8), np.ones((2 * REACH_OF_CHANGE + 1,) * 2, np.uint8))
    whole = cv2.morphologyEx((differs & (near > 0)).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=8)
    moves = np.bincount(labels[changed], minlength=count) >= 2  # one changed pixel is noise
    counts = moves & (stats[:, cv2.CC_STAT_AREA] >= MIN_PIXELS)
    counts[0] = False  # the background
    return np.asarray(counts[labels], bool)


def _same_scene(picture: Floats, background: Floats, where: Mask) -> bool:
    """Return whether the changed part shows the background's edges, only lighter or darker."""
    a, b = (
        np.stack([cv2.Sobel(p, cv2.CV_32F, 1, 0), cv2.Sobel(p, cv2.CV_32F, 0, 1)])[:, where]
        for p in (picture, background)
    )
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return norm > 0 and float((a * b).sum()) / norm >= SAME_SCENE
