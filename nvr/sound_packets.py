"""RTP packets of a sound track: which belong to it (RFC 3550 5.1), as nvr.rtp does for pictures.

An old session's packets (another SSRC) are foreign while the known source goes on sending; when it has fallen silent the
other is the source, and numbers and timestamps start over. A packet that came before is dropped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from nvr import rtcp
from nvr.access_units import MAX_DUPLICATE, Counters
from nvr.audio import AudioAssembler
from nvr.rtp import payload_bounds

MIN_SILENCE_S = 1  # of the old source, by the new one's timestamps, before the new one is believed
MIN_PACKETS = 3
MAX_MISSING = 100  # of the new one, between two of its packets: what jumps more is no source
MAX_PACKETS = 2000  # of the new one: more sound than that is no short silence
MAX_BYTES = 1_000_000  # of the new one: sound of a second is less
_HEADER = struct.Struct(">BBHII")


@dataclass(slots=True)
class _Rival:
    """Another source, and what it sent since the present one was last heard: payload, sequence, timestamp."""

    ssrc: int
    packets: list[tuple[bytes, int, int]] = field(default_factory=list)
    size: int = 0  # bytes of them

    def lasts(self) -> int:
        """Samples from its first packet to its newest."""
        return ((self.packets[-1][2] - self.packets[0][2] + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class SoundReceiver:
    """Hands the packets of one track to its assembler."""

    def __init__(self, assembler: AudioAssembler, counters: Counters, stated: int = -1):
        """`stated`: the SSRC that the camera announced for the sound; -1: none."""
        self._assembler = assembler
        self._counters = counters
        self._stated = stated
        self.ssrc = -1  # of the source; -1: nothing came yet
        self._next = -1  # sequence number
        self._rival: _Rival | None = None

    def report(self, buffer: Any, at: int, end: int) -> tuple[int, int | None]:
        """Of a sender report of the sound: (the camera's wall time in µs UTC, the time in units of the rate); 0: it says nothing."""
        ssrc = int.from_bytes(buffer[at + 4 : at + 8], "big")
        if buffer[at + 1] != rtcp.SENDER_REPORT or end - at < 20 or (self.ssrc >= 0 and ssrc != self.ssrc):
            return 0, None
        camera_us, ts = rtcp.sender_report(buffer, at)
        return camera_us, self._assembler.unwrapped(ts)

    def packet(self, buffer: Any, view: memoryview, at: int, end: int) -> None:
        """One packet on the track's channel, buffer[at:end], at least 12 bytes; `view` is the same memory."""
        first, second, seq, ts, ssrc = _HEADER.unpack_from(buffer, at)
        if first & 0xC0 != 0x80 or second & 0x7F != self._assembler.track.payload_type:
            self._counters.foreign_packets += 1
            return
        start, stop = payload_bounds(buffer, at, end)
        if self.ssrc < 0 or ssrc == self._stated:
            self._take_over(ssrc)
        if ssrc != self.ssrc:
            self._other_source(ssrc, bytes(view[start:stop]), seq, ts)
            return
        if self._rival is not None:
            self._drop_rival()
        self._push(view[start:stop], seq, ts)

    def _push(self, payload: memoryview, seq: int, ts: int) -> None:
        if self._next >= 0 and (seq - self._next) & 0xFFFF >= 0x10000 - MAX_DUPLICATE:
            self._counters.duplicate_packets += 1
            return
        self._next = (seq + 1) & 0xFFFF
        self._assembler.push(payload, ts)

    def _take_over(self, ssrc: int) -> None:
        """This source is ours from now on."""
        if ssrc == self._stated:  # believed once: afterwards silence decides
            self._stated = -1
        if self.ssrc >= 0 and ssrc != self.ssrc:
            self._assembler.restart()
        self.ssrc, self._next = ssrc, -1

    def _drop_rival(self) -> None:
        if self._rival is not None:
            self._counters.foreign_packets += len(self._rival.packets)
            self._rival = None

    def _other_source(self, ssrc: int, payload: bytes, seq: int, ts: int) -> None:
        rival = self._rival
        if rival is None or rival.ssrc != ssrc or (seq - rival.packets[-1][1]) & 0xFFFF > MAX_MISSING:
            self._drop_rival()
            self._rival = rival = _Rival(ssrc)
        rival.packets.append((payload, seq, ts))
        rival.size += len(payload)
        silent = rival.lasts() >= MIN_SILENCE_S * self._assembler.track.rate and len(rival.packets) >= MIN_PACKETS
        if silent or len(rival.packets) > MAX_PACKETS:
            self._rival = None
            self._take_over(ssrc)
            for data, number, stamp in rival.packets:
                self._push(memoryview(data), number, stamp)
        elif rival.size > MAX_BYTES:
            self._drop_rival()
