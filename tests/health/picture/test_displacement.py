"""A shift counts only if independent patches agree with it, unless it explains the change very clearly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from health.picture import displacement
from health.picture.displacement import (
    CLEAR_GAIN,
    MIN_GAIN,
    MIN_PATCHES,
    Displacement,
    PatchAgreement,
    edges,
    patch_agreement,
    shift,
)
from health.picture.measurement import THUMB, Plane

WIDTH, HEIGHT = THUMB


def scene(seed: int) -> Plane:
    """Return a picture with structure everywhere: boxes of many sizes."""
    rng = np.random.default_rng(seed)
    made = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for _ in range(120):
        x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        size = (x + int(rng.integers(4, 20)), y + int(rng.integers(4, 14)))
        cv2.rectangle(made, (x, y), size, int(rng.integers(20, 230)), -1)
    return made


def test_patches_agree_with_the_shift_that_happened() -> None:
    still = scene(1)
    moved = np.roll(still, (3, 6), (0, 1))
    scenes = [edges(still), edges(still)]
    now = edges(moved)
    found = shift(now, scenes, [displacement.correlation(now, s) for s in scenes])
    assert found is not None and found.size == pytest.approx(np.hypot(3, 6) / WIDTH, abs=0.004)
    assert found.patches.explained and found.patches.share > 0.8


def test_an_unmoved_picture_gains_nothing_in_any_patch() -> None:
    still = edges(scene(2))
    assert patch_agreement(still, still, still).agreeing == 0


def test_one_corner_that_agrees_is_something_that_drove_there() -> None:
    still, other = edges(scene(3)), edges(scene(4))
    back = other.copy()
    back[: HEIGHT // 2, : WIDTH // 8] = still[: HEIGHT // 2, : WIDTH // 8]
    found = patch_agreement(still, other, back)
    assert found.agreeing and not found.spread and not found.explained


def test_patches_outside_the_picture_or_without_structure_are_not_counted() -> None:
    still = edges(scene(5))
    back = still.copy()
    back[:, WIDTH // 2 :] = np.nan
    half = patch_agreement(still, edges(scene(6)), back)
    empty = still.copy()
    empty[:, : WIDTH // 2] = 0
    assert 0 < half.testable < patch_agreement(still, edges(scene(6)), still).testable
    assert patch_agreement(empty, edges(scene(6)), back).testable == 0


@pytest.mark.parametrize(
    ("gain", "patches", "convincing"),
    [
        (MIN_GAIN + 0.01, PatchAgreement(), False),
        (MIN_GAIN + 0.01, PatchAgreement(10, MIN_PATCHES, True), True),
        (MIN_GAIN + 0.01, PatchAgreement(10, MIN_PATCHES, False), False),
        (MIN_GAIN + 0.01, PatchAgreement(20, MIN_PATCHES, True), False),
        (CLEAR_GAIN, PatchAgreement(), True),
        (MIN_GAIN - 0.01, PatchAgreement(10, 10, True), False),
    ],
)
def test_what_makes_a_shift_convincing(gain: float, patches: PatchAgreement, convincing: bool) -> None:
    assert Displacement(0.05, 0.6, gain, patches).convincing is convincing
