"""What the web server gives a stranger: time, connections, sockets. Slow and greedy clients lose theirs, nobody else does.

- A connection counts from the moment it is accepted, before any TLS handshake (web.http.tls_site).
- A connection without a whole request after HEADER_SECONDS is closed, handshake and all; a body has BODY_SECONDS (a file: FILE_SECONDS), whether or
  not single bytes keep coming; an answer that nobody takes ends with the kernel's TCP_USER_TIMEOUT.
- A source has MAX_STRANGERS connections on which nobody has signed in, a person MAX_PERSON, all together as many as the process
  may open files for. Beyond that the oldest goes and the newest stays: whoever holds a thousand open shuts out nobody.
- A session has so many sockets at once, a person a few times as many (`SocketLimit`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv6Address, ip_network
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from core.clock import Clock
from core.errors import TooManyError, TooSlowError
from core.host import open_files
from core.network.transports import abort
from core.settings import WebSettings
from web.http.proxies import is_trusted, parse

log = logging.getLogger(__name__)

HEADER_SECONDS = 10.0  # from the connection to the end of its first request's head
SHUTDOWN_SECONDS = 5  # for the goodbye of TLS
KEEP_ALIVE_SECONDS = (
    75.0  # from an answer to the end of the next request's head; longer than a proxy keeps its connections
)
BODY_SECONDS, FILE_SECONDS = 15.0, 120.0
UNREAD_SECONDS = 60.0
MAX_STRANGERS = 256  # phones behind one address, opening the sign-in page
MAX_PERSON = 256
MAX_CONNECTIONS = 8192
SPARE_FILES = 512  # of the process, for everything but connections
EVENT_SOCKETS, LIVE_SOCKETS = 8, 64  # of one session: tabs; walls of cameras
SESSIONS = 3  # so many times as many of one person
OPENED_PER_MINUTE = 240  # sockets of one session: a wall of 64 cameras, and its pages again


class Connections(Server):
    """aiohttp's server that knows whose its connections are, and who has to make room."""

    def limit(self, settings: WebSettings) -> None:
        self._settings = settings
        self._groups: dict[str, OrderedDict[RequestHandler, None]] = {}
        self._group_of: dict[RequestHandler, str] = {}
        self._accepted: dict[RequestHandler, asyncio.Transport] = {}  # TCP's own transports
        self.dropped: Counter[str] = Counter()
        self.most = max(64, min(MAX_CONNECTIONS, open_files.limit() - SPARE_FILES))

    def accepted(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """A connection of TCP, with nothing on it yet."""
        self._accepted[handler] = transport
        _end_unread(transport)
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not is_trusted(peer, self._settings):  # a proxy's are many people's, and it has limits of its own
            self._loop.call_later(HEADER_SECONDS, self._expect_request, handler)
            self._put(handler, source_of(peer), MAX_STRANGERS)
        if len(self._accepted) > self.most and self._groups:
            self._drop(max(self._groups, key=lambda g: len(self._groups[g])), "all together")

    def gone(self, handler: RequestHandler) -> None:
        self._accepted.pop(handler, None)
        self._take(handler)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if handler not in self._accepted:  # one with TLS is known since before its handshake
            self.accepted(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.gone(handler)

    async def shutdown(self, timeout: float | None = None) -> None:
        await super().shutdown(timeout)
        for transport in list(self._accepted.values()):
            abort(transport)  # those without a handshake, of which aiohttp knows nothing

    def proved(self, handler: RequestHandler, user_id: int) -> None:
        """Somebody who is signed in asks on this connection: it is a person's now, not a source's."""
        group = f"person {user_id}"
        if self._group_of.get(handler, group) != group:
            self._take(handler)
            self._put(handler, group, MAX_PERSON)

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
        """The oldest of a group."""
        oldest = next(iter(self._groups[group]))
        self._take(oldest)
        self._close(oldest, why)

    def _expect_request(self, handler: RequestHandler) -> None:
        if handler in self._accepted and handler._request_count == 0:
            self._close(handler, "no request in time")

    def _close(self, handler: RequestHandler, why: str) -> None:
        self.dropped[why] += 1
        if self.dropped[why] in (1, 100, 10_000):
            log.warning("connections of strangers were closed (%s): %d so far", why, self.dropped[why])
        transport = self._accepted.pop(handler, None)
        handler.force_close()
        if transport is not None:
            abort(transport)


class Runner(web.AppRunner):
    """Serves an application within the limits."""

    __slots__ = ("_settings",)

    def __init__(self, app: web.Application, settings: WebSettings, **options: Any):
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=2.0,
            auto_decompress=False,
            **options,
        )
        self._settings = settings

    async def _make_server(self) -> Server:
        server = await super()._make_server()
        server.__class__ = Connections  # the application makes it, and takes no class
        assert isinstance(server, Connections)
        server.limit(self._settings)
        return server


def proved(request: web.Request, user_id: int) -> None:
    """Tell the server whose connection this is."""
    server = request.protocol._manager
    if isinstance(server, Connections):
        server.proved(request.protocol, user_id)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Raises TooSlowError where a body takes longer, whether or not single bytes of it keep coming."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as e:
        raise TooSlowError(
            f"the body took more than {seconds:.0f} seconds; send it again, over a better connection"
        ) from e


def source_of(address: str) -> str:
    """What counts as one client: an address; of IPv6 a subscriber's /64."""
    found = parse(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or address)


def _end_unread(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))


class SocketLimit:
    """Sockets that are open at once, by session and by person."""

    def __init__(self, most: int):
        self._most = most
        self._open: Counter[object] = Counter()

    @contextmanager
    def one(self, session: str, user_id: int) -> Iterator[None]:
        """Raises TooManyError where this session, or all of this person's, have enough."""
        if self._open[session] >= self._most or self._open[user_id] >= self._most * SESSIONS:
            raise TooManyError(f"a session has at most {self._most} sockets of this kind at once; close other windows")
        self._open.update((session, user_id))
        try:
            yield
        finally:
            for key in (session, user_id):
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]


class OpeningRate:
    """How often a session asks for a socket, counted before anything of it is looked up."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, session: str) -> None:
        """Raises TooManyError."""
        now, times = self._clock.monotonic(), self._asked.setdefault(session, deque())
        self._asked.move_to_end(session)
        while times and times[0] <= now - 60:
            times.popleft()
        if len(times) >= OPENED_PER_MINUTE:
            raise TooManyError(f"a session opens at most {OPENED_PER_MINUTE} sockets a minute; wait a minute")
        times.append(now)
        while len(self._asked) > 1000:
            self._asked.popitem(last=False)
