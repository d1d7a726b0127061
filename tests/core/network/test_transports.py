"""Closing connections at once."""

from __future__ import annotations

import asyncio

from core.network.transports import abort


class ClosedTwice(asyncio.WriteTransport):
    """Behaves as asyncio's TLS transport in Python 3.11.2."""

    def abort(self) -> None:
        self._ssl_protocol = None
        self._ssl_protocol._abort()  # type: ignore[attr-defined]


def test_a_transport_that_was_closed_twice_is_left_alone() -> None:
    abort(ClosedTwice())
