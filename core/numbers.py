"""Parsing of numbers from untrusted text."""

from __future__ import annotations

import re
import unicodedata

_YUAN = re.compile(
    r"(?:[¥元]|rmb|cny)?\s*(\d{1,3}(?:,\d{3})+|\d{1,9})(\.\d{1,2})?\s*(?:元整?|块钱?|圆|yuan|rmb|cny)?", re.IGNORECASE
)


def parse_whole_number(text: str, digits: int = 18) -> int | None:
    """Parse 1 to `digits` ASCII digits; None for anything else.

    str.isdigit accepts '²', which int refuses, and int refuses more than 4,300 digits. 18 digits fit into 64 bits.
    """
    return int(text) if 0 < len(text) <= digits and text.isascii() and text.isdigit() else None


def parse_yuan(text: str) -> float | None:
    """Parse an amount of money as people write it: 180, 180元, ¥1,280.50, １８０ 元; None for anything else.

    Full-width forms are read as their plain ones (Unicode NFKC).
    """
    found = _YUAN.fullmatch(unicodedata.normalize("NFKC", text).strip())
    return float(found[1].replace(",", "") + (found[2] or "")) if found else None
