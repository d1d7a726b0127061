"""What the sequence number of an RTP packet says (RFC 3550 A.1): what is missing before it, or that it came before.

Over TCP packets come in the order in which they were sent, so a number that is a little behind is a packet sent twice, unless its
timestamp is newer than all that came: then the camera began to count anew. Of a camera whose numbers never follow each other they
mean nothing, and are not looked at any more.
"""

from __future__ import annotations

import logging

from nvr.foreign_numbers import ForeignNumbers

log = logging.getLogger(__name__)

MAX_DUPLICATE = 64  # packets; a sequence number so little behind is a packet sent twice
MAX_STRANGE = 64  # packets in a row of which none has the number that follows
BEFORE, UNKNOWN = -1, -2  # it came before; the numbers do not go on, and nobody knows how many are missing


class PacketNumbers:
    """Of one source. For each packet: `in_order` where its number is the expected one, `judge` where it is not."""

    __slots__ = ("_foreign", "_strange", "ignored")

    def __init__(self) -> None:
        self._foreign = ForeignNumbers()
        self._strange = 0  # packets in a row
        self.ignored = False

    def __bool__(self) -> bool:
        """`in_order` has something to do."""
        return self._strange > 0 or bool(self._foreign)

    @property
    def is_plain(self) -> bool:
        """Nothing but the next number is expected (nvr.bulk)."""
        return not self._foreign and not self.ignored

    def restart(self) -> None:
        """Another source."""
        self._foreign.restart()
        self._strange, self.ignored = 0, False

    def note_foreign(self, seq: int, payload_type: int, expected: int) -> None:
        """A packet of another payload type had this number."""
        self._foreign.note(seq, payload_type, expected)

    def in_order(self) -> None:
        self._strange = 0
        if self._foreign:
            self._foreign.in_order()

    def judge(self, expected: int, seq: int, *, newer: bool) -> int:
        """How many packets are missing before this one, BEFORE or UNKNOWN. `newer`: its timestamp is later than all that came."""
        self._strange += 1
        if self.ignored or self._strange > MAX_STRANGE:
            if not self.ignored:
                self.ignored = True
                log.warning("the numbers of a camera's packets never follow each other: they are not looked at")
                return UNKNOWN
            return 0
        missing = (seq - expected) & 0xFFFF
        if missing >= 0x10000 - MAX_DUPLICATE:
            return UNKNOWN if newer else BEFORE
        if missing >= 0x8000:
            return UNKNOWN
        missing -= self._foreign.explain(expected, missing)
        self._strange = self._strange if missing else 0  # others had the numbers between
        return missing
