"""Receive the RTP packets of an audio track (RFC 3550 5.1), as `rtp_receiver` does for video.

Packets go in, their payloads go to the track's `AudioDepacketizer`. Packets with another SSRC, e.g. of an old session,
are foreign while the known source keeps sending; when the known source falls silent, the other one becomes the source
(nvr.media.rtp.ssrc), and sequence numbers and timestamps start over. Duplicate packets are dropped.
"""

from __future__ import annotations

import struct

from nvr.media.receiver.audio_depacketizer import AudioDepacketizer
from nvr.media.receiver.rtp_receiver import payload_bounds
from nvr.media.rtp import rtcp
from nvr.media.rtp.sequence_numbers import MAX_DUPLICATE
from nvr.media.rtp.ssrc import SourceBounds, SourceChoice
from nvr.media.samples import StreamCounters
from nvr.rtsp.message_text import Buffer

MIN_SILENCE_S = 1  # the old source must be silent for this long before the new one takes over
# Buffered from a candidate source; one second of audio stays below all three limits.
BOUNDS = SourceBounds(timestamps=2000, packets=2000, bytes=1_000_000)
_HEADER = struct.Struct(">BBHII")


class AudioReceiver:
    """Passes the packets of one audio track to its depacketizer."""

    def __init__(self, depacketizer: AudioDepacketizer, counters: StreamCounters, announced_ssrc: int = -1):
        """`announced_ssrc` is the SSRC that the camera announced for the audio; -1 if it announced none."""
        self._depacketizer = depacketizer
        self._counters = counters
        self._sources = SourceChoice(BOUNDS, announced_ssrc)
        self._next = -1  # expected sequence number; -1: none yet

    @property
    def ssrc(self) -> int:
        """SSRC of the current source; -1 before the first packet."""
        return self._sources.ssrc

    def parse_sender_report(self, buffer: Buffer, at: int, end: int) -> tuple[int, int | None]:
        """Parse a sender report of the audio track.

        Return (the camera's wall time in µs UTC, audio time in units of the rate); the wall time is 0 where the report
        states none or belongs to another source.
        """
        ssrc = int.from_bytes(buffer[at + 4 : at + 8], "big")
        if buffer[at + 1] != rtcp.SENDER_REPORT or end - at < 20 or (self.ssrc >= 0 and ssrc != self.ssrc):
            return 0, None
        camera_us, ts = rtcp.sender_report(buffer, at)
        return camera_us, self._depacketizer.unwrapped(ts)

    def process_packet(self, buffer: Buffer, view: memoryview, at: int, end: int) -> None:
        """Process one packet of the track's channel, buffer[at:end], at least 12 bytes; `view` is the same memory."""
        first, second, seq, ts, ssrc = _HEADER.unpack_from(buffer, at)
        if first & 0xC0 != 0x80 or second & 0x7F != self._depacketizer.track.payload_type:
            self._counters.foreign_packets += 1
            return
        start, stop = payload_bounds(buffer, at, end)
        if self.ssrc < 0:
            self._sources.set_first_source(ssrc)
        if ssrc != self.ssrc:
            self._other_source(ssrc, bytes(view[start:stop]), seq, ts)
            return
        self._counters.foreign_packets += self._sources.record_own_packet(decided=True)
        self._push(view[start:stop], seq, ts)

    def _push(self, payload: memoryview, seq: int, ts: int) -> None:
        if self._next >= 0 and (seq - self._next) & 0xFFFF >= 0x10000 - MAX_DUPLICATE:
            self._counters.duplicate_packets += 1
            return
        self._next = (seq + 1) & 0xFFFF
        self._depacketizer.push(payload, ts)

    def _other_source(self, ssrc: int, payload: bytes, seq: int, ts: int) -> None:
        candidate, foreign = self._sources.record_other_packet(ssrc, seq)
        self._counters.foreign_packets += foreign
        candidate.add(payload, seq, ts, 0)
        taken = self._sources.has_taken_over(candidate, MIN_SILENCE_S * self._depacketizer.track.rate)
        if taken:
            self._sources.switch(candidate)
            self._depacketizer.restart()
            self._next = -1
            for data, number, stamp, _ in candidate.packets:
                self._push(memoryview(data or b""), number, stamp)
        elif taken is False:
            self._counters.foreign_packets += self._sources.give_up()
