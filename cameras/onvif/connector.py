"""Connections to cameras' web servers, within the station's budget of connection attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from core.connection_budget import ConnectionBudget


class BudgetedConnector(aiohttp.TCPConnector):
    """Waits for a place before it connects; a connection that is kept alive needs none."""

    def __init__(self, budget: ConnectionBudget | None):
        super().__init__(limit=0, ttl_dns_cache=60, keepalive_timeout=2)
        self._budget = budget

    async def _create_connection(self, req: aiohttp.ClientRequest, *arguments: Any, **options: Any) -> Any:
        async with self.place(str(req.url)):
            return await super()._create_connection(req, *arguments, **options)

    @asynccontextmanager
    async def place(self, url: str) -> AsyncIterator[None]:
        """For a connection that is made otherwise."""
        if self._budget is None:
            yield
            return
        async with self._budget.attempt(url):
            yield
