"""Receive the RTP packets of one video track: select the track's packets and locate their payload (RFC 3550 5.1).

Packets on the track's channel need not belong to the track: an old session may still be sending (another SSRC), and
some cameras send metadata with a payload type of its own on the same channel. Such packets are ignored and counted as
foreign. A camera that really changes its SSRC stops sending with the old one: what arrived with the new one meanwhile
is kept and used (nvr.media.ssrc).
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from typing import Any

from core.errors import ProtocolError
from core.units import MEDIA_CLOCK
from nvr.media.depacketizer import Depacketizer, StreamCounters
from nvr.media.ssrc import Candidate, SourceBounds, SourceChoice, SourceEvidence
from nvr.rtsp.sdp import VideoTrack

log = logging.getLogger(__name__)

LEAST = 12  # minimum bytes of a packet
MIN_SILENCE = MEDIA_CLOCK  # 90 kHz units that the old source must be silent before the new one takes over …
SILENT_INTERVALS = 3  # … and at least this many of the old source's picture intervals
# With this much from the new source, the old one is gone whatever the timestamps say.
BOUNDS = SourceBounds(timestamps=64, packets=50_000, bytes=8_000_000)
_CHANNELS = 128  # added to a channel number to distinguish it from a payload type
_HEADER = struct.Struct(">BBHII")  # V P X CC, M PT, sequence, timestamp, SSRC


def payload_bounds(buffer: Any, start: int, end: int) -> tuple[int, int]:
    """Return (begin, end) of the payload of an RTP packet: after CSRCs and extension, before the padding."""
    first = buffer[start]
    at = start + 12 + 4 * (first & 15)
    if first & 0x10 and at + 4 <= end:
        at += 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
    if first & 0x20:
        end -= buffer[end - 1]
    return at, max(at, end)


def probe_of(track: VideoTrack) -> Callable[[], Depacketizer]:
    """Return a factory of assemblers that only test whether packets form pictures."""
    return lambda: Depacketizer(track.codec, track.parameter_sets, StreamCounters(), lambda _: None)


class Probe:
    """Tests whether another source's packets form pictures while ours have not yet: the first with a keyframe wins."""

    def __init__(self, assembler: Depacketizer):
        self._assembler = assembler
        self._hopeless = False

    def push(self, payload: bytes, seq: int, ts: int, marker: int) -> None:
        if self._hopeless:
            return
        try:
            self._assembler.push(memoryview(payload), 0, len(payload), seq, ts, marker)
        except ProtocolError:  # data of a foreign source must not end this session
            self._hopeless = True

    def skip(self, seq: int, payload_type: int) -> None:
        self._assembler.skip_number(seq, payload_type)

    @property
    def evidence(self) -> SourceEvidence:
        if self._hopeless:
            return SourceEvidence.HOPELESS
        return SourceEvidence.PROVED if self._assembler.units else SourceEvidence.NONE_YET


class RtpReceiver:
    """Passes the packets of one track to its assembler.

    `probe` creates assemblers for other sources, whose pictures are discarded. `stated` is the SSRC that the camera
    announced; -1: none.
    """

    def __init__(self, assembler: Depacketizer, payload_type: int, probe: Callable[[], Depacketizer], stated: int = -1):
        self._assembler = assembler
        self._counters = assembler.counters
        self._payload_type = payload_type
        self._make_probe = probe
        self._sources = SourceChoice(BOUNDS, stated)
        self._probe: Probe | None = None  # of the candidate
        self.ssrc = -1  # of the current source; -1: no packet yet

    @property
    def has_rival(self) -> bool:
        """True while another source is being observed, so that every packet must pass through `packet`."""
        return self._sources.candidate is not None

    def is_foreign(self, ssrc: int) -> bool:
        """Return whether packets of this source were ignored; its reports are then ignored as well."""
        return ssrc in self._sources.foreign

    def packet(self, buffer: Any, view: memoryview, at: int, end: int) -> None:
        """Process one packet of the track's channel, buffer[at:end], at least 12 bytes; `view` is the same memory."""
        first, second, seq, ts, ssrc = _HEADER.unpack_from(buffer, at)
        start, stop = (at + 12, end) if first == 0x80 else payload_bounds(buffer, at, end)
        if ssrc != self.ssrc or second & 0x7F != self._payload_type or first & 0xC0 != 0x80:
            if first & 0xC0 != 0x80 or second & 0x7F != self._payload_type:
                self._other_kind(seq, second & 0x7F, ssrc)
                return
            if self.ssrc >= 0:
                self._other_source(ssrc, bytes(view[start:stop]), seq, ts, second & 0x80)
                return
            self.ssrc = ssrc
            self._sources.begin(ssrc)
        elif self._sources.candidate is not None:
            self._counters.foreign_packets += self._sources.own(decided=self._assembler.units > 0)
        self._counters.packets += 1
        self._assembler.push(view, start, stop, seq, ts, second & 0x80)

    def other_channel(self, seq: int, channel: int) -> None:
        """Record a sequence number used on another channel: some cameras number the packets of all tracks together."""
        if self.ssrc >= 0:
            self._assembler.skip_number(seq, _CHANNELS + channel)

    def _other_kind(self, seq: int, payload_type: int, ssrc: int) -> None:
        self._counters.foreign_packets += 1
        candidate = self._sources.candidate
        if candidate is not None and ssrc == candidate.ssrc and candidate.timestamps:
            if not self._sources.skip(candidate, seq, payload_type):
                self._counters.foreign_packets += self._sources.give_up()
            elif self._probe is not None:
                self._probe.skip(seq, payload_type)
        if ssrc == self.ssrc:  # it may share our sequence of numbers: then the number is not missing
            self._assembler.skip_number(seq, payload_type)

    def _other_source(self, ssrc: int, payload: bytes, seq: int, ts: int, marker: int) -> None:
        candidate, foreign = self._sources.other(ssrc, seq)
        self._counters.foreign_packets += foreign
        if not candidate.packets:
            self._probe = None if self._assembler.units else Probe(self._make_probe())
        candidate.add(payload, seq, ts, marker)
        if self._probe is not None:
            self._probe.push(payload, seq, ts, marker)
        silence = max(MIN_SILENCE, SILENT_INTERVALS * self._assembler.times.interval)
        taken = self._sources.has_taken_over(candidate, silence, self._evidence())
        if taken:
            self._switch(candidate)
        elif taken is False:
            self._counters.foreign_packets += self._sources.give_up()

    def _evidence(self) -> SourceEvidence:
        if self._probe is None:
            return SourceEvidence.NOT_ASKED
        found = self._probe.evidence
        return found if found is SourceEvidence.HOPELESS or not self._assembler.units else SourceEvidence.NOT_ASKED

    def _switch(self, candidate: Candidate) -> None:
        """Make the candidate the source, and process what it has sent meanwhile."""
        log.info("a stream's source changed from SSRC %08x to %08x", self.ssrc, candidate.ssrc)
        another = self._sources.switch(candidate)
        self.ssrc, self._probe = candidate.ssrc, None
        self._assembler.restart_sequence(same_pictures=not another)
        for payload, seq, ts, marker in candidate.packets:
            if payload is None:
                self._assembler.skip_number(seq, ts)
                continue
            self._counters.packets += 1
            self._assembler.push(memoryview(payload), 0, len(payload), seq, ts, marker)
