"""Windows for small objects: geometry, budget, fairness, and one box for each object at the borders."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.detectors.base import Detection, Pixels, Region
from search.analysis.detectors.window_merge import WindowDetection, candidate, merge
from search.analysis.pipeline import AnalysisState
from search.analysis.place_map import COLUMNS, HALF_LIFE_MS, MAX_WEIGHT, MIN_WEIGHT, ROWS, PlaceMap, cell_region
from search.analysis.window_plan import (
    CREDIT_PER_RUN,
    MAX_CREDIT,
    MAX_ENLARGEMENT,
    MAX_WINDOWS,
    MIN_PIXELS,
    Shape,
    exploration,
    plan,
)
from search.query.sightings import restore_places
from search.store import ids
from search.store.rows import Point, pack_path
from search.store.sighting_store import Batch, SightingStore
from search.vocabulary import Cls
from tests.search.sightings import START_MS, sighting

NETWORK = (448, 256)
D1 = Shape((704, 576), NETWORK)
sizes = st.sampled_from([(320, 240), (352, 288), (704, 576), (1280, 720), (1920, 1080), (2560, 1440), (720, 1280)])
shares = st.floats(0, 1, allow_nan=False)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y = draw(st.floats(0, 0.98)), draw(st.floats(0, 0.98))
    return x, y, min(1.0, x + draw(st.floats(0.005, 0.6))), min(1.0, y + draw(st.floats(0.005, 0.6)))


feet = st.tuples(shares, shares, st.floats(0.01, 0.9))


def _map(learned: list[tuple[float, float, float]]) -> PlaceMap:
    places = PlaceMap()
    for x, y, height in learned:
        places.learn(x, y, height, 0.9)
    return places


@given(size=sizes, runs=st.lists(st.lists(regions(), max_size=12), min_size=1, max_size=12), learned=st.lists(feet))
@settings(max_examples=60, deadline=None)
def test_windows_lie_in_the_picture_and_the_budget_is_kept(
    size: tuple[int, int], runs: list[list[Region]], learned: list[tuple[float, float, float]]
) -> None:
    places, shape, total = _map(learned), Shape(size, NETWORK), 0
    for i, moving in enumerate(runs):
        found = plan(places, moving, shape, explore=i % 3 == 0)
        total += len(found)
        assert len(found) <= MAX_WINDOWS
        assert total <= min(MAX_CREDIT, CREDIT_PER_RUN) + CREDIT_PER_RUN * i
        for left, top, right, bottom in found:
            assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
            assert NETWORK[1] / (bottom - top) <= MAX_ENLARGEMENT + 0.1
    assert places.credit >= 0


@given(size=sizes, learned=st.lists(feet, min_size=1, max_size=80), moving=st.lists(regions(), max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_learned_place_is_visited_within_as_many_keyframes_as_there_are_places(
    size: tuple[int, int], learned: list[tuple[float, float, float]], moving: list[Region]
) -> None:
    """Even while so much moves that only the reserved window is left for them."""
    places, shape = _map(learned), Shape(size, NETWORK)
    wanted = places.learned(0.13)
    places.visited[:] = -1
    for _ in range(max(1, len(wanted))):
        plan(places, moving, shape, explore=False)
    assert all(places.visited[cell] >= 0 for cell in wanted)


def test_a_street_of_learned_places_is_visited_every_few_keyframes() -> None:
    places = _map([(x / 16 + 0.01, 0.35, 0.06) for x in range(16)] + [(x / 16 + 0.01, 0.6, 0.1) for x in range(16)])
    for _ in range(40):
        plan(places, [(0.4, 0.3, 0.42, 0.36)], D1, explore=False)
        if places.runs > 8:
            assert min(int(places.visited[c]) for c in places.learned(0.13)) >= places.runs - 8


def test_a_moving_object_is_enlarged_to_what_the_network_needs() -> None:
    for size, height in (((320, 240), 27), ((704, 576), 27), ((1280, 720), 60), ((1920, 1080), 60)):
        region = (0.5, 0.5, 0.5 + height / size[0] / 2, 0.5 + height / size[1])
        (window,) = plan(
            _map([(region[0], region[3], height / size[1])]), [region], Shape(size, NETWORK), explore=False
        )
        left, top, right, bottom = window
        assert left < region[0] * size[0] and right > region[2] * size[0]
        assert top < region[1] * size[1] and bottom > region[3] * size[1]
        assert height * NETWORK[1] / (bottom - top) >= MIN_PIXELS
        assert (right - left) / (bottom - top) == pytest.approx(NETWORK[0] / NETWORK[1], rel=0.05)


def test_what_moves_comes_first_and_takes_turns() -> None:
    places = _map([(0.1, y / 12 + 0.01, 0.05) for y in range(2, 12)])
    moving = [(x / 16, 0.5, x / 16 + 0.01, 0.54) for x in range(3, 15)] + [
        (x / 16, 0.9, x / 16 + 0.01, 0.94) for x in range(3, 15)
    ]
    seen: set[int] = set()
    for _ in range(6):
        for left, top, right, bottom in plan(places, moving, D1, explore=False):
            seen |= {
                i for i, (x1, y1, x2, y2) in enumerate(moving)
                if left <= x1 * 704 and x2 * 704 <= right and top <= y1 * 576 and y2 * 576 <= bottom
            }  # fmt: skip
    assert seen == set(range(len(moving)))


def test_near_objects_need_no_windows() -> None:
    assert plan(_map([(0.5, 0.9, 0.4)]), [(0.4, 0.5, 0.5, 0.9)], D1, explore=False) == []


@given(size=sizes)
@settings(max_examples=20, deadline=None)
def test_exploration_covers_the_picture_at_each_scale(size: tuple[int, int]) -> None:
    shape = Shape(size, NETWORK)
    by_height: dict[float, list[Region]] = {}
    for window in exploration(shape):
        by_height.setdefault(round(window[3] - window[1], 6), []).append(window)
    points = [(x, y) for x in np.linspace(0.01, 0.99, 37) for y in np.linspace(0.01, 0.99, 37)]
    for windows in by_height.values():
        assert all(any(w[0] <= x <= w[2] and w[1] <= y <= w[3] for w in windows) for x, y in points)


def test_exploration_goes_on_where_it_stopped() -> None:
    places, every = PlaceMap(), exploration(D1)
    found: set[Pixels] = set()
    for _ in range(len(every)):
        found |= set(plan(places, [], D1, explore=True))
    assert len(found) == len(every)


@given(st.lists(feet, max_size=60))
@settings(max_examples=30, deadline=None)
def test_the_map_is_bounded(learned: list[tuple[float, float, float]]) -> None:
    places = _map(learned * 20)
    state = AnalysisState.new(1)
    state.places = places
    assert places.weight.shape == (ROWS, COLUMNS) and places.weight.max() <= MAX_WEIGHT
    assert len(pickle.dumps(places)) < 4096
    copy = pickle.loads(pickle.dumps(state)).places
    assert np.array_equal(copy.weight, places.weight) and copy.learned(1.0) == places.learned(1.0)


def test_places_are_forgotten_and_heights_follow_perspective() -> None:
    places = _map([(0.5, 0.3, 0.05), (0.5, 0.9, 0.4)])
    assert places.height_at(0.5, 0.3) == pytest.approx(0.05)
    assert places.height_at(0.9, 0.3) == pytest.approx(0.05)  # of the row
    assert places.height_at(0.5, 0.9) == pytest.approx(0.4)
    assert places.height_at(0.5, 0.6) is None
    places.decay(1000)
    places.decay(1000 + 3 * HALF_LIFE_MS)
    assert places.height_at(0.5, 0.3) is None and places.weight.max() < MIN_WEIGHT


def test_a_cell_region_contains_the_object() -> None:
    x1, y1, x2, y2 = cell_region((6, 8), 0.1, 16 / 9)
    assert x1 < 0.5 and x2 > 9 / 16 and y1 < 0.5 - 0.1 and y2 > 7 / 12


def test_places_are_learned_again_from_stored_sightings(tmp_path: Path) -> None:
    store, batch = SightingStore(tmp_path), Batch("a/sub", (START_MS + 60_000) * 1000)
    path = pack_path([Point(START_MS + 1000 * i, 2000 + 800 * i, 4000, 500) for i in range(3)])
    batch.new += [sighting(START_MS, 1, 0, path=path), sighting(START_MS, 2, 1)]
    store.write(ids.day_of(START_MS), [batch])
    places = restore_places(store, 1, START_MS + 60_000)
    assert [places.height_at(0.2 + 0.08 * i, 0.4) for i in range(3)] == pytest.approx([0.05] * 3)
    assert len(places.learned(1.0)) == 3
    assert restore_places(store, 1, START_MS - 1).learned(1.0) == []
    assert restore_places(store, 3, START_MS + 60_000).learned(1.0) == []


WINDOW, SIZE = (100, 100, 548, 356), (1000, 800)


def _seen(
    corners: Region, number: int, window: Pixels, score: float = 0.8, cls: int = Cls.person
) -> WindowDetection | None:
    return candidate((cls, score, corners), number, window, SIZE, NETWORK)


def _merged(*found: WindowDetection | None) -> list[Detection]:
    return merge([c for c in found if c is not None])


def test_a_box_at_an_edge_inside_the_picture_is_dropped() -> None:
    assert _seen((101, 150, 140, 250), 1, WINDOW) is None
    assert _seen((140, 150, 180, 355), 1, WINDOW) is None
    assert _seen((0, 0, 40, 100), 1, (0, 0, 448, 256)) is not None  # the edge of the picture cuts, too


@pytest.mark.parametrize("near", [104, 110])
def test_half_a_box_near_an_edge_is_not_a_second_object(near: float) -> None:
    """The window cuts the left half off; its score is higher than that of the whole object in the other window."""
    whole = _seen((60, 150, 140, 300), 2, (0, 100, 448, 356), score=0.5)
    half = _seen((near, 152, 141, 299), 1, WINDOW, score=0.9)
    (found,) = _merged(half, whole)
    assert found.x == pytest.approx(0.06) and found.w == pytest.approx(0.08)
    (alone,) = _merged(half)  # nothing else shows it: better than nothing
    assert alone.score == 0.9


def test_one_object_in_two_windows_and_the_whole_picture_is_one_box() -> None:
    whole = _seen((196, 150, 246, 262), 0, (0, 0, 1000, 800), score=0.9)
    first, second = _seen((202, 152, 240, 252), 1, WINDOW), _seen((201, 151, 241, 251), 2, (180, 0, 740, 320), 0.85)
    (found,) = _merged(whole, first, second)
    assert found.x == pytest.approx(0.202)  # of the window with the largest scale


def test_two_people_in_one_window_stay_two() -> None:
    adult, child = _seen((200, 150, 260, 300), 1, WINDOW, 0.9), _seen((225, 220, 255, 300), 1, WINDOW, 0.6)
    again = _seen((201, 149, 262, 301), 0, (0, 0, 1000, 800), 0.7)
    assert len(_merged(adult, child, again)) == 2
    assert len(_merged(adult, _seen((200, 150, 260, 300), 2, (180, 0, 740, 320), cls=Cls.vehicle))) == 2


@given(offset=st.integers(-60, 60), score=st.floats(0.3, 0.99))
@settings(max_examples=60, deadline=None)
def test_an_object_at_a_border_is_never_two(offset: int, score: float) -> None:
    """Two overlapping windows; the object crosses the edge of the first at any place. What a window shows of it is
    clipped to the window, as a detector's box is."""
    first, second = (100, 100, 548, 356), (400, 100, 848, 356)
    x1, x2 = 548 + offset - 40, 548 + offset + 40
    found = [_seen((max(400, x1), 150, x2, 300), 2, second, 0.6)]
    if x1 < 548:
        found.append(_seen((x1, 150, min(548, x2), 300), 1, first, score))
    merged = _merged(*found)
    assert len(merged) == 1 and merged[0].w == pytest.approx(0.08)
