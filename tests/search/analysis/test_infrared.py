"""Infra-red pictures are recognised in spite of tint, noise, compression and burnt-in text; dark streets are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cameras.virtual.clip import encode
from core.settings import SearchSettings
from nvr.playback.pictures import Picture, decode_frame
from search.analysis.description import Models
from search.analysis.infrared import (
    MAX_INFRARED_SPREAD,
    MIN_COLOUR_SPREAD,
    REMEMBERED,
    InfraredState,
    chroma_spread,
    is_monochrome,
)
from search.analysis.pipeline import AnalysisState, bgr_of, detect
from tests.health.frames import keyframes, street

Floats = npt.NDArray[np.float64]
NO_TINT = (1.0, 1.0, 1.0)


def coded(picture: Picture, coding: str) -> Picture:
    """Return the picture after JPEG of a quality (`j60`) or after x264 as the virtual cameras use it (`x264`)."""
    if coding == "x264":
        return small(bgr_of(decode_frame(keyframes(encode([picture], fps=1, gop=1))[0])))
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(coding[1:])])
    return small(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8))


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA), np.uint8)


def levels(values: Floats) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def grey(seed: int) -> Floats:
    one = cv2.cvtColor(street(1, seed)[0], cv2.COLOR_BGR2GRAY)
    return cv2.cvtColor(one, cv2.COLOR_GRAY2BGR).astype(np.float64)


def infrared(
    seed: int, *, gains: tuple[float, ...] = NO_TINT, offset: tuple[float, ...] = (0, 0, 0), chroma_noise: float = 0
) -> Picture:
    rng = np.random.default_rng(seed)
    scene = grey(seed) + rng.normal(0, 4, (*grey(seed).shape[:2], 1))
    return levels(scene * np.array(gains) + np.array(offset) + rng.normal(0, chroma_noise, scene.shape))


def sodium(seed: int, exposure: float) -> Picture:
    """The street at night under lamps that have little blue and weaken all colours, with the noise of a high gain."""
    weak = (grey(seed) + street(1, seed)[0]) / 2
    lit = weak * np.array([0.3, 0.72, 1.15]) * exposure
    return levels(lit + np.random.default_rng(seed).normal(0, 4, lit.shape))


@pytest.mark.parametrize("coding", ["x264", "j90", "j60", "j45"])
@pytest.mark.parametrize(
    "picture",
    [
        infrared(1),
        infrared(2, offset=(4, 0, -3)),  # |B−G|+|R−G| of 7 everywhere
        infrared(3, offset=(-5, 2, 7)),
        infrared(4, gains=(0.97, 1.0, 1.04)),
        infrared(5, gains=(0.25, 0.26, 0.26)),
        infrared(6, chroma_noise=3),
    ],
    ids=["grey", "blue tint", "red tint", "tint in proportion", "dark", "chroma noise"],
)
def test_infrared_pictures_are_monochrome(picture: Picture, coding: str) -> None:
    """A coarse coding of a tint is as strong as faint colours: it does not end infra-red, but need not begin it."""
    fine, state = coded(picture, "x264"), InfraredState()
    assert is_monochrome(fine)
    told = [state.update(p) for p in [fine] * REMEMBERED + [coded(picture, coding)] * REMEMBERED]
    assert all(told)


@pytest.mark.parametrize("colour", [(0, 255, 255), (40, 40, 255)], ids=["yellow", "red"])
def test_burnt_in_text_is_no_colour_of_the_scene(colour: tuple[int, int, int]) -> None:
    picture = np.ascontiguousarray(infrared(2, gains=(1.02, 1.0, 0.99)))
    height, width = picture.shape[:2]
    for text, x, y in (("2026-11-28 23:15:07 Sat", 10, 0.07), ("Wangjia 01", width // 2, 0.95)):
        cv2.putText(picture, text, (x, int(y * height)), cv2.FONT_HERSHEY_SIMPLEX, height / 540, colour, 2)
    assert is_monochrome(coded(picture, "j60")) and is_monochrome(coded(picture, "x264"))


@pytest.mark.parametrize("coding", ["x264", "j90", "j45"])
@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize(
    "scene",
    [
        lambda seed: street(1, seed)[0],
        lambda seed: levels(np.asarray(street(1, seed)[0] * 0.15, np.float64)),
        lambda seed: sodium(seed, 0.5),
        lambda seed: sodium(seed, 0.25),
    ],
    ids=["day", "dark", "sodium", "weak sodium"],
)
def test_a_street_in_colour_is_not_infrared(scene: Callable[[int], Picture], seed: int, coding: str) -> None:
    assert not is_monochrome(coded(scene(seed), coding))


def test_a_camera_changes_to_infrared_and_back_once() -> None:
    state = InfraredState()
    day, night = small(street(1, 3)[0]), small(infrared(3, offset=(3, 0, -2)))
    evening = [day] * 3 + [night] * (REMEMBERED + 3) + [day] * 3
    told = [state.update(p) for p in evening]
    assert told[:3] == [False] * 3 and told[-3:] == [False] * 3
    assert told[3 : 3 + REMEMBERED + 3].count(True) >= 4
    assert sum(a != b for a, b in pairwise(told)) == 2


def test_pictures_between_the_limits_change_nothing() -> None:
    """A grey yard, hardly more colourful than noise: what the camera was, it stays."""
    night, day = small(infrared(3)), small(street(1, 3)[0])
    faint = night.astype(np.float64)
    faint[30:50, 40:80] += (-2, 0, 2)
    between = levels(faint)
    assert MAX_INFRARED_SPREAD < chroma_spread(between) < MIN_COLOUR_SPREAD
    for before, expected in ((night, True), (day, False)):
        state = InfraredState()
        for _ in range(REMEMBERED):
            state.update(before)
        assert {state.update(between) for _ in range(12)} == {expected}


def test_under_infrared_only_tones_are_stored(models_without_packs: Models) -> None:
    state = AnalysisState.new(1)
    picture = infrared(3, offset=(4, 0, -3))
    for i in range(3):
        detect(models_without_packs, state, 1_780_000_000_000 + i * 1000, picture, [(0.2, 0.2, 0.5, 0.9)], sweep=False)
    tracks = state.tracker.tracks
    assert state.light.infrared.active and state.light.balance.pictures == 0
    assert tracks and all(t.tones and not t.coloured for t in tracks)


@pytest.fixture
def models_without_packs(tmp_path: Path) -> Models:
    return Models(SearchSettings(), tmp_path)
