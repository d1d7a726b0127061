"""The choice of a stream's engine: when it changes, what it keeps, and when it tries again.

Seconds of a simulated clock.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    CameraUnreachable,
    ConnectionLost,
    ProtocolError,
    StationFault,
    StreamStalled,
    TransportDeclined,
)
from nvr.engine_choice import NATIVE_AGAIN_S, EngineChoice, EngineKind

NATIVE, FFMPEG = EngineKind.NATIVE, EngineKind.FFMPEG


class Camera:
    """The result of each engine: seconds until it fails, and seconds recorded of them."""

    def __init__(self, native: tuple[float, float], ffmpeg: tuple[float, float], error: CameraError | None = None):
        self.fares = {NATIVE: native, FFMPEG: ffmpeg}
        self.error = error or StreamStalled("x")
        self.choice = EngineChoice(0.0)
        self.now = 0.0

    def sessions(self, count: int, **can: bool) -> list[EngineKind]:
        """Return the engines of the next sessions."""
        seen = []
        for _ in range(count):
            engine = self.choice.choose(self.now, **can)
            seen.append(engine)
            elapsed, recorded = self.fares[engine]
            self.now += elapsed
            self.choice.ended(self.now, engine, self.error, elapsed, recorded)
            self.now += 2.0
        return seen


@pytest.mark.parametrize("error", [ProtocolError("x"), TransportDeclined("x"), CameraDeclined("x"), StreamStalled("x")])
def test_every_persistent_failure_leads_to_ffmpeg(error: CameraError) -> None:
    assert Camera((5, 0), (1e5, 1e5), error).sessions(3) == [NATIVE, NATIVE, FFMPEG]


def test_the_recorder_s_own_failure_too_and_hang_ups_after_more() -> None:
    assert Camera((5, 0), (9, 9), StationFault("x")).sessions(3)[-1] == FFMPEG
    assert Camera((5, 3), (99, 99), ConnectionLost("x")).sessions(5) == [NATIVE] * 4 + [FFMPEG]


@pytest.mark.parametrize("error", [CameraUnreachable("x"), CameraRefused("x")])
def test_what_no_engine_helps_against_changes_nothing(error: CameraError) -> None:
    assert Camera((5, 0), (5, 5), error).sessions(9) == [NATIVE] * 9


def test_whichever_records_more_is_kept() -> None:
    better = Camera((20, 12), (20, 19)).sessions(12)
    assert better[:2] == [NATIVE] * 2 and set(better[2:]) == {FFMPEG}
    worse = Camera((20, 12), (20, 3)).sessions(12)
    assert worse == [NATIVE] * 2 + [FFMPEG] * 2 + [NATIVE] * 8
    neither = Camera((5, 0), (5, 0)).sessions(12)
    assert neither.count(FFMPEG) == 2


def test_long_sessions_with_long_holes_between_them() -> None:
    assert Camera((60, 40), (1e4, 1e4)).sessions(5) == [NATIVE] * 4 + [FFMPEG]
    assert Camera((60, 59), (1e4, 1e4)).sessions(12) == [NATIVE] * 12
    assert Camera((600, 400), (1e4, 1e4)).sessions(12) == [NATIVE] * 12  # too rare


def test_a_session_of_ffmpeg_that_records_less_is_told_while_it_runs() -> None:
    camera = Camera((20, 16), (120, 60))
    camera.sessions(2)
    assert camera.choice.choose(camera.now) == FFMPEG
    assert camera.choice.is_worse(120.0, 60.0) and not camera.choice.is_worse(120.0, 100.0)
    camera.choice.return_to_native(camera.now)
    assert camera.choice.choose(camera.now) == NATIVE


def test_the_pauses_between_short_sessions_count() -> None:
    """Native records one second in three; ffmpeg's six tenths are more, although native sessions are nearly full."""
    camera = Camera((1, 0.9), (120, 72))
    camera.sessions(2)
    assert camera.choice.choose(camera.now) == FFMPEG and not camera.choice.is_worse(120.0, 72.0)
    apart = Camera((1, 0.9), (120, 72), ConnectionLost("x"))
    for _ in range(3):  # that the camera was unreachable in between is no engine's failure
        apart.sessions(1)
        apart.choice.ended(apart.now + 3000, NATIVE, CameraUnreachable("x"), 5, 0)
        apart.now += 3010
    assert apart.choice.shares()[0] == 90


def test_ffmpeg_is_tried_again_after_an_hour() -> None:
    camera = Camera((5, 0), (5, 0))
    camera.sessions(6)
    camera.now += 3600
    assert camera.sessions(3) == [FFMPEG, FFMPEG, NATIVE]


def test_native_gets_another_chance_after_a_day() -> None:
    camera = Camera((5, 0), (NATIVE_AGAIN_S + 60, NATIVE_AGAIN_S))
    assert camera.sessions(5) == [
        NATIVE,
        NATIVE,
        FFMPEG,
        NATIVE,
        FFMPEG,
    ]
    assert EngineChoice(0.0, 3600.0).choose(1.0) == FFMPEG and EngineChoice(0.0, NATIVE_AGAIN_S).choose(1.0) == NATIVE


def test_without_ffmpeg_or_in_general_trouble_native_goes_on() -> None:
    assert Camera((5, 0), (5, 5)).sessions(6, ffmpeg_can=False) == [NATIVE] * 6
    assert Camera((5, 0), (5, 5)).sessions(3, native_can=False) == [FFMPEG] * 3
    troubled = Camera((5, 0), (5, 5))
    assert troubled.sessions(4, calm=False) == [NATIVE] * 4
    assert troubled.sessions(1) == [FFMPEG] and troubled.sessions(1, calm=False) == [FFMPEG]


@given(
    st.lists(
        st.tuples(st.sampled_from([NATIVE, FFMPEG]), st.floats(0, 100), st.floats(0, 100)),
        max_size=40,
    )
)
def test_no_engine_is_left_without_a_way_back(sessions: list[tuple[EngineKind, float, float]]) -> None:
    choice, now = EngineChoice(0.0), 0.0
    for engine, elapsed, recorded in sessions:
        choice.choose(now)
        now += elapsed + 1
        choice.ended(now, engine, StreamStalled("x"), elapsed, min(elapsed, recorded))
    assert choice.choose(now + 2 * NATIVE_AGAIN_S) in (NATIVE, FFMPEG)
    assert all(0 <= p <= 100 for p in choice.shares())
