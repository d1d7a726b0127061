"""The last status that a recorder wrote of a stream, and how long it is valid: a dead recorder's status is outdated."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from nvr.tables import StreamStatus

FRESH = timedelta(seconds=60)  # recorders write the status every 4 s
UNKNOWN = "unknown"


def is_fresh(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a row is recent."""
    return StreamStatus.at > now - FRESH


def state_of(status: StreamStatus | None, now: datetime) -> str:
    """Return the state (connecting, recording …); `unknown` where no recent status exists."""
    return status.state if status is not None and now - status.at < FRESH else UNKNOWN
