"""What a stream's recorder said of it last, and for how long that is believed: a dead recorder's words are no news."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from nvr.tables import StreamStatus

FRESH = timedelta(seconds=60)  # recorders say every 4 s how their streams are
UNKNOWN = "unknown"


def is_fresh(now: datetime) -> ColumnElement[bool]:
    """Condition: the row says how the stream is now."""
    return StreamStatus.at > now - FRESH


def state_of(status: StreamStatus | None, now: datetime) -> str:
    """connecting, recording …; `unknown` where nobody has said so lately."""
    return status.state if status is not None and now - status.at < FRESH else UNKNOWN
