"""The body of a camera's HTTP answer, as far as it is needed: to the end of its SOAP envelope."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from cameras.onvif import soap
from core.errors import ProtocolError

REST_SECONDS = 0.2  # that bytes behind an envelope are waited for


async def read(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, up to the end of its envelope: a stated length may be too long. Raises ProtocolError where it is larger than
    `limit` bytes."""
    content = bytearray()
    try:
        async for chunk in reply.content.iter_any():
            content += chunk
            if len(content) > limit:
                raise ProtocolError(f"the answer is larger than {limit // 1_000_000} MB")
            if soap.is_complete(content, len(content) - len(chunk)):
                await _pass_over_rest(reply, limit)
                break
    except aiohttp.ClientPayloadError:
        if not soap.is_complete(content):
            raise
        reply.close()
    return bytes(content)


async def _pass_over_rest(reply: aiohttp.ClientResponse, limit: int) -> None:
    """What follows the envelope; a connection on which something is still missing is not used again."""
    passed = 0
    with contextlib.suppress(TimeoutError, aiohttp.ClientPayloadError):
        async with asyncio.timeout(REST_SECONDS):
            async for chunk in reply.content.iter_any():
                passed += len(chunk)
                if passed > limit:
                    break
    if not reply.content.at_eof():
        reply.close()
