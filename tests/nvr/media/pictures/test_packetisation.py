"""Any packetisation of the pictures yields the same samples (picture_builder, rtp_payload)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvr.media.codec.nal_units import MAX_UNITS_PER_PAYLOAD, split
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.pictures.picture_builder import MAX_PENDING_UNITS
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp import interleaved
from nvr.rtsp.sdp import VideoCodec
from tests.nvr.camera_streams import (
    STEP,
    Packet,
    Style,
    aggregate,
    assemble,
    encode,
    fragments,
    numbered,
    packetise,
    sample,
    samples,
    sei,
    sets_of,
    slices_in,
    slices_of,
    vendor_unit,
)

CODECS = ("h264", "h265")
SLICES = {"h264": "slices=4", "h265": "slices=4"}


def pictures(codec: str) -> list[list[bytes]]:
    return encode(codec, params=SLICES[codec])


def expected(codec: str, head: list[bytes] | None = None) -> list[bytes]:
    prefix = b"".join(len(n).to_bytes(4, "big") + n for n in head or [])
    return [prefix + sample(unit, codec) for unit in pictures(codec)]


def recorded(packets: list[Packet], codec: str, every: int = 7) -> tuple[list[bytes], StreamCounters]:
    runs, counters = assemble(packets, codec, every=every)
    return samples(runs), counters


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("markers", ["last", "slice", "never", "sets", "every"])
@pytest.mark.parametrize("delimiters", [False, True])
def test_markers_are_a_hint(codec: str, markers: str, delimiters: bool) -> None:
    assert len(slices_of(pictures(codec)[1], codec)) >= 3
    found, counters = recorded(packetise(pictures(codec), codec, Style(markers, delimiters)), codec)
    assert found == expected(codec)
    assert counters.frames == len(found) and counters.damaged_units == counters.timestamp_jumps == 0


@pytest.mark.parametrize("codec", CODECS)
def test_a_clock_that_stands_still_separates_pictures_by_their_slices(codec: str) -> None:
    packets = [replace(p, ts=5) for p in packetise(pictures(codec), codec, Style("never"))]
    assert recorded(packets, codec)[0] == expected(codec)


def test_a_timestamp_of_its_own_for_every_packet() -> None:
    packets = [replace(p, ts=1000 + 90 * i) for i, p in enumerate(packetise(pictures("h264"), "h264", Style("slice")))]
    assert recorded(packets, "h264")[0] == expected("h264")


@pytest.mark.parametrize("codec", CODECS)
def test_sets_and_sei_under_the_timestamp_of_the_picture_before(codec: str) -> None:
    style = Style("every", sei=12, stamp="sets_before")
    found, counters = recorded(packetise(pictures(codec), codec, style), codec)
    assert len(found) == counters.frames == len(pictures(codec)) and counters.timestamp_jumps == 0


@pytest.mark.parametrize("codec", CODECS)
def test_a_unit_without_a_slice_is_never_a_sample(codec: str) -> None:
    units = pictures(codec)
    packets = packetise(units, codec, Style())
    alone = [Packet(sei(codec), 1000 + 400 * i, True) for i in range(3)] + [
        Packet(n, 2500, True) for n in sets_of(units[0], codec)
    ]
    found, counters = recorded(numbered([*packets[:0], *alone, *packets]), codec)
    assert len(found) == len(units) == counters.frames


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("join", ["sets", "all"])
@pytest.mark.parametrize("leading", [b"", b"\0\0\1", b"\0\0\0\1"])
@pytest.mark.parametrize("size", [300, 60_000])
def test_start_codes_inside_a_unit_split_it(codec: str, join: str, leading: bytes, size: int) -> None:
    style = Style(join=join, leading=leading, size=size, sei=16, delimiters=True)
    found, counters = recorded(packetise(pictures(codec), codec, style), codec)
    assert found == expected(codec, [sei(codec, 16)])
    assert counters.skipped_units == 0


@pytest.mark.parametrize("codec", CODECS)
def test_start_codes_inside_an_aggregate_split_its_units(codec: str) -> None:
    packets = []
    for i, unit in enumerate(pictures(codec)):
        sets, slices = sets_of(unit, codec), slices_of(unit, codec)
        joined = [b"\0\0\1".join(n) for n in (sets, slices) if n]
        packets += [Packet(aggregate(joined, codec), 1000 + i * STEP, True)]
    assert recorded(numbered(packets), codec)[0] == [
        b"".join(len(n).to_bytes(4, "big") + n for n in slices_of(unit, codec)) for unit in pictures(codec)
    ]


VENDOR = {
    "h264": [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 29, 30, 31],
    "h265": [10, 15, 22, 31, 41, 47, 50, 55, 63],
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fragmented", [False, True])
def test_vendor_units_are_skipped_and_counted(codec: str, fragmented: bool) -> None:
    """Alone, and as the type inside fragments; types that are payload forms occur only there."""
    packets, count = [], 0
    for i, unit in enumerate(pictures(codec)):
        ts = 1000 + i * STEP
        for kind, nal in zip(VENDOR[codec][i:] + VENDOR[codec], unit, strict=False):
            if fragmented or kind not in (24, 29, 50):
                vendor = vendor_unit(codec, kind, 300)
                packets += [Packet(p, ts) for p in (fragments(vendor, codec, 100) if fragmented else [vendor])]
                count += 1
            packets += [Packet(p, ts) for p in (fragments(nal, codec, 300) if len(nal) > 300 else [nal])]
        packets[-1] = replace(packets[-1], marker=True)
    found, counters = recorded(numbered(packets), codec)
    assert found == expected(codec)
    assert counters.skipped_units == count and counters.damaged_units == 0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("bad", ["huge", "stated_too_long"])
def test_oversized_sei_leave_their_picture_whole(codec: str, bad: str) -> None:
    extra = sei(codec, 9_000_000) if bad == "huge" else sei(codec, 40, 4000)
    packets = packetise(pictures(codec), codec, Style())
    at = next(i for i, p in enumerate(packets) if p.ts == 1000 + 3 * STEP)
    packets[at:at] = [
        Packet(p, packets[at].ts) for p in (fragments(extra, codec, 60_000) if bad == "huge" else [extra])
    ]
    found, counters = recorded(numbered(packets), codec)
    assert found == expected(codec)
    assert counters.skipped_units == 1 and counters.damaged_units == 0


def test_bytes_inside_an_sei_that_look_like_a_slice_are_no_slice() -> None:
    raw = b"\0\0\1\x65\x88\x84\0\0\0\1\x41\x9a"
    unit = b"\x06\x05" + bytes([len(raw)]) + raw + b"\x80"
    packets = packetise(pictures("h264"), "h264", Style())
    at = next(i for i, p in enumerate(packets) if p.ts == 1000 + 3 * STEP)
    packets.insert(at, Packet(unit, packets[at].ts))
    found, counters = recorded(numbered(packets), "h264")
    assert len(found) == len(pictures("h264")) == counters.frames and counters.damaged_units == 0


@pytest.mark.parametrize("codec", CODECS)
def test_fragments_without_an_end_bit(codec: str) -> None:
    for markers in ("last", "never"):
        assert recorded(packetise(pictures(codec), codec, Style(markers, ends=False)), codec)[0] == expected(codec)


@pytest.mark.parametrize("codec", CODECS)
def test_a_packet_sent_twice_harms_nothing(codec: str) -> None:
    packets = [q for p in packetise(pictures(codec), codec, Style()) for q in (p, p)]
    found, counters = recorded(packets, codec)
    assert found == expected(codec) and counters.lost_packets == 0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("markers", ["last", "slice", "never"])
def test_what_loss_costs(codec: str, markers: str) -> None:
    """One lost packet costs at most the pictures around it, or the GOP of a keyframe; no damaged picture is kept."""
    packets = packetise(pictures(codec), codec, Style(markers))
    good = [slices_in(data, codec) for data in expected(codec)]
    for lost in range(0, len(packets) - 1, 3):  # the loss of the very last packet cannot be detected
        found, counters = recorded([*packets[:lost], *packets[lost + 1 :]], codec)
        kept = [slices_in(data, codec) for data in found]
        assert set(kept) <= set(good) and len(kept) == len(set(kept))
        assert counters.lost_packets == (lost > 0)
        key = (packets[lost].ts - 1000) // STEP % 5 == 0
        assert len(found) >= len(good) - (6 if key else 2), (lost, packets[lost])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(CODECS),
    st.sampled_from(["last", "slice", "never", "sets", "every"]),
    st.booleans(),
    st.sampled_from([0, 18]),
    st.sampled_from(["", "sets", "all"]),
    st.sampled_from([b"", b"\0\0\0\1"]),
    st.booleans(),
    st.sampled_from([90, 700, 60_000]),
    st.integers(1, 40),
    st.booleans(),
)
def test_the_same_samples_come_out_of_any_packetisation(
    codec: str,
    markers: str,
    delimiters: bool,
    sei_size: int,
    join: str,
    leading: bytes,
    aggregated: bool,
    size: int,
    every: int,
    ends: bool,
) -> None:
    vendor = () if join else ((30,) if codec == "h264" else (55,))
    style = Style(markers, delimiters, sei_size, join, leading, aggregated, size, vendor, ends=ends or join == "all")
    found, counters = recorded(packetise(pictures(codec), codec, style), codec, every)
    assert found == expected(codec, [sei(codec, sei_size)] if sei_size else [])
    assert counters.damaged_units == counters.lost_packets == 0
    assert counters.skipped_units == sum(len(slices_of(u, codec)) for u in pictures(codec)) * len(vendor)


@pytest.mark.parametrize(("markers", "silent"), [("last", 2), ("never", 3)])
def test_silence_completes_a_picture_of_a_camera_whose_marker_is_not_known_yet(markers: str, silent: int) -> None:
    """A sparse picture does not wait for the next one; while its next packet arrives slowly, it is not complete."""
    packets = [p for p in packetise(pictures("h264"), "h264", Style(markers)) if p.ts == 1000]
    runs: list[FragmentSamples] = []
    depacketizer = Depacketizer(VideoCodec.H264, [], StreamCounters(), runs.append)
    for p in packets:
        depacketizer.push(memoryview(p.payload), 0, len(p.payload), p.seq, p.ts, p.marker)
    for _ in range(5):
        depacketizer.flush_ready(waiting=True)
    assert not runs
    for flushed in range(1, silent + 1):
        depacketizer.flush_ready()
        assert len(runs) == (flushed == silent)
    assert samples(runs) == expected("h264")[:1]


@pytest.mark.parametrize("codec", CODECS)
def test_a_trusted_marker_completes_a_picture_at_once(codec: str) -> None:
    packets = packetise(pictures(codec), codec, Style())
    runs: list[FragmentSamples] = []
    depacketizer = Depacketizer(VideoCodec(codec), [], StreamCounters(), runs.append)
    for p in packets:
        depacketizer.push(memoryview(p.payload), 0, len(p.payload), p.seq, p.ts, p.marker)
        if p.marker:
            depacketizer.flush_ready()
    assert samples(runs) == expected(codec)


def test_a_reply_with_a_body_between_frames_is_passed_over() -> None:
    packet = Packet(b"\x65\x88\x80", 7, True)
    reply = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 6\r\n\r\n$a: b\n"
    data = packet.framed() + reply + packet.framed()
    for cut in range(len(data)):
        buffer = bytearray(data[:cut])
        found = list(interleaved.packets(buffer))
        buffer += data[cut:]
        assert [*found, *interleaved.packets(buffer)] == [(0, packet.framed()[4:])] * 2


def test_what_waits_for_a_picture_is_bounded() -> None:
    """Changed PPS that no complete picture uses, and endless SEI: memory and time stay bounded."""
    sets = [nal for nal in pictures("h264")[0] if nal[0] & 0x1F in (7, 8)]
    depacketizer = Depacketizer(VideoCodec.H264, sets, StreamCounters(), lambda _: None)
    builder = depacketizer._builder
    for i in range(500):
        builder.unit(bytes([0x68, 0xC8]) + (i + 2).to_bytes(2, "big") + b"\x5a" * 50 + b"\x80", 3600 * i)
        builder.unit(b"\x41\x20\x84" + b"\x11" * 20, 3600 * i)  # a slice that is not the first of its picture
    assert len(builder._changed_pps) <= MAX_PENDING_UNITS
    for _ in range(20_000):
        builder.unit(b"\x06\x80", 0)
    assert len(builder._prefix) <= MAX_PENDING_UNITS


def test_start_codes_without_end_are_bounded() -> None:
    assert len(split(b"\x41\x9a" + b"\0\0\1\x41\x9a" * 100_000, "h264")) == MAX_UNITS_PER_PAYLOAD
