"""RTP timestamps to times on a stream's own time line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvr.media.pictures.picture_times import LEARNING_PICTURES, PictureTimes

STEP = 3600


def advance(times: PictureTimes, *stamps: int) -> list[bool]:
    found = []
    for stamp in stamps:
        found.append(times.advance(stamp & 0xFFFFFFFF))
        times.commit()
    return found


def steady(count: int, first: int = 1000) -> list[int]:
    return [first + i * STEP for i in range(count)]


def test_timestamps_count_on_over_their_wrap() -> None:
    times = PictureTimes()
    assert all(advance(times, *steady(10, 0xFFFFFFFF - 2 * STEP)))
    assert times.time == times.shown == 9 * STEP


@pytest.mark.parametrize("by", [-2, -5, -13, -25 * 4, -25 * 3600, 25 * 11, 25 * 3600])
def test_a_step_is_no_b_frame(by: int) -> None:
    times = PictureTimes()
    advance(times, *steady(20))
    assert advance(times, *steady(5, 1000 + (20 + by) * STEP)) == [False, True, True, True, True]
    assert not times.reordered and times.time == times.shown == 24 * STEP


def test_half_a_second_back_between_two_pictures_is_no_b_frame() -> None:
    """At 5 pictures a second, the new times lie between the old ones."""
    times = PictureTimes()
    advance(times, *(1000 + i * 18_000 for i in range(20)))
    assert advance(times, 1000 + 20 * 18_000 - 45_000) == [False]
    assert not times.reordered


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (0, 4, 2, 1, 3), (0, 2, 1), (0, 8, 4, 2, 1, 3, 6, 5, 7)])
def test_b_frames_fill_the_hole_that_was_left_for_them(order: tuple[int, ...]) -> None:
    times, group = PictureTimes(), max(order)
    stamps = [1000, *(1000 + (g * group + i) * STEP for g in range(30) for i in order[1:])]
    assert all(advance(times, *stamps)) and times.reordered
    assert times.shown == (30 * group + order[-1] - group) * STEP
    assert times.shown - group * STEP <= times.time <= times.shown + group * STEP


def test_b_frames_may_begin_after_pictures_without() -> None:
    times = PictureTimes()
    assert all(advance(times, *steady(10), *(1000 + i * STEP for i in (12, 10, 11, 15, 13, 14))))
    assert times.reordered


def test_pictures_shown_before_the_very_first_keyframe_are_no_step() -> None:
    times = PictureTimes()
    assert all(advance(times, *(100_000 + i * STEP for i in (3, 1, 2, 6, 4, 5)))) and times.reordered


def test_a_stream_without_b_frames_is_believed_to_have_none_until_its_encoder_is_set_anew() -> None:
    times = PictureTimes()
    advance(times, *steady(LEARNING_PICTURES + 1))
    ahead = 1000 + (LEARNING_PICTURES + 3) * STEP
    assert advance(times, ahead, ahead - STEP) == [True, False]
    times = PictureTimes()
    advance(times, *steady(LEARNING_PICTURES + 1))
    times.relearn()
    assert advance(times, ahead, ahead - STEP) == [True, True] and times.reordered


@pytest.mark.parametrize("by", [-3, -100, 25 * 60, -25 * 86_400])
def test_behind_a_stray_timestamp_time_goes_on_as_before(by: int) -> None:
    times = PictureTimes()
    advance(times, *steady(20))
    stray, *rest = steady(10, 1000 + 20 * STEP)
    assert advance(times, stray + by * STEP)[0] is False
    advance(times, *rest)
    assert times.time == times.shown == 29 * STEP


def test_whole_batches_are_placed_as_picture_by_picture() -> None:
    one, many = PictureTimes(), PictureTimes()
    advance(one, *steady(30))
    advance(many, *steady(10))
    assert many.in_order(steady(30)[-1], [STEP] * 20) == [i * STEP for i in range(10, 30)]
    assert (one.time, one.shown, one.end, one.ts) == (many.time, many.shown, many.end, many.ts)


def test_a_batch_behind_a_stray_timestamp() -> None:
    times = PictureTimes()
    advance(times, *steady(20))
    advance(times, 1000 + 10 * STEP)
    placed = times.in_order(1000 + 25 * STEP, [11 * STEP] + [STEP] * 4)
    assert placed == [i * STEP for i in range(21, 26)]


def test_a_stated_clock_rate_is_converted() -> None:
    times = PictureTimes(30_000)
    advance(times, *(i * 1200 for i in range(11)))
    assert times.time == 10 * STEP
    assert times.in_order(20 * 1200, [1200] * 10)[-1] == 20 * STEP


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=60))
def test_decoding_times_never_run_backwards(stamps: list[int]) -> None:
    times, before = PictureTimes(), -1
    for stamp in stamps:
        times.advance(stamp)
        assert times.time > before
        before = times.time
