"""Whether a camera looks somewhere else than it did: edges of small pictures, brought into register.

A shift is believed only where it explains what is seen: moved back by it, the picture must be more alike the reference than
it is where it stands. Fog, snow and shadows take edges away and put others there, and no shift brings them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import CELLS, THUMB, Plane

Edges = npt.NDArray[np.float32]
SCENES = 3  # most similar reference pictures that are asked
ALIKE = 0.75  # correlation with a reference, above which nothing has moved
RESPONSE = 0.03  # of the phase correlation, below which it found no shift
MOVED = 0.017  # of the width; clean pictures reach 1.3 %
EXPLAINS = 0.38  # correlation after moving back, and
GAIN = 0.15  # what it must have gained by it
NEARLY = 0.1
SURE = 0.6
_WINDOW = cv2.createHanningWindow(THUMB, cv2.CV_32F)
_ALL = np.full((THUMB[1], THUMB[0]), 255, np.uint8)
_CORNERS = np.array([[0, 0, 1], [THUMB[0], 0, 1], [0, THUMB[1], 1], [THUMB[0], THUMB[1], 1]], np.float32).T
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)


@dataclass(frozen=True, slots=True)
class Displacement:
    """`size`: mean displacement of the corners, shares of the width; `alike`: correlation after moving back; `gain`: over before."""

    size: float
    alike: float
    gain: float


def edges(thumb: Plane) -> Edges:
    """Edge strength of a thumbnail, normalised by the contrast around it: the same at noon and under a lamp."""
    level = thumb.astype(np.float32)
    strength = cv2.magnitude(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1))
    around = cv2.blur(cv2.blur(strength, (13, 13)), (13, 13))
    made = cv2.blur(strength / (around + 3.0), (3, 3))
    return np.asarray(made - cv2.mean(made)[0], np.float32)


def correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    x, y = a.ravel(), b.ravel()
    return float(x @ y) / float(np.sqrt((x @ x) * (y @ y)) + 1e-6)


def by_cell(a: Edges, b: Edges) -> npt.NDArray[np.float32]:
    """Correlation in each of 8×12 cells."""
    ab, aa, bb = (cv2.resize(x, CELLS, interpolation=cv2.INTER_AREA) for x in (a * b, a * a, b * b))
    return np.asarray(ab / (np.sqrt(aa * bb) + 1e-3), np.float32)


def shift_between(a: Edges, b: Edges) -> tuple[float, float]:
    """(shift in shares of the thumbnail's width, response) by phase correlation."""
    (dx, dy), response = cv2.phaseCorrelate(a, b, _WINDOW)
    return float(np.hypot(dx, dy)) / THUMB[0], float(response)


def shift(
    mine: Edges, scenes: Sequence[Edges], likeness: Sequence[float], together: float = 1.0, least: float = MOVED
) -> Displacement | None:
    """By how much the picture has moved, against the scene that explains it best. None where another one explains it almost as well
    without a shift, or where no shift explains what is seen. `together`: how alike the scenes are among each other; where they are
    not, all that are asked must say so."""
    ranked = sorted(range(len(scenes)), key=lambda i: -likeness[i])[:SCENES]
    found: list[Displacement] = []
    for i in ranked:
        one = _one(scenes[i], mine, likeness[i])
        if one is None:
            return None
        found.append(one)
    moved = [s for s in found if s.size >= least and s.alike >= EXPLAINS and s.gain >= GAIN]
    best = max(found, key=lambda s: s.alike, default=None)
    if best is None or best not in moved or (together < SURE and len(moved) < len(found)):
        return None
    stands = any(s.size < least and s.alike > best.alike - NEARLY for s in found)
    return None if stands else best


def _one(scene: Edges, mine: Edges, before: float) -> Displacement | None:
    if before > ALIKE:
        return None
    (dx, dy), response = cv2.phaseCorrelate(scene, mine, _WINDOW)
    start = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    if response < RESPONSE or np.hypot(dx, dy) > 0.5 * THUMB[0]:
        start = np.eye(2, 3, dtype=np.float32)
    best = max((_registered(scene, mine, begun) for begun in _starts(start)), key=lambda r: r[1])
    warp, after = best
    size = float(np.mean(np.hypot(*(warp @ _CORNERS - _CORNERS[:2])))) / THUMB[0]
    return Displacement(size, after, after - before)


def _starts(first: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    return [first] if np.allclose(first, np.eye(2, 3)) else [first, np.eye(2, 3, dtype=np.float32)]


def _registered(scene: Edges, mine: Edges, start: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """(warp from the scene to the picture, correlation where both are) with shift, turn and zoom (ECC, Evangelidis 2008)."""
    warp = start.copy()
    try:
        _, found = cv2.findTransformECC(scene, mine, warp, cv2.MOTION_AFFINE, _CRITERIA, _ALL, 3)
    except cv2.error:  # it does not converge: as it was
        found = start
    warp = np.asarray(found, np.float32)
    back = cv2.warpAffine(mine, warp, THUMB, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=float("nan"))
    there = np.isfinite(back)
    if there.mean() < 0.35:
        return start, -1.0
    a, b = scene[there], back[there]
    return warp, correlation(a - a.mean(), b - b.mean())
