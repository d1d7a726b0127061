"""The batch depacketizer against the packet-by-packet path: both yield the same pictures for any data."""

from __future__ import annotations

import asyncio
import itertools
import mmap
import random
import struct
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.virtual.clip import LoopClip
from core.clock import ManualClock
from core.errors import MinwangError
from core.network.authenticator import Authenticator
from nvr.media.batch.batch_depacketizer import depacketize
from nvr.media.buffers import iovec
from nvr.media.buffers.arena import Arena, ArenaPool
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.recorder.native_session import NativeSession
from nvr.recorder.poll_loop import PollLoop
from nvr.rtsp.client import RtspSession
from nvr.rtsp.sdp import VideoCodec, VideoTrack
from tests.nvr.camera_streams import STEP, Style, encode, numbered, packetise, sample, sei
from tests.nvr.fed_session import Outgoing

ARENA = Arena(mmap.mmap(-1, 8 << 20))


class Socket(Outgoing):
    """Returns prepared chunks, one per call, like a socket that is read once per tick."""

    def __init__(self, chunks: list[bytes]):
        self._chunks = chunks[::-1]
        self.sent = bytearray()

    def recv_into(self, view: memoryview) -> int:
        if not self._chunks or not self._chunks[-1]:
            self._chunks = self._chunks[:-1]
            raise BlockingIOError
        chunk = self._chunks.pop()
        taken = chunk[: len(view)]
        view[: len(taken)] = taken
        if len(taken) < len(chunk):
            self._chunks.append(chunk[len(taken) :])
        return len(taken)


class Sink:
    """Splits fragments into pictures, so that both paths can be compared picture by picture."""

    def __init__(self) -> None:
        self.stream = "cam/main"
        self.live = None
        self.pictures: list[tuple[int, int, bool, bytes]] = []
        self.formats: list[VideoFormat] = []
        self.reports: list[tuple[int, int]] = []
        self.losses: list[tuple[int, int]] = []  # (index of the picture after the loss, packets)

    def write_fragment(self, run: FragmentSamples, _: int) -> None:
        data, at, time = iovec.joined(run.parts), 0, run.time
        self.formats.append(run.video)
        self.losses += [(len(self.pictures) + i, lost) for i, lost in (run.losses or {}).items()]
        for i, (size, duration) in enumerate(zip(run.sizes, run.durations, strict=True)):
            self.pictures.append((time, size, run.starts_with_keyframe and i == 0, data[at : at + size]))
            at, time = at + size, time + duration
        assert at == len(data)

    def start_gap(self, *_: Any) -> None: ...

    def wall_us(self, steady_us: int) -> int:
        return steady_us

    def sender_report(self, camera_us: int, time: int, _: int) -> None:
        self.reports.append((camera_us, time))


class Coded(Protocol):
    """What a session knows of the stream beforehand."""

    @property
    def codec(self) -> str: ...

    @property
    def parameter_sets(self) -> list[bytes]: ...


def session(coded: Coded, chunks: list[bytes]) -> tuple[NativeSession, Sink, StreamCounters]:
    track = VideoTrack(VideoCodec(coded.codec), 96, "rtsp://h/t", coded.parameter_sets, None)
    rtsp = RtspSession(Socket(chunks), "rtsp://h/", track, "1", 60, "OPTIONS", 0, b"", Authenticator(None), 1)  # type: ignore[arg-type]
    sink, counters = Sink(), StreamCounters()
    made = NativeSession(rtsp, sink, counters, stall_seconds=1e9, fragment_ticks=1, now=0.0)  # type: ignore[arg-type]
    return made, sink, counters


def written(pool: ArenaPool, arenas: list[Arena]) -> None:
    """Stands for the writers: everything is written, and the arenas are overwritten at once."""
    for arena in arenas:
        arena.view[: 1 << 20] = b"\xee" * (1 << 20)
    pool.hold(arenas)
    pool.release(arenas)


async def both_ways(clip: Coded, streams: list[list[bytes]]) -> list[tuple[Any, Any]]:
    """Pass every stream's chunks to a poll loop (in batches where possible) and to the packet-by-packet path."""
    poll_loop = PollLoop(ManualClock(), written)
    fast = [session(clip, chunks) for chunks in streams]
    slow = [session(clip, chunks) for chunks in streams]
    for made, _, _ in fast:
        poll_loop.add(made)
    for tick in range(max(map(len, streams)) + 1):
        poll_loop.tick(tick * 0.2, tick * 200_000)
        for made, _, _ in slow:
            if made.done.done():
                continue
            try:
                end = made.receive(ARENA.view, 0, 512 * 1024)
                made.parse(ARENA, 0, end)
                made.finish_tick(tick * 0.2)
            except MinwangError as e:
                made.done.set_exception(e)
    for made, _, _ in (*fast, *slow):
        if not made.done.done():
            made.close()
        else:
            made.done.exception()
    return [((f[1], f[2]), (s[1], s[2])) for f, s in zip(fast, slow, strict=True)]


def compare(results: list[tuple[Any, Any]]) -> None:
    for (fast, fast_counters), (slow, slow_counters) in results:
        assert [p[1:] for p in fast.pictures] == [p[1:] for p in slow.pictures]
        assert [p[0] for p in fast.pictures] == [p[0] for p in slow.pictures]
        assert fast.reports == slow.reports and fast.losses == slow.losses
        assert sum(lost for _, lost in fast.losses) <= fast_counters.lost_packets
        assert asdict(fast_counters) == asdict(slow_counters)


def stream(clip: LoopClip, first: int, count: int, *, seq_shift: int = 0) -> bytes:
    return b"".join(bytes(clip.interleaved(i, 1, seq_shift, 0)) for i in range(first, first + count))


def cut(data: bytes, rng: random.Random, pieces: int) -> list[bytes]:
    at = sorted({rng.randrange(len(data)) for _ in range(pieces)})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@pytest.mark.parametrize("which", ["clip", "clip_h265"])
async def test_a_healthy_stream_goes_through_the_batch_path(which: str, request: pytest.FixtureRequest) -> None:
    clip: LoopClip = request.getfixturevalue(which)
    streams = [[stream(clip, i, 3) for i in range(0, clip.frames, 3)] for _ in range(3)]
    taken: list[int] = []

    def counted(arena: Arena, regions: list[Any]) -> None:
        depacketize(arena, regions)
        taken.append(sum(r.used >= 0 for r in regions))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nvr.recorder.poll_loop.depacketize", counted)
        results = await both_ways(clip, streams)
    compare(results)
    assert sum(taken) == 3 * (len(streams[0]) - 1)  # all but the first tick, which has no keyframe before it
    assert len(results[0][0][0].pictures) == 3 * len(streams[0])


REPORT = struct.pack(">cBH", b"$", 1, 28) + struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, 3_900_000_000, 5, 90_000, 0, 0)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_both_ways_see_the_same_pictures(clip: LoopClip, clip_h265: LoopClip, rng: random.Random) -> None:
    """Chunks cut anywhere, packets lost, duplicated, swapped or damaged; reports, replies and noise between them."""
    chosen = rng.choice([clip, clip_h265])
    streams = []
    for _ in range(rng.randrange(1, 5)):
        packets = [bytes(p) for i in range(rng.randrange(4, 40)) for p in chosen.packet_slices(i, 65_500, 0)]
        for _ in range(rng.choice([0, 0, 1, 5])):
            damage(packets, rng)
        streams.append(cut(b"".join(packets) or b"$", rng, rng.randrange(1, 12)))
    compare(asyncio.run(both_ways(chosen, streams)))


def damage(packets: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(packets))
    match rng.randrange(8):
        case 0:
            packets[at] = b""
        case 1:
            packets.insert(at, REPORT)
        case 2:
            packets.insert(at, b"RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n")
        case 3:
            packets.insert(at, packets[at])
        case 4:
            packets.insert(at, rng.randbytes(rng.randrange(1, 50)))
        case 5:
            packets.insert(rng.randrange(len(packets)), packets.pop(at))
        case 6 if len(packets[at]) > 30:
            whole = bytearray(packets[at])
            whole[rng.randrange(4, 20)] = rng.randrange(256)
            packets[at] = bytes(whole)
        case _:
            payload = packets[at][4 : 4 + rng.randrange(max(1, len(packets[at]) - 4))]
            packets[at] = struct.pack(">cBH", b"$", 0, len(payload)) + payload


@pytest.mark.parametrize("other", [12, 6, 1])
async def test_a_fragment_of_another_type_is_not_dropped_from_its_picture(clip: LoopClip, other: int) -> None:
    """One damaged byte in a fragment's header: filler (12) and delimiters are dropped, a part of a picture is not."""
    packets = [bytes(p) for i in range(12) for p in clip.packet_slices(i, 65_500, 0)]
    at = [i for i, p in enumerate(packets) if p[16] & 0x1F == 28 and not p[17] & 0xC0][-1]
    packets[at] = packets[at][:17] + bytes([packets[at][17] & 0xE0 | other]) + packets[at][18:]
    chunks = [b"".join(packets[:6]), b"".join(packets[6:])]
    compare(await both_ways(clip, [chunks]))


@dataclass(frozen=True, slots=True)
class Camera:
    codec: str
    parameter_sets: list[bytes] = field(default_factory=list)


ODD = {
    "slices": Style(),
    "delimiters_and_sei": Style(delimiters=True, sei=12),
    "long_sei": Style(sei=900),
    "sei_behind": Style(trailing=14),
    "vendor": Style(vendor=(30,)),
    "vendor5": Style(vendor=(55,)),
    "marker_every_slice": Style("slice"),
    "no_marker": Style("never"),
    "marked_sets": Style("sets", sei=12),
    "joined": Style(join="all"),
    "joined_sets": Style(join="sets", leading=b"\0\0\0\1", delimiters=True),
    "no_end_bit": Style(ends=False),
    "aggregates": Style(aggregate=True, sei=12),
}
FAST = ("slices", "sei_behind", "delimiters_and_sei", "long_sei", "vendor", "vendor5")


def odd_stream(codec: str, name: str) -> tuple[list[bytes], list[bytes]]:
    """(framed packets, the samples that they contain) of a camera with an unusual packetisation."""
    units = encode(codec, count=60, gop=20, params="slices=3")
    style = ODD[name]
    framed = [p.framed() for p in packetise(units, codec, style)]
    head = [sei(codec, style.sei)] * bool(style.sei)
    prefix = b"".join(len(n).to_bytes(4, "big") + n for n in head)
    behind = [sei(codec, style.trailing)] * bool(style.trailing)
    suffix = b"".join(len(n).to_bytes(4, "big") + n for n in behind)
    return framed, [prefix + sample(unit, codec) + suffix for unit in units]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["h264", "h265"]))
def test_both_ways_see_the_pictures_of_odd_cameras(rng: random.Random, codec: str) -> None:
    """Cut anywhere into ticks, without loss: every sample is complete and occurs once."""
    names = rng.sample([n for n in ODD if n != ("vendor5" if codec == "h264" else "vendor")], 4)
    made = [odd_stream(codec, name) for name in names]
    results = asyncio.run(
        both_ways(Camera(codec), [cut(b"".join(packets), rng, rng.randrange(1, 25)) for packets, _ in made])
    )
    compare(results)
    for name, ((sink, counters), _), (_, wanted) in zip(names, results, made, strict=True):
        assert [p[3] for p in sink.pictures] == wanted, name
        assert counters.damaged_units == counters.lost_packets == counters.foreign_packets == 0


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("name", FAST)
def test_harmless_oddities_go_through_the_batch_path(codec: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def counted(arena: Arena, regions: list[Any]) -> None:
        depacketize(arena, regions)
        taken.extend(r.used >= 0 for r in regions)

    monkeypatch.setattr("nvr.recorder.poll_loop.depacketize", counted)
    packets, wanted = odd_stream(codec, name)
    size = len(packets) // 10
    chunks = [b"".join(packets[i : i + size]) for i in range(0, len(packets), size)]
    (((sink, _), _),) = asyncio.run(both_ways(Camera(codec), [chunks]))
    assert [p[3] for p in sink.pictures] == wanted
    assert len(taken) >= 8 and all(taken)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_another_source_and_payload_type_in_the_batch_path(codec: str) -> None:
    units = encode(codec, count=60, gop=20, params="slices=3")
    own = packetise(units, codec, Style())
    rng = random.Random(3)
    mixed = list(own)
    for at in sorted((rng.randrange(len(own) // 3, len(own)) for _ in range(20)), reverse=True):
        mixed.insert(
            at, replace(own[at], ssrc=99, payload=b"\x65\x88" * 20) if at % 2 else replace(own[at], payload_type=112)
        )
    results = asyncio.run(both_ways(Camera(codec), [cut(b"".join(p.framed() for p in mixed), rng, 12)]))
    compare(results)
    (((sink, counters), _),) = results
    assert [p[3] for p in sink.pictures] == [sample(unit, codec) for unit in units]
    assert counters.foreign_packets == 20 and counters.lost_packets == 0


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_parameter_sets_that_change_between_ticks(codec: str) -> None:
    """Sizes and ids change in the batch path as well: the format is that of the slices."""
    kinds = [encode(codec, size, count=20, gop=10) for size in ("128x96", "96x64", "128x96")]
    kinds += [encode("h264", "128x96", count=20, gop=10, params="sps-id=2")] if codec == "h264" else []
    packets = b"".join(p.framed() for p in packetise([u for part in kinds for u in part], codec, Style()))
    for pieces in (3, 9, 30):
        results = asyncio.run(both_ways(Camera(codec), [cut(packets, random.Random(pieces), pieces)]))
        compare(results)
        (((sink, _), _),) = results
        assert [p[3] for p in sink.pictures] == [sample(unit, codec) for part in kinds for unit in part]
        widths = [w for w, _ in itertools.groupby(sink.formats)]
        assert len(widths) == len(kinds)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_byte_streams_that_begin_late_are_found(codec: str) -> None:
    """The first keyframes are ordinary; then slices are joined by start codes."""
    units = encode(codec, count=60, gop=20, params="slices=3")
    plain, joined = (
        packetise(units[:30], codec, Style()),
        packetise(units[30:], codec, Style(join="all"), 1000 + 30 * STEP),
    )
    packets = numbered([*plain, *joined])
    chunks = [b"".join(p.framed() for p in packets[i : i + 25]) for i in range(0, len(packets), 25)]
    results = asyncio.run(both_ways(Camera(codec), [chunks]))
    compare(results)
    assert [p[3] for p in results[0][0][0].pictures] == [sample(unit, codec) for unit in units]
