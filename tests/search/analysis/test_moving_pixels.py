"""Motion in a row of pictures: only pixels that move, no ghosts, neither parked things nor light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.motion_gate import HEIGHT, WIDTH, Plane
from search.analysis.moving_pixels import Mask, moving_pixels

RNG_SEED = 5
Box = tuple[int, int, int, int]  # x, y, width, height


def street(pictures: int, noise: float = 1.5) -> npt.NDArray[np.float64]:
    """Return a street with structure, the same in each picture but for noise."""
    rng = np.random.default_rng(RNG_SEED)
    scene = np.kron(rng.uniform(60, 180, (HEIGHT // 5, WIDTH // 8)), np.ones((5, 8)))
    return scene + rng.normal(0, noise, (pictures, HEIGHT, WIDTH))


def put(scene: npt.NDArray[np.float64], at: int, box: Box, level: float = 235) -> None:
    x, y, width, height = box
    scene[at, y : y + height, x : x + width] = level


def searched(scene: npt.NDArray[np.float64], begin: int = 0, end: int | None = None) -> list[Mask]:
    return list(moving_pixels([plane(p) for p in scene], begin, end))


def plane(picture: npt.NDArray[np.float64]) -> Plane:
    return np.clip(picture, 0, 255).astype(np.uint8)


def inside(mask: Mask, box: Box) -> float:
    x, y, width, height = box
    return float(mask[y : y + height, x : x + width].mean())


def test_only_the_pixels_of_a_passing_object_move() -> None:
    scene = street(60)
    boxes: dict[int, Box] = {i: (10 + 9 * (i - 20), 50, 12, 20) for i in range(20, 35)}
    for i, box in boxes.items():
        put(scene, i, box)
    for i, moved in enumerate(searched(scene)):
        if i not in boxes:
            assert not moved.any(), i
            continue
        assert inside(moved, boxes[i]) > 0.9
        outside = moved.copy()
        x, y, width, height = boxes[i]
        outside[y - 2 : y + height + 2, x - 2 : x + width + 2] = False
        assert not outside.any(), i


def test_what_stood_in_the_first_pictures_leaves_no_ghost() -> None:
    scene = street(60)
    box = (40, 40, 16, 24)
    for i in range(6):
        put(scene, i, (box[0] + i, *box[1:]))
    moved = searched(scene)
    assert all(m.any() for m in moved[:6])
    assert not any(m.any() for m in moved[7:])


@pytest.mark.parametrize("parked", [12, 40, 70])
def test_a_parked_car_moves_when_it_comes_and_when_it_goes(parked: int) -> None:
    scene = street(100)
    for i in range(15, 15 + parked):
        put(scene, i, (90, 50, 24, 14))
    moving = {i for i, m in enumerate(searched(scene)) if m.any()}
    assert moving <= {14, 15, 14 + parked, 15 + parked}
    assert moving & {14, 15} and moving & {14 + parked, 15 + parked}


def test_a_road_that_is_busy_a_third_of_the_time_still_tells_its_cars() -> None:
    scene = street(90)
    box = (20, 60, 30, 14)
    with_car = [i for i in range(90) if i % 3 == 0]
    for i in with_car:
        put(scene, i, box)
    moved = searched(scene)
    assert all(inside(moved[i], box) > 0.9 for i in with_car)
    assert not any(moved[i].any() for i in range(90) if i % 3)


def test_leaves_in_the_wind_do_not_move_and_a_person_before_them_does() -> None:
    scene, rng = street(80), np.random.default_rng(2)
    scene[:, :30, :50] += rng.normal(0, 14, (80, 30, 50))
    put(scene, 40, (20, 5, 8, 20))
    moved = searched(scene)
    assert inside(moved[40], (20, 5, 8, 20)) > 0.9
    assert sum(m.any() for m in moved) <= 2


@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_a_change_of_exposure_is_no_motion(factor: float) -> None:
    scene = street(60)
    scene[30:] *= factor
    assert not any(m.any() for m in searched(scene))


@pytest.mark.parametrize("offset", [-40, 30])
def test_a_lifted_black_level_is_no_motion_and_a_car_then_is(offset: float) -> None:
    scene = street(60)
    scene[40:50] += offset
    put(scene, 45, (60, 40, 24, 14))
    moved = searched(scene)
    assert {i for i, m in enumerate(moved) if m.any()} == {45}
    assert inside(moved[45], (60, 40, 24, 14)) > 0.9


def test_people_who_stand_at_one_table_in_turn_hide_nobody_s_motion() -> None:
    scene = street(90)
    levels = {0: 20.0, 1: 235.0, 2: 90.0}
    for i in range(90):  # one after another for ten seconds each; somebody is always there
        put(scene, i, (70 + i // 10 % 3 * 4, 30, 16, 50), levels[i // 10 % 3])
    for i in range(45, 48):
        put(scene, i, (60 + 8 * (i - 45), 40, 10, 30), 160)
    moved = searched(scene)
    assert all(inside(moved[i], (60 + 8 * (i - 45), 42, 8, 26)) > 0.5 for i in range(45, 48))
    assert sum(m.any() for m in moved) < 45  # those who stand still do not move


def test_a_lamp_that_lights_most_of_the_picture_is_no_motion_and_a_lorry_before_the_lens_is() -> None:
    scene = street(60)
    scene[30, :, : WIDTH * 6 // 10] *= 1.35  # less than half keeps its light, so levelling cannot help
    put(scene, 45, (0, 10, WIDTH * 6 // 10, 75), 30)
    moved = searched(scene)
    assert not moved[30].any()
    assert inside(moved[45], (10, 20, 70, 50)) > 0.9


def test_context_is_not_reported_and_gives_the_background() -> None:
    scene = street(50)
    for i in range(20, 24):
        put(scene, i, (10 + 10 * i % 100, 30, 10, 20))
    assert [m.any() for m in searched(scene, 20, 26)] == [True] * 4 + [False] * 2
    assert [m.any() for m in searched(scene[20:24])] == [True] * 4  # alone: told from the pictures around


def test_one_picture_and_none_have_no_motion() -> None:
    assert searched(street(0)) == []
    assert not any(m.any() for m in searched(street(1)))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 75), st.data())
def test_each_picture_asked_for_is_answered_once_and_static_scenes_are_still(count: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin, count))
    moved = searched(np.repeat(street(1), count, axis=0), begin, end)
    assert len(moved) == end - begin and not any(m.any() for m in moved)
