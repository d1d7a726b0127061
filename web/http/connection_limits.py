"""Limits what the web server grants a client: time, connections, sockets. Slow or greedy clients only hurt themselves.

- A connection counts from the moment it is accepted, before any TLS handshake (web.http.tls_site).
- A connection without a complete request after HEADER_TIMEOUT_S is closed; the handshake is included in that time. A
  body has BODY_TIMEOUT_S (a file: FILE_TIMEOUT_S), even if single bytes keep coming. If a client does not read its
  answer, the kernel's TCP_USER_TIMEOUT ends the connection.
- A client address has at most MAX_ANONYMOUS_CONNECTIONS connections without a signed-in user, a person at most
  MAX_CONNECTIONS_PER_PERSON, and all together as many as the process may open files for. Beyond that the oldest
  connection is closed and the newest stays, so that a client that holds a thousand connections does not shut out
  others.
- A session has a limited number of sockets at once, a person a few times as many (`SocketLimit`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv6Address, ip_network

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import TooManyError, TooSlowError
from core.host import open_files
from core.network.transports import abort
from core.settings import WebSettings
from web.http.proxies import is_trusted, parse

log = logging.getLogger(__name__)

HEADER_TIMEOUT_S = 10.0  # from the connection to the end of the first request's head
TLS_SHUTDOWN_TIMEOUT_S = 5  # for TLS close_notify
# From an answer to the end of the next request's head; longer than a proxy keeps its connections.
KEEP_ALIVE_S = 75.0
BODY_TIMEOUT_S, FILE_TIMEOUT_S = 15.0, 120.0
UNREAD_ANSWER_TIMEOUT_S = 60.0
MAX_ANONYMOUS_CONNECTIONS = 256  # phones behind one address that open the sign-in page
MAX_CONNECTIONS_PER_PERSON = 256
MAX_CONNECTIONS = 8192
RESERVED_OPEN_FILES = 512  # open files of the process that are kept for other uses than connections
MAX_EVENT_SOCKETS, MAX_LIVE_SOCKETS = 8, 64  # per session: tabs; camera walls
MAX_DOWNLOADS = 3  # per session: clips and time-lapses that are sent at once
SESSIONS_PER_PERSON = 3  # a person may have this many times the sockets of one session
MAX_SOCKETS_PER_MINUTE = 240  # sockets of one session: a wall of 64 cameras, reloaded a few times


class Connections(Server):
    """aiohttp's server, extended: it knows which address or person owns each connection and closes the oldest."""

    def set_up(self, settings: WebSettings) -> None:
        """Set up the limits. Called once after aiohttp has created the server."""
        self._settings = settings
        self._groups: dict[str, OrderedDict[RequestHandler, None]] = {}
        self._group_of: dict[RequestHandler, str] = {}
        self._accepted: dict[RequestHandler, asyncio.Transport] = {}  # the TCP transports, below TLS
        self.dropped: Counter[str] = Counter()
        self.max_connections = max(64, min(MAX_CONNECTIONS, open_files.limit() - RESERVED_OPEN_FILES))

    def add(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Register a new TCP connection that has received nothing yet."""
        self._accepted[handler] = transport
        _end_unread(transport)
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not is_trusted(peer, self._settings):  # a proxy serves many clients and has limits of its own
            self._loop.call_later(HEADER_TIMEOUT_S, self._expect_request, handler)
            self._put(handler, client_key(peer), MAX_ANONYMOUS_CONNECTIONS)
        if len(self._accepted) > self.max_connections and self._groups:
            self._drop(max(self._groups, key=lambda g: len(self._groups[g])), "all together")

    def remove(self, handler: RequestHandler) -> None:
        self._accepted.pop(handler, None)
        self._take(handler)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if handler not in self._accepted:  # a TLS connection is registered before its handshake
            self.add(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.remove(handler)

    async def shutdown(self, timeout: float | None = None) -> None:
        await super().shutdown(timeout)
        for transport in list(self._accepted.values()):
            abort(transport)  # connections without a finished handshake: aiohttp does not know them

    def assign_to_person(self, handler: RequestHandler, user_id: int) -> None:
        """Move a connection from its address to the person who is signed in on it."""
        group = f"person {user_id}"
        if self._group_of.get(handler, group) != group:
            self._take(handler)
            self._put(handler, group, MAX_CONNECTIONS_PER_PERSON)

    def _put(self, handler: RequestHandler, group: str, most: int) -> None:
        self._group_of[handler] = group
        members = self._groups.setdefault(group, OrderedDict())
        members[handler] = None
        if len(members) > most:
            self._drop(group, "one source or person")

    def _take(self, handler: RequestHandler) -> None:
        group = self._group_of.pop(handler, None)
        if group is not None:
            members = self._groups[group]
            del members[handler]
            if not members:
                del self._groups[group]

    def _drop(self, group: str, why: str) -> None:
        """Close the oldest connection of a group."""
        oldest = next(iter(self._groups[group]))
        self._take(oldest)
        self._close(oldest, why)

    def _expect_request(self, handler: RequestHandler) -> None:
        if handler in self._accepted and handler._request_count == 0:
            self._close(handler, "no request in time")

    def _close(self, handler: RequestHandler, why: str) -> None:
        self.dropped[why] += 1
        if self.dropped[why] in (1, 100, 10_000):
            log.warning("closed anonymous connections (%s): %d so far", why, self.dropped[why])
        transport = self._accepted.pop(handler, None)
        handler.force_close()
        if transport is not None:
            abort(transport)


class Runner(web.AppRunner):
    """aiohttp's application runner, with the limits of this module."""

    __slots__ = ("_settings",)

    def __init__(self, app: web.Application, settings: WebSettings, *, shutdown_timeout: float = 60.0):
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=2.0,
            auto_decompress=False,
            shutdown_timeout=shutdown_timeout,
        )
        self._settings = settings

    async def _make_server(self) -> Server:
        server = await super()._make_server()
        server.__class__ = Connections  # the application creates the server and does not accept a class
        assert isinstance(server, Connections)
        server.set_up(self._settings)
        return server


def assign_to_person(request: web.Request, user_id: int) -> None:
    """Tell the server that a signed-in person uses this request's connection."""
    server = request.protocol._manager
    if isinstance(server, Connections):
        server.assign_to_person(request.protocol, user_id)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Limit the time for reading a body. Raises TooSlowError after `seconds`, even if single bytes keep coming."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as e:
        raise TooSlowError(
            f"the body took longer than {seconds:.0f} s; send it again over a faster connection",
            ErrorCode.BODY_TOO_SLOW,
            seconds=round(seconds),
        ) from e


def client_key(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address (one subscriber)."""
    found = parse(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or address)


def _end_unread(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_ANSWER_TIMEOUT_S * 1000))


class SocketLimit:
    """Limits the sockets that are open at once, by session and by person."""

    def __init__(self, most: int):
        self._most = most
        self._open: Counter[object] = Counter()

    @contextmanager
    def hold(self, session: str, user_id: int) -> Iterator[None]:
        """Hold one socket. Raises TooManyError if this session or this person has too many."""
        if self._open[session] >= self._most or self._open[user_id] >= self._most * SESSIONS_PER_PERSON:
            raise TooManyError(
                f"a session has at most {self._most} sockets of this kind at once; close other windows",
                ErrorCode.TOO_MANY_SOCKETS,
                limit=self._most,
            )
        self._open.update((session, user_id))
        try:
            yield
        finally:
            for key in (session, user_id):
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]


class OpeningRate:
    """Limits how often a session opens a socket; checked before any database query."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, session: str) -> None:
        """Count one opening. Raises TooManyError above MAX_SOCKETS_PER_MINUTE."""
        now, times = self._clock.monotonic(), self._asked.setdefault(session, deque())
        self._asked.move_to_end(session)
        while times and times[0] <= now - 60:
            times.popleft()
        if len(times) >= MAX_SOCKETS_PER_MINUTE:
            raise TooManyError(
                f"a session opens at most {MAX_SOCKETS_PER_MINUTE} sockets a minute; wait a minute",
                ErrorCode.SOCKETS_OPENED_TOO_FAST,
                limit=MAX_SOCKETS_PER_MINUTE,
            )
        times.append(now)
        while len(self._asked) > 1000:
            self._asked.popitem(last=False)
