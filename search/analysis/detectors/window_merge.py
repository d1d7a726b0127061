"""Joins what the whole picture and its windows show: one object, one box.

A window cuts objects at its edges, and two windows see the same object at different scales. Boxes that touch an edge
inside the picture are dropped. Those near one may be cut, so they count only where no complete box covers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.analysis.detectors.base import (
    Detection,
    Pixels,
    clip_to_picture,
    containment,
    iou,
    suppress_overlaps,
)

TOUCHING_PIXELS = 3.0  # of the network's input: a box that ends so near an edge is an incomplete object
NEAR_PIXELS = 16.0  # of the network's input: the detector may have closed the box of a cut object before the edge
SAME_OVERLAP = 0.35  # intersection over union of one object in two windows; a scale of its own gives each a rough box
CUT_INSIDE = 0.6  # share of a possibly cut box inside a complete one


@dataclass(frozen=True, slots=True)
class WindowDetection:
    """A detection in the window with the number `window`; `scale`: pixels of the input for one of the picture."""

    detection: Detection
    window: int
    scale: float
    near_edge: bool


def candidate(
    detection: tuple[int, float, Sequence[float]],
    number: int,
    window: Pixels,
    picture: tuple[int, int],
    network: tuple[int, int],
) -> WindowDetection | None:
    """Return a candidate of (class, score, corners in pixels of the picture); None if an edge cuts it.

    `picture`, `network`: width and height.
    """
    cls, score, corners = detection
    scales = network[0] / (window[2] - window[0]), network[1] / (window[3] - window[1])
    distance = min(
        [(corners[i] - window[i]) * scales[i] for i in (0, 1) if window[i] > 0]
        + [(window[i + 2] - corners[i + 2]) * scales[i] for i in (0, 1) if window[i + 2] < picture[i]],
        default=NEAR_PIXELS,
    )
    if distance <= TOUCHING_PIXELS:
        return None
    shares = [value / picture[i % 2] for i, value in enumerate(corners)]
    clipped = clip_to_picture(cls, score, *shares)
    return None if clipped is None else WindowDetection(clipped, number, scales[1], distance < NEAR_PIXELS)


def merge(candidates: Sequence[WindowDetection]) -> list[Detection]:
    """Return one detection for each object: of the window with the largest scale in which it is complete."""
    kept: list[WindowDetection] = []
    windows = {c.window: (c.scale, c.near_edge) for c in candidates}
    for number in sorted(windows, key=lambda n: -windows[n][0]):
        mine = [c for c in candidates if c.window == number and not c.near_edge]
        alone = set(suppress_overlaps([c.detection for c in mine]))
        fresh = [c for c in mine if c.detection in alone and not any(_same(c, k) for k in kept)]
        kept += fresh
    for c in sorted((c for c in candidates if c.near_edge), key=lambda c: -c.detection.score):
        if not any(_same(c, k) for k in kept):
            kept.append(c)
    return suppress_overlaps([c.detection for c in kept])


def _same(new: WindowDetection, kept: WindowDetection) -> bool:
    a, b = new.detection, kept.detection
    if a.cls != b.cls:
        return False
    if new.near_edge and containment(a, b) >= CUT_INSIDE:
        return True
    return new.window != kept.window and iou(a, b) >= SAME_OVERLAP
