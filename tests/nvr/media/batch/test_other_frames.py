"""Frames of other channels, in the batch path as packet by packet: they do not wait for a picture."""

from __future__ import annotations

import struct

import pytest

from core.errors import StreamStalled
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from tests.nvr.camera_streams import Packet, Style, encode, fragments, numbered, packetise
from tests.nvr.fed_session import FedSession

SSRC = 0x1111
PACKETS = packetise(encode("h264", "64x48", 50, 25), "h264", Style())
SOUND = AudioTrack(AudioCodec.PCMA, 8, "rtsp://h/a", 48_000, 1)
BYE = struct.pack(">BBHI", 0x81, 203, 1, SSRC)
REPORT = struct.pack(">BBHIIIIII", 0x80, 200, 6, SSRC, 3_900_000_000, 0, PACKETS[-1].ts, len(PACKETS), 5000)
FORMS = {
    "alone": BYE,
    "with a reason": struct.pack(">BBHI", 0x81, 203, 3, SSRC) + b"\x07teardwn",
    "behind a sender report": REPORT + BYE,
    "behind an empty receiver report": struct.pack(">BBHI", 0x80, 201, 1, SSRC) + BYE,
}


def frame(channel: int, body: bytes) -> bytes:
    return struct.pack(">cBH", b"$", channel, len(body)) + body


def sound(number: int) -> bytes:
    """An audio packet of 20 ms."""
    size = SOUND.rate // 50
    return frame(2, struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, number * size & 0xFFFFFFFF, 99) + b"\xd5" * size)


def halves(packet: Packet) -> list[Packet]:
    """Return a slice in two fragments (FU-A)."""
    indicator, kind, at = packet.payload[0] & 0xE0 | 28, packet.payload[0] & 31, len(packet.payload) // 2
    first, last = bytes((indicator, 0x80 | kind)), bytes((indicator, 0x40 | kind))
    pieces = [(first + packet.payload[1:at], False), (last + packet.payload[at:], True)]
    return numbered((Packet(piece, packet.ts, marker) for piece, marker in pieces), packet.seq)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("form", FORMS)
def test_a_bye_ends_the_session_at_once(form: str, channel: int, half: bool, batch: bool) -> None:
    made = FedSession(batch=batch)
    made.play(PACKETS[:-1])
    made.poll((halves(PACKETS[-1])[0] if half else PACKETS[-1]).framed())
    with pytest.raises(StreamStalled, match="BYE"):
        made.poll(frame(channel, FORMS[form]))
    made.session.close()
    assert made.recording.counters.frames == (49 if half else 50) and made.recording.counters.duplicate_packets == 0


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_sound_goes_on_where_no_picture_comes(batch: bool, half: bool) -> None:
    """More audio than the leftover buffer could hold; a half received picture is completed at the end."""
    made = FedSession(batch=batch, audio=SOUND, stall=20.0)
    begin, end = halves(PACKETS[-1])
    made.play(PACKETS[:-1])
    for tick in range(48):
        data = b"".join(sound(tick * 10 + i) for i in range(10))
        made.poll(data[:-100] if tick == 0 else b"")  # an audio packet continues in the next tick
        made.poll((data[-100:] if tick == 0 else data) + (begin.framed() if half and tick == 3 else b""))
        assert len(made.session._leftover) < 5000
    made.poll((b"" if half else begin.framed()) + sound(480) + end.framed())
    assert made.recording.counters.frames == 50
    assert made.session._audio is not None and made.session._audio.frames == 481
    assert made.recording.counters.lost_packets == 0


@pytest.mark.parametrize("batch", [False, True])
def test_a_short_frame_on_the_sound_channel_is_no_packet(batch: bool) -> None:
    made = FedSession(batch=batch, audio=SOUND)
    made.play(PACKETS)
    made.poll(frame(2, b"\x80\x08" + bytes(6)) + sound(1))
    assert made.session._audio is not None and made.session._audio.frames == 1


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("size", [300_000, 600_000, 2_000_000])
def test_a_keyframe_may_be_larger_than_what_is_read_at_once(size: int, batch: bool) -> None:
    made = FedSession(batch=batch)
    made.play(PACKETS[:-1])
    pieces = fragments(b"\x65\x88\x84" + b"\x55" * size, "h264", 1400)
    last = PACKETS[-1]
    sent = numbered((Packet(p, last.ts, i == len(pieces) - 1) for i, p in enumerate(pieces)), last.seq)
    data = b"".join(p.framed() for p in sent)
    for at in range(0, len(data), 200_000):
        made.poll(data[at : at + 200_000])
    after = numbered([Packet(last.payload, last.ts + 3600, True)], sent[-1].seq + 1)
    made.poll(after[0].framed())
    assert (made.recording.counters.frames, made.recording.counters.lost_packets) == (51, 0)
    assert made.session.is_aligned
