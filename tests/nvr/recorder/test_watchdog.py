"""When a stream is given up, and when its camera is asked for a keyframe: seconds of simulated time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StreamStalled
from nvr.recorder.silence import FIRST_PICTURES_S, StallTimeout
from nvr.recorder.watchdog import GIVE_UP_S, Watchdog

POLL = 0.4


def watched(
    arrivals: list[float], until: float, stall: float = 5.0, keyframes: tuple[float, ...] = ()
) -> tuple[float, int]:
    """(time when it was given up, or `until`; keyframe requests) of a stream whose pictures arrive at these times."""
    dog, now, requests = Watchdog(0.0, stall), 0.0, 0
    while now < until:
        now += POLL
        came = sum(t <= now for t in arrivals)
        try:
            requests += dog.check(now, came, waits=not any(k <= now for k in keyframes))
        except StreamStalled:
            return now, requests
    return until, requests


@pytest.mark.parametrize("apart", [0.04, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("keyframe", [0.0, 2.0, 100.0, 600.0])
def test_pictures_without_keyframes_are_life(apart: float, keyframe: float) -> None:
    arrivals = [k * apart for k in range(1, int(700 / apart))][:2000]
    end = arrivals[-1]
    assert watched(arrivals, end, keyframes=(keyframe,))[0] == end


def test_silence_is_a_stall_and_sparse_pictures_are_none() -> None:
    quick = [k / 25 for k in range(1, 250)]
    assert 14.5 <= watched(quick, 100)[0] <= 16
    sparse = [5.0 * k for k in range(1, 20)]
    assert 95 + 12 <= watched(sparse, 200)[0] <= 95 + 14
    assert watched([], 100)[0] <= FIRST_PICTURES_S + 1


def test_one_pause_makes_nobody_patient_for_long() -> None:
    arrivals = [k / 25 for k in range(1, 250)] + [14 + k / 25 for k in range(500)]
    assert watched(arrivals, 60)[0] <= arrivals[-1] + 6.5


@given(st.lists(st.floats(0.05, 10.0), min_size=3, max_size=60))
def test_what_comes_as_often_as_before_is_never_given_up(steps: list[float]) -> None:
    patience, now, longest = StallTimeout(0.0, 5.0), 0.0, 0.0
    for step in steps:
        if step <= max(5.0, longest):
            patience.check(now + step)
            longest = step
        now += step
        patience.arrived(now)


def test_a_keyframe_is_asked_for_while_none_comes() -> None:
    pictures = [k / 10 for k in range(1, 1000)]
    assert watched(pictures, 99.0, keyframes=(1.5,))[1] == 0
    assert watched(pictures, 99.0, keyframes=(40.0,))[1] == 4
    assert watched(pictures, 99.0)[1] == 10
    assert watched([], 14.0)[1] == 0  # a camera that sends nothing is not asked


def test_a_stream_without_any_keyframe_is_tried_anew_after_a_quarter_of_an_hour() -> None:
    pictures = [k / 2 for k in range(1, 4000)]
    assert GIVE_UP_S <= watched(pictures, 2000)[0] <= GIVE_UP_S + 1


def test_a_lost_keyframe_is_asked_for_soon() -> None:
    dog = Watchdog(0.0, 5.0)
    for k in range(100):
        assert not dog.check(k * POLL, k, waits=False)
    asked = [k * POLL for k in range(100, 160) if dog.check(k * POLL, k, waits=True)]
    assert asked[0] == pytest.approx(42.0, abs=POLL) and dog.waited(50.0) == pytest.approx(10.0, abs=POLL)
