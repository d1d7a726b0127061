"""Cameras whose sequence numbers restart, are meaningless, or are shared by all tracks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nvr.media.buffers.iovec import IoVec
from nvr.media.rtp.sequence_numbers import (
    DUPLICATE,
    MAX_UNEXPECTED,
    MIN_EXPECTED,
    NUMBERS_IGNORED_TEXT,
    UNKNOWN_LOSS,
    SequenceTracker,
)
from nvr.media.samples import StreamCounters
from nvr.recorder.reconcile import status_remarks
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from tests.nvr.camera_streams import STEP, Packet, Style, encode, numbered, packetise
from tests.nvr.fed_session import FedSession
from tests.nvr.media.receiver.test_audio_receiver import sound

COUNT, GOP = 150, 25


def pictures(params: str = "") -> list[Packet]:
    return packetise(encode("h264", "64x48", COUNT, GOP, params), "h264", Style())


def played(packets: list[Packet], batch: bool, audio: AudioTrack | None = None) -> FedSession:
    made = FedSession(batch=batch, audio=audio)
    made.play(packets, 2.0)
    made.session.close()
    made.recording.sink.end_session()
    return made


def number_in_gop(packets: list[Packet]) -> list[Packet]:
    """Restart the numbers at every keyframe, like an encoder that is restarted for each GOP."""
    found, number, gop = list[Packet](), 0, -1
    for p in packets:
        if (p.ts - 1000) // STEP // GOP != gop:
            gop, number = (p.ts - 1000) // STEP // GOP, 0
        found.append(replace(p, seq=number))
        number += 1
    return found


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("params", ["", "bframes=2:b-adapt=0"])
def test_numbers_that_start_over_under_the_same_source(batch: bool, params: str) -> None:
    """The numbers fall back by a few, but no packet is a duplicate, because its timestamp is newer than all others."""
    made = played(number_in_gop(pictures(params)), batch)
    counters = made.recording.counters
    assert (
        counters.frames == COUNT and counters.damaged_units == counters.duplicate_packets == counters.lost_packets == 0
    )
    assert made.recording.archive.gaps == []


STRANGE: dict[str, Callable[[int], int]] = {
    "none": lambda i: 0,
    "even": lambda i: 2 * i & 0xFFFF,
    "down": lambda i: 65_000 - i & 0xFFFF,
    "bytes swapped": lambda i: (i & 255) << 8 | i >> 8,
}


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("kind", STRANGE)
def test_numbers_that_never_follow_each_other_are_not_looked_at(kind: str, batch: bool) -> None:
    """The stream is recorded from the second keyframe after MAX_UNEXPECTED packets."""
    made = played([replace(p, seq=STRANGE[kind](i)) for i, p in enumerate(pictures())], batch)
    assert made.recording.counters.frames >= COUNT - 2 * GOP
    assert sum(s.frames for s in made.recording.archive.segments) == made.recording.counters.frames


def test_loss_is_no_strange_number() -> None:
    """Half of all packets are missing at random places; the packets in order prove that the numbers are meaningful."""
    numbers = SequenceTracker()
    expected = 0
    for i in range(1000):
        seq = i * 3 // 2
        if seq == expected:
            numbers.in_order()
        else:
            assert numbers.count_missing(expected, seq, newer=True) == seq - expected
        expected = seq + 1
    assert not numbers.ignored


def test_what_came_before_is_told_from_what_begins_anew() -> None:
    numbers = SequenceTracker()
    assert numbers.count_missing(100, 90, newer=False) == DUPLICATE
    assert numbers.count_missing(100, 90, newer=True) == UNKNOWN_LOSS
    assert [numbers.count_missing(100, 90, newer=False) for _ in range(MAX_UNEXPECTED - 1)][-2:] == [
        DUPLICATE,
        UNKNOWN_LOSS,
    ]
    assert numbers.ignored and numbers.count_missing(100, 7, newer=False) == 0
    numbers.restart()
    assert not numbers.ignored


def test_numbers_that_follow_each_other_again_are_looked_at() -> None:
    numbers = SequenceTracker()
    for i in range(MAX_UNEXPECTED + 5):
        numbers.count_missing(0, 1000 * i & 0xFFFF, newer=True)
    for _ in range(MIN_EXPECTED - 1):
        assert numbers.pending
        numbers.in_order()
    assert numbers.count_missing(10, 15, newer=True) == 0 and numbers.ignored  # not enough in a row
    for _ in range(MIN_EXPECTED):
        numbers.in_order()
    assert (numbers.ignored, numbers.pending, numbers.is_plain) == (False, False, True)
    assert numbers.count_missing(10, 15, newer=True) == 5 and numbers.pending


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("copies", [0, 2])
def test_odd_packets_far_apart_are_no_strange_numbers(copies: int, batch: bool) -> None:
    """Now and then one packet is lost or duplicated, with whole batches in order in between: each one is counted."""
    count = (MAX_UNEXPECTED + 10) * 5
    sent = packetise(encode("h264", "64x48", count, 5 * count), "h264", Style(size=60_000))
    odd = {i for i, p in enumerate(sent) if p.marker and (p.ts - 1000) // STEP % 5 == 3}
    assert len(odd) > MAX_UNEXPECTED
    made = played([p for i, p in enumerate(sent) for _ in range(copies if i in odd else 1)], batch)
    counters = made.recording.counters
    assert (counters.lost_packets, counters.duplicate_packets) == ((0, len(odd)) if copies else (len(odd), 0))
    assert counters.unordered_packets == 0 and counters.frames == count - (0 if copies else len(odd))


def test_batches_count_as_packets_in_order() -> None:
    """A duplicate arrives between two batches, which pass whole pictures on without calling `in_order`."""
    made = FedSession(batch=True)
    made.play(pictures(), 2.0)
    depacketizer = made.session._depacketizer
    assert depacketizer.between_pictures
    nothing = IoVec(memoryview(b""), 0, np.zeros((0, 2), np.uint64))
    for _ in range(2 * MAX_UNEXPECTED):
        seq, ts = depacketizer.next_seq, depacketizer.rtp_time
        assert not depacketizer._follows((seq - 1) & 0xFFFF, ts)  # a duplicate
        depacketizer.extend([ts + STEP], [STEP], [4], False, nothing, 1, (seq + 1) & 0xFFFF)
    assert made.recording.counters.duplicate_packets == 2 * MAX_UNEXPECTED
    assert made.recording.counters.unordered_packets == 0


def test_a_stream_whose_numbers_mean_nothing_is_told_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    made = played([replace(p, seq=STRANGE["even"](i)) for i, p in enumerate(pictures())], batch=True)
    told = [r.getMessage() for r in caplog.records if NUMBERS_IGNORED_TEXT in r.getMessage()]
    assert len(told) == 1 and made.recording.sink.stream in told[0]
    assert made.recording.counters.unordered_packets > COUNT - 2 * MAX_UNEXPECTED
    assert status_remarks(made.recording.counters, StreamCounters()) == [
        NUMBERS_IGNORED_TEXT
    ]  # and in the stream's status
    assert status_remarks(StreamCounters(), StreamCounters()) == []


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("one_source", [False, True])
def test_one_count_for_the_packets_of_pictures_and_sound(batch: bool, one_source: bool) -> None:
    """Nothing is missing where an audio packet had the number; finding this out costs at most the first GOP."""
    track = AudioTrack(AudioCodec.PCMA, 8, "", 8000, 1)
    own, voice = pictures(), sound(300, first_ts=0)
    both = [((p.ts - 1000) / 90_000, p) for p in own] + [((p.ts & 0xFFFFFFFF) / 8000, p) for p in voice]
    order = [p for _, p in sorted(both, key=lambda x: x[0])]
    mixed = [replace(p, ssrc=7) if one_source else p for p in numbered(order)]
    times = dict(zip(map(id, mixed), sorted(t for t, _ in both), strict=True))
    made = FedSession(batch=batch, audio=track)
    for tick in range(31):
        made.poll(b"".join(p.framed() for p in mixed if tick * 0.2 <= times[id(p)] < (tick + 1) * 0.2))
    made.session.close()
    made.recording.sink.end_session()
    counters = made.recording.counters
    assert counters.frames >= COUNT - GOP and counters.lost_packets <= 20
    (body,) = made.recording.volumes.disks[0].writer.files.values()
    assert sum(body.count(p.payload) for p in voice) >= 240


@pytest.mark.parametrize("batch", [False, True])
def test_slices_that_are_sent_twice_in_packets_of_their_own(batch: bool) -> None:
    units = encode("h264", "64x48", COUNT, GOP)
    twice = [[n for n in u for _ in range(2 if n[0] & 31 in (1, 5) else 1)] for u in units]
    made = played(packetise(twice, "h264", Style()), batch)
    counters = made.recording.counters
    assert counters.frames == COUNT and counters.skipped_units == COUNT and counters.timestamp_jumps == 0
