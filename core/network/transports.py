"""Closing connections at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress


def abort(transport: asyncio.WriteTransport) -> None:
    """Close without waiting until written data is sent; does nothing if the transport is already closed.

    Python 3.11.2's TLS transport drops its protocol when it is closed twice, and its own `abort` then fails.
    """
    with suppress(AttributeError):
        transport.abort()
