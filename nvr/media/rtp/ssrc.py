"""Decide which source (SSRC) is the track's, and when another one takes over (RFC 3550 5.1, 8.2); for video and audio.

The first source is ours until another one proves to be: the camera announced its SSRC (this counts once), or its
pictures can be decoded while none of ours could be (`SourceEvidence`), or ours has fallen silent. Silence is measured
by the other source's timestamps: at least `silence` (see `SourceChoice.has_taken_over`) and at least MIN_TIMESTAMPS
timestamps, during which ours sends nothing. What the other source sends meanwhile is kept, within bounds, and handed
over with the decision. When the bounds are reached first, it becomes the source if it sends media while ours is silent,
and is given up otherwise. A source whose sequence numbers jump starts over as a new candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from nvr.media.rtp.sequence_numbers import MAX_DUPLICATE

MIN_TIMESTAMPS = 3  # timestamps of the other source that prove that ours is silent
MAX_MISSING = 100  # packets that may be missing between two of a candidate
MAX_FOREIGN = 16  # foreign sources remembered

# Payload, sequence number, timestamp, marker. Without payload: a packet of another payload type, which replaces the
# timestamp.
KeptPacket = tuple[bytes | None, int, int, int]


@dataclass(frozen=True, slots=True)
class SourceBounds:
    """Limits of what is kept from another source."""

    timestamps: int
    packets: int
    bytes: int


class SourceEvidence(Enum):
    """Result of decoding another source's packets."""

    NOT_NEEDED = 0  # ours yields pictures: only its silence counts
    NONE_YET = 1
    DECODABLE = 2  # it yields pictures, and ours has not yet
    UNDECODABLE = 3  # it cannot be decoded


@dataclass(slots=True)
class Candidate:
    """Another source on the channel, and what it sent since the current one was last received."""

    ssrc: int
    packets: list[KeptPacket] = field(default_factory=list)
    size: int = 0  # bytes
    timestamps: int = 0  # changes of the timestamp
    interrupted: bool = False  # the current source has sent as well
    _first_ts: int = -1
    _last_ts: int = -1
    _seq: int = -1

    def follows(self, seq: int) -> bool:
        """Return whether the sequence number is near the newest one."""
        return self._seq < 0 or -MAX_DUPLICATE <= _signed(seq - self._seq, 16) <= MAX_MISSING

    def add(self, payload: bytes, seq: int, ts: int, marker: int) -> None:
        """Append a packet of the candidate."""
        if not self.timestamps:
            self._first_ts = ts
        self.timestamps += ts != self._last_ts
        self._last_ts, self._seq = ts, seq
        self.size += len(payload)
        self.packets.append((payload, seq, ts, marker))

    @property
    def duration(self) -> int:
        """Time from its first timestamp to its newest."""
        return _signed(self._last_ts - self._first_ts, 32)


class SourceChoice:
    """Source selection of one track. `announced_ssrc` is the SSRC that the camera announced; -1: none."""

    def __init__(self, bounds: SourceBounds, announced_ssrc: int = -1):
        self._bounds = bounds
        self._announced_ssrc = announced_ssrc
        self.ssrc = -1  # of the current source; -1: no packet yet
        self.candidate: Candidate | None = None
        self.foreign: set[int] = set()  # SSRCs whose packets were ignored

    def set_first_source(self, ssrc: int) -> None:
        """Use the SSRC of the first packet."""
        self.ssrc = ssrc
        self._announced_ssrc = -1 if ssrc == self._announced_ssrc else self._announced_ssrc

    def record_own_packet(self, *, decided: bool) -> int:
        """Record that the current source sent a packet while there is a candidate.

        `decided`: it has yielded usable media, so it stays the source. Return how many packets become foreign.
        """
        if self.candidate is None:
            return 0
        self.candidate.interrupted = True
        return self.give_up() if decided else 0

    def give_up(self) -> int:
        """Drop the candidate; return how many of its packets are foreign."""
        candidate, self.candidate = self.candidate, None
        if candidate is None:
            return 0
        if len(self.foreign) < MAX_FOREIGN:
            self.foreign.add(candidate.ssrc)
        return sum(payload is not None for payload, *_ in candidate.packets)

    def record_other_packet(self, ssrc: int, seq: int) -> tuple[Candidate, int]:
        """Record a packet of another source.

        Return its candidate, and how many packets of a previous candidate are foreign.
        """
        gone, interrupted = 0, False
        if self.candidate is not None and (self.candidate.ssrc != ssrc or not self.candidate.follows(seq)):
            interrupted = self.candidate.interrupted and self.candidate.ssrc == ssrc
            gone = self.give_up()
        if self.candidate is None:
            self.candidate = Candidate(ssrc, interrupted=interrupted)
        return self.candidate, gone

    def skip(self, candidate: Candidate, seq: int, payload_type: int) -> bool:
        """Record that the candidate sent a packet of another payload type; return False where its bounds are full."""
        if self._is_full(candidate):
            return False
        candidate.packets.append((None, seq, payload_type, 0))
        return True

    def has_taken_over(
        self, candidate: Candidate, silence: int, evidence: SourceEvidence = SourceEvidence.NOT_NEEDED
    ) -> bool | None:
        """Return whether the candidate is the source from now on; None: not decided yet.

        `silence`: how long the candidate must have sent while ours was silent, in units of its timestamps.
        """
        if candidate.ssrc == self._announced_ssrc or evidence is SourceEvidence.DECODABLE:
            return True
        silent = (
            not candidate.interrupted
            and candidate.timestamps >= MIN_TIMESTAMPS
            and evidence is not SourceEvidence.UNDECODABLE
        )
        if silent and evidence is SourceEvidence.NOT_NEEDED and candidate.duration >= silence:
            return True
        return silent if self._is_full(candidate) else None

    def _is_full(self, candidate: Candidate) -> bool:
        bounds = self._bounds
        return (
            candidate.size > bounds.bytes
            or candidate.timestamps > bounds.timestamps
            or len(candidate.packets) > bounds.packets
        )  # fmt: skip

    def switch(self, candidate: Candidate) -> bool:
        """Make the candidate the source.

        Return whether it had sent in parallel with the previous one: it is then a different stream that does not
        continue the same pictures.
        """
        beside = candidate.interrupted or candidate.ssrc in self.foreign or candidate.ssrc == self._announced_ssrc
        if len(self.foreign) < MAX_FOREIGN:
            self.foreign.add(self.ssrc)
        self._announced_ssrc = -1  # the announcement counts once; afterwards silence decides
        self.foreign.discard(candidate.ssrc)
        self.ssrc, self.candidate = candidate.ssrc, None
        return beside


def _signed(difference: int, bits: int) -> int:
    half = 1 << bits - 1
    return ((difference + half) & (1 << bits) - 1) - half
