"""Detects that a camera points elsewhere, by registration of the edges of thumbnails.

A shift counts only if it explains the change: shifted back, the picture must resemble the reference more than it does
unshifted. Fog, snow and shadows remove and add edges, and no shift restores them. And it must explain the change in
independent patches: the registration of a whole picture also fits lamps that were switched, a shadow that grew, and
machines that all drove to one side, but then single patches do not agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import CELLS, THUMB, Floats, Plane

Edges = npt.NDArray[np.float32]
COMPARED_SCENES = 3  # reference pictures compared, the most similar ones
SAME_CORRELATION = 0.75  # edge correlation with a reference above which nothing has moved
MIN_RESPONSE = 0.03  # response of the phase correlation below which it found no shift
MIN_SHIFT_WIDTHS = 0.017  # share of the width; clean pictures reach 1.3 %
MIN_SHIFTED_CORRELATION = 0.38  # minimum correlation after shifting back
MIN_GAIN = 0.15  # minimum gain in correlation by shifting back
CLEAR_MARGIN = 0.1  # correlation by which the best reference must lead those without a shift
SIMILAR_SCENES = 0.6  # correlation of the references with each other
PATCHES = (8, 6)  # across, down
MIN_PATCH_SHARE = 0.4  # of the patches with structure that a shift must explain …
MIN_PATCHES = 4  # … and their number …
CLEAR_GAIN = 0.3  # … unless it gains so much: a zoom fits few patches
MIN_RELATIVE_STRENGTH = 0.5  # RMS of the edges of a patch, multiple of the whole reference picture's
MIN_PATCH_INSIDE = 0.9  # share of a patch that lies inside the picture
MIN_PATCH_CORRELATION = 0.35  # of a patch after shifting back
MIN_PATCH_GAIN = 0.12  # minimum gain of a patch
_WINDOW = cv2.createHanningWindow(THUMB, cv2.CV_32F)
_ALL = np.full((THUMB[1], THUMB[0]), 255, np.uint8)
_CORNERS = np.array([[0, 0, 1], [THUMB[0], 0, 1], [0, THUMB[1], 1], [THUMB[0], THUMB[1], 1]], np.float32).T
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)


@dataclass(frozen=True, slots=True)
class PatchAgreement:
    """Patches with structure in both pictures, and those of them that a registration explains.

    `spread`: the explained ones lie in two rows and two columns at least.
    """

    testable: int = 0
    agreeing: int = 0
    spread: bool = False

    @property
    def share(self) -> float:
        return self.agreeing / max(1, self.testable)

    @property
    def explained(self) -> bool:
        return self.spread and self.agreeing >= MIN_PATCHES and self.share >= MIN_PATCH_SHARE


@dataclass(frozen=True, slots=True)
class Displacement:
    """The displacement of a picture against a reference picture.

    `size`: mean displacement of the corners, share of the width; `correlation`: after shifting back; `gain`: how much
    that exceeds the correlation before; `patches`: how many parts of the picture it explains.
    """

    size: float
    correlation: float
    gain: float
    patches: PatchAgreement

    @property
    def convincing(self) -> bool:
        return (
            self.correlation >= MIN_SHIFTED_CORRELATION
            and self.gain >= MIN_GAIN
            and (self.gain >= CLEAR_GAIN or self.patches.explained)
        )


def edges(thumb: Plane) -> Edges:
    """Return the edge strength of a thumbnail, normalised by the local contrast: the same at noon and under a lamp."""
    level = thumb.astype(np.float32)
    strength = cv2.magnitude(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1))
    around = cv2.blur(cv2.blur(strength, (13, 13)), (13, 13))
    made = cv2.blur(strength / (around + 3.0), (3, 3))
    return np.asarray(made - cv2.mean(made)[0], np.float32)


def correlation(a: Floats, b: Floats) -> float:
    """Return the normalised cross-correlation of two planes of mean 0, −1…1."""
    x, y = a.ravel(), b.ravel()
    return float(x @ y) / float(np.sqrt((x @ x) * (y @ y)) + 1e-6)


def correlation_by_cell(a: Edges, b: Edges) -> npt.NDArray[np.float32]:
    """Return the correlation in each of 8×12 cells."""
    ab, aa, bb = (cv2.resize(x, CELLS, interpolation=cv2.INTER_AREA) for x in (a * b, a * a, b * b))
    return np.asarray(ab / (np.sqrt(aa * bb) + 1e-3), np.float32)


def shift_between(a: Edges, b: Edges) -> tuple[float, float]:
    """Return (shift as a share of the thumbnail's width, response) by phase correlation."""
    (dx, dy), response = cv2.phaseCorrelate(a, b, _WINDOW)
    return float(np.hypot(dx, dy)) / THUMB[0], float(response)


def shift(
    now: Edges,
    scenes: Sequence[Edges],
    similarities: Sequence[float],
    scene_similarity: float = 1.0,
    min_size: float = MIN_SHIFT_WIDTHS,
) -> Displacement | None:
    """Return how far the picture has moved, against the reference picture that explains it best.

    None if another reference explains the picture almost as well without a shift, or if no shift explains it.
    `similarities`: edge correlation with each reference. `scene_similarity`: correlation of the references with each
    other; below SIMILAR_SCENES all compared references must show a shift. `min_size`: minimum shift, share of the
    width.
    """
    ranked = sorted(range(len(scenes)), key=lambda i: -similarities[i])[:COMPARED_SCENES]
    found: list[Displacement] = []
    for i in ranked:
        one = _displacement(scenes[i], now, similarities[i])
        if one is None:
            return None
        found.append(one)
    moved = [s for s in found if s.size >= min_size and s.convincing]
    best = max(found, key=lambda s: s.correlation, default=None)
    if best is None or best not in moved or (scene_similarity < SIMILAR_SCENES and len(moved) < len(found)):
        return None
    is_unmoved = any(s.size < min_size and s.correlation > best.correlation - CLEAR_MARGIN for s in found)
    return None if is_unmoved else best


def _displacement(scene: Edges, now: Edges, before: float) -> Displacement | None:
    if before > SAME_CORRELATION:
        return None
    (dx, dy), response = cv2.phaseCorrelate(scene, now, _WINDOW)
    start = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    if response < MIN_RESPONSE or np.hypot(dx, dy) > 0.5 * THUMB[0]:
        start = np.eye(2, 3, dtype=np.float32)
    best = max((_registered(scene, now, begun) for begun in _starts(start)), key=lambda r: r[1])
    warp, after = best
    size = float(np.mean(np.hypot(*(warp @ _CORNERS - _CORNERS[:2])))) / THUMB[0]
    return Displacement(size, after, after - before, patch_agreement(scene, now, _shifted_back(now, warp)))


def patch_agreement(scene: Edges, now: Edges, back: Edges) -> PatchAgreement:
    """Count the patches that a registration explains. `back`: `now` shifted back, NaN outside it."""
    strength = MIN_RELATIVE_STRENGTH * float(np.sqrt(np.mean(scene * scene)))
    testable, agreeing = 0, []
    for row, rows in enumerate(np.array_split(np.arange(THUMB[1]), PATCHES[1])):
        for column, columns in enumerate(np.array_split(np.arange(THUMB[0]), PATCHES[0])):
            part = np.ix_(rows, columns)
            inside = np.isfinite(back[part])
            if inside.mean() < MIN_PATCH_INSIDE:
                continue
            a, b, unmoved = (plane[part][inside] - plane[part][inside].mean() for plane in (scene, back, now))
            if min(float(np.std(a)), float(np.std(b))) < strength:
                continue
            testable += 1
            after, before = correlation(a, b), correlation(a, unmoved)
            if after >= MIN_PATCH_CORRELATION and after - before >= MIN_PATCH_GAIN:
                agreeing.append((row, column))
    spread = len({r for r, _ in agreeing}) > 1 and len({c for _, c in agreeing}) > 1
    return PatchAgreement(testable, len(agreeing), spread)


def _starts(first: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    return [first] if np.allclose(first, np.eye(2, 3)) else [first, np.eye(2, 3, dtype=np.float32)]


def _registered(scene: Edges, now: Edges, start: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """Register by translation, rotation and zoom (ECC, Evangelidis 2008).

    Returns (warp from the reference to the picture, correlation where both overlap).
    """
    warp = start.copy()
    try:
        _, found = cv2.findTransformECC(scene, now, warp, cv2.MOTION_AFFINE, _CRITERIA, _ALL, 3)
    except cv2.error:  # no convergence: keep the start
        found = start
    warp = np.asarray(found, np.float32)
    back = _shifted_back(now, warp)
    there = np.isfinite(back)
    if there.mean() < 0.35:
        return start, -1.0
    a, b = scene[there], back[there]
    return warp, correlation(a - a.mean(), b - b.mean())


def _shifted_back(now: Edges, warp: npt.NDArray[np.float32]) -> Edges:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(now, warp, THUMB, flags=flags, borderValue=float("nan")), np.float32)
