"""Receive the RTP packets of one video track: select the track's packets and locate their payload (RFC 3550 5.1).

Packets on the track's channel need not belong to the track: an old session may still be sending (another SSRC), and
some cameras send metadata with a payload type of its own on the same channel. Such packets are ignored and counted as
foreign. A camera that really changes its SSRC stops sending with the old one: what arrived with the new one meanwhile
is kept and used (nvr.media.rtp.ssrc).
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable

from core.errors import ProtocolError
from core.units import MEDIA_CLOCK
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.rtp.ssrc import Candidate, SourceBounds, SourceChoice, SourceEvidence
from nvr.media.samples import StreamCounters
from nvr.rtsp.message_text import Buffer
from nvr.rtsp.sdp import VideoTrack

log = logging.getLogger(__name__)

MIN_PACKET_BYTES = 12  # minimum bytes of a packet
MIN_SILENCE = MEDIA_CLOCK  # 90 kHz units that the old source must be silent before the new one takes over …
SILENT_INTERVALS = 3  # … and at least this many of the old source's picture intervals
# With this much from the new source, the old one is gone whatever the timestamps say.
BOUNDS = SourceBounds(timestamps=64, packets=50_000, bytes=8_000_000)
_CHANNELS = 128  # added to a channel number to distinguish it from a payload type
_HEADER = struct.Struct(">BBHII")  # V P X CC, M PT, sequence, timestamp, SSRC


def payload_bounds(buffer: Buffer, start: int, end: int) -> tuple[int, int]:
    """Return (begin, end) of the payload of an RTP packet: after CSRCs and extension, before the padding."""
    first = buffer[start]
    at = start + 12 + 4 * (first & 15)
    if first & 0x10 and at + 4 <= end:
        at += 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
    if first & 0x20:
        end -= buffer[end - 1]
    return at, max(at, end)


def probe_of(track: VideoTrack) -> Callable[[], Depacketizer]:
    """Return a factory of depacketizers that only test whether packets form pictures."""
    return lambda: Depacketizer(track.codec, track.parameter_sets, StreamCounters(), lambda _: None)


class SourceProbe:
    """Tests whether another source's packets form pictures while ours have not yet: the first with a keyframe wins."""

    def __init__(self, depacketizer: Depacketizer):
        self._depacketizer = depacketizer
        self._is_undecodable = False

    def push(self, payload: bytes, seq: int, ts: int, marker: int) -> None:
        if self._is_undecodable:
            return
        try:
            self._depacketizer.push(memoryview(payload), 0, len(payload), seq, ts, marker)
        except ProtocolError:  # data of a foreign source must not end this session
            self._is_undecodable = True

    def skip(self, seq: int, payload_type: int) -> None:
        self._depacketizer.record_foreign_number(seq, payload_type)

    @property
    def evidence(self) -> SourceEvidence:
        if self._is_undecodable:
            return SourceEvidence.UNDECODABLE
        return SourceEvidence.DECODABLE if self._depacketizer.complete_pictures else SourceEvidence.NONE_YET


class RtpReceiver:
    """Passes the packets of one track to its depacketizer.

    `probe` creates depacketizers for other sources, whose pictures are discarded. `announced_ssrc` is the SSRC that the
    camera announced; -1: none.
    """

    def __init__(
        self, depacketizer: Depacketizer, payload_type: int, probe: Callable[[], Depacketizer], announced_ssrc: int = -1
    ):
        self._depacketizer = depacketizer
        self._counters = depacketizer.counters
        self._payload_type = payload_type
        self._make_probe = probe
        self._sources = SourceChoice(BOUNDS, announced_ssrc)
        self._source_probe: SourceProbe | None = None  # of the candidate
        self.ssrc = -1  # of the current source; -1: no packet yet

    @property
    def has_candidate(self) -> bool:
        """True while another source is being observed, so that every packet must pass through `process_packet`."""
        return self._sources.candidate is not None

    def is_foreign(self, ssrc: int) -> bool:
        """Return whether packets of this source were ignored; its reports are then ignored as well."""
        return ssrc in self._sources.foreign

    def process_packet(self, buffer: Buffer, view: memoryview, at: int, end: int) -> None:
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
            self._sources.set_first_source(ssrc)
        elif self._sources.candidate is not None:
            self._counters.foreign_packets += self._sources.record_own_packet(
                decided=self._depacketizer.complete_pictures > 0
            )
        self._counters.packets += 1
        self._depacketizer.push(view, start, stop, seq, ts, second & 0x80)

    def other_channel(self, seq: int, channel: int) -> None:
        """Record a sequence number used on another channel: some cameras number the packets of all tracks together."""
        if self.ssrc >= 0:
            self._depacketizer.record_foreign_number(seq, _CHANNELS + channel)

    def _other_kind(self, seq: int, payload_type: int, ssrc: int) -> None:
        self._counters.foreign_packets += 1
        candidate = self._sources.candidate
        if candidate is not None and ssrc == candidate.ssrc and candidate.timestamps:
            if not self._sources.skip(candidate, seq, payload_type):
                self._counters.foreign_packets += self._sources.give_up()
            elif self._source_probe is not None:
                self._source_probe.skip(seq, payload_type)
        if ssrc == self.ssrc:  # it may share our sequence of numbers: then the number is not missing
            self._depacketizer.record_foreign_number(seq, payload_type)

    def _other_source(self, ssrc: int, payload: bytes, seq: int, ts: int, marker: int) -> None:
        candidate, foreign = self._sources.record_other_packet(ssrc, seq)
        self._counters.foreign_packets += foreign
        if not candidate.packets:
            self._source_probe = None if self._depacketizer.complete_pictures else SourceProbe(self._make_probe())
        candidate.add(payload, seq, ts, marker)
        if self._source_probe is not None:
            self._source_probe.push(payload, seq, ts, marker)
        silence = max(MIN_SILENCE, SILENT_INTERVALS * self._depacketizer.times.interval)
        taken = self._sources.has_taken_over(candidate, silence, self._evidence())
        if taken:
            self._switch(candidate)
        elif taken is False:
            self._counters.foreign_packets += self._sources.give_up()

    def _evidence(self) -> SourceEvidence:
        if self._source_probe is None:
            return SourceEvidence.NOT_NEEDED
        found = self._source_probe.evidence
        return (
            found
            if found is SourceEvidence.UNDECODABLE or not self._depacketizer.complete_pictures
            else SourceEvidence.NOT_NEEDED
        )

    def _switch(self, candidate: Candidate) -> None:
        """Make the candidate the source, and process what it has sent meanwhile."""
        log.info("a stream's source changed from SSRC %08x to %08x", self.ssrc, candidate.ssrc)
        another = self._sources.switch(candidate)
        self.ssrc, self._source_probe = candidate.ssrc, None
        self._depacketizer.restart_sequence(same_pictures=not another)
        for payload, seq, ts, marker in candidate.packets:
            if payload is None:
                self._depacketizer.record_foreign_number(seq, ts)
                continue
            self._counters.packets += 1
            self._depacketizer.push(memoryview(payload), 0, len(payload), seq, ts, marker)
