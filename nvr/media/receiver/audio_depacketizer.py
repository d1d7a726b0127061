"""Audio depacketizer for G.711 (RFC 3551) and AAC (RFC 3640, AAC-hbr and AAC-lbr).

Input are RTP payloads in order, output are runs of samples with their times. Audio is recorded only for cameras whose
registry entry enables it.
"""

from __future__ import annotations

from nvr.media.samples import AudioRun
from nvr.rtsp.sdp import AudioCodec, AudioTrack

AAC_FRAME = 1024  # samples per frame
MAX_BUFFERED_BYTES = 1_000_000  # bytes buffered between two flushes
MAX_ACCESS_UNITS_PER_PACKET = 64  # access units in one packet: 4 s at 16 kHz
MAX_STEP_SECONDS = 10


class AudioDepacketizer:
    """Depacketizer of one audio track of one session."""

    def __init__(self, track: AudioTrack):
        self.track = track
        self._is_aac = track.codec == AudioCodec.AAC
        self.frames = 0
        self._ts = -1
        self._time = 0
        self._end = 0  # end time of the newest samples
        self._run: AudioRun | None = None

    def push(self, payload: memoryview, ts: int) -> None:
        """Process one RTP payload; drop it if it cannot be parsed."""
        self._advance(ts)
        if self._is_aac:
            self._aac(payload)
        elif len(payload):
            self._add(payload, len(payload) // self.track.channels)

    def _advance(self, ts: int) -> None:
        """Update the time from an RTP timestamp.

        Audio has no reordering: a timestamp that goes back or steps more than MAX_STEP_SECONDS means that the camera's
        clock was set. The samples then continue at the end of the previous ones.
        """
        if self._ts >= 0:
            delta = ((ts - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self._time = self._time + delta if 0 <= delta <= MAX_STEP_SECONDS * self.track.rate else self._end
        self._ts = ts

    def restart(self) -> None:
        """Start over for another source.

        Its timestamps are unrelated to the previous ones, so its samples continue at the end of the previous samples.
        """
        self._time, self._ts = self._end, -1

    def _aac(self, payload: memoryview) -> None:
        """Parse the AU headers (RFC 3640, 3.2.1) and add the access units.

        A header holds the AU size in 13 of 16 bits (AAC-hbr) or in 6 of 8 bits (AAC-lbr).
        """
        if len(payload) < 2:
            return
        bits, width = payload[0] << 8 | payload[1], self.track.header_bytes
        count, at = bits // (8 * width), 2 + (bits + 7) // 8
        if count > MAX_ACCESS_UNITS_PER_PACKET or at > len(payload):
            return
        for i in range(count):
            header = int.from_bytes(payload[2 + i * width : 2 + (i + 1) * width], "big")
            size = header >> (8 * width - self.track.size_bits)
            if size == 0 or at + size > len(payload):
                return
            self._add(payload[at : at + size], AAC_FRAME, i * AAC_FRAME)
            at += size

    def _add(self, data: memoryview, duration: int, behind: int = 0) -> None:
        """Append samples that begin `behind` samples after the packet's timestamp."""
        if self._run is None:
            self._run = AudioRun(self._time + behind, [], [], bytearray())
        self._end = self._time + behind + duration
        run = self._run
        if duration <= 0 or len(run.data) + len(data) > MAX_BUFFERED_BYTES:
            return
        run.sizes.append(len(data))
        run.durations.append(duration)
        run.data += data
        self.frames += 1

    def take(self) -> AudioRun | None:
        """Return the samples received since the last call; None if there are none."""
        run, self._run = self._run, None
        return run

    def unwrapped(self, ts: int) -> int | None:
        """Return the time of an RTP timestamp near the current one, in units of the rate; None before any packet."""
        return self._time + ((ts - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000 if self._ts >= 0 else None
