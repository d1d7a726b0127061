"""Read a camera's HTTP response body up to the end of its SOAP envelope."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from cameras.onvif import soap
from core.errors import ProtocolError

REST_TIMEOUT_S = 0.2  # longest wait for bytes after the envelope


async def read(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read the body up to the end of its envelope, because Content-Length may be too large.

    Raises ProtocolError if the body is larger than `limit` bytes.
    """
    content = bytearray()
    try:
        async for chunk in reply.content.iter_any():
            content += chunk
            if len(content) > limit:
                raise ProtocolError(f"the answer is larger than {limit // 1_000_000} MB")
            if soap.is_complete(content, len(content) - len(chunk)):
                await _discard_rest(reply, limit)
                break
    except aiohttp.ClientPayloadError:
        if not soap.is_complete(content):
            raise
        reply.close()
    return bytes(content)


async def _discard_rest(reply: aiohttp.ClientResponse, limit: int) -> None:
    """Discard bytes after the envelope; close a connection whose body is still incomplete, so that it is not reused."""
    passed = 0
    with contextlib.suppress(TimeoutError, aiohttp.ClientPayloadError):
        async with asyncio.timeout(REST_TIMEOUT_S):
            async for chunk in reply.content.iter_any():
                passed += len(chunk)
                if passed > limit:
                    break
    if not reply.content.at_eof():
        reply.close()
