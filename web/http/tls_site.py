"""A listening port whose connections count from the kernel's accept, with or without TLS.

See web.http.connection_limits for the counting.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol, SSLProtocolState
from collections import deque
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from web.http import connection_limits


class TlsSite(web.TCPSite):
    """aiohttp's TCPSite, but `CountedTls` starts TLS: asyncio reports a TLS connection only after its handshake."""

    __slots__ = ("_tls",)

    def __init__(self, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None = None):
        super().__init__(runner, host, port)
        self._tls = tls

    async def start(self) -> None:
        """Open the port. Raises OSError if it cannot be used."""
        context = self._tls
        if context is None:
            await super().start()
            return
        await web.BaseSite.start(self)
        server = self._runner.server
        assert isinstance(server, connection_limits.Connections)
        queue = HandshakeQueue()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: CountedTls(server, context, queue), self._host, self._port, backlog=self._backlog
        )


class HandshakeQueue:
    """Runs one handshake step per event-loop iteration, so that many new connections delay no other request."""

    def __init__(self) -> None:
        self._steps: deque[Callable[[], None]] = deque()

    def put(self, step: Callable[[], None]) -> None:
        self._steps.append(step)
        if len(self._steps) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        try:
            self._steps[0]()
        finally:
            self._steps.popleft()
            if self._steps:
                asyncio.get_running_loop().call_soon(self._next)


class CountedTls(SSLProtocol):
    """TLS of one accepted connection, which counts and has its time limit before the first byte of the handshake.

    Each handshake costs a signature (about 1 ms with its Python overhead). Run as they arrive, 1,400 connections that
    reconnect at once delayed `/api/me` to 390 ms (p95); through the queue to 75 ms (bench security, part tls).
    """

    def __init__(self, connections: connection_limits.Connections, context: ssl.SSLContext, queue: HandshakeQueue):
        self._handler: RequestHandler = connections()
        self._queue, self._queued = queue, False
        self._connections = connections
        super().__init__(
            asyncio.get_running_loop(),
            self._handler,
            context,
            cast("asyncio.Future[object]", None),
            server_side=True,
            ssl_handshake_timeout=cast(int, connection_limits.HEADER_TIMEOUT_S),
            ssl_shutdown_timeout=connection_limits.TLS_SHUTDOWN_TIMEOUT_S,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self._handler, cast(asyncio.Transport, transport))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.remove(self._handler)

    def _do_handshake(self) -> None:
        if self._incoming.pending and not self._queued:  # type: ignore[attr-defined]
            self._queued = True
            self._queue.put(self._handshake_step)

    def _handshake_step(self) -> None:
        self._queued = False
        # The connection may have ended while the step was queued.
        if self._state is SSLProtocolState.DO_HANDSHAKE:  # type: ignore[attr-defined]
            super()._do_handshake()  # type: ignore[misc]
