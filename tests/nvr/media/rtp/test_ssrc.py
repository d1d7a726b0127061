"""Source selection by SSRC (nvr.media.rtp.ssrc): one rule for video and audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nvr.media.receiver import rtp_receiver
from nvr.media.rtp.ssrc import SourceBounds, SourceChoice, SourceEvidence
from tests.nvr.camera_streams import Packet
from tests.nvr.media.receiver import test_audio_receiver, test_foreign_packets

OWN, NEW = 1, 2
RATE = 8000
BOUNDS = SourceBounds(timestamps=50, packets=100, bytes=10_000)


class Listener:
    """Packets of our source were received; packets of another source are judged."""

    def __init__(self, stated: int = -1, bounds: SourceBounds = BOUNDS) -> None:
        self.choice = SourceChoice(bounds, stated)
        self.choice.set_first_source(OWN)
        self.foreign = 0

    def hear(
        self, seq: int, ts: int, size: int = 10, evidence: SourceEvidence = SourceEvidence.NOT_NEEDED
    ) -> bool | None:
        candidate, gone = self.choice.record_other_packet(NEW, seq & 0xFFFF)
        self.foreign += gone
        candidate.add(b"x" * size, seq & 0xFFFF, ts & 0xFFFFFFFF, 0)
        return self.choice.has_taken_over(candidate, RATE, evidence)

    def own(self, *, decided: bool = True) -> None:
        self.foreign += self.choice.record_own_packet(decided=decided)


def first(found: Sequence[bool | None]) -> int:
    """Index of the packet that decided."""
    return next(i for i, one in enumerate(found) if one is not None)


def test_silence_of_ours_is_measured_by_the_others_timestamps() -> None:
    heard = Listener()
    found = [heard.hear(65_530 + i, 2**32 - 400 + 160 * i) for i in range(60)]  # numbers and timestamps wrap
    assert first(found) == 50 and found[50] is True
    assert heard.choice.candidate is not None and not heard.choice.switch(heard.choice.candidate)
    assert heard.choice.ssrc == NEW and heard.choice.foreign == {OWN} and heard.foreign == 0


def test_a_packet_of_ours_ends_it() -> None:
    heard = Listener()
    assert [heard.hear(i, 160 * i) for i in range(49)] == [None] * 49
    heard.own()
    assert heard.foreign == 49 and heard.choice.foreign == {NEW}
    assert [heard.hear(i, 160 * i) for i in range(49, 98)] == [None] * 49
    assert heard.hear(99, 160 * 99) is True
    candidate = heard.choice.candidate
    assert candidate is not None and heard.choice.switch(candidate)  # it sent in parallel with ours: another stream


def test_two_timestamps_however_far_apart_are_no_source() -> None:
    heard = Listener()
    assert [heard.hear(1, 0), heard.hear(2, 10 * RATE), heard.hear(3, 10 * RATE)] == [None] * 3
    assert heard.hear(4, 11 * RATE) is True


def test_what_jumps_is_no_source_and_what_comes_twice_is_one() -> None:
    heard = Listener()
    assert all(heard.hear(i * 1000, i * RATE) is None for i in range(100))
    assert heard.foreign == 99
    twice = Listener(bounds=SourceBounds(timestamps=500, packets=500, bytes=10_000))
    found = [twice.hear(i, 160 * i) for k in range(60) for i in (k, max(0, k - 3), k)]
    assert first(found) in (150, 151, 152)


@pytest.mark.parametrize(("ts", "taken"), [(0, False), (1, True)])
def test_where_the_bounds_are_reached_a_source_sends_something(ts: int, taken: bool) -> None:
    """Garbage with one timestamp is given up; small steps are a source whose clock nearly stands still."""
    heard = Listener()
    found = [heard.hear(i, ts * i, size=500) for i in range(30)]
    assert found[first(found)] is taken and first(found) == 20


def test_while_nothing_of_ours_can_be_used_decoding_decides() -> None:
    heard = Listener()
    assert [heard.hear(i, 160 * i, 1, SourceEvidence.NONE_YET) for i in range(49)] == [None] * 49
    heard.own(decided=False)
    assert heard.hear(50, 160 * 60, 1, SourceEvidence.DECODABLE) is True
    hopeless = Listener()
    found = [hopeless.hear(i, 160 * i, 1, SourceEvidence.UNDECODABLE) for i in range(60)]
    assert found[first(found)] is False


def test_the_announced_source_is_believed_once() -> None:
    heard = Listener(stated=NEW)
    assert heard.hear(1, 0) is True and heard.choice.candidate is not None
    heard.choice.switch(heard.choice.candidate)
    heard.choice.switch(heard.choice.record_other_packet(OWN, 5)[0])
    assert heard.hear(2, 160) is None
    ours = Listener(stated=OWN)  # announced, and received first
    assert ours.hear(1, 0) is None


def test_packets_of_another_payload_type_are_kept_in_bounds() -> None:
    """Our source never sends a usable picture, and therefore does not end the other source either."""
    channel = test_foreign_packets.Channel("h264")
    deltas = test_foreign_packets.stream("h264", first=1, count=3)
    other = test_foreign_packets.stream("h264", test_foreign_packets.NEW, first=1, count=1)[0]
    kept = 0
    for packet in (
        *deltas,
        other,
        *(replace(other, seq=i & 0xFFFF, payload=b"", payload_type=99) for i in range(200_000)),
    ):
        data = packet.framed()[4:]
        channel.receiver.process_packet(data, memoryview(data), 0, len(data))
        candidate = channel.receiver._sources.candidate
        kept = max(kept, len(candidate.packets) if candidate is not None else 0)
    assert 1 < kept <= rtp_receiver.BOUNDS.packets + 1 and not channel.receiver.has_candidate
    assert channel.counters.foreign_packets == 200_001
    assert channel.take(test_foreign_packets.stream("h264"))  # afterwards the stream is recorded


@pytest.mark.parametrize("copies", [1, 2])
def test_pictures_and_sound_follow_a_source_alike(copies: int) -> None:
    """Each packet of the new source may be sent twice."""

    def repeated(packets: list[Packet]) -> list[Packet]:
        return [p for p in packets for _ in range(copies)]

    pictures = test_foreign_packets.stream("h264", count=20)
    after = test_foreign_packets.stream("h264", test_foreign_packets.NEW, 3_000_000_000, 20, 40, 123)
    channel = test_foreign_packets.Channel("h264")
    assert channel.take([*pictures, *repeated(after)]) == test_foreign_packets.wanted("h264")
    sound, later = test_audio_receiver.sound(60), test_audio_receiver.sound(200, test_audio_receiver.NEW, 5, 3, 7)
    found, _, counters = test_audio_receiver.taken([*sound, *repeated(later)])
    assert found == test_audio_receiver.bytes_of([*sound, *later]) and counters.foreign_packets == 0
