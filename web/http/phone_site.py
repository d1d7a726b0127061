"""Serves the phone's pages: a document of its own, its service worker, manifest and icons (web/console/dist/m).

All pages lie below /m/, which is the scope of the service worker: nothing else of the console is in its hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from web.http.file_response import FileResponse

PHONE = "/m/"
PHONE_PATHS = (
    PHONE,
    "/m/login",
    "/m/password",
    "/m/alerts/{alert}",
    "/m/duty",
    "/m/briefing",
    "/m/report",
    "/m/orders",
)
# Addresses of earlier releases, which stand in messages and on people's home screens; /m/install is short to type.
MOVED = {"/m": PHONE, "/contractor": "/m/orders", "/m/install": "/ca"}
FILES = {
    "sw.js": "text/javascript",
    "manifest.webmanifest": "application/manifest+json",
    "icon-180.png": "image/png",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
    "icon-maskable.png": "image/png",
}


def add_routes(router: web.UrlDispatcher, dist: Callable[[], Path]) -> None:
    """Add the pages and files; `dist` returns the folder of the built console."""

    async def page(_request: web.Request) -> web.StreamResponse:
        return await _file(dist() / "phone.html", "text/html")

    async def file(request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix(PHONE)
        return await _file(dist() / "m" / name, FILES[name])

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(MOVED[request.path])

    for path in PHONE_PATHS:
        router.add_get(path, page)
    for name in FILES:
        router.add_get(PHONE + name, file)
    for path in MOVED:
        router.add_get(path, moved)


async def _file(path: Path, content_type: str) -> web.StreamResponse:
    if not await asyncio.to_thread(path.is_file):
        return web.Response(status=503, text="The console is not built; run ./minwang, which builds it.\n")
    return FileResponse(path, headers={"Cache-Control": "no-cache", "Content-Type": content_type})
