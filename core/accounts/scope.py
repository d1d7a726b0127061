"""The village scope of an account, as a condition of a query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Text, cast, or_, true
from sqlalchemy.orm import InstrumentedAttribute

Villages = Sequence[str] | None  # scope of an account; None: the whole town


def village_in_scope(column: InstrumentedAttribute[str | None], villages: Villages) -> ColumnElement[bool]:
    """Condition for rows whose village (`column`) is in the scope. Only the whole town sees rows without a village."""
    return true() if villages is None else column.in_(villages)


def villages_overlap_scope(column: InstrumentedAttribute[list[str] | None], villages: Villages) -> ColumnElement[bool]:
    """Condition for rows whose list of villages (JSON; null: everywhere) has at least one village in the scope.

    SQLite's comparison ignores case here: the caller must separate codes that differ only in case.
    """
    if villages is None:
        return true()
    text = cast(column, Text)
    return or_(column.is_(None), text == "null", *(text.contains(f'"{code}"', autoescape=True) for code in villages))


def covers(villages: Villages, wanted: Villages) -> bool:
    """Return whether an account with the scope `villages` may decide about all of `wanted` (None: the whole town)."""
    return villages is None or (wanted is not None and set(wanted) <= set(villages))


def overlaps(villages: Villages, wanted: Villages) -> bool:
    """Return whether an account with the scope `villages` sees at least one of `wanted` (None: everywhere)."""
    return villages is None or wanted is None or not set(wanted).isdisjoint(villages)
