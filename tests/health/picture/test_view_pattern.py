"""The view pattern recognises bare ground under moving shadows, and rejects another ground, an occlusion and haze."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from health.picture import view_pattern
from health.picture.measurement import THUMB, Plane
from health.picture.view_pattern import MAX_PICTURES, MIN_PICTURES, RecognitionResult, ViewPattern, recognise, signature

WIDTH, HEIGHT = THUMB


def ground(seed: int) -> np.ndarray:
    """Return the grain of asphalt with mean 1: a few per cent of contrast."""
    grain = np.random.default_rng(seed).normal(0, 1, (HEIGHT * 2, WIDTH * 2)).astype(np.float32)
    return 1 + 0.12 * cv2.GaussianBlur(grain, (0, 0), 1.5)


def picture(grain: np.ndarray, seed: int, light: float = 110.0) -> Plane:
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
        made = view_pattern.learn(made, picture(grain, seed))
    assert made is not None
    return grain, made, [picture(grain, 1000 + s) for s in range(6)]


def _recognise(known: tuple[np.ndarray, ViewPattern, list[Plane]], thumb: Plane) -> RecognitionResult:
    _, made, scenes = known
    return recognise(made, thumb, scenes)


@pytest.mark.parametrize("seed", range(70, 76))
def test_the_same_ground_is_recognised_in_any_light(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], seed: int
) -> None:
    for light in (70.0, 110.0, 160.0):
        result = _recognise(known, picture(known[0], seed, light))
        assert result.recognition > 0.6 and not result.hidden(0.2) and abs(result.faded) < 0.3


@pytest.mark.parametrize("seed", range(70, 76))
def test_another_ground_or_the_same_one_shifted_is_not(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], seed: int
) -> None:
    for other in (ground(2), np.roll(known[0], (3, 5), (0, 1))):
        result = _recognise(known, picture(other, seed))
        assert result.recognition < 0.3 and result.best < 0.5


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_an_obstacle_hides_a_part_of_the_pattern(known: tuple[np.ndarray, ViewPattern, list[Plane]], side: str) -> None:
    thumb = picture(known[0], 77)
    part: Any = {
        "left": np.s_[:, : WIDTH // 2],
        "right": np.s_[:, WIDTH // 2 :],
        "top": np.s_[: HEIGHT // 2],
        "bottom": np.s_[HEIGHT // 2 :],
    }[side]
    thumb[part] = np.random.default_rng(1).normal(60, 3, thumb[part].shape).astype(np.uint8)
    result = _recognise(known, thumb)
    assert result.hidden(0.2) and result.best > 0.6


@pytest.mark.parametrize(("share", "least"), [(0.3, -0.25), (0.5, -0.5), (0.7, -0.9)])
def test_a_veil_takes_contrast_and_leaves_the_view(
    known: tuple[np.ndarray, ViewPattern, list[Plane]], share: float, least: float
) -> None:
    veiled = np.clip(picture(known[0], 78) * (1 - share) + 190 * share, 0, 255).astype(np.uint8)
    result = _recognise(known, veiled)
    assert result.faded < least and result.recognition > 0.45 and not result.hidden(0.2)


def test_a_short_pattern_is_not_used() -> None:
    grain = ground(3)
    made = view_pattern.learn(None, picture(grain, 0))
    for seed in range(1, MIN_PICTURES - 1):
        made = view_pattern.learn(made, picture(grain, seed))
    assert made.pictures == MIN_PICTURES - 1
    assert not recognise(made, picture(ground(4), 1), [picture(grain, 2)]).comparable
    assert not recognise(None, picture(grain, 1), [picture(grain, 2)]).comparable
    assert not recognise(view_pattern.learn(made, picture(grain, 99)), picture(grain, 1), []).comparable


@given(arrays(np.uint8, (HEIGHT, WIDTH), elements=st.integers(0, 255), fill=st.integers(0, 255)))
def test_any_picture_has_figures(thumb: Plane) -> None:
    """Black, white or torn: the results are finite. Rounding once made a running sum negative under its square root."""
    made = view_pattern.learn(None, thumb)
    assert np.isfinite(made.mean).all()
    for _ in range(MIN_PICTURES):
        made = view_pattern.learn(made, thumb)
    result = recognise(made, thumb, [thumb])
    figures = [result.recognition, result.least, result.best, result.faded, result.kept, result.dependable]
    assert np.isfinite(figures).all()


def test_the_oldest_fade_and_the_packing_keeps_what_is_there() -> None:
    made = None
    for seed in range(MAX_PICTURES + 30):
        made = view_pattern.learn(made, picture(ground(5), seed))
    assert made is not None and made.pictures == MAX_PICTURES
    back = ViewPattern.unpack(made.pack(), made.pictures)
    assert np.allclose(back.mean, made.mean, atol=2e-3) and len(made.pack()) == 2 * (WIDTH * HEIGHT + 8 * MAX_PICTURES)
    for seed in range(4 * MAX_PICTURES):
        made = view_pattern.learn(made, picture(ground(6), seed))
    assert float(np.mean(made.mean * signature(picture(ground(6), 7)))) > 3 * abs(
        float(np.mean(made.mean * signature(picture(ground(5), 7))))
    )
