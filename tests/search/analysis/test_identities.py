"""One sighting for each person or vehicle: what the tracker joins and what it leaves apart. Times are integers, ms."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.parts.generated_streets import View, keyframes, road
from bench.parts.search_identities import Score
from search.analysis.detectors.base import Detection
from search.analysis.embedders import Vector
from search.analysis.tracking import Track, TrackedDetection, Tracker
from search.vocabulary import Cls

START = 1_780_000_000_000
COMMON = np.random.default_rng(99).standard_normal(256)


def vector(who: int, alike: float, noise: float, again: int) -> Vector:
    """Return the vector of an object; `alike` is the weight of what all have in common."""
    rng, own = np.random.default_rng(10_000 + again), np.random.default_rng(who).standard_normal(256)
    values = own + alike * COMMON + noise * rng.standard_normal(256)
    return np.asarray(values / np.linalg.norm(values), np.float32)


def person(x: float, y: float, who: int, again: int = 0, h: float = 0.2) -> TrackedDetection:
    box = Detection(Cls.person, 0.8, x - 0.2 * h, y - h, 0.4 * h, h)
    return TrackedDetection(box, vector(who, 0.3, 0.5, again), "pack@1", None, None, quality=0.5)


def car(x: float, y: float, who: int, again: int = 0, h: float = 0.1) -> TrackedDetection:
    box = Detection(Cls.vehicle, 0.8, x - 0.6 * h, y - h, 1.2 * h, h)
    return TrackedDetection(box, vector(who, 0.8, 0.8, again), "lab-stripes@1", None, None, quality=0.5)


def ids_of(tracker: Tracker, at_ms: int, *found: TrackedDetection) -> list[int]:
    return [t.id for t in tracker.update(START + at_ms, found)]


def test_cars_following_each_other_in_a_lane_are_two_sightings() -> None:
    tracker = Tracker(1)
    (first,) = ids_of(tracker, 0, car(0.50, 0.60, 1))
    assert ids_of(tracker, 1500, car(0.50, 0.60, 2, 1)) != [first]
    # The same colour does not make them one either, if the one before drives on.
    tracker, told = Tracker(2), []
    for i in range(4):
        told.append(
            ids_of(tracker, 1500 * i, car(0.20 + 0.16 * i, 0.6, 1, i), *([car(0.04 + 0.16 * i, 0.6, 2, 9 + i)]))
        )
    assert not {a for a, _ in told} & {b for _, b in told}


def test_car_that_slows_and_stands_is_one_sighting() -> None:
    tracker, x, told = Tracker(1), 0.2, set[int]()
    for i, step in enumerate((0.09, 0.09, 0.08, 0.05, 0.02, 0.0, 0.0, 0.02, 0.06)):
        told |= set(ids_of(tracker, 1000 * i, car(x, 0.6, 1, i)))
        x += step
    assert len(told) == 1


def test_parked_car_is_one_sighting_while_a_lorry_passes() -> None:
    tracker, told = Tracker(1), set[int]()
    for i in range(5):
        told |= set(ids_of(tracker, 2000 * i, car(0.5, 0.6, 1, i)))
    for i in range(5, 8):  # the lorry covers it
        assert not set(ids_of(tracker, 2000 * i, car(0.3 + 0.06 * (i - 4), 0.66, 2, i, h=0.3))) & told
    told |= set(ids_of(tracker, 16_000, car(0.5, 0.6, 1, 8)))
    # The motion gate stays shut; the next search of the whole picture finds it again.
    told |= set(ids_of(tracker, 46_000, car(0.5, 0.6, 1, 9)))
    assert len(told) == 1


def test_crossing_people_keep_their_sightings() -> None:
    tracker, told = Tracker(1), []
    for i in range(10):
        a, b = person(0.2 + 0.05 * i, 0.7, 1, i), person(0.66 - 0.05 * i, 0.71, 2, 50 + i)
        told.append(ids_of(tracker, 1000 * i, a, b))
    assert {tuple(t) for t in told} == {tuple(told[0])}


def test_people_who_look_alike_and_meet_are_rather_split_than_mixed() -> None:
    tracker, told = Tracker(1), []
    for i in range(7):
        a, b = person(0.40 + 0.06 * i, 0.7, 1, i), person(0.75 - 0.06 * i, 0.7, 1, 50 + i)
        told.append(ids_of(tracker, 2000 * i, a, b))
    assert not {a for a, _ in told} & {b for _, b in told}


def test_person_who_stands_for_a_minute_and_goes_on_is_one_sighting() -> None:
    tracker, told, x = Tracker(1), set[int](), 0.3
    for i in range(40):
        told |= set(ids_of(tracker, 2000 * i, person(x, 0.8, 1, i)))
        x += 0.04 if i < 4 or i > 34 else 0.0
    assert len(told) == 1


def test_another_person_at_the_same_place_is_another_sighting() -> None:
    tracker = Tracker(1)
    assert ids_of(tracker, 0, person(0.5, 0.8, 1)) != ids_of(tracker, 1000, person(0.5, 0.8, 2, 1))


def test_generated_road_reports_both_errors() -> None:
    """A short street: the thresholds hold, and the score would show a tracker that merges everything."""
    scene = road("t", 3, View(6, 10, 1.2), angle=8, headway_s=3.5, speed=11, seconds=60)
    frames = list(keyframes(scene, 1.0, 7))
    score = Score()
    score.add(frames, scene.view.aspect)
    assert np.mean(score.things) <= 1.15 and len(score.sightings) > 10
    merged = Score()
    merged.add([(at, found, [0 if n % 2 else 1 for n in truth]) for at, found, truth in frames], scene.view.aspect)
    assert np.mean(merged.sightings) > 5  # two "things" in all: the other error is seen as well


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.floats(0.1, 0.9), st.floats(0.3, 1), st.integers(0, 2), st.sampled_from((Cls.person, Cls.car))
            ),
            max_size=7,
        ),
        max_size=10,
    ),
    st.lists(st.integers(0, 3000), min_size=10, max_size=10),
)
def test_no_track_joins_detections_of_one_moment(
    frames: list[list[tuple[float, float, int, Cls]]], pauses: list[int]
) -> None:
    tracker, ever, at = Tracker(1), dict[int, Track](), 0
    for frame, pause in zip(frames, pauses, strict=False):
        at += 1 + pause
        found = [(person if cls == Cls.person else car)(x, y, who) for x, y, who, cls in frame]
        ever |= {t.id: t for t in tracker.update(START + at, found)}
    for track in ever.values():
        times = [p.at_ms for p in track.points]
        assert times == sorted(set(times)), "two detections of one moment"
