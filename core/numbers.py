"""Parsing of whole numbers from untrusted text."""

from __future__ import annotations


def parse_whole_number(text: str, digits: int = 18) -> int | None:
    """Parse 1 to `digits` ASCII digits; None for anything else.

    str.isdigit accepts '²', which int refuses, and int refuses more than 4,300 digits. 18 digits fit into 64 bits.
    """
    return int(text) if 0 < len(text) <= digits and text.isascii() and text.isdigit() else None
