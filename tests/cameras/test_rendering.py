"""The drawn streets of virtual cameras: light, perspective, occlusion, and clips without repeated pictures."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from cameras.virtual.rendering import story_clips
from cameras.virtual.rendering.daylight import SceneLight, sun
from cameras.virtual.rendering.film import StreetFilm
from cameras.virtual.rendering.lens import Lens
from cameras.virtual.rendering.view import (
    HousePart,
    Look,
    MoverKind,
    Parked,
    Passage,
    PolePart,
    RoadPart,
    View,
)

CHINA = timezone(timedelta(hours=8))
NOON, NIGHT = datetime(2026, 6, 21, 12, tzinfo=CHINA), datetime(2026, 6, 21, 23, tzinfo=CHINA)
SIZE = (320, 180)
RED = Look(upper=(40, 35, 200))


def view(*passages: Passage, lit: bool = True, houses: tuple[HousePart, ...] = ()) -> View:
    return View(
        caption="T-1", seed=3, latitude=29.5, longitude=121.4, azimuth=0, height=5, field_of_view=70, is_lit=lit,
        roads=[RoadPart(points=[(-60, 15), (60, 15)], width=6)], poles=[PolePart(place=(4, 12), has_lamp=True)],
        passages=list(passages), houses=list(houses), story_seconds=40,
    )  # fmt: skip


def walk(y: float, start: float = 0.0) -> Passage:
    return Passage(kind=MoverKind.PERSON, look=RED, way=[(-6, y), (6, y)], start=start, speed=1.2)


def test_the_sun_stands_in_the_south_at_noon_and_below_the_horizon_at_night() -> None:
    # Hangzhou's latitude, solstice: 90° - 30.25° + 23.44°.
    elevation, azimuth = sun(datetime(2026, 6, 21, 12, tzinfo=CHINA), 30.25, 120.0)
    assert elevation == pytest.approx(83.2, abs=1.0) and azimuth == pytest.approx(180, abs=15)
    assert sun(NIGHT, 30.25, 120.0)[0] < -10
    morning, evening = (sun(datetime(2026, 3, 20, h, tzinfo=CHINA), 30.0, 120.0) for h in (7, 17))
    assert 85 < morning[1] < 110 and 250 < evening[1] < 275


def test_a_point_on_the_ground_is_projected_where_its_ray_meets_it() -> None:
    lens = Lens.of(SIZE, 70, 5.0)
    pixel = lens.project(np.array([2.0, 14.0, 0.0], np.float32))
    ray = lens.rays()[int(pixel[1]), int(pixel[0])]
    assert ray[:2] * (5.0 / -ray[2]) == pytest.approx([2.0, 14.0], rel=0.03)


def test_somebody_walks_through_the_picture_and_is_hidden_by_a_house() -> None:
    house = HousePart(corners=[(-9, 8), (9, 8), (9, 10), (-9, 10)], floors=3, seed=1)
    seen, hidden = (StreetFilm(view(walk(12.0), houses=h), NOON, SIZE) for h in ((), (house,)))
    for film, changes in ((seen, True), (hidden, False)):
        difference = np.abs(film.frame(5.0, 0).astype(int) - film.still(5.0, 0)).max(axis=2)
        assert (difference > 40).sum() > 60 if changes else (difference > 40).sum() == 0


def test_a_red_top_is_red_by_day_and_under_lamps_and_grey_in_infrared() -> None:
    for moment, lit, is_red in ((NOON, True, True), (NIGHT, True, True), (NIGHT, False, False)):
        film = StreetFilm(view(walk(9.0), lit=lit), moment, SIZE)
        picture, still = film.frame(5.0, 0).astype(int), film.still(5.0, 0).astype(int)
        blue, _, red = picture[np.abs(picture - still).max(axis=2) > 25].T
        assert bool((red - blue).max() > 50) is is_red, (moment, lit)


def test_the_same_moment_gives_the_same_picture() -> None:
    one, two = (StreetFilm(view(walk(9.0)), NOON, SIZE).frame(4.0, 1) for _ in range(2))
    assert np.array_equal(one, two)


def test_lamps_burn_at_night_only() -> None:
    assert SceneLight.of(view(), NIGHT).lamps and not SceneLight.of(view(), NOON).lamps
    assert SceneLight.of(view(lit=False), NIGHT).is_infrared


def test_a_parked_ebike_is_gone_after_it_was_taken() -> None:
    bike = Parked(kind=MoverKind.EBIKE, place=(0, 9), heading=(1, 0), look=Look(), gone=(20.0, 40.0))
    film = StreetFilm(view().model_copy(update={"parked": [bike]}), NOON, SIZE)
    assert not np.array_equal(film.still(19.0, 0), film.still(21.0, 0))


def test_a_story_repeats_no_group_of_pictures_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story_clips, "StreetFilm", lambda v, m: StreetFilm(v, m, SIZE))
    monkeypatch.setattr(story_clips, "SUB", (160, 90))
    clips, first = story_clips.encode_story(view(walk(9.0, start=6.0)), NOON, "h264", 30.0)
    for clip in clips.values():
        assert clip.frames == 240 and clip.keyframes == list(range(0, 240, 16))
        keys = [b"".join(clip.units[k]) for k in clip.keyframes]
        assert all(a != b for a, b in itertools.pairwise(keys))
    assert len(first) == 32 and first[0].shape == (180, 320, 3)
