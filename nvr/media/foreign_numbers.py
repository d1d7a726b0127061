"""Sequence numbers that packets of other payload types used under the stream's own SSRC: do they explain a hole in ours?

RFC 3550 gives a source one sequence of numbers for all its payload types: then nothing is missing where a packet of another
type had the number. Cameras also number their metadata apart: then such a number says nothing, and must not hide a loss. Over
TCP packets come in the order in which they were numbered, so every foreign packet shows which it is.
"""

from __future__ import annotations

MAX_AHEAD = 1024  # of the number that is expected next; what is farther is no sequence of ours
FILLED = 2  # holes filled exactly, in a row, by a payload type that was held to be numbered apart: it is not


class ForeignNumbers:
    """Of one source. Between two packets of the stream: `note` those of other payload types, then `in_order` or `explain`."""

    __slots__ = ("_apart", "_since")

    def __init__(self) -> None:
        self._since: list[tuple[int, int]] = []  # (number, payload type) since the newest packet of the stream
        self._apart: dict[
            int, int
        ] = {}  # payload types that are numbered apart: holes in a row that they filled exactly

    def __bool__(self) -> bool:
        return bool(self._since)

    def restart(self) -> None:
        """Another source."""
        self._since.clear()
        self._apart.clear()

    def note(self, seq: int, payload_type: int, expected: int) -> None:
        if (seq - expected) & 0xFFFF >= MAX_AHEAD:
            self._apart[payload_type] = 0
        elif len(self._since) < MAX_AHEAD:
            self._since.append((seq, payload_type))

    def in_order(self) -> None:
        """The stream's next packet has the expected number: whoever used one meanwhile is numbered apart."""
        for _, payload_type in self._since:
            self._apart[payload_type] = 0
        self._since.clear()

    def explain(self, expected: int, missing: int) -> int:
        """How many of the `missing` numbers from `expected` on were used by foreign packets."""
        used = {(seq - expected) & 0xFFFF: payload_type for seq, payload_type in self._since}
        self._since.clear()
        for place, payload_type in used.items():
            if place >= missing:  # the stream's own packet has it, or one before it
                self._apart[payload_type] = 0
        inside = {place: payload_type for place, payload_type in used.items() if place < missing}
        explained = sum(payload_type not in self._apart for payload_type in inside.values())
        if len(inside) == missing:
            for payload_type in set(inside.values()) & self._apart.keys():
                self._filled(payload_type)
        return explained

    def _filled(self, payload_type: int) -> None:
        self._apart[payload_type] += 1
        if self._apart[payload_type] >= FILLED:
            del self._apart[payload_type]
