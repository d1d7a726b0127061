"""Spaces that separate no words: 白 色 面 包 车 is read as 白色面包车, and several spaces as one."""

from __future__ import annotations

import re
from typing import NamedTuple

_SPACES = re.compile(r"[^\S\n]{2,}")
# At least three single characters with spaces between them, as a form with one box for each character has them.
_SPACED = re.compile(r"(?<!\S)(?:[\u4e00-\u9fff0-9][^\S\n]){2,500}[\u4e00-\u9fff0-9](?!\S)")
_MIN_CHINESE = 2  # characters of such a row, or it may be a row of numbers


class Spaced(NamedTuple):
    """A text without needless spaces, and for each of its characters the position in the text as it was."""

    text: str
    positions: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the positions [start, end) of a part in the text as it was."""
        return self.positions[start], self.positions[end - 1] + 1


def without_spaces(text: str) -> Spaced:
    """Return the text with one space for several, and none between single Chinese characters."""
    left_out: set[int] = set()
    for match in _SPACES.finditer(text):
        left_out |= set(range(match.start() + 1, match.end()))
    kept = [i for i in range(len(text)) if i not in left_out]
    plain = "".join(text[i] for i in kept)
    for match in _SPACED.finditer(plain):
        row = match.group()
        if sum(not c.isascii() for c in row) >= _MIN_CHINESE:
            left_out |= {kept[match.start() + i] for i, c in enumerate(row) if c.isspace()}
    positions = tuple(i for i in kept if i not in left_out)
    return Spaced("".join(text[i] for i in positions), positions)
