"""Dead and sparse streams over many sessions: seconds of simulated time (nvr.recorder.silence)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StreamStalled
from nvr.recorder.silence import MAX_INTERVAL_S, SilenceMemory
from nvr.recorder.watchdog import Watchdog
from tests.nvr.camera_streams import Packet, Style, encode, packetise
from tests.nvr.fed_session import FedSession

POLL = 0.4
STALL = 5.0


class Camera:
    """A simulated camera.

    `apart(t)`: seconds between two pictures at time t, 0: no pictures. `on_connecting`: number of pictures that arrive
    quickly after connecting.
    """

    def __init__(
        self, apart: Callable[[float], float], on_connecting: int = 0, answers: bool = False, until: float = 3600.0
    ):
        self.record_give_up: list[float] = []
        self.waited: list[float] = []
        memory, now, due = SilenceMemory(), 0.0, 0.0
        while now < until:
            dog, came, last = Watchdog(now, STALL, memory), 0, now
            burst = on_connecting if apart(now) else 0
            try:
                while now < until:
                    now += POLL
                    if burst:
                        burst, came, last = burst - 1, came + 1, now
                    while apart(now) and due <= now:
                        came, last, due = came + 1, now, max(due, now - 2 * POLL) + apart(now)
                    if not apart(now):
                        due = now
                    if answers and dog.wants_sign(now):
                        dog.sign(now)
                    dog.check(now, came, waits=False)
            except StreamStalled:
                self.record_give_up.append(now)
                self.waited.append(now - last)


def falls(to: float, at: float = 100.0, back: float = 1e9) -> Callable[[float], float]:
    return lambda t: to if at < t % 86_400 < back else 0.04


@pytest.mark.parametrize("to", [5.0, 8.0, 10.0, 20.0, 45.0, 59.0])
@pytest.mark.parametrize("on_connecting", [0, 1, 2])
@pytest.mark.parametrize("answers", [False, True])
def test_a_stream_that_becomes_sparse_is_given_up_once_at_most(to: float, on_connecting: int, answers: bool) -> None:
    """Three times if connecting yields no early picture and they are 45 s apart: it may be dead until one arrives."""
    made = Camera(falls(to), on_connecting, answers)
    assert len(made.record_give_up) <= (0 if answers and to < 14 else 1 if on_connecting or to < 45 else 3)


@pytest.mark.parametrize("to", [6.0, 20.0, 45.0])
def test_what_one_night_taught_is_known_the_next(to: float) -> None:
    first, all_nights = (
        Camera(lambda t: to if 200 < t % 1000 < 800 else 0.04, until=u).record_give_up for u in (1000, 5000)
    )
    assert len(all_nights) == len(first) <= (1 if to < 45 else 3)


def waited_for(sessions: list[float]) -> list[int]:
    """Seconds of silence after which each session is given up; `sessions`: how long pictures arrive in each."""
    memory, now, waited = SilenceMemory(), 0.0, []
    for seconds in sessions:
        dog, began, came = Watchdog(now, STALL, memory), now, 0
        try:
            while True:
                now += POLL
                came += now - began < seconds
                dog.check(now, came, waits=False)
        except StreamStalled:
            waited.append(round(now - began - seconds))
            now += 10
    return waited


def test_a_camera_that_plays_nothing_after_a_power_cut_is_tried_anew_soon() -> None:
    """It replies before its encoder runs, and this session never yields a picture: the timeout must not be 90 s."""
    waited = waited_for([3600.0, 0.0, 0.0, 0.0, 0.0])
    assert waited[1] <= 16 and waited[2] <= 31 and all(w <= 91 for w in waited)


def test_after_a_picture_a_new_connection_is_waited_for_as_before() -> None:
    assert waited_for([3600.0, 0.5])[1] >= 89


def test_a_stream_that_stops_is_given_up_soon_and_again_soon_after_connecting_helped() -> None:
    """Each session dies after a minute, and each reconnect helps."""

    def run(answers: bool) -> tuple[list[float], int]:
        memory, now, waited = SilenceMemory(), 0.0, []
        for _ in range(6):
            dog, began = Watchdog(now, STALL, memory), now
            try:
                while True:
                    now += POLL
                    if answers and dog.wants_sign(now):
                        dog.sign(now)
                    dog.check(now, int(min(now - began, 60.0) * 25), waits=False)
            except StreamStalled:
                waited.append(now - began - 60.0)
        return waited, memory.fruitless

    assert all(w < STALL + 1 for w in run(answers=False)[0])
    signed, _ = run(answers=True)
    # Afterwards its signs of life are ignored.
    assert signed[0] < 3 * STALL + 1 and all(w < STALL + 1 for w in signed[1:])


def test_a_camera_that_plays_for_three_seconds_a_connection_is_not_waited_for_again_and_again() -> None:
    memory, now, waited = SilenceMemory(), 0.0, []
    for _ in range(6):
        dog, began = Watchdog(now, STALL, memory), now
        try:
            while True:
                now += POLL
                dog.check(now, int(min(now - began, 3.0) * 25), waits=False)
        except StreamStalled:
            waited.append(round(now - began - 3.0))
    assert max(waited[2:]) <= STALL + 1 and sum(w > STALL + 1 for w in waited) <= 1


def test_a_camera_that_never_gave_a_picture_is_tried_anew_as_before() -> None:
    made = Camera(lambda t: 0.0, until=200)
    assert all(w <= 16 for w in made.waited) and len(made.record_give_up) > 10


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(20, 400), st.floats(0.04, MAX_INTERVAL_S)), min_size=1, max_size=12),
    st.integers(0, 2),
    st.booleans(),
)
def test_rates_that_change_again_and_again_cost_few_connections(
    phases: list[tuple[float, float]], on_connecting: int, answers: bool
) -> None:

    def apart(t: float) -> float:
        for length, rate in phases:
            if t < length:
                return rate
            t -= length
        return phases[-1][1]

    made = Camera(apart, on_connecting, answers, until=sum(length for length, _ in phases) + 300)
    assert len(made.record_give_up) <= 4


def sparse(count: int, apart: float, codec: str = "h264") -> list[Packet]:
    """Keyframes only, `apart` seconds between them."""
    units = encode(codec, "64x48", count, 1)
    packets = packetise(units, codec, Style())
    return [Packet(p.payload, 1000 + (p.ts - 1000) // 3600 * round(apart * 90_000), p.marker, p.seq) for p in packets]


@pytest.mark.parametrize("batch", [False, True])
def test_an_answered_request_is_a_sign_of_life_and_no_answer_is_none(batch: bool) -> None:
    for answers in (True, False):
        made = FedSession(batch=batch)
        made.play(sparse(20, 0.2))
        made.wire.sent.clear()
        silent = 0.0
        for _ in range(100):
            asked = b"OPTIONS" in made.wire.sent
            made.wire.sent.clear()
            try:
                made.poll(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n" if answers and asked else b"")
            except StreamStalled:
                break
            silent += 0.2
        assert silent == pytest.approx(15.0 if answers else 5.0, abs=0.8)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(("stray", "lasts"), [(0, 15.0), (200, 5.0)])
def test_sender_reports_are_signs_unless_they_count_packets_that_did_not_come(
    stray: int, lasts: float, batch: bool
) -> None:
    made = FedSession(batch=batch)
    packets = sparse(20, 0.2)
    made.play(packets)
    sent, silent = len(packets), 0.0
    for i in range(100):
        sent += stray if i % 5 == 0 else 0
        report = bytes([0x80, 200, 0, 6]) + (0x1111).to_bytes(4, "big") + bytes(12) + sent.to_bytes(4, "big") + bytes(4)
        try:
            made.poll(b"$\x01\x00\x1c" + report if i % 5 == 0 else b"")
        except StreamStalled:
            break
        silent += 0.2
    assert silent == pytest.approx(lasts, abs=0.8)


@pytest.mark.parametrize("batch", [False, True])
def test_a_session_after_a_fruitless_connection_waits_for_the_next_sparse_picture(batch: bool) -> None:
    memory = SilenceMemory()
    first = FedSession(silences=memory, batch=batch)
    first.play(sparse(20, 0.2))
    assert first.seconds_until_end(20) == pytest.approx(5, abs=0.8)
    second = FedSession(silences=memory, recording=first.recording, began=first.now + 2, batch=batch)
    second.play(sparse(3, 30.0))
    assert second.seconds_until_end(60) is None
