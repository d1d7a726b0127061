"""Sends what blocking iterators yield, one piece after the other, without holding more than one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

from aiohttp import web

from core.errors import MinwangError
from core.executors import RunInThread

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 60.0  # a client that takes nothing for this long is disconnected


async def send_parts(
    request: web.Request, response: web.StreamResponse, run: RunInThread, parts: AsyncIterator[Iterator[bytes]]
) -> int:
    """Prepare the response and send all parts; return the number of bytes sent.

    Each step of an iterator runs in a thread. If a part fails after the header was sent, the connection is cut, so that
    the client sees an incomplete answer and not a complete file.
    """
    sent = 0
    await response.prepare(request)
    try:
        async with aclosing(parts):  # type: ignore[type-var]
            async for part in parts:
                while (piece := await run(next, part, None)) is not None:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await response.write(piece)
                    sent += len(piece)
    except (MinwangError, OSError, TimeoutError) as e:
        log.warning("%s %s ended after %d bytes: %s %s", request.method, request.path, sent, type(e).__name__, e)
        if request.transport is not None:
            request.transport.abort()
    return sent


async def only(part: Iterator[bytes]) -> AsyncIterator[Iterator[bytes]]:
    """Yield one part."""
    yield part
