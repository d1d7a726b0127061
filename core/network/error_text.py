"""Texts for failed connections that a person can read; never the name of a Python class."""

from __future__ import annotations

import errno
import os
import socket
import ssl

_WORDS = {
    errno.ECONNREFUSED: "connection refused: nothing listens on that port",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ETIMEDOUT: "timed out",
}


def reason(error: BaseException) -> str:
    """Return why a connection or an answer failed, as a part of a sentence.

    Understands OSError and the errors that libraries derive from it (aiohttp's connector errors carry the cause as
    `os_error`).
    """
    inner = getattr(error, "os_error", None)
    if isinstance(inner, BaseException) and inner is not error:
        return reason(inner)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'no reason given').replace('_', ' ').lower()})"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    if isinstance(error, TimeoutError):
        return "timed out"
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return _WORDS.get(number) or os.strerror(number).lower()
    if isinstance(error, EOFError | ConnectionError):
        return "the connection was closed"
    return "the answer is invalid" if isinstance(error, ValueError) else "the connection failed"
