"""Which source (SSRC) is the track's, and when another one has taken over (RFC 3550 5.1, 8.2): one rule for pictures and sound.

The first source is ours until another proves that it is: it is the one that the camera announced (once), or its pictures can be
decoded where nothing of ours could yet (`Evidence`), or ours has fallen silent. Silence is measured by the other one's timestamps:
at least as long as `SourceChoice.candidate` is told, over three of them at least, while ours sends nothing. What the other one sent
meanwhile is kept, in bounds, and handed over with the decision; where the bounds are reached first it is ours if it sends
pictures (or sound) at all, and is given up otherwise. A source whose numbers jump is none: it begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from nvr.media.packet_numbers import MAX_DUPLICATE

MIN_TIMESTAMPS = 3  # of the other source, before silence of ours is believed
MAX_MISSING = 100  # packets of it, between two that came
MAX_FOREIGN = 16  # sources remembered

# Payload, sequence number, timestamp, marker; no payload: a packet of another payload type (in place of the timestamp).
Kept = tuple[bytes | None, int, int, int]


@dataclass(frozen=True, slots=True)
class SourceBounds:
    """What is kept of another source."""

    timestamps: int
    packets: int
    bytes: int


class SourceEvidence(Enum):
    """What decoding says of another source's packets."""

    NOT_ASKED = 0  # ours gives something: only its silence counts
    NONE_YET = 1
    PROVED = 2  # it gives what ours did not give yet
    HOPELESS = 3  # it gives nothing


@dataclass(slots=True)
class Candidate:
    """Another source on the channel, and what it sent since the present one was last heard."""

    ssrc: int
    packets: list[Kept] = field(default_factory=list)
    size: int = 0  # bytes
    timestamps: int = 0  # that differ from the one before
    interrupted: bool = False  # the present source sent, too
    _first_ts: int = -1
    _last_ts: int = -1
    _seq: int = -1

    def follows(self, seq: int) -> bool:
        """The number is near the newest one."""
        return self._seq < 0 or -MAX_DUPLICATE <= _signed(seq - self._seq, 16) <= MAX_MISSING

    def add(self, payload: bytes, seq: int, ts: int, marker: int) -> None:
        if not self.timestamps:
            self._first_ts = ts
        self.timestamps += ts != self._last_ts
        self._last_ts, self._seq = ts, seq
        self.size += len(payload)
        self.packets.append((payload, seq, ts, marker))

    @property
    def lasts(self) -> int:
        """From its first timestamp to its newest."""
        return _signed(self._last_ts - self._first_ts, 32)


class SourceChoice:
    """Of one track. `stated`: the SSRC that the camera announced, -1: none."""

    def __init__(self, bounds: SourceBounds, stated: int = -1):
        self._bounds = bounds
        self._stated = stated
        self.ssrc = -1  # of the source; -1: nothing came yet
        self.candidate: Candidate | None = None
        self.foreign: set[int] = set()  # SSRCs whose packets were ignored

    def begin(self, ssrc: int) -> None:
        """The first packet came."""
        self.ssrc = ssrc
        self._stated = -1 if ssrc == self._stated else self._stated

    def own(self, *, decided: bool) -> int:
        """The present source sent a packet while there is a candidate. `decided`: it has given something that can be used, and
        keeps the place. Returns how many packets are foreign with that."""
        if self.candidate is None:
            return 0
        self.candidate.interrupted = True
        return self.give_up() if decided else 0

    def give_up(self) -> int:
        """The candidate is none; returns how many packets of it are foreign."""
        candidate, self.candidate = self.candidate, None
        if candidate is None:
            return 0
        if len(self.foreign) < MAX_FOREIGN:
            self.foreign.add(candidate.ssrc)
        return sum(payload is not None for payload, *_ in candidate.packets)

    def other(self, ssrc: int, seq: int) -> tuple[Candidate, int]:
        """A packet of another source came; returns the candidate that it belongs to, and how many packets of one before are
        foreign."""
        gone, interrupted = 0, False
        if self.candidate is not None and (self.candidate.ssrc != ssrc or not self.candidate.follows(seq)):
            interrupted = self.candidate.interrupted and self.candidate.ssrc == ssrc
            gone = self.give_up()
        if self.candidate is None:
            self.candidate = Candidate(ssrc, interrupted=interrupted)
        return self.candidate, gone

    def skip(self, candidate: Candidate, seq: int, payload_type: int) -> bool:
        """The candidate sent a packet of another payload type; False: more than is kept of it, it is none."""
        if self._is_full(candidate):
            return False
        candidate.packets.append((None, seq, payload_type, 0))
        return True

    def has_taken_over(
        self, candidate: Candidate, silence: int, evidence: SourceEvidence = SourceEvidence.NOT_ASKED
    ) -> bool | None:
        """Whether the candidate is the source from now on; None: it is not known yet. `silence`: so long must it have sent while
        ours was silent, in units of its timestamps."""
        if candidate.ssrc == self._stated or evidence is SourceEvidence.PROVED:
            return True
        silent = (
            not candidate.interrupted
            and candidate.timestamps >= MIN_TIMESTAMPS
            and evidence is not SourceEvidence.HOPELESS
        )
        if silent and evidence is SourceEvidence.NOT_ASKED and candidate.lasts >= silence:
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
        """The candidate is the source from now on; returns whether it had sent beside the one before: it is another stream then,
        and does not go on with the same pictures."""
        beside = candidate.interrupted or candidate.ssrc in self.foreign or candidate.ssrc == self._stated
        if len(self.foreign) < MAX_FOREIGN:
            self.foreign.add(self.ssrc)
        self._stated = -1  # believed once: afterwards silence decides
        self.foreign.discard(candidate.ssrc)
        self.ssrc, self.candidate = candidate.ssrc, None
        return beside


def _signed(difference: int, bits: int) -> int:
    half = 1 << bits - 1
    return ((difference + half) & (1 << bits) - 1) - half
