"""The village scope of an account, as a condition of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, true
from sqlalchemy.orm import InstrumentedAttribute

Villages = Sequence[str] | None  # of an account; None: the whole town


def within(column: InstrumentedAttribute[Any], villages: Villages) -> ColumnElement[bool]:
    """Rows whose village (`column`) an account sees. A row without a village is the whole town's."""
    return true() if villages is None else column.in_(villages)


def overlapping(column: InstrumentedAttribute[Any], villages: Villages) -> ColumnElement[bool]:
    """Rows whose list of villages (JSON; null: everywhere) has one that an account sees.

    SQLite compares without regard to case here: codes that differ in nothing else must be told apart by the caller.
    """
    if villages is None:
        return true()
    text = cast(column, Text)
    return or_(column.is_(None), text == "null", *(text.contains(f'"{code}"', autoescape=True) for code in villages))


def covers(villages: Villages, wanted: Villages) -> bool:
    """Whether an account that sees `villages` may decide about all of `wanted` (None: the whole town)."""
    return villages is None or (wanted is not None and set(wanted) <= set(villages))


def overlaps(villages: Villages, wanted: Villages) -> bool:
    """Whether an account that sees `villages` sees one of `wanted` (None: everywhere)."""
    return villages is None or wanted is None or not set(wanted).isdisjoint(villages)
