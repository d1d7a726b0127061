"""Answers requests for addresses that nobody serves.

A page request gets the console's document, or the phone's below /m/, with status 404: that shows its own page for it.
Everything below /api gets a JSON error; any other file the server's plain answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from core.error_codes import ErrorCode

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(page_of: Callable[[str], Path], refusal: Callable[[int, ErrorCode, str], web.Response]) -> Middleware:
    """Return the middleware.

    `page_of` returns the document for a path; where the file is missing the server's plain answer is kept. `refusal`
    builds a JSON error.
    """

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as e:
            if not request.path.startswith("/api/"):
                raise
            answer = refusal(405, ErrorCode.METHOD_NOT_ALLOWED, "this address does not take this method")
            answer.headers[hdrs.ALLOW] = ", ".join(sorted(e.allowed_methods))
            return answer
        except web.HTTPNotFound:
            if request.path.startswith("/api/") or request.path == "/api":
                return refusal(404, ErrorCode.NOT_FOUND, "there is no such address")
            page = await asyncio.to_thread(_read, page_of(request.path)) if _wants_page(request) else None
            if page is None:
                raise
            headers = {hdrs.CACHE_CONTROL: "no-cache"}
            return web.Response(status=404, body=page, content_type="text/html", charset="utf-8", headers=headers)

    return answered


def _wants_page(request: web.Request) -> bool:
    """Return whether a browser asks for a page, and not for a file that belongs to one."""
    folders = ("/assets/",)
    return (
        request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        and not request.path.startswith(folders)
        and "text/html" in request.headers.get(hdrs.ACCEPT, "").lower()
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
