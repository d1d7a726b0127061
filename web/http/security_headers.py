"""Adds security headers to every response, errors included."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from web.http import proxies

HSTS = "max-age=31536000"  # one year (RFC 6797)
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        "worker-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=(), payment=(), usb=()",
    "Server": "minwang",  # hides the versions of aiohttp and Python
}


@web.middleware
async def middleware(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Add the security headers to every response, errors included."""
    added = SECURITY_HEADERS if request.scheme != "https" else {**SECURITY_HEADERS, **_strict_transport(request.host)}
    try:
        response = await handler(request)
    except web.HTTPException as e:
        e.headers.update(added)
        raise
    if not response.prepared:
        response.headers.update(added)
    return response


def _strict_transport(host: str) -> dict[str, str]:
    """Return HSTS for host names only: browsers must ignore it for IP addresses (RFC 6797 8.1.1)."""
    bare = re.sub(r":\d+$", "", host)
    return {} if proxies.parse(bare) is not None else {"Strict-Transport-Security": HSTS}
