"""Today and the hand-over read facts kept by day and the present state: nothing whose number grows with the archive."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, event

from cases.shifts import decisions, handover
from core.clock import SystemClock
from core.database import Database
from core.settings import RetentionSettings
from reports.today import today

# Tables that grow with time. Others have a row for each camera, stream, village or thing that waits.
GROWING = "footage|gap|inspection|camera_day|daily_figures|fault|alert|audit|event|short_hole"
READ_WHOLE = re.compile(rf"SCAN (?:{GROWING})\b")
ZONE = ZoneInfo("Asia/Shanghai")


async def test_no_query_scans_a_table_that_grows(database: Database, chosen_address: str) -> None:
    if chosen_address:
        pytest.skip("PostgreSQL chooses plans by its statistics")
    plans: list[str] = []

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            with contextlib.closing(connection.connection.cursor()) as other:
                other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in other.fetchall())

    now = SystemClock().now()
    event.listen(database.engine.sync_engine, "before_cursor_execute", explain)
    async with database.reading() as session:
        for scope in (None, ["wangjia"]):
            await today(session, scope, now, ZONE)
            await handover.station_handover(session, RetentionSettings(), scope, now - timedelta(hours=12), now)
            await decisions.open_alerts(session, scope, now)
    event.remove(database.engine.sync_engine, "before_cursor_execute", explain)
    assert len(plans) > 40
    assert not sorted({p for p in plans if READ_WHOLE.search(p)})
