"""Cobwebs: new bright threads over much of the picture that are still there at the next inspection."""

from __future__ import annotations

import cv2
import numpy as np

from health.picture.measurement import THUMB, Plane
from health.picture.threads import new_threads
from tests.health import simulated_views, validation_faults
from tests.health.simulated_views import Guests, Image, Place, Weather

OPENS_AT = 0.25  # share of the cells, PartialBlurThresholds.min_thread_share


def place() -> Place:
    return Place("street", simulated_views.drawn(0), np.random.default_rng(3))


def picture(hour: float, seed: int, guests: Guests | None = None) -> Image:
    rng = np.random.default_rng(seed)
    return simulated_views.shoot(place(), hour, Weather(0.6), guests or Guests(), rng).picture


def thumb(image: Image) -> Plane:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA), np.uint8)


def with_web(image: Image) -> Plane:
    return thumb(validation_faults.apply_fault("web", 3, image, np.random.default_rng(1)))


SCENES = [thumb(picture(hour, seed)) for hour, seed in ((12.5, 1), (14.5, 2), (15.5, 3))]


def test_a_web_that_stays_crosses_many_cells() -> None:
    before, now = with_web(picture(12.5, 11)), with_web(picture(13.5, 12))
    assert new_threads(now, before, SCENES).mean() > OPENS_AT


def test_one_look_at_a_web_says_nothing() -> None:
    now = with_web(picture(13.5, 12))
    assert new_threads(now, thumb(picture(12.5, 11)), SCENES).mean() < OPENS_AT / 2
    assert not new_threads(now, None, SCENES).any()


def test_a_web_that_the_reference_pictures_have_is_not_new() -> None:
    seen = [with_web(picture(hour, 20 + i)) for i, hour in enumerate((11.5, 12.5, 14.5))]
    before, now = with_web(picture(12.5, 11)), with_web(picture(13.5, 12))
    assert new_threads(now, before, seen).mean() < OPENS_AT / 2


def test_one_reference_picture_is_too_few() -> None:
    before, now = with_web(picture(12.5, 11)), with_web(picture(13.5, 12))
    assert not new_threads(now, before, SCENES[:1]).any()


def test_a_lorry_that_stays_an_hour_and_moving_shadows_are_no_web() -> None:
    lorry = Guests(lorry=0.45, people=2)
    for hour in (9.5, 13.5, 16.5):
        before, now = thumb(picture(hour - 1, 31, lorry)), thumb(picture(hour, 32, lorry))
        assert new_threads(now, before, SCENES).mean() < OPENS_AT, hour
