"""One camera's data never takes the CPU time of the others (nvr.media.work_budget)."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock
from nvr.media.batch.batch_depacketizer import depacketize
from nvr.media.batch.packet_columns import Region
from nvr.media.work_budget import (
    CPU_SHARE,
    FIRST_READ_BYTES,
    MAX_CREDIT_S,
    MAX_DEBT_S,
    MAX_READING_S,
    READ_BYTES,
    WorkBudget,
    lockstep_shares,
)
from nvr.recorder import poll_loop
from nvr.recorder.poll_loop import PollLoop
from nvr.rtsp.camera_socket import TICK_SECONDS
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from tests.nvr.camera_streams import Packet, Style, encode, numbered, packetise
from tests.nvr.fed_session import ARENA, FedSession, written


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-9, 1e-5), st.integers(10_000, 20_000_000))
def test_work_is_bounded_whatever_a_byte_costs_and_however_many_come(cost: float, rate: int) -> None:
    """Simulated time: `rate` bytes a second arrive, each costs `cost` seconds."""
    budget, now, spent, waiting, read, longest = WorkBudget(0.0), 0.0, 0.0, 0, 0, 0.0
    for _ in range(500):
        now += 2 * TICK_SECONDS
        waiting += int(rate * 2 * TICK_SECONDS)
        for _ in range(4):
            if not waiting or not budget.is_open(now):
                break
            size = min(waiting, budget.read_bytes)
            budget.charge_read(size * cost, size)
            spent, waiting, read, longest = spent + size * cost, waiting - size, read + size, max(longest, size * cost)
    assert spent <= CPU_SHARE * now + MAX_CREDIT_S + MAX_DEBT_S + longest + (READ_BYTES * cost)
    if rate * cost < CPU_SHARE / 2 and rate * 2 * TICK_SECONDS < 4 * READ_BYTES:
        assert waiting == 0 and (cost * READ_BYTES > MAX_READING_S or budget.read_bytes == READ_BYTES)
    else:
        # At most four reads per round, even if they are cheap.
        most = min(CPU_SHARE * now, rate * now * cost, 500 * 4 * READ_BYTES * cost)
        assert read * cost >= most * 0.7  # it gets its share


def test_an_ordinary_stream_is_never_held_back() -> None:
    """A busy stream on a slow machine: 16 Mb/s, 10 µs a packet."""
    budget = WorkBudget(0.0)
    for i in range(1000):
        assert budget.is_open(i * 2 * TICK_SECONDS) and budget.read_bytes == min(READ_BYTES, FIRST_READ_BYTES << i)
        budget.charge_read(570 * 10e-6, 800_000)


def test_a_camera_whose_bytes_cost_much_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every byte of the hostile camera costs 2 µs of simulated time, as slices of four bytes do."""
    used = {"hostile": 0.0, "good": 0.0}
    monkeypatch.setattr(poll_loop, "cpu_time", lambda: sum(used.values()))
    packets = packetise(encode("h264", "64x48", 100, 25), "h264", Style())
    good, hostile = FedSession(stall=1e9), FedSession(stall=1e9)

    def costly(name: str, made: FedSession, cost: float) -> None:
        parse: Any = made.session._parse

        def counted(buffer: Any, view: memoryview, begin: int, end: int, *, align: bool = False) -> int:
            at: int = parse(buffer, view, begin, end, align=align)
            used[name] += (at - begin) * cost
            return at

        monkeypatch.setattr(made.session, "_parse", counted)

    costly("hostile", hostile, 2e-6)
    costly("good", good, 2e-9)
    loop = PollLoop(ManualClock(), written)
    for made in (good, hostile):
        made.session.socket.reading = made.session.socket.reading.__class__(0)
        loop.add(made.session)
    tiny = b"".join(p.framed() for p in numbered(Packet(b"", 5) for _ in range(8192)))
    at = 0
    for tick in range(1, 100):
        while at < len(packets) and (packets[at].ts - packets[0].ts) / 90_000 < tick * TICK_SECONDS:
            good.wire.incoming += packets[at].framed()
            at += 1
        if len(hostile.wire.incoming) < 1 << 20:
            hostile.wire.incoming += tiny
        loop.tick(tick * TICK_SECONDS, tick * 200_000)
    assert used["hostile"] <= CPU_SHARE * 100 * TICK_SECONDS + MAX_CREDIT_S + MAX_DEBT_S + READ_BYTES * 2e-6 + 0.1
    assert hostile.recording.counters.held_back > 10 and good.recording.counters.held_back == 0
    assert good.recording.counters.frames >= 99
    assert sum("CPU share" in r.getMessage() for r in caplog.records) == 1


def test_tiny_packets_do_not_hold_up_the_batch_path() -> None:
    """The regions go in lock step: a region with thousands of frames leaves the batch, the others stay."""
    packets = packetise(encode("h264", "64x48", 50, 25), "h264", Style())
    good, hostile = FedSession(), FedSession()
    for made in (good, hostile):
        made.play(packets[:-1])
    regions = list[Region]()
    at, last = 0, packets[-1]
    follow = numbered((Packet(b"\x41\x9a" + bytes([i & 255]), last.ts, i == 0) for i in range(9000)), last.seq)
    for made, sent in ((good, [last]), (hostile, follow)):
        data = b"".join(p.framed() for p in sent)
        ARENA.view[at : at + len(data)] = data
        region = made.session.region(at, at + len(data))
        assert region is not None
        regions.append(region)
        at += len(data)
    depacketize(ARENA, regions)
    assert regions[0].used >= 0 and regions[1].used == -1


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_steps_that_only_one_camera_needs_are_its_own(frames: list[int]) -> None:
    shares = lockstep_shares(np.array(frames))
    steps = [f + 1 for f in frames]
    cost = [0.0] * len(frames)
    for step in range(max(steps)):
        active = [i for i, s in enumerate(steps) if s > step]
        for i in active:
            cost[i] += 1 / len(active)
    assert shares.tolist() == pytest.approx([c / max(steps) for c in cost])


def test_a_thousand_tiny_frames_among_many_cameras_are_paid_by_who_sends_them() -> None:
    """It has few of the frames but causes most of the steps: three quarters of the time for finding frames."""
    packets = packetise(encode("h264", "64x48", 50, 25), "h264", Style())
    made = [FedSession() for _ in range(41)]
    for one in made:
        one.play(packets[:-1])
    regions, at, last = list[Region](), 0, packets[-1]
    ordinary = numbered((Packet(b"\x41\x9a" + bytes([i & 255]), last.ts, i == 0) for i in range(100)), last.seq)
    tiny = numbered((Packet(b"\x41\x9a" + bytes([i & 255]), last.ts, i == 0) for i in range(1000)), last.seq)
    for one, sent in zip(made, [*[ordinary] * 40, tiny], strict=True):
        data = b"".join(p.framed() for p in sent)
        ARENA.view[at : at + len(data)] = data
        region = one.session.region(at, at + len(data))
        assert region is not None
        regions.append(region)
        at += len(data)
    began = time.thread_time()
    depacketize(ARENA, regions)
    took = time.thread_time() - began
    cost = [r.cpu_seconds for r in regions]
    assert 0.5 * took < sum(cost) <= took
    assert cost[-1] > 0.3 * took and cost[-1] > 10 * max(cost[:-1])  # by its frames it would be a fifth


def flooded(packets: list[Packet], audio: AudioTrack | None = None) -> FedSession:
    made = FedSession(stall=1e9, batch=True, audio=audio)
    for packet in packets:
        made.wire.incoming += packet.framed()
    made.poll()
    return made


def rtcp_flood(_made: FedSession, _last: Packet) -> bytes:
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 0x1111, 3_900_000_000, 0, 5, 50, 5000)
    return (b"$\1" + struct.pack(">H", 28 * 2300) + report * 2300) * 5


def sound_flood(_made: FedSession, _last: Packet) -> bytes:
    return b"".join(b"$\2\0\x0d" + struct.pack(">BBHII", 0x80, 8, i, i, 9) + b"x" for i in range(20_000))


def short_pictures(_made: FedSession, last: Packet) -> bytes:
    many = (Packet(b"\x41\x9a" + b"\x55" * 115, last.ts + 1 + i, True) for i in range(4000))
    return b"".join(p.framed() for p in numbered(many, last.seq + 1))


def long_sei(_made: FedSession, last: Packet) -> bytes:
    sei = [Packet(b"\x06" + b"\5\0" * 100 + b"\x80", last.ts + 9, False) for _ in range(900)]
    return b"".join(
        p.framed() for p in numbered([*sei, Packet(b"\x41\x9a" + bytes(99), last.ts + 9, True)], last.seq + 1)
    )


@pytest.mark.parametrize("flood", [rtcp_flood, sound_flood, short_pictures, long_sei])
def test_what_the_fast_way_does_for_a_camera_is_charged_to_it(flood: Callable[[FedSession, Packet], bytes]) -> None:
    """Good pictures first, then a second of expensive data."""
    packets = packetise(encode("h264", "64x48", 50, 25), "h264", Style())
    made = flooded(packets, AudioTrack(AudioCodec.PCMA, 8, "", 8000, 1))
    assert made.recording.counters.frames >= 49
    data = flood(made, packets[-1])
    began, left = time.thread_time(), made.session.budget._left
    made.poll(data)
    spent = time.thread_time() - began
    assert spent < 0.5
    assert left - made.session.budget._left >= min(left + MAX_DEBT_S, 0.6 * spent - 0.005)


def test_a_new_session_does_not_forget_what_the_stream_costs() -> None:
    """The first read is small, whatever the socket holds; a new session continues where the last one ended."""
    budget = WorkBudget(0.0)
    first = FedSession(budget=budget)
    assert first.session.read_bytes == FIRST_READ_BYTES
    budget.charge_read(0.4, FIRST_READ_BYTES)
    again = FedSession(budget=budget, recording=first.recording, began=1.0)
    assert again.session.read_bytes < FIRST_READ_BYTES and budget._left < MAX_CREDIT_S / 2
