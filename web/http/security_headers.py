"""Adds security headers to every response, errors included."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from web.http import proxies

HSTS = "max-age=31536000"  # one year (RFC 6797)
_POLICY = "Content-Security-Policy"
# Where the map's background comes from, if the settings name a service: only pictures may be loaded from there.
MAP_ORIGIN: web.AppKey[str] = web.AppKey("map origin", str)
SECURITY_HEADERS = {
    _POLICY: (
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
    added = dict(SECURITY_HEADERS)
    if request.scheme == "https":
        added |= _strict_transport(request.host)
    if origin := request.config_dict.get(MAP_ORIGIN, ""):
        added[_POLICY] = added[_POLICY].replace("img-src 'self'", f"img-src 'self' {origin}")
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


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address; empty for an empty address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
