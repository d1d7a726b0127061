"""What the sequence number of an RTP packet says (RFC 3550 A.1): what is missing before it, or that it came before.

Over TCP packets come in the order in which they were sent, so a number that is a little behind is a packet sent twice, unless its
timestamp is newer than all that came: then the camera began to count anew. Of a camera whose numbers never follow each other they
mean nothing, and are not looked at until they do follow each other.
"""

from __future__ import annotations

from nvr.media.foreign_numbers import ForeignNumbers

MAX_DUPLICATE = 64  # packets; a sequence number so little behind is a packet sent twice
MAX_STRANGE = 64  # packets in a row of which none has the number that follows
MIN_FOLLOWING = 64  # packets in a row that have it: the numbers mean something again
BEFORE, UNKNOWN = -1, -2  # it came before; the numbers do not go on, and nobody knows how many are missing
# What the stream's status says.
NOT_LOOKED_AT = "its packets' numbers do not follow each other: what is lost is not known"


class PacketNumbers:
    """Of one source. For each packet: `in_order` where its number is the expected one and something is `pending`, `judge` where it
    is not. Whoever takes packets in order without asking (nvr.media.batch_depacketizer) sets `strange` to 0."""

    __slots__ = ("_following", "_foreign", "ignored", "pending", "strange")

    def __init__(self) -> None:
        self._foreign = ForeignNumbers()
        self._following = 0  # packets in a row that had the next number while numbers were ignored
        self.strange = 0  # packets in a row that had not
        self.ignored = False
        self.pending = False  # `in_order` has something to do

    @property
    def is_plain(self) -> bool:
        """Nothing but the next number is expected (nvr.media.batch_depacketizer)."""
        return not self._foreign and not self.ignored

    def restart(self) -> None:
        """Another source."""
        self._foreign.restart()
        self.strange = self._following = 0
        self.ignored = self.pending = False

    def note_foreign(self, seq: int, payload_type: int, expected: int) -> None:
        """A packet of another payload type had this number."""
        self._foreign.note(seq, payload_type, expected)
        self.pending = True

    def in_order(self) -> None:
        self.strange = 0
        self._foreign.in_order()
        if self.ignored:
            self._following += 1
            self.ignored = self._following < MIN_FOLLOWING
        self.pending = self.ignored

    def judge(self, expected: int, seq: int, *, newer: bool) -> int:
        """How many packets are missing before this one, BEFORE or UNKNOWN. `newer`: its timestamp is later than all that came."""
        self.strange += 1
        self._following, self.pending = 0, True
        if self.ignored:
            return 0
        if self.strange > MAX_STRANGE:
            self.ignored = True
            return UNKNOWN
        missing = (seq - expected) & 0xFFFF
        if missing >= 0x10000 - MAX_DUPLICATE:
            return UNKNOWN if newer else BEFORE
        if missing >= 0x8000:
            return UNKNOWN
        missing -= self._foreign.explain(expected, missing)
        self.strange = self.strange if missing else 0  # others had the numbers between
        return missing
