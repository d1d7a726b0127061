"""Packets of other sources, payload types and channels are counted and do no harm (nvr.media.receiver.rtp_receiver)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.receiver.rtp_receiver import RtpReceiver
from nvr.media.rtp.foreign_sequence_numbers import ForeignSequenceNumbers
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.sdp import VideoCodec
from nvr.rtsp.transports import stated_ssrc
from tests.nvr.camera_streams import STEP, Packet, Style, encode, numbered, packetise, sample, samples

CODECS = ("h264", "h265")
OLD, OWN, NEW = 0x0000AAAA, 0x1111, 0xFFFF0001


def units(codec: str) -> list[list[bytes]]:
    return encode(codec, count=60, gop=20)


def stream(
    codec: str, ssrc: int = OWN, first_ts: int = 1000, first: int = 0, count: int = 60, first_seq: int = 65_000
) -> list[Packet]:
    packets = packetise(units(codec)[first : first + count], codec, Style(), first_ts)
    return [replace(p, ssrc=ssrc) for p in numbered(packets, first_seq)]


class Channel:
    """The packets on the stream's channel, passed through the receiver."""

    def __init__(self, codec: str, stated: int = -1) -> None:
        self.counters = StreamCounters()
        self.runs: list[FragmentSamples] = []
        self.depacketizer = Depacketizer(VideoCodec(codec), [], self.counters, self.runs.append)
        self.receiver = RtpReceiver(
            self.depacketizer, 96, lambda: Depacketizer(VideoCodec(codec), [], StreamCounters(), lambda _: None), stated
        )

    def take(self, packets: list[Packet], every: int = 50) -> list[bytes]:
        for i, p in enumerate(packets):
            data = p.framed()[4:]
            self.receiver.process_packet(data, memoryview(data), 0, len(data))
            if i % every == 0:
                self.depacketizer.flush_ready()
        self.depacketizer.flush()
        return samples(self.runs)


def by_time(*streams: list[Packet]) -> list[Packet]:
    """Interleave the streams in the order of arrival, a picture at a time."""
    order = [(p.ts - s[0].ts, k, i, p) for k, s in enumerate(streams) for i, p in enumerate(s)]
    return [p for *_, p in sorted(order, key=lambda x: x[:3])]


def wanted(codec: str, first: int = 0) -> list[bytes]:
    return [sample(u, codec) for u in units(codec)[first:]]


@pytest.mark.parametrize("codec", CODECS)
def test_an_old_session_that_goes_on_sending(codec: str) -> None:
    own, old = stream(codec), stream(codec, OLD, 900_000_000, 10, 50, 7)
    channel = Channel(codec)
    assert channel.take(by_time(own, old)) == wanted(codec)
    counters = channel.counters
    assert counters.foreign_packets == len(old) and counters.lost_packets == counters.damaged_units == 0


@pytest.mark.parametrize("codec", CODECS)
def test_an_old_session_that_was_heard_first(codec: str) -> None:
    """Its pictures cannot be decoded before its next keyframe: the first source with a keyframe becomes ours."""
    old, own = stream(codec, OLD, 5, 10, 10, 7), stream(codec)
    channel = Channel(codec)
    assert channel.take([*old[:3], *by_time(own, old[3:])]) == wanted(codec)
    assert channel.counters.lost_packets == 0


def test_packets_of_noise_that_were_heard_first() -> None:
    noise = [Packet(bytes([i, 255 - i, 7]), i * 100, seq=i, ssrc=OLD) for i in range(40)]
    channel = Channel("h264")
    assert channel.take([*noise, *stream("h264")]) == wanted("h264")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("at", [20, 33])
def test_a_new_source_restarts_the_sequence(codec: str, at: int) -> None:
    """At a keyframe and inside a GOP, with other numbers and timestamps: no picture is lost, no loss is counted."""
    before, after = stream(codec, count=at), stream(codec, NEW, 3_000_000_000, at, first_seq=123)
    channel = Channel(codec)
    assert channel.take([*before, *after]) == wanted(codec)
    assert channel.counters.lost_packets == channel.counters.damaged_units == 0
    assert sum(r.discontinuity for r in channel.runs) == 1
    assert next(r for r in channel.runs if r.discontinuity).starts_with_keyframe


@pytest.mark.parametrize("codec", CODECS)
def test_sources_that_change_again_and_again(codec: str) -> None:
    channel = Channel(codec)
    parts = [stream(codec, 100 + i, 77 * i, 0, 60, 1000 * i) for i in range(4)]
    assert channel.take([p for part in parts for p in part]) == wanted(codec) * 4
    assert channel.counters.lost_packets == 0


def test_a_slow_stream_beside_a_fast_old_session() -> None:
    """One picture in two seconds is not silence."""
    own = [replace(p, ts=1000 + (p.ts - 1000) // STEP * 180_000) for p in stream("h264", count=20)]
    old = stream("h264", OLD, 900_000_000)
    after = [
        p
        for i in range(12)
        for p in (replace(q, ts=q.ts + i * 60 * STEP, seq=(q.seq + i * len(old)) & 0xFFFF) for q in old)
    ]
    channel = Channel("h264")
    head = [p for p in own if p.ts < 1000 + 5 * 180_000]  # received alone before, so its interval is known
    assert channel.take([*head, *by_time(own[len(head) :], after)]) == wanted("h264")[:20]


def test_an_old_session_without_parameter_sets_ends_nobody() -> None:
    bare = [
        replace(p, payload=b"\x06\x05\x00\x80") if p.payload[0] & 31 in (7, 8) else p
        for p in stream("h264", OLD, 5, 0, 60, 7)
    ]
    channel = Channel("h264")
    assert channel.take([*stream("h264", count=1)[:1], *bare, *stream("h264")[1:]]) == wanted("h264")


@pytest.mark.parametrize("codec", CODECS)
def test_the_source_that_the_camera_announced_is_ours(codec: str) -> None:
    """An old session of another stream was received first, starting at a keyframe."""
    old, own = stream(codec, OLD, 5, 20, 30, 7), stream(codec)
    channel = Channel(codec, stated=OWN)
    found = channel.take([*old[:30], *by_time(own, old[30:])])
    assert found[-len(wanted(codec)) :] == wanted(codec)
    assert channel.counters.lost_packets == 0 and channel.receiver.ssrc == OWN


@pytest.mark.parametrize(
    ("transport", "ssrc"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000AAAA", 0xAAAA),
        ("RTP/AVP/TCP;ssrc=1a2b3c4d;interleaved=0-1;mode=play", 0x1A2B3C4D),
        ('RTP/AVP/TCP;interleaved=0-1;SSRC = "0x7F"', 0x7F),
        ("RTP/AVP/TCP;interleaved=0-1", -1),
        ("RTP/AVP/TCP;ssrc=;x", -1),
        ("RTP/AVP/TCP;ssrc=123456789a", -1),
    ],
)
def test_the_announced_source(transport: str, ssrc: int) -> None:
    assert stated_ssrc(transport) == ssrc


def test_another_stream_that_takes_over_waits_for_its_keyframe() -> None:
    """It sent in parallel with the first one: its pictures do not continue the first one's."""
    first, second = stream("h264", count=20), stream("h264", NEW, 900_000, 10, 50, 9)
    channel = Channel("h264")
    found = channel.take(by_time(first, second))
    assert found == wanted("h264")[:20] + wanted("h264", 40)


OTHER = {
    "same_numbers": lambda i, p: replace(p, payload_type=112, payload=b"private" * 5),
    "own_numbers": lambda i, p: replace(p, payload_type=107, seq=i & 0xFFFF, payload=b"\x65" + b"x" * 40),
    "own_source": lambda i, p: replace(p, payload_type=98, ssrc=OLD, seq=(p.seq + 1) & 0xFFFF, payload=b"meta"),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", OTHER)
def test_another_payload_type_is_foreign_and_no_loss(codec: str, kind: str) -> None:
    own = packetise(units(codec), codec, Style())
    mixed, count = list[Packet](), 0
    for i, p in enumerate(own):
        if i % 5 == 2:
            mixed.append(OTHER[kind](i, p))
            count += 1
        mixed.append(p)
    if kind == "same_numbers":  # both payload types share one sequence
        mixed = numbered(mixed)
    channel = Channel(codec)
    assert channel.take(mixed) == wanted(codec)
    counters = channel.counters
    assert counters.foreign_packets == count and counters.lost_packets == counters.damaged_units == 0
    assert counters.packets == len(own)


@pytest.mark.parametrize("codec", CODECS)
def test_a_new_source_with_metadata_between_its_packets(codec: str) -> None:
    """Both payload types of the new source share one sequence of numbers, also before it takes over."""
    own, parts = packetise(units(codec), codec, Style()), []
    for ssrc, first_ts, packets in ((OWN, 0, own), (NEW, 77_000_000, own)):
        mixed = [q for p in packets for q in (p, replace(p, payload_type=112, payload=b"meta", marker=False))]
        parts += [replace(p, ssrc=ssrc, ts=p.ts + first_ts) for p in numbered(mixed, 60_000)]
    channel = Channel(codec)
    assert channel.take(parts) == wanted(codec) * 2
    assert channel.counters.lost_packets == 0 and channel.counters.foreign_packets == 2 * len(own)


def test_loss_beside_foreign_numbers_is_still_loss() -> None:
    own = numbered([p for i, p in enumerate(packetise(units("h264"), "h264", Style()))])
    at = next(i for i, p in enumerate(own) if p.ts == 1000 + 30 * STEP)
    mixed = [replace(p, payload_type=112) if i == at - 1 and not p.marker else p for i, p in enumerate(own)]
    del mixed[at]
    channel = Channel("h264")
    channel.take(mixed)
    assert channel.counters.lost_packets == 1


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(CODECS), st.integers(1, 60))
def test_foreign_packets_anywhere_change_nothing(rng: random.Random, codec: str, every: int) -> None:
    mixed = list(stream(codec))
    foreign = rng.randrange(1, 40)
    for _ in range(foreign):
        ssrc, kind = rng.choice([(OLD, 96), (OLD, 99), (OWN, 99), (NEW, 13)])
        packet = Packet(
            rng.randbytes(rng.randrange(1, 60)),
            rng.randrange(2**32),
            rng.random() < 0.5,
            rng.randrange(65536),
            ssrc,
            kind,
        )
        mixed.insert(rng.randrange(1, len(mixed)), packet)
    channel = Channel(codec)
    assert channel.take(mixed, every) == wanted(codec)
    assert channel.counters.foreign_packets == foreign
    assert channel.counters.lost_packets == channel.counters.damaged_units == channel.counters.skipped_units == 0


@pytest.mark.parametrize("ahead", [0, 1, 5, 700, -3, 30_000])
@pytest.mark.parametrize("every", [1, 2, 7])
def test_numbers_of_another_payload_type_never_hide_a_loss(ahead: int, every: int) -> None:
    """A separate numbering at any distance, as fast as the stream or slower: missing packets of the stream are lost."""
    own = stream("h264")
    gone = {i for i, p in enumerate(own) if i % 37 == 20 and i < len(own) - 1}
    mixed: list[Packet] = []
    for i, p in enumerate(own):
        mixed += [p] * (i not in gone)
        if i % every == 0:
            mixed.append(replace(p, payload_type=107, seq=(own[0].seq + i // every + ahead) & 0xFFFF, payload=b"meta"))
    channel = Channel("h264")
    channel.take(mixed)
    assert channel.counters.lost_packets == len(gone)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_losses_beside_numbers_that_are_shared_are_counted_exactly(rng: random.Random, apart: bool) -> None:
    """Both payload types share one sequence of numbers; `apart`: a third one has its own."""
    own = packetise(units("h264"), "h264", Style())
    joint = numbered(
        [q for p in own for q in [replace(p, payload_type=112, payload=b"meta")] * (rng.random() < 0.3) + [p]]
    )
    mine = [i for i, p in enumerate(joint) if p.payload_type == 96]
    gone = set(rng.sample(mine[1:-1], 5))
    mixed = [p for i, p in enumerate(joint) if i not in gone]
    if apart:
        far = rng.randrange(2000, 60_000)
        mixed = [q for i, p in enumerate(mixed) for q in (p, replace(p, payload_type=99, seq=(p.seq + far) & 0xFFFF))]
    channel = Channel("h264")
    channel.take(mixed)
    assert channel.counters.lost_packets == len(gone)


def test_a_payload_type_that_was_taken_for_numbered_apart_is_believed_again() -> None:
    numbers = ForeignSequenceNumbers()
    numbers.record(30_000, 107, 10)  # far away: numbered separately
    found = []
    for at in range(10, 30, 2):  # from now on it shares the stream's sequence
        numbers.record(at, 107, at)
        found.append(numbers.explain(at, 1))
    assert found == [0, 0] + [1] * 8
