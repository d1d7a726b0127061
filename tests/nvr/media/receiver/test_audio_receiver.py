"""Which packets on the audio channel belong to the audio track (nvr.media.receiver.audio_receiver)."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nvr.media.receiver.audio_depacketizer import AudioDepacketizer
from nvr.media.receiver.audio_receiver import AudioReceiver
from nvr.media.samples import StreamCounters
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from tests.nvr.camera_streams import Packet, Style, encode, numbered, packetise
from tests.nvr.fed_session import FedSession

TRACK = AudioTrack(AudioCodec.PCMA, 8, "", 8000, 1)
OWN, OLD, NEW = 0x1111, 0xAAAA, 0xFFFF0001


def sound(
    count: int = 100, ssrc: int = OWN, first_ts: int = 4_000_000_000, first_seq: int = 65_500, mark: int = 0
) -> list[Packet]:
    """G.711, 20 ms a packet, each with different bytes."""
    return numbered(
        (
            Packet(bytes([mark, i & 255]) * 80, (first_ts + 160 * i) & 0xFFFFFFFF, ssrc=ssrc, payload_type=8, channel=2)
            for i in range(count)
        ),
        first_seq,
    )


def taken(packets: list[Packet], stated: int = -1) -> tuple[bytes, int, StreamCounters]:
    """(the audio bytes, the number of samples, counters)."""
    counters, depacketizer = StreamCounters(), AudioDepacketizer(TRACK)
    receiver = AudioReceiver(depacketizer, counters, stated)
    found, samples = bytearray(), 0
    for p in packets:
        data = p.framed()[4:]
        receiver.process_packet(data, memoryview(data), 0, len(data))
        run = depacketizer.take()
        if run is not None:
            found += run.data
            samples += sum(run.durations)
    return bytes(found), samples, counters


def bytes_of(packets: list[Packet]) -> bytes:
    return b"".join(p.payload for p in packets)


def test_an_old_session_is_foreign() -> None:
    own, old = sound(), sound(ssrc=OLD, first_ts=77, mark=200)
    mixed = [p for pair in zip(own, old, strict=True) for p in pair]
    found, samples, counters = taken(mixed)
    assert found == bytes_of(own) and samples == 160 * 100
    assert counters.foreign_packets >= 99 and counters.lost_packets == counters.duplicate_packets == 0


def test_a_source_that_falls_silent_is_followed_by_the_new_one() -> None:
    before, after = sound(60), sound(200, NEW, 5, 3, 7)
    found, samples, counters = taken([*before, *after])
    assert found == bytes_of([*before, *after]) and samples == 160 * 260
    assert counters.foreign_packets == 0


def test_the_source_that_the_camera_announced_is_ours() -> None:
    own, old = sound(), sound(ssrc=OLD, first_ts=77, mark=200)
    found, _, counters = taken([*old[:10], *(p for pair in zip(own, old[10:], strict=False) for p in pair)], stated=OWN)
    assert found == bytes_of([*old[:10], *own[:90]])
    assert counters.foreign_packets >= 89


def test_packets_that_came_before_are_dropped_and_counted() -> None:
    own = sound()
    mixed = [
        q
        for i, p in enumerate(own)
        for q in ([p, p] if i % 3 == 0 else [p, own[max(0, i - 4)]] if i % 10 == 5 else [p])
    ]
    found, samples, counters = taken(mixed)
    assert found == bytes_of(own) and samples == 160 * 100
    assert counters.duplicate_packets == len(mixed) - len(own) and counters.foreign_packets == 0


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_foreign_packets_and_duplicates_anywhere_change_nothing(rng: random.Random) -> None:
    own = sound(200)
    mixed = list(own)
    foreign = rng.randrange(1, 40)
    for _ in range(foreign):
        kind, ssrc = rng.choice([(8, OLD), (96, OWN), (13, NEW)])
        at = rng.randrange(1, len(mixed))
        mixed.insert(
            at,
            replace(
                own[0],
                payload=rng.randbytes(30),
                payload_type=kind,
                ssrc=ssrc,
                seq=rng.randrange(65536),
                ts=rng.randrange(2**32),
            ),
        )
    doubled = rng.randrange(1, 20)
    for _ in range(doubled):
        at = rng.randrange(1, len(mixed))
        back = [p for p in mixed[:at] if p.ssrc == OWN and p.payload_type == 8][-20:]
        mixed.insert(at, rng.choice(back))
    found, _, counters = taken([*mixed, own[-1]])
    assert found == bytes_of(own)
    assert counters.duplicate_packets == doubled + 1
    assert counters.foreign_packets == foreign


def test_a_session_records_the_sound_of_its_own_source_only() -> None:
    """With video, through the ticks: the packets of an old session are in no file."""
    pictures = packetise(encode("h264", "64x48", 50, 25), "h264", Style())
    own, old = sound(100, first_ts=0), sound(100, OLD, 90, 7, 200)
    made = FedSession(audio=TRACK)
    made.session._rtsp.audio_channel, made.session._rtsp.audio_rtcp_channel = 2, 3
    for i in range(100):
        part = [p for p in pictures if i * 1800 <= p.ts - 1000 < (i + 1) * 1800]
        made.wire.incoming += b"".join(p.framed() for p in [*part, own[i], own[i], *([old[i]] if i else [])])
        if i % 10 == 9:
            made.poll()
    made.session.close()
    made.recording.sink.end_session()
    (body,) = made.recording.volumes.disks[0].writer.files.values()
    assert sum(body.count(p.payload) for p in own) >= 90 and not any(p.payload in body for p in old)
    assert made.recording.counters.duplicate_packets == 100 and made.recording.counters.foreign_packets >= 98


def test_foreign_sound_is_kept_in_few_bytes() -> None:
    """Large packets with one timestamp; the audio of our source, and of a new one, is recorded after them."""
    counters = StreamCounters()
    receiver = AudioReceiver(AudioDepacketizer(TRACK), counters)
    foreign = numbered((Packet(b"x" * 60_000, 5, ssrc=OLD, payload_type=8) for _ in range(200)), 7)
    kept = 0
    for p in [*sound(1), *foreign]:
        data = p.framed()[4:]
        receiver.process_packet(data, memoryview(data), 0, len(data))
        kept = max(kept, receiver._sources.candidate.size if receiver._sources.candidate else 0)
    assert 0 < kept <= 1_100_000 and counters.foreign_packets >= 180
    found, _, _ = taken([*sound(1), *foreign, *(new := sound(200, NEW))])
    assert bytes_of(new) in found and b"xx" not in found
