"""Interpret RTP sequence numbers (RFC 3550 A.1): find missing and duplicate packets.

Over TCP, packets arrive in the order in which they were sent. A number slightly behind the expected one is therefore a
duplicate packet, unless its timestamp is newer than all received ones: then the camera restarted its numbering. If a
camera's numbers never follow each other, they carry no information and are ignored until they do.
"""

from __future__ import annotations

from nvr.media.rtp.foreign_sequence_numbers import ForeignSequenceNumbers

MAX_DUPLICATE = 64  # packets; a sequence number at most this far behind is a duplicate
MAX_UNEXPECTED = 64  # packets in a row without the expected number, after which the numbers are ignored
MIN_EXPECTED = 64  # packets in a row with the expected number, after which the numbers are used again
DUPLICATE = -1
UNKNOWN_LOSS = -2  # the numbering is discontinuous, the number of missing packets unknown
# Shown in the stream's status.
NUMBERS_IGNORED_TEXT = "its RTP sequence numbers are not consecutive; packet loss cannot be measured"


class SequenceTracker:
    """State of one source.

    For each packet call `in_order` if its number is the expected one and `pending` is set, `count_missing` if it is
    another number. A caller that takes packets in order without these calls (nvr.media.batch.batch_depacketizer) sets
    `unexpected_in_a_row` to 0.
    """

    __slots__ = ("_expected_in_a_row", "_foreign", "ignored", "pending", "unexpected_in_a_row")

    def __init__(self) -> None:
        self._foreign = ForeignSequenceNumbers()
        self._expected_in_a_row = 0  # packets in a row with the expected number while numbers are ignored
        self.unexpected_in_a_row = 0  # packets in a row without the expected number
        self.ignored = False
        self.pending = False  # `in_order` must be called for the next packet

    @property
    def is_plain(self) -> bool:
        """True if only the next number is expected, so that nvr.media.batch.batch_depacketizer may take packets."""
        return not self._foreign and not self.ignored

    def restart(self) -> None:
        """Start over for another source."""
        self._foreign.restart()
        self.unexpected_in_a_row = self._expected_in_a_row = 0
        self.ignored = self.pending = False

    def record_foreign(self, seq: int, payload_type: int, expected: int) -> None:
        """Record that a packet of another payload type had this number."""
        self._foreign.record(seq, payload_type, expected)
        self.pending = True

    def in_order(self) -> None:
        """Record a packet with the expected number."""
        self.unexpected_in_a_row = 0
        self._foreign.in_order()
        if self.ignored:
            self._expected_in_a_row += 1
            self.ignored = self._expected_in_a_row < MIN_EXPECTED
        self.pending = self.ignored

    def count_missing(self, expected: int, seq: int, *, newer: bool) -> int:
        """Return how many packets are missing before this one, DUPLICATE or UNKNOWN_LOSS.

        `newer`: its timestamp is later than all received ones.
        """
        self.unexpected_in_a_row += 1
        self._expected_in_a_row, self.pending = 0, True
        if self.ignored:
            return 0
        if self.unexpected_in_a_row > MAX_UNEXPECTED:
            self.ignored = True
            return UNKNOWN_LOSS
        missing = (seq - expected) & 0xFFFF
        if missing >= 0x10000 - MAX_DUPLICATE:
            return UNKNOWN_LOSS if newer else DUPLICATE
        if missing >= 0x8000:
            return UNKNOWN_LOSS
        missing -= self._foreign.explain(expected, missing)
        self.unexpected_in_a_row = (
            self.unexpected_in_a_row if missing else 0
        )  # foreign packets used all numbers in between
        return missing
