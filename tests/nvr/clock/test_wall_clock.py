"""Media time to wall time, with integers: whatever a camera's clock does, pictures lie where they were received."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.units import MEDIA_CLOCK
from nvr.clock.wall_clock import PPM, WallClock
from tests.nvr.camera_clock import DAY, ORIGIN_US, CameraClock, PlacedPicture, place

FPS = (0.2, 1.0, 3.0, 12.0, 25.0, 60.0)
STEPS = (0.5, -0.5, 1.0, -1.0, 4.0, -4.0, 12.0, -12.0, 3600.0, -3600.0, DAY, -DAY)


def check(clock: CameraClock) -> list[PlacedPicture]:
    """Placed within a second of being captured, in order, nothing lost."""
    placed = place(clock)
    assert all(a.decoded_us < b.decoded_us for a, b in pairwise(placed))
    worst = max(placed, key=lambda p: abs(p.error))
    assert abs(worst.error) < 1.0, (
        f"{worst.error:+.2f} s at {(worst.picture.taken_us - ORIGIN_US) / 1e6:.1f} s of {clock}"
    )
    return placed


def seconds(fps: float) -> float:
    return 120.0 if fps < 2 else 40.0


@pytest.mark.parametrize("fps", FPS)
def test_a_right_clock_is_followed_tick_by_tick(fps: float) -> None:
    placed = check(CameraClock(fps, seconds=seconds(fps)))
    distances = {b.decoded_us - a.decoded_us for a, b in pairwise(placed)}
    assert max(distances) - min(distances) <= 12  # a tick of 90 kHz


@pytest.mark.parametrize("speed", [0.8, 21 / 25, 0.95, 0.99, 1.01, 1.05, 1.2])
@pytest.mark.parametrize("fps", FPS)
def test_clocks_that_run_slow_or_fast(fps: float, speed: float) -> None:
    placed = check(CameraClock(fps, speed, seconds(fps)))
    assert max(b.decoded_us - a.decoded_us for a, b in pairwise(placed)) < 1_000_000 + 2_000_000 / fps


@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("fps", FPS)
def test_a_step_of_the_clock_moves_no_picture(fps: float, by: float) -> None:
    placed = check(CameraClock(fps, seconds=seconds(fps), steps=((20.0, by),)))
    # No gap appears where nothing is missing.
    assert max(b.decoded_us - a.decoded_us for a, b in pairwise(placed)) < 700_000 + 1_000_000 / fps


@pytest.mark.parametrize("by", [0.2, -0.2, 0.5, -0.5, 2.0, -2.0])
def test_steps_do_not_add_up(by: float) -> None:
    check(CameraClock(steps=tuple((3.0 * i, by) for i in range(1, 13))))


@pytest.mark.parametrize("by", [*STEPS, 0.1, -0.1])
@pytest.mark.parametrize("fps", FPS)
def test_a_single_stray_timestamp(fps: float, by: float) -> None:
    check(CameraClock(fps, seconds=seconds(fps), strays=((20, by), (22, -by))))


@pytest.mark.parametrize(
    ("rate", "stated"), [(30_000, 30_000), (1000, 1000), (90_000, 30_000), (30_000, 90_000), (48_000, 90_000)]
)
@pytest.mark.parametrize("fps", FPS)
def test_any_clock_rate_stated_rightly_or_not(fps: float, rate: int, stated: int) -> None:
    check(CameraClock(fps, seconds=seconds(fps), rate=rate, stated=stated))


@pytest.mark.parametrize("reordered", [1, 2, 3, 7])
@pytest.mark.parametrize("by", [0.0, -4.0, -0.5, 0.5, 4.0, DAY])
def test_b_frames_are_told_from_steps_by_their_pattern(reordered: int, by: float) -> None:
    check(CameraClock(reordered=reordered, steps=((20.0, by),) if by else ()))


def test_b_frames_of_a_clock_that_runs_slow_and_strays() -> None:
    check(CameraClock(reordered=2, speed=0.8))
    check(CameraClock(reordered=2, strays=((300, 5.0), (500, -2.0))))


@pytest.mark.parametrize(("length", "factor"), [(1.0, 3.0), (3.0, 5.0), (3.0, 2.0), (6.0, 8.0)])
def test_what_the_network_delayed_keeps_its_time(length: float, factor: float) -> None:
    placed = check(CameraClock(delays=((10.0, length, factor),)))
    assert max(b.decoded_us - a.decoded_us for a, b in pairwise(placed)) < 500_000


@pytest.mark.parametrize("stands", [True, False])
@pytest.mark.parametrize("fps", FPS)
def test_a_pause_is_a_hole_whatever_the_clock_did(fps: float, stands: bool) -> None:
    placed = check(CameraClock(fps, seconds=seconds(fps), pauses=((20.0, 3.0, stands),)))
    longest = max(b.decoded_us - a.decoded_us for a, b in pairwise(placed)) / 1e6
    assert longest == pytest.approx(3.0 + 1 / fps, abs=0.5)


clocks = st.builds(
    CameraClock,
    fps=st.sampled_from(FPS),
    speed=st.floats(0.8, 1.2),
    seconds=st.just(30.0),
    steps=st.lists(st.tuples(st.floats(3, 27), st.sampled_from(STEPS)), max_size=3).map(tuple),
    strays=st.lists(st.tuples(st.integers(1, 700), st.floats(-20, 20)), max_size=2).map(tuple),
    jitter=st.floats(0, 0.1),
    seed=st.integers(0, 2**31),
)


@settings(max_examples=40, deadline=None)
@given(clocks)
def test_every_mixture_stays_within_a_second_of_receiving(clock: CameraClock) -> None:
    placed = place(clock)
    assert all(a.decoded_us < b.decoded_us for a, b in pairwise(placed))
    assert max(abs(p.error) for p in placed) < 1.0


def test_small_errors_are_drawn_right_between_files() -> None:
    wall = WallClock()
    late = 20_000  # µs; only the first run arrived late
    for i in range(100):
        wall.place(i * 3600, [3600], ORIGIN_US + i * 40_000 + (late if i == 0 else 0))
    assert wall.slew() == -late * 9 // 100
    assert wall.slew() == 0  # no new measurement


def reported(*offsets: float) -> WallClock:
    """A camera whose sender reports say that its clock is ahead of ours by so many seconds."""
    wall = WallClock()
    wall.place(0, [3600] * 25, ORIGIN_US)
    for offset in offsets:
        wall.report(wall.wall(24 * 3600 + (wall.shift or 0)) + int(offset * 1e6), 24 * 3600)
    return wall


def test_sender_reports_draw_a_right_clock_by_the_networks_delay() -> None:
    assert reported(-0.1, -0.1, -0.1).slew() == pytest.approx(-MEDIA_CLOCK // 20, abs=2)  # 50 ms of it now


@pytest.mark.parametrize("lies", [(0.4, 0.4, 0.4), (-0.9, -0.9, -0.9), (-0.1, 0.2, -0.1), (-3600.0,) * 3, (-0.1,)])
def test_sender_reports_that_lie_move_nothing(lies: tuple[float, ...]) -> None:
    wall = reported(*lies)
    assert wall.slew() == 0
    assert wall.offset_us == pytest.approx(lies[-1] * 1e6, abs=100)  # they are reported nevertheless


def test_a_report_before_the_first_picture_says_nothing() -> None:
    wall = WallClock()
    wall.report(ORIGIN_US, 123_456)
    assert wall.offset_us is None


def test_a_right_clock_costs_no_more_than_an_addition() -> None:
    wall = WallClock()
    durations = [3600] * 10
    for i in range(50):
        start, same = wall.place(i * 36_000, durations, ORIGIN_US + i * 400_000)
        assert same is durations
    assert wall.jumps == 0 and start == 49 * 36_000 + (wall.shift or 0)


def test_a_slow_clock_is_measured() -> None:
    wall = WallClock()
    place(replace(CameraClock(), speed=0.8), wall)
    assert wall.ppm == pytest.approx(1.25 * PPM, rel=0.02)


def test_timestamps_that_stand_for_a_while() -> None:
    """ffmpeg also holds timestamps that went back until they have caught up."""
    wall, placed = WallClock(), list[int]()
    for i in range(40):
        media = 36_000 * min(i, 15) + (10 * (i - 15) if i > 15 else 0)
        standing = i > 15
        start, durations = wall.place(media, [1 if standing else 3600] * 10, ORIGIN_US + i * 400_000)
        placed += [start + sum(durations[:k]) for k in range(10)]
    errors = [(p * 100 // 9 - ORIGIN_US) / 1e6 - 0.04 * (k - 9) for k, p in enumerate(placed)]
    assert max(map(abs, errors)) < 0.5
