"""The tables of the page Today, computed at most once a minute for each scope, however many pages are open."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo

from pydantic import TypeAdapter

from core.accounts.scope import Villages
from core.database import Database
from reports.today import TownToday, today
from web.work.task_cache import TaskCache

VALID_S = 60
MAX_TABLES = 40  # scopes in use at once
_JSON = TypeAdapter(TownToday)


class TodayTables:
    """Computes the table of a scope, and keeps its JSON for VALID_S."""

    def __init__(self) -> None:
        self._tables: TaskCache[tuple[tuple[str, ...] | None, int]] = TaskCache("today", MAX_TABLES)

    async def json(self, database: Database, scope: Villages, now: datetime, zone: tzinfo) -> bytes:
        """Return the table of a scope as JSON."""
        key = (None if scope is None else tuple(sorted(scope)), int(now.timestamp()) // VALID_S)
        task = self._tables.get(key) or self._tables.start(key, _compute(database, scope, now, zone))
        return await asyncio.shield(task)


async def _compute(database: Database, scope: Villages, now: datetime, zone: tzinfo) -> bytes:
    async with database.reading() as session:
        return _JSON.dump_json(await today(session, scope, now, zone))
