"""Answers requests for addresses that nobody serves.

A page request gets the console's index.html with status 404: the console shows its own page for it. Everything below
/api gets a JSON error; any other file the server's plain answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(index: Path) -> Middleware:
    """Return the middleware. `index`: the console's page; where it is missing the server's plain answer is kept."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as e:
            if not request.path.startswith("/api/"):
                raise
            allow = ", ".join(sorted(e.allowed_methods))
            return _error(405, "this address does not take this method", {hdrs.ALLOW: allow})
        except web.HTTPNotFound:
            if request.path.startswith("/api/") or request.path == "/api":
                return _error(404, "there is no such address", {})
            page = await asyncio.to_thread(_read, index) if _wants_page(request) else None
            if page is None:
                raise
            headers = {hdrs.CACHE_CONTROL: "no-cache"}
            return web.Response(status=404, body=page, content_type="text/html", charset="utf-8", headers=headers)

    return answer


def _error(status: int, sentence: str, headers: dict[str, str]) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store", **headers}
    return web.json_response({"error": sentence}, status=status, headers=headers)


def _wants_page(request: web.Request) -> bool:
    """Return whether a browser asks for a page, and not for a file that belongs to one."""
    folders = ("/assets/", "/static/")
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
