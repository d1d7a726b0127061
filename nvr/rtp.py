"""RTP packets of one track: which belong to it, and where their payload lies (RFC 3550 5.1).

What comes on the track's channel need not be the track's: an old session may still be sending (another SSRC), and cameras put
metadata under a payload type of their own beside the pictures. Such packets are ignored and counted as foreign. A
camera that really changes its SSRC falls silent under the old one: what came under the new one meanwhile is kept and used.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import ProtocolError
from nvr.access_units import Counters, UnitAssembler
from nvr.picture_times import CLOCK
from nvr.sdp import VideoTrack

log = logging.getLogger(__name__)

LEAST = 12  # bytes of a packet
MIN_SILENCE = CLOCK  # 90 kHz; of the old source, by the new one's timestamps, before the new one is believed
SILENT_INTERVALS = 3  # … and so many of the old one's picture intervals
MAX_RIVAL_PICTURES = 64  # by then the old source is gone, whatever the timestamps say
MAX_RIVAL_BYTES = 8_000_000
MAX_RIVAL_PACKETS = 50_000
MAX_FOREIGN = 16  # sources remembered
_HEADER = struct.Struct(">BBHII")  # V P X CC, M PT, sequence, timestamp, SSRC


def payload_bounds(buffer: Any, start: int, end: int) -> tuple[int, int]:
    """Where the payload of an RTP packet lies: behind CSRCs and extension, before the padding."""
    first = buffer[start]
    at = start + 12 + 4 * (first & 15)
    if first & 0x10 and at + 4 <= end:
        at += 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
    if first & 0x20:
        end -= buffer[end - 1]
    return at, max(at, end)


def probe_of(track: VideoTrack) -> Callable[[], UnitAssembler]:
    """Makes assemblers that only tell whether packets make pictures."""
    return lambda: UnitAssembler(track.codec, track.parameter_sets, Counters(), lambda _: None)


@dataclass(slots=True)
class _Rival:
    """Another source on the channel, and what it sent since the present one was last heard."""

    ssrc: int
    first_ts: int
    probe: UnitAssembler | None  # while it is open which source is ours: which gives a keyframe first?
    last_ts: int = -1
    pictures: int = 0
    size: int = 0  # bytes
    hopeless: bool = False  # it gives no pictures
    interrupted: bool = False  # the present source sent, too
    # Payload, sequence, timestamp, marker; no payload: a packet of another payload type (in place of the timestamp).
    packets: list[tuple[bytes | None, int, int, int]] = field(default_factory=list)

    def take(self, payload: bytes, seq: int, ts: int, marker: int) -> None:
        self.pictures += ts != self.last_ts
        self.last_ts = ts
        self.size += len(payload)
        self.packets.append((payload, seq, ts, marker))
        if self.probe is not None and not self.hopeless:
            try:
                self.probe.push(memoryview(payload), 0, len(payload), seq, ts, marker)
            except ProtocolError:  # a stranger's bytes end nobody's session
                self.hopeless = True

    def skip(self, seq: int, payload_type: int) -> None:
        self.packets.append((None, seq, payload_type, 0))
        if self.probe is not None:
            self.probe.skip_number(seq, payload_type)

    @property
    def span(self) -> int:
        return ((self.last_ts - self.first_ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class RtpReceiver:
    """Hands the packets of one track to its assembler. `probe` makes assemblers whose pictures nobody wants; `stated` is the
    SSRC that the camera announced, -1: none."""

    def __init__(self, assembler: UnitAssembler, payload_type: int, probe: Callable[[], UnitAssembler], stated: int = -1):
        self._assembler = assembler
        self._counters = assembler.counters
        self._payload_type = payload_type
        self._probe = probe
        self._stated = stated
        self.ssrc = -1  # of the source; -1: nothing came yet
        self._rival: _Rival | None = None
        self._foreign: set[int] = set()  # SSRCs

    @property
    def has_rival(self) -> bool:
        """Another source is being watched: every packet matters."""
        return self._rival is not None

    def is_foreign(self, ssrc: int) -> bool:
        """Packets of this source were ignored: so are its reports."""
        return ssrc in self._foreign

    def packet(self, buffer: Any, view: memoryview, at: int, end: int) -> None:
        """One packet on the track's channel, buffer[at:end], at least 12 bytes; `view` is the same memory."""
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
            self._stated = -1 if ssrc == self._stated else self._stated
        elif self._rival is not None:
            self._own_again(self._rival)
        self._counters.packets += 1
        self._assembler.push(view, start, stop, seq, ts, second & 0x80)

    def _other_kind(self, seq: int, payload_type: int, ssrc: int) -> None:
        self._counters.foreign_packets += 1
        if self._rival is not None and ssrc == self._rival.ssrc and self._rival.pictures:
            self._rival.skip(seq, payload_type)
        if ssrc == self.ssrc:  # it may use the same sequence of numbers: then nothing is missing
            self._assembler.skip_number(seq, payload_type)

    def _own_again(self, rival: _Rival) -> None:
        rival.interrupted = True
        if self._assembler.units:
            self._drop(rival)

    def _drop(self, rival: _Rival) -> None:
        self._counters.foreign_packets += sum(payload is not None for payload, *_ in rival.packets)
        if len(self._foreign) < MAX_FOREIGN:
            self._foreign.add(rival.ssrc)
        self._rival = None

    def _other_source(self, ssrc: int, payload: bytes, seq: int, ts: int, marker: int) -> None:
        rival = self._rival
        if rival is None or rival.ssrc != ssrc:
            if rival is not None:
                self._drop(rival)
            self._rival = rival = _Rival(ssrc, ts, None if self._assembler.units else self._probe())
        rival.take(payload, seq, ts, marker)
        if ssrc == self._stated or self._is_ours(rival):
            self._switch(rival)
        elif rival.size > MAX_RIVAL_BYTES or len(rival.packets) > MAX_RIVAL_PACKETS:
            self._drop(rival)

    def _is_ours(self, rival: _Rival) -> bool:
        if rival.hopeless:
            return False
        if rival.probe is not None and not self._assembler.units:
            proved = rival.probe.units > 0
            return proved or (not rival.interrupted and rival.size > MAX_RIVAL_BYTES)
        if rival.size > MAX_RIVAL_BYTES or rival.pictures > MAX_RIVAL_PICTURES:
            return not rival.interrupted
        silence = max(MIN_SILENCE, SILENT_INTERVALS * self._assembler.times.interval)
        return not rival.interrupted and rival.pictures > 2 and rival.span >= silence

    def _switch(self, rival: _Rival) -> None:
        """The rival is the source from now on; what it sent meanwhile is used."""
        log.info("a stream's source changed from SSRC %08x to %08x", self.ssrc, rival.ssrc)
        if len(self._foreign) < MAX_FOREIGN:
            self._foreign.add(self.ssrc)
        # A source that sent beside the present one is another stream; a new one goes on with the same pictures.
        another = rival.interrupted or rival.ssrc in self._foreign or rival.ssrc == self._stated
        self._stated = -1  # believed once: afterwards silence decides
        self._foreign.discard(rival.ssrc)
        self.ssrc, self._rival = rival.ssrc, None
        self._assembler.restart_sequence(same_pictures=not another)
        for payload, seq, ts, marker in rival.packets:
            if payload is None:
                self._assembler.skip_number(seq, ts)
                continue
            self._counters.packets += 1
            self._assembler.push(memoryview(payload), 0, len(payload), seq, ts, marker)
