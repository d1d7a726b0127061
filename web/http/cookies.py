"""Cookies and tokens that a request carries: the session's, the device's, the monitoring system's."""

from __future__ import annotations

from aiohttp import web

from core.settings import TlsMode, WebSettings

COOKIE = "minwang_session"
DEVICE_COOKIE = (
    "minwang_device"  # by which a device is known that its account has signed in from (core.accounts.sign_in)
)


def session_cookie(settings: WebSettings) -> str:
    """Its name. Behind TLS browsers take a __Host- cookie only with Secure, for this very host and the path / (RFC 6265bis
    4.1.3.2): no neighbour and no plain HTTP page can set or replace it."""
    return _cookie(COOKIE, settings)


def device_cookie(settings: WebSettings) -> str:
    return _cookie(DEVICE_COOKIE, settings)


def _cookie(name: str, settings: WebSettings) -> str:
    return name if settings.tls is TlsMode.OFF else f"__Host-{name}"


def cookie_of(request: web.Request, name: str) -> str:
    """Value of a cookie of ours, the first of that name; empty: none. There is one header of cookies (RFC 6265 5.4). aiohttp's
    reading of all of them costs 8 ms for 8 kB, which anybody may send."""
    for pair in request.headers.get("Cookie", "").split(";"):
        key, found, value = pair.partition("=")
        if found and key.strip() == name:
            return value.strip()
    return ""


def bearer_of(request: web.Request) -> str:
    """The token in `Authorization: Bearer`; empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
