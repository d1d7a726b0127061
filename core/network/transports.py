"""Ending connections at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress


def abort(transport: asyncio.WriteTransport) -> None:
    """Close without waiting until what was written is taken; where it is closed already, nothing happens.

    Python 3.11.2's TLS transport forgets its protocol when it is closed twice, and its own `abort` fails then.
    """
    with suppress(AttributeError):
        transport.abort()
