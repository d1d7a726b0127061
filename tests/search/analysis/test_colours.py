from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from cameras.virtual import scene
from nvr.playback.pictures import Picture
from search.analysis.colours import WhiteBalance, strongest, strongest_unjudged, tones, weights
from search.analysis.embedders import HistogramEmbedder
from search.vocabulary import Colour, Tone
from tests.health.frames import street


@functools.cache
def jacket(name: str) -> Picture:
    view = scene.Street(2, (1280, 720), [scene.Walker(name, "black", 0.5, 0.92, 0.0, False)])
    cut = view.frame(0.5, 0)[int(720 * 0.42) : int(720 * 0.92), 580:700].copy()
    cut.flags.writeable = False  # the array is cached and shared
    return cut


@pytest.mark.parametrize("name", ["red", "blue", "green", "yellow", "black", "white"])
def test_jacket_colours_are_named(name: str) -> None:
    upper, lower = (strongest(w) for w in weights(jacket(name), vehicle=False))
    assert upper.first == Colour[name] and upper.share > 20
    assert Colour.black in (lower.first, lower.second)


def test_white_balance_removes_the_illuminant() -> None:
    """In a warm and dark picture the white jacket is named white once the camera's light is known."""
    view = street(2)[0]
    light = np.array([0.55, 0.75, 0.95])
    dull = np.clip(view * light, 0, 255).astype(np.uint8)
    balance = WhiteBalance()
    for _ in range(5):
        balance.learn(np.asarray(cv2.resize(dull, (160, 90), interpolation=cv2.INTER_AREA), np.uint8))
    crop = np.clip(jacket("white") * light, 0, 255).astype(np.uint8)
    assert strongest(weights(crop, vehicle=False)[0]).first != Colour.white
    assert strongest(weights(balance.apply(crop), vehicle=False)[0]).first == Colour.white


def test_white_balance_without_pictures_changes_nothing() -> None:
    picture = jacket("red")
    assert WhiteBalance().apply(picture) is picture
    black = WhiteBalance()
    black.learn(np.zeros((90, 160, 3), np.uint8))
    assert black.apply(picture) is picture


def test_a_name_that_is_often_wrong_at_its_share_is_not_said() -> None:
    """White at 40 % of the weights was right in every second case of the reference; at 90 % nearly always."""
    sums = np.zeros(len(Colour))
    sums[[Colour.white, Colour.blue, Colour.grey]] = 0.4, 0.35, 0.25
    assert strongest(sums).first == Colour.none and strongest_unjudged(sums).first == Colour.white
    sums[[Colour.white, Colour.blue, Colour.grey]] = 0.9, 0.1, 0.0
    assert strongest(sums).first == Colour.white


def test_tones_of_clothes_without_colours() -> None:
    assert tones(jacket("white"))[0] == Tone.light and tones(jacket("black"))[0] == Tone.dark


def test_vehicle_has_one_colour() -> None:
    car = np.full((60, 120, 3), (40, 30, 190), np.uint8)
    upper, lower = weights(car, vehicle=True)
    assert strongest(upper).first == Colour.red and strongest(lower).first == Colour.none


def test_histogram_vectors_distinguish_clothes() -> None:
    embedder = HistogramEmbedder()
    red, again, blue = (embedder.of(jacket(n)) for n in ("red", "red", "blue"))
    dimmed = embedder.of(np.clip(jacket("red") * 0.93, 0, 255).astype(np.uint8))
    assert red.shape == (256,) and abs(float(np.linalg.norm(red)) - 1) < 1e-5
    assert red @ again > 0.999 and red @ dimmed > red @ blue and red @ dimmed > embedder.same > red @ blue


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 300)])
def test_tiny_crops_are_accepted(shape: tuple[int, int]) -> None:
    crop = np.full((*shape, 3), 120, np.uint8)
    assert strongest(weights(crop, vehicle=False)[0]).first in list(Colour)
    assert np.isfinite(HistogramEmbedder().of(crop)).all() and tones(crop)
