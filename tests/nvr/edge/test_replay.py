"""Replays of a camera's storage: holes in its recording, and the end of a replay. No sockets: the test feeds bytes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.virtual.card import _BREAK, _KEY, _marked
from cameras.virtual.clip import _SSRC
from core.clock import ManualClock
from core.network.authenticator import Authenticator
from nvr.edge.replay import ReplayReader
from nvr.media.samples import FragmentSamples
from nvr.rtsp.client import RtspSession
from nvr.rtsp.sdp import VideoCodec, VideoTrack
from tests.nvr.segment_files import street_pictures

BEGIN = 1_795_249_805.0  # UTC seconds by the camera's clock
REPORT = b"$\x01\x00\x08" + bytes([0x80, 200, 0, 1, 0, 0, 0, 1])
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n"


class QuickClock(ManualClock):
    """A clock on which sleeping takes no time."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@dataclass
class CollectedRuns:
    """What a reader delivered: (µs, pictures) of each run, None for each cut."""

    runs: list[tuple[int, int] | None] = field(default_factory=list)

    def take(self, run: FragmentSamples, taken_us: int) -> bool:
        self.runs.append((taken_us, len(run.sizes)))
        return True

    def cut(self) -> None:
        self.runs.append(None)

    @property
    def stretches(self) -> list[int]:
        """The number of pictures between the cuts."""
        found = [0]
        for run in self.runs:
            if run is None:
                found.append(0)
            else:
                found[-1] += run[1]
        return found


class FedReader(ReplayReader):
    """Reads a script of (seconds, bytes) instead of a socket; the connection ends after the script."""

    script: Iterator[tuple[float, bytes | None]]

    async def _receive(self) -> bytes | None:
        seconds, data = next(self.script, (0.0, b""))
        self._clock.advance(seconds)  # type: ignore[attr-defined]
        return data

    async def _send(self, data: bytes) -> None:
        pass


@asynccontextmanager
async def reader(heard: CollectedRuns, script: Iterator[tuple[float, bytes | None]]) -> AsyncIterator[FedReader]:
    clip = street_pictures()
    ours, peer = socket.socketpair()
    track = VideoTrack(VideoCodec.H264, 96, "rtsp://camera/track", list(clip.parameter_sets), 10.0)
    session = RtspSession(ours, "rtsp://camera/", track, "1", 60, "GET_PARAMETER", 0, b"", Authenticator(None), 1)
    made = FedReader(session, heard.take, heard.cut, QuickClock())
    made.script = script
    try:
        yield made
    finally:
        made.close()
        peer.close()


def sent(
    steps: list[float],
    *,
    rtp_follows: bool = True,
    flags: dict[int, int] | None = None,
    repeat: dict[int, bytes] | None = None,
) -> Iterator[tuple[float, bytes | None]]:
    """Yield pictures of the clip at the given distances (s). `rtp_follows`: RTP time jumps with the camera's time."""
    clip, taken = street_pictures(), BEGIN
    for i, step in enumerate(steps):
        taken += step
        ticks = round((taken - BEGIN) * 90_000) if rtp_follows else i * 9000
        shift = ticks - clip.timestamp(i)
        marks = (_KEY if i % clip.frames in clip.keyframes else 0) | (flags or {}).get(i, 0)
        yield 0.01, b"".join(_marked(p, taken, marks, 7) for p in clip.packet_slices(i, 0, shift))


async def replayed(script: Iterator[tuple[float, bytes | None]], rate: float = 10_000_000) -> CollectedRuns:
    heard = CollectedRuns()
    async with reader(heard, script) as made:
        assert await made.read(rate, lambda: True)
    return heard


STEADY = [0.1] * 10


@pytest.mark.parametrize("rtp_follows", [True, False], ids=["together with RTP", "alone"])
@pytest.mark.parametrize("hole", [1.2, 4.0, 9.9, 30.0, 7200.0])
async def test_a_hole_in_the_camera_s_recording_is_cut(hole: float, rtp_follows: bool) -> None:
    heard = await replayed(sent([*STEADY, hole, *STEADY[1:]], rtp_follows=rtp_follows))
    assert heard.stretches == [10, 10]
    times = [r[0] for r in heard.runs if r is not None]
    behind = next(b for a, b in pairwise(heard.runs) if a is None)
    assert times[0] == pytest.approx((BEGIN + 0.1) * 1e6, abs=1000)
    assert behind is not None and behind[0] == pytest.approx((BEGIN + 1.0 + hole) * 1e6, abs=1000)


@pytest.mark.parametrize("step", [0.2, 1.0, 5.0])
async def test_sparse_pictures_are_no_holes(step: float) -> None:
    assert (await replayed(sent([step] * 20))).stretches == [20]


async def test_the_d_bit_tells_a_hole_that_is_short() -> None:
    short = [*STEADY, 0.8, *STEADY[1:]]
    assert (await replayed(sent(short))).stretches == [20]
    assert (await replayed(sent(short, flags={10: _BREAK}))).stretches == [10, 10]
    # A camera that always sets the bit, or sets it before its first picture, has no hole.
    assert (await replayed(sent([0.1] * 20, flags=dict.fromkeys(range(20), _BREAK)))).stretches == [20]


@pytest.mark.parametrize("phase", [0.0, 0.35, 0.95])
async def test_a_camera_that_tells_whole_seconds_has_no_hole_in_each(phase: float) -> None:
    def whole_seconds(steps: list[float]) -> Iterator[tuple[float, bytes | None]]:
        clip, taken = street_pictures(), BEGIN + phase
        for i, step in enumerate(steps):
            taken += step
            shift = round((taken - BEGIN) * 90_000) - clip.timestamp(i)
            marks = _KEY if i % clip.frames in clip.keyframes else 0
            yield 0.01, b"".join(_marked(p, int(taken), marks, 7) for p in clip.packet_slices(i, 0, shift))

    heard = await replayed(whole_seconds([*[0.1] * 40, 20.0, *[0.1] * 39]))
    assert heard.stretches == [40, 40], "the hole of 20 s is one"
    first, last = heard.runs[0], heard.runs[-1]
    assert first is not None and last is not None
    assert first[0] == pytest.approx((BEGIN + phase + 0.1) * 1e6, abs=1e6)
    assert last[0] + last[1] * 100_000 == pytest.approx((BEGIN + phase + 28.0) * 1e6, abs=1e6)


@given(
    st.lists(st.sampled_from([0.04, 0.1, 0.5, 2.0]), min_size=1, max_size=4),
    st.lists(st.integers(30, 4000), min_size=3, max_size=3),
)
@settings(deadline=None)
async def test_every_hole_between_steady_pictures_is_cut(steps: list[float], holes: list[int]) -> None:
    step = steps[0]
    script = [step] * 10
    for hole in holes:
        script += [hole * 1.0, *[step] * 9]
    heard = await replayed(sent(script))
    assert heard.stretches == [10] * (len(holes) + 1)


def trickle(data: bytes | None, every: float, count: int) -> Iterator[tuple[float, bytes | None]]:
    for _ in range(count):
        for _ in range(int(every / 0.5)):
            yield 0.5, None
        yield 0.0, data


def parameter_sets(count: int) -> Iterator[tuple[float, bytes | None]]:
    """Yield RTP packets of the video track that never complete a picture."""
    nal = street_pictures().parameter_sets[0]
    for i in range(count):
        header = (
            bytes([0x80, 0x80 | 96])
            + (street_pictures().sequence(20) + i).to_bytes(2, "big")
            + (i * 9000).to_bytes(4, "big")
            + _SSRC.to_bytes(4, "big")
        )
        packet = header + nal
        yield 0.5, b"$\x00" + len(packet).to_bytes(2, "big") + packet


NOISES: dict[str, Any] = {
    "nothing": lambda: trickle(None, 0.5, 1000),
    "sender reports": lambda: trickle(REPORT, 4.0, 200),
    "keep-alive answers": lambda: trickle(ANSWER, 3.0, 200),
    "reports all the time": lambda: trickle(REPORT, 0.5, 2000),
    "parameter sets alone": lambda: parameter_sets(2000),
}


@pytest.mark.parametrize("noise", NOISES)
async def test_a_replay_ends_by_its_silence_of_pictures(noise: str) -> None:
    def script() -> Iterator[tuple[float, bytes | None]]:
        yield from sent([0.1] * 20)
        yield from NOISES[noise]()

    heard = CollectedRuns()
    async with reader(heard, script()) as made:
        assert await made.read(10_000_000, lambda: True)
        assert 6 <= made._clock.monotonic() < 12
    assert heard.stretches == [20]


async def test_a_large_picture_on_a_slow_line_is_waited_for() -> None:
    """At the slowest pace, a keyframe takes longer than the silence that ends a replay."""
    clip = street_pictures(size=(640, 480))
    packets = [_marked(p, BEGIN, _KEY, 7) for i in range(2) for p in clip.packet_slices(i, 0, 0)]
    assert len(packets) > 8
    assert sum((await replayed(iter((1.0, p) for p in packets), 1_000_000)).stretches) == 2
