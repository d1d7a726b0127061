"""The view pattern recognises bare ground under moving shadows, and rejects another ground, an occlusion and haze."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from health.picture import view_pattern
from health.picture.measurement import THUMB, Plane
from health.picture.view_pattern import KEPT, LEAST, RecognitionResult, ViewPattern, recognised, signature

WIDTH, HEIGHT = THUMB


def ground(seed: int) -> np.ndarray:
    """Return the grain of asphalt with mean 1: a few per cent of contrast."""
    grain = np.random.default_rng(seed).normal(0, 1, (HEIGHT * 2, WIDTH * 2)).astype(np.float32)
    return 1 + 0.12 * cv2.GaussianBlur(grain, (0, 0), 1.5)


def look(grain: np.ndarray, seed: int, light: float = 110.0) -> Plane:
    """Return a picture of the ground with shadows in varying places, an object and sensor noise."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.uniform(0, 1, (4, 7)).astype(np.float32), THUMB, interpolation=cv2.INTER_CUBIC)
    shade = cv2.GaussianBlur(np.where(soft > 0.5, 1.0, 0.6).astype(np.float32), (0, 0), 0.7)
    scene = grain[:HEIGHT, :WIDTH] * shade * light
    x, y = int(rng.integers(WIDTH - 12)), int(rng.integers(HEIGHT - 24))
    scene[y : y + 24, x : x + 8] = rng.uniform(20, 200)
    return np.clip(scene + rng.normal(0, 1.5, scene.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, ViewPattern, list[Plane]]:
    grain, made = ground(1), None
    for seed in range(60):
        made = view_pattern.learned(made, look(grain, seed))
    assert made is not None
    return grain, made, [look(grain, 1000 + s) for s in range(6)]


def _told(known: tuple[np.ndarray, ViewPattern, list[Plane]], thumb: Plane) -> RecognitionResult:
    _, made, scenes = known
    return recognised(made, thumb, scenes)


@pytest.mark.parametrize("seed", range(70, 76))
def test_the_same_ground_is_recognised_in_any_light(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], seed: int
) -> None:
    for light in (70.0, 110.0, 160.0):
        told = _told(known, look(known[0], seed, light))
        assert told.known > 0.6 and not told.hidden(0.2) and abs(told.faded) < 0.3


@pytest.mark.parametrize("seed", range(70, 76))
def test_another_ground_or_the_same_one_shifted_is_not(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], seed: int
) -> None:
    for other in (ground(2), np.roll(known[0], (3, 5), (0, 1))):
        told = _told(known, look(other, seed))
        assert told.known < 0.3 and told.best < 0.5


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_what_stands_before_a_part_hides_it(known: tuple[np.ndarray, ViewPattern, list[Plane]], side: str) -> None:
    thumb = look(known[0], 77)
    part = {
        "left": np.s_[:, : WIDTH // 2],
        "right": np.s_[:, WIDTH // 2 :],
        "top": np.s_[: HEIGHT // 2],
        "bottom": np.s_[HEIGHT // 2 :],
    }[side]
    thumb[part] = np.random.default_rng(1).normal(60, 3, thumb[part].shape).astype(np.uint8)
    told = _told(known, thumb)
    assert told.hidden(0.2) and told.best > 0.6


@pytest.mark.parametrize(("share", "least"), [(0.3, -0.25), (0.5, -0.5), (0.7, -0.9)])
def test_a_veil_takes_contrast_and_leaves_the_view(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], share: float, least: float
) -> None:
    veiled = np.clip(look(known[0], 78) * (1 - share) + 190 * share, 0, 255).astype(np.uint8)
    told = _told(known, veiled)
    assert told.faded < least and told.known > 0.45 and not told.hidden(0.2)


def test_nothing_is_said_before_enough_is_known() -> None:
    grain = ground(3)
    made = view_pattern.learned(None, look(grain, 0))
    for seed in range(1, LEAST - 1):
        made = view_pattern.learned(made, look(grain, seed))
    assert made.looks == LEAST - 1
    assert not recognised(made, look(ground(4), 1), [look(grain, 2)]).told
    assert not recognised(None, look(grain, 1), [look(grain, 2)]).told
    assert not recognised(view_pattern.learned(made, look(grain, 99)), look(grain, 1), []).told


@given(arrays(np.uint8, (HEIGHT, WIDTH), elements=st.integers(0, 255), fill=st.integers(0, 255)))
def test_any_picture_has_figures(thumb: Plane) -> None:
    """Black, white or torn: the results are finite. Rounding once made a running sum negative under its square root."""
    made = view_pattern.learned(None, thumb)
    assert np.isfinite(made.mean).all()
    for _ in range(LEAST):
        made = view_pattern.learned(made, thumb)
    told = recognised(made, thumb, [thumb])
    assert np.isfinite([told.known, told.least, told.best, told.faded, told.kept]).all()


def test_the_oldest_fade_and_the_packing_keeps_what_is_there() -> None:
    made = None
    for seed in range(KEPT + 30):
        made = view_pattern.learned(made, look(ground(5), seed))
    assert made is not None and made.looks == KEPT
    back = ViewPattern.unpacked(made.packed(), made.looks)
    assert np.allclose(back.mean, made.mean, atol=2e-3) and len(made.packed()) == 2 * WIDTH * HEIGHT
    for seed in range(4 * KEPT):
        made = view_pattern.learned(made, look(ground(6), seed))
    assert float(np.mean(made.mean * signature(look(ground(6), 7)))) > 3 * abs(
        float(np.mean(made.mean * signature(look(ground(5), 7))))
    )
