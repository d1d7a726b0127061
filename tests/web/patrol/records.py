"""The days and patrol rounds of these tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import SystemClock
from health.tables import PatrolRound

NOW = SystemClock().now()
TODAY = f"{NOW.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}"
YESTERDAY = f"{NOW.astimezone(ZoneInfo('Asia/Shanghai')) - timedelta(days=1):%Y-%m-%d}"


def patrol_round(*, began: float = 1, finished: bool = True, scope: dict[str, Any] | None = None) -> PatrolRound:
    """Return a round that started some seconds ago."""
    at = NOW - timedelta(seconds=began)
    return PatrolRound(
        asked_at=at,
        asked_by="schedule",
        scope=scope or {},
        started_at=at,
        finished_at=NOW if finished else None,
        cameras=8,
        inspected=3,
    )
