"""Cookies and tokens of a request: those of the session, the device and the monitoring system."""

from __future__ import annotations

from aiohttp import web

from core.settings import TlsMode, WebSettings

COOKIE = "minwang_session"
# Identifies a device that an account has signed in from (core.accounts.sign_in).
DEVICE_COOKIE = "minwang_device"


def session_cookie(settings: WebSettings) -> str:
    """Return the name of the session cookie.

    Behind TLS it has the prefix __Host-: browsers accept it only with Secure, for this host only and with the path /
    (RFC 6265bis 4.1.3.2), so that no other host and no plain HTTP page can set or replace it.
    """
    return _cookie(COOKIE, settings)


def device_cookie(settings: WebSettings) -> str:
    return _cookie(DEVICE_COOKIE, settings)


def _cookie(name: str, settings: WebSettings) -> str:
    return name if settings.tls is TlsMode.OFF else f"__Host-{name}"


def device_of(request: web.Request, settings: WebSettings) -> str:
    """Return the token that identifies the client's device; empty if it sent none that could be one."""
    device = cookie_of(request, device_cookie(settings))
    return device if device.isascii() else ""


def cookie_of(request: web.Request, name: str) -> str:
    """Return the value of the first cookie with that name; empty if there is none.

    A request has one Cookie header (RFC 6265 5.4). This does not use aiohttp's parser: parsing all cookies of an 8 kB
    header, which any client may send, takes it 8 ms.
    """
    for pair in request.headers.get("Cookie", "").split(";"):
        key, found, value = pair.partition("=")
        if found and key.strip() == name:
            return value.strip()
    return ""


def bearer_of(request: web.Request) -> str:
    """Return the token of `Authorization: Bearer`; empty if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
