"""Compresses answers with gzip (RFC 9110 8.4.1.3) for clients that accept it.

Only answers that depend on a session's own request are compressed here: JSON, HTML and CSV of more than MIN_BYTES. The
console's files are compressed when it is built (web/console/vite.config.ts). Answers to other sites' requests carry no
session (`SameSite=Strict`), so a page of another site cannot measure how its words compress beside ours (BREACH).
"""

from __future__ import annotations

import asyncio
import gzip

from aiohttp import hdrs, web

MIN_BYTES = 1000  # smaller bodies fit into one packet anyway
THREAD_BYTES = 50_000  # larger bodies are compressed in a thread: they would hold up the event loop
LEVEL = 5  # of 9: beyond it the time doubles for a few per cent
TEXT_TYPES = frozenset({"application/json", "application/geo+json", "text/html", "text/csv", "text/plain"})


def accepts_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header names gzip with a quality above zero (RFC 9110 12.5.3)."""
    for item in header.lower().split(","):
        name, _, quality = item.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "").removeprefix("q=").strip("0.") != "" or not quality
    return False


async def compress(request: web.Request, response: web.StreamResponse) -> None:
    """Compress a response that is not sent yet, if it is a text of more than MIN_BYTES and the client accepts gzip."""
    if not isinstance(response, web.Response) or response.prepared or response.content_type not in TEXT_TYPES:
        return
    body = response.body
    if not isinstance(body, bytes) or len(body) <= MIN_BYTES or hdrs.CONTENT_ENCODING in response.headers:
        return
    response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if not accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        return
    if len(body) > THREAD_BYTES:
        response.body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
    else:
        response.body = gzip.compress(body, LEVEL, mtime=0)
    response.headers[hdrs.CONTENT_ENCODING] = "gzip"
