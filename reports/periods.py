"""Days and months as texts in, instants of the station's zone out."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.error_codes import ErrorCode
from core.errors import UsageError

YEARS = range(2000, 2101)  # others are typing errors


def month_bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of a month 'YYYY-MM' and of the next, in the station's zone. Raises UsageError."""
    start = _parsed(month, "%Y-%m", "a month; write it like 2026-11", zone)
    return start, (start + timedelta(days=32)).replace(day=1)


def day_start(day: str, zone: ZoneInfo) -> datetime:
    """Return local midnight of a day 'YYYY-MM-DD'. Raises UsageError."""
    return _parsed(day, "%Y-%m-%d", "a day; write it like 2026-11-21", zone)


def _parsed(text: str, form: str, wanted: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.strptime(text, form).replace(tzinfo=zone)
    except ValueError as e:
        raise UsageError(f"'{text}' is not {wanted}", ErrorCode.PERIOD_INVALID, value=text[:40]) from e
    if found.year not in YEARS:
        raise UsageError(f"'{text}' is not {wanted}", ErrorCode.PERIOD_INVALID, value=text[:40])
    return found
