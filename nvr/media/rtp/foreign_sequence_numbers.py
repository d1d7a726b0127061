"""Decide whether packets of other payload types explain a gap in a stream's RTP sequence numbers.

By RFC 3550 a source uses one sequence of numbers for all its payload types; then nothing is missing where a packet of
another type had the number. Some cameras number their metadata separately; then such a number explains nothing and must
not hide a loss. Over TCP, packets arrive in the order in which they were numbered, so every foreign packet shows which
of the two cases applies.
"""

from __future__ import annotations

MAX_AHEAD = 1024  # numbers after the expected one; a farther number belongs to a separate sequence
FILLED_GAPS_FOR_SHARED = (
    2  # gaps in a row that a payload type must fill exactly to be no longer regarded as numbered separately
)


class ForeignSequenceNumbers:
    """State of one source.

    Call `record` for foreign packets between two packets of the stream, then `in_order` or `explain`.
    """

    __slots__ = ("_foreign_since", "_separate")

    def __init__(self) -> None:
        self._foreign_since: list[tuple[int, int]] = []  # (number, payload type) since the newest packet of the stream
        # Payload types that are numbered separately: the gaps in a row that they filled exactly.
        self._separate: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._foreign_since)

    def restart(self) -> None:
        """Start over for another source."""
        self._foreign_since.clear()
        self._separate.clear()

    def record(self, seq: int, payload_type: int, expected: int) -> None:
        """Record that a packet of `payload_type` used the number `seq` while the stream's next number is `expected`."""
        if (seq - expected) & 0xFFFF >= MAX_AHEAD:
            self._separate[payload_type] = 0
        elif len(self._foreign_since) < MAX_AHEAD:
            self._foreign_since.append((seq, payload_type))

    def in_order(self) -> None:
        """Handle a packet of the stream that has the expected number.

        Payload types that used a number in between are therefore numbered separately.
        """
        for _, payload_type in self._foreign_since:
            self._separate[payload_type] = 0
        self._foreign_since.clear()

    def explain(self, expected: int, missing: int) -> int:
        """Return how many of the `missing` numbers from `expected` on were used by foreign packets."""
        used = {(seq - expected) & 0xFFFF: payload_type for seq, payload_type in self._foreign_since}
        self._foreign_since.clear()
        for place, payload_type in used.items():
            if place >= missing:  # a packet of the stream itself has this number
                self._separate[payload_type] = 0
        inside = {place: payload_type for place, payload_type in used.items() if place < missing}
        explained = sum(payload_type not in self._separate for payload_type in inside.values())
        if len(inside) == missing:
            for payload_type in set(inside.values()) & self._separate.keys():
                self._record_filled_gap(payload_type)
        return explained

    def _record_filled_gap(self, payload_type: int) -> None:
        self._separate[payload_type] += 1
        if self._separate[payload_type] >= FILLED_GAPS_FOR_SHARED:
            del self._separate[payload_type]
