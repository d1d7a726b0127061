"""Parsers and state machines of the media path: RTP to access units, fragmented MP4, SDP."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import struct
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.virtual.clip import LoopClip, packetise, split_annexb
from cameras.virtual.scene import Street
from cameras.virtual.sdp import describe
from core.errors import MinwangError, ProtocolError
from nvr.media.buffers import iovec
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import fmp4, gop_index
from nvr.media.mp4.fmp4 import Sample
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.receiver.rtp_receiver import payload_bounds
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp import sdp
from nvr.rtsp.sdp import VideoCodec

Packet = tuple[int, int, int, bytes]  # sequence, timestamp, marker, payload


def packets(
    clip: LoopClip, first: int = 0, count: int | None = None, seq_shift: int = 0, ts_shift: int = 0
) -> list[Packet]:
    found = []
    for index in range(first, first + (count or clip.frames)):
        for raw in clip.packet_slices(index, seq_shift, ts_shift):
            second, seq, ts = struct.unpack_from(">BHI", raw, 5)
            found.append((seq, ts, second & 0x80, bytes(raw[16:])))
    return found


def assemble(
    clip: LoopClip, feed: list[Packet], sets: bool = True, every: int = 2
) -> tuple[list[FragmentSamples], StreamCounters]:
    runs: list[FragmentSamples] = []
    counters = StreamCounters()
    depacketizer = Depacketizer(VideoCodec(clip.codec), clip.parameter_sets if sets else [], counters, runs.append)
    for seq, ts, marker, payload in feed:
        view = memoryview(b"x" * 16 + payload)
        depacketizer.push(view, 16, len(view), seq, ts, marker)
        if marker and counters.frames % every == 0:
            depacketizer.flush_ready()
    depacketizer.flush()
    return runs, counters


def to_file(runs: list[FragmentSamples]) -> bytes:
    data = fmp4.init_segment(runs[0].video)
    for i, run in enumerate(runs):
        data += fmp4.moof(
            i + 1, run.time - runs[0].time, run.durations, run.sizes, run.starts_with_keyframe, run.offsets
        ) + iovec.joined(run.parts)
    return data


def decoded(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        return len(list(container.decode(video=0)))


@pytest.mark.parametrize("which", ["clip", "clip_h265"])
def test_every_picture_comes_through_and_decodes(which: str, request: pytest.FixtureRequest) -> None:
    clip: LoopClip = request.getfixturevalue(which)
    runs, counters = assemble(clip, packets(clip))
    assert sum(len(r.sizes) for r in runs) == counters.frames == clip.frames
    assert counters.lost_packets == 0
    assert decoded(to_file(runs)) == clip.frames


def test_parameter_sets_may_come_in_band_only(clip: LoopClip) -> None:
    runs, _ = assemble(clip, packets(clip), sets=False)
    assert (runs[0].video.width, runs[0].video.height) == (320, 180)


def test_fragments_are_short_and_gops_begin_with_keyframes(clip: LoopClip) -> None:
    runs, _ = assemble(clip, packets(clip))
    assert all(sum(r.durations) <= 0.31 * fmp4.TIMESCALE for r in runs)
    assert sum(r.starts_with_keyframe for r in runs) == len(clip.keyframes)
    for before, after in itertools.pairwise(runs):
        assert before.time + sum(before.durations) == after.time


def test_numbers_wrap_without_a_seam(clip: LoopClip) -> None:
    runs, counters = assemble(clip, packets(clip, seq_shift=65_500, ts_shift=0xFFFFFFFF - 90_000))
    assert counters.lost_packets == counters.timestamp_jumps == 0
    assert counters.frames == clip.frames
    assert runs[-1].time > runs[0].time


def test_a_lost_packet_costs_its_own_picture(clip: LoopClip) -> None:
    feed = packets(clip)
    p_frames = [i for i, (_, ts, _, payload) in enumerate(feed) if payload[0] & 31 == 1]
    del feed[p_frames[5]]
    _, counters = assemble(clip, feed)
    assert counters.lost_packets == 1
    assert counters.frames == clip.frames - 1


def test_a_lost_keyframe_costs_its_gop(clip: LoopClip) -> None:
    feed = packets(clip)
    second_key_ts = clip.timestamp(clip.keyframes[1])
    at = next(i for i, (_, ts, _, payload) in enumerate(feed) if ts == second_key_ts and payload[0] & 31 == 28)
    del feed[at]
    runs, counters = assemble(clip, feed)
    gop = clip.keyframes[2] - clip.keyframes[1]
    assert counters.frames == clip.frames - gop
    assert decoded(to_file(runs)) == counters.frames


def test_b_frames_keep_time_and_order() -> None:
    """Timestamps that go back are B-frames: nothing is lost, time advances normally, pictures are output in order."""
    made: list[tuple[int, list[bytes]]] = []
    with av.open("/dev/null", "w", format="h264") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"x264-params": "bframes=2:b-adapt=0:keyint=25:scenecut=0:repeat-headers=1"}
        )
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        view = Street(3, (320, 180))
        frames = [av.VideoFrame.from_ndarray(view.frame(i / 100, i), format="bgr24") for i in range(100)]
        for frame in [*frames, None]:
            made += [(p.pts or 0, split_annexb(bytes(p))) for p in stream.encode(frame)]
    assert [m[0] for m in made] != sorted(m[0] for m in made)
    feed: list[Packet] = []
    for pts, nals in made:
        payloads = [p for nal in nals for p in packetise(nal, "h264")]
        feed += [
            (len(feed) + i, pts * 3600 + 7200, 0x80 if i == len(payloads) - 1 else 0, p) for i, p in enumerate(payloads)
        ]
    runs: list[FragmentSamples] = []
    depacketizer = Depacketizer(VideoCodec.H264, [], StreamCounters(), runs.append)
    for seq, ts, marker, payload in feed:
        depacketizer.push(memoryview(payload), 0, len(payload), seq & 0xFFFF, ts, marker)
        if marker and depacketizer.complete_pictures % 5 == 0:
            depacketizer.flush_ready()
    depacketizer.flush()
    assert sum(len(r.sizes) for r in runs) == 100
    total = sum(sum(r.durations) for r in runs)
    assert total == pytest.approx(4 * fmp4.TIMESCALE, rel=0.1)
    with av.open(io.BytesIO(to_file(runs))) as container:
        times = [float(f.time) for f in container.decode(video=0)]
    assert times == sorted(times) and len(times) == 100
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert max(steps) < 0.0401 and min(steps) > 0.0399


def test_a_timestamp_jump_loses_no_picture(clip: LoopClip) -> None:
    feed = packets(clip, 0, 10) + [(s, (t + 90_000 * 100) & 0xFFFFFFFF, m, p) for s, t, m, p in packets(clip, 10)]
    runs, counters = assemble(clip, feed[: len(feed)])
    assert counters.timestamp_jumps == 1 and counters.frames == 10 + clip.frames
    assert not any(r.discontinuity for r in runs)
    assert max(max(r.durations) for r in runs) <= 90_000 // 10  # it follows the previous picture


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_reordered_torn_and_random_packets_never_crash(clip: LoopClip, rng: random.Random) -> None:
    feed = packets(clip, 0, 20)
    for _ in range(rng.randrange(1, 30)):
        at = rng.randrange(len(feed))
        seq, ts, marker, payload = feed[at]
        choice = rng.randrange(5)
        if choice == 0:
            del feed[at]
        elif choice == 1:
            feed[at] = (seq, ts, marker, payload[: rng.randrange(len(payload) + 1)])
        elif choice == 2:
            feed[at] = (seq, ts, marker, rng.randbytes(rng.randrange(1, 60)))
        elif choice == 3:
            feed.insert(rng.randrange(len(feed)), feed.pop(at))
        else:
            feed[at] = (rng.randrange(65536), rng.randrange(2**32), marker, payload)
        if not feed:
            return
    try:
        runs, counters = assemble(clip, feed)
    except MinwangError:
        return  # reported: only this camera's session ends
    assert sum(len(r.sizes) for r in runs) == counters.frames
    for run in runs:
        assert sum(run.sizes) == len(iovec.joined(run.parts))
        assert all(d > 0 for d in run.durations)


@pytest.fixture(scope="module")
def whole_file(clip: LoopClip) -> bytes:
    runs, _ = assemble(clip, packets(clip))
    return to_file(runs)


def test_scan_finds_every_fragment(whole_file: bytes, clip: LoopClip, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(whole_file)
    fragments = list(fmp4.scan(path))
    assert sum(f.samples for f in fragments) == clip.frames
    assert fragments[-1].offset + fragments[-1].size == len(whole_file)
    gops = list(gop_index.from_fragments(fragments))
    assert len(gops) == len(clip.keyframes)
    with path.open("ab") as f:
        f.write(gop_index.box(gops))
    assert gop_index.is_closed(path)
    media = (fragments[-1].time + fragments[-1].duration) * 100 // 9
    for read, walked in zip(gop_index.read(path, media), gops, strict=True):
        assert (read.offset, read.size) == (walked.offset, walked.size)
        assert abs(read.time_us - walked.time_us) <= 11 and abs(read.duration_us - walked.duration_us) <= 22  # 1/90 ms


def test_a_file_cut_at_any_byte_gives_back_every_whole_fragment(whole_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(whole_file)
    ends = [f.offset + f.size for f in fmp4.scan(path)]
    # Every byte around each boundary, and a sample of the others.
    cuts = (
        {c for e in ends for c in range(max(0, e - 20), e + 20)} | set(range(900)) | set(range(0, len(whole_file), 97))
    )
    for cut in sorted(c for c in cuts if c <= len(whole_file)):
        path.write_bytes(whole_file[:cut])
        found = list(fmp4.scan(path))
        assert len(found) == sum(1 for e in ends if e <= cut), cut


def test_a_cut_file_still_decodes(whole_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(whole_file)
    keep = list(fmp4.scan(path))[7]
    assert decoded(whole_file[: keep.offset + keep.size]) == sum(f.samples for f in list(fmp4.scan(path))[:8])


@given(st.binary(max_size=600))
def test_random_bytes_are_no_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.mp4"
    path.write_bytes(data)
    assert list(fmp4.scan(path)) == []
    assert isinstance(fmp4.read_init(path), bytes)


@given(st.binary(max_size=300))
def test_random_moof_never_crashes(data: bytes) -> None:
    fmp4.parse_moof(struct.pack(">I4s", 8 + len(data), b"moof") + data)


def test_composition_offsets_survive(tmp_path: Path, clip: LoopClip) -> None:
    samples = [Sample(3, 3600, True, 7200), Sample(4, 3600, False, -3600)]
    data = fmp4.moof(1, 90_000, [3600, 3600], [3, 4], True, [7200, -3600])
    assert fmp4.parse_moof(data[:-8]) == (90_000, samples, len(data))


@pytest.mark.parametrize(("size", "codec"), [((1920, 1080), "h264"), ((1366, 768), "h264"), ((640, 360), "h265")])
def test_picture_size_from_parameter_sets(size: tuple[int, int], codec: str) -> None:
    import numpy as np

    from cameras.virtual.clip import encode

    made = encode([np.zeros((size[1], size[0], 3), np.uint8)] * 2, codec=codec)
    video = VideoFormat.from_sets(VideoCodec(codec), made.parameter_sets)
    assert (video.width, video.height) == size


@given(st.binary(min_size=1, max_size=60))
def test_random_parameter_sets_are_refused_or_read(data: bytes) -> None:
    for codec, first in (("h264", (0x67, 0x68)), ("h265", (0x40, 0x42, 0x44))):
        with contextlib.suppress(ProtocolError):  # a truncated parameter set must be reported, not crash
            VideoFormat.from_sets(VideoCodec(codec), [bytes([f]) + data for f in first])


def test_sdp_of_our_own_camera(clip: LoopClip) -> None:
    track = sdp.video_track(describe(clip), "rtsp://h/cam/")
    assert (track.codec, track.payload_type, track.control) == ("h264", 96, "rtsp://h/cam/trackID=0")
    assert track.parameter_sets == clip.parameter_sets


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        "m=audio 0 RTP/AVP 8\r\n",
        "m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n",
        "<html>no</html>",
        "m=video\n",
        "a=" * 5000,
    ],
)
def test_sdp_without_usable_video_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"H\.264"):
        sdp.video_track(text, "rtsp://h/")


@given(st.text(max_size=300))
def test_random_sdp_never_crashes(text: str) -> None:
    try:
        sdp.video_track("v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n" + text, "rtsp://h/")
    except ProtocolError:
        return


def test_rtp_header_extras_are_stepped_over() -> None:
    header = bytes([0x80 | 0x20 | 0x10 | 2, 96]) + bytes(10) + bytes(8) + struct.pack(">HH", 0xBEDE, 1) + bytes(4)
    packet = bytearray(header + b"payload" + b"\0\0\3")
    start, end = payload_bounds(packet, 0, len(packet))
    assert bytes(packet[start:end]) == b"payload"


def test_a_clock_that_stands_is_counted_and_loses_no_picture(clip: LoopClip) -> None:
    feed = [(seq, 90_000, marker, payload) for seq, _, marker, payload in packets(clip, 0, 5)]
    runs, counters = assemble(clip, feed)
    assert sum(len(r.sizes) for r in runs) == 5 and counters.timestamp_jumps == 4
    assert all(d > 0 for r in runs for d in r.durations)


def test_parameter_sets_marked_as_pictures_are_no_jump(clip: LoopClip) -> None:
    """Some cameras set the marker on packets of parameter sets."""
    feed = packets(clip, 0, 5)
    sets, (first, ts, _, _) = clip.parameter_sets, feed[0]
    marked = [(first - len(sets) + i & 0xFFFF, ts, 0x80, nal) for i, nal in enumerate(sets)]
    _, counters = assemble(clip, [*marked, *feed])
    assert counters.timestamp_jumps == 0
