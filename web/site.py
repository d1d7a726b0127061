"""A listening port whose connections are counted from the kernel's accept on, with TLS as without (web.limits)."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from web import limits


class Site(web.TCPSite):
    """aiohttp's, but TLS begins in `CountedTls`: asyncio's own tells nobody of a connection before its handshake is done."""

    __slots__ = ("_tls",)

    def __init__(self, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None = None):
        super().__init__(runner, host, port)
        self._tls = tls

    async def start(self) -> None:
        """Raises OSError for a port that cannot be used."""
        context = self._tls
        if context is None:
            await super().start()
            return
        await web.BaseSite.start(self)
        server = self._runner.server
        assert isinstance(server, limits.Connections)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: CountedTls(server, context), self._host, self._port, backlog=self._backlog
        )


class CountedTls(SSLProtocol):
    """TLS of one accepted connection, which counts, and has its time, before anything of the handshake came."""

    def __init__(self, connections: limits.Connections, context: ssl.SSLContext):
        self._handler: RequestHandler = connections()
        self._connections = connections
        super().__init__(
            asyncio.get_running_loop(), self._handler, context, cast("asyncio.Future[object]", None), server_side=True,
            ssl_handshake_timeout=cast(int, limits.HEADER_SECONDS), ssl_shutdown_timeout=limits.SHUTDOWN_SECONDS,
        )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.accepted(self._handler, cast(asyncio.Transport, transport))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.gone(self._handler)
