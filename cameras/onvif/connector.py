"""Connector for cameras' web servers that respects the station's budget of concurrent connection attempts.

A call's time limit measures the camera: it does not run while the call waits for a slot of the budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from core.error_codes import ErrorCode
from core.errors import CameraUnreachable
from core.network.connect_limiter import ConnectLimiter, person_waits

SLOT_WAIT_S = 60.0  # longest wait for a slot
# Longest wait for a slot when a person waits: a dome must not turn long after the button was pressed.
INTERACTIVE_SLOT_WAIT_S = 8.0


class ConnectLimitReached(CameraUnreachable):
    """The station had no free connection slot; this says nothing about the camera."""

    code = ErrorCode.CAMERA_CONNECT_LIMIT


@dataclass(slots=True)
class _Limit:
    seconds: float
    timer: asyncio.Timeout
    waited: float = 0.0  # seconds spent waiting for slots


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[_Limit]:
    """Like asyncio.timeout, but restarts when a slot is granted. Raises TimeoutError and ConnectLimitReached."""
    async with asyncio.timeout(seconds) as timer:
        limit = _Limit(seconds, timer)
        token = _limit.set(limit)
        try:
            yield limit
        finally:
            _limit.reset(token)


class BudgetedConnector(aiohttp.TCPConnector):
    """Takes a slot of the budget before it connects; a reused keep-alive connection needs none."""

    def __init__(self, budget: ConnectLimiter | None):
        super().__init__(limit=0, ttl_dns_cache=60, keepalive_timeout=2)
        self._budget = budget

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        async with self.slot(str(req.url)):
            return await super()._create_connection(req, traces, timeout)

    @asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        """Hold a slot for a connection that another module opens (lenient_http). Raises ConnectLimitReached."""
        if self._budget is None:
            yield
            return
        async with AsyncExitStack() as stack:
            await self._enter_slot(self._budget, stack, url)
            yield

    async def _enter_slot(self, budget: ConnectLimiter, stack: AsyncExitStack, url: str) -> None:
        loop, limit = asyncio.get_running_loop(), _limit.get()
        began = loop.time()
        if limit is not None:
            limit.timer.reschedule(None)
        try:
            async with asyncio.timeout(INTERACTIVE_SLOT_WAIT_S if person_waits() else SLOT_WAIT_S):
                await stack.enter_async_context(budget.attempt(url))
        except TimeoutError:
            raise ConnectLimitReached("the station is connecting to other cameras of that network; try again") from None
        finally:
            if limit is not None:
                limit.waited += loop.time() - began
                limit.timer.reschedule(loop.time() + limit.seconds)
