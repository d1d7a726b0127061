"""One HTTP exchange with a camera's web server: repetition, unused ports, and servers that violate HTTP framing.

A function that builds the request comes in; status, body and WWW-Authenticate headers go out, or CameraUnreachable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
from yarl import URL

from cameras.onvif import http_body, lenient_http, soap
from cameras.onvif.addresses import with_port_of
from cameras.onvif.connector import BudgetedConnector, time_limit
from core.errors import CameraUnreachable, ProtocolError
from core.network.error_text import reason

MAX_BODY_BYTES = 1_000_000
CONNECT_TIMEOUT_S = 5.0
MAX_CACHED_URLS = 32
# `time_limit` enforces the total time
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)

# Called with url, request, status and reply of every exchange (cameras.onvif.capture).
Listener = Callable[[str, bytes, int, bytes], None]
# Called for every attempt with the path and query of the URL: nonces and timestamps are used once.
BuildRequest = Callable[[str], tuple[bytes, dict[str, str]]]


class HttpReply(NamedTuple):
    status: int
    content: bytes
    challenges: list[str]  # WWW-Authenticate headers


class _ConnectionFailed(CameraUnreachable):
    """The TCP connection to that port failed."""


class _Malformed(ProtocolError):
    """The answer violates HTTP: wrong length, bytes after the end, or an early end."""


class SoapTransport:
    """Sends requests to one camera over the shared HTTP session."""

    def __init__(self, http: aiohttp.ClientSession, listener: Listener | None):
        self._http = http
        self._listener = listener
        self._urls: dict[str, URL] = {}
        self._dead_authorities: set[str] = set()  # host:port that refuse connections while the device service answers
        self.device_url = ""  # URL of the device service; its port replaces ports on which nobody listens
        self.path = ""  # path and query of the last request
        self.is_lenient = False  # the web server violates HTTP framing: use lenient_http
        self.slot_wait = 0.0  # seconds spent waiting for connection slots, since the caller set it to 0

    def reachable(self, url: str) -> str:
        """Return the address that works for a reported one: some makes report ports on which nobody listens."""
        if not self._dead_authorities or self._url(url).authority not in self._dead_authorities:
            return url
        return with_port_of(url, self.device_url)

    async def post(self, url: str, build: BuildRequest, seconds: float, *, repeatable: bool) -> HttpReply:
        """Send a request, to the device service's port if nobody listens on the given one.

        A `repeatable` request changes nothing: it is sent twice if the first attempt fails on a broken connection.
        Raises CameraUnreachable and ProtocolError.
        """
        url = self.reachable(url)
        try:
            return await self._post_repeated(url, build, seconds, repeatable=repeatable)
        except _ConnectionFailed:
            other = with_port_of(url, self.device_url) if self.device_url else url
            if other == url:
                raise
            answer = await self._post_repeated(other, build, seconds, repeatable=repeatable)
            self._dead_authorities.add(self._url(url).authority)
            return answer

    async def _post_repeated(self, url: str, build: BuildRequest, seconds: float, *, repeatable: bool) -> HttpReply:
        # The camera may have closed a keep-alive connection silently.
        for last in (False, True) if repeatable else (True,):
            try:
                return await self._post_once(url, build, seconds)
            except aiohttp.ClientConnectorError as e:
                raise _ConnectionFailed(f"no ONVIF answer: {reason(e)}") from e
            except _Malformed:  # the next attempt uses the lenient reader
                if last:
                    raise
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as e:
                if last:
                    raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as e:
                raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e
        raise AssertionError("unreachable")

    async def _post_once(self, url: str, build: BuildRequest, seconds: float) -> HttpReply:
        self.path = self._url(url).raw_path_qs
        request, headers = build(self.path)
        post = self._post_lenient if self.is_lenient else self._post_strict
        reply = await post(url, request, headers, seconds)
        if self._listener is not None:
            self._listener(url, request, reply.status, reply.content)
        return reply

    async def _post_strict(self, url: str, request: bytes, headers: dict[str, str], seconds: float) -> HttpReply:
        try:
            async with (
                time_limit(seconds) as limit,
                self._http.post(
                    self._url(url), data=request, headers=headers, timeout=_TIMEOUT, allow_redirects=False
                ) as reply,
            ):
                content = await http_body.read(reply, MAX_BODY_BYTES)
                status, challenges = reply.status, reply.headers.getall("WWW-Authenticate", [])
                self.slot_wait += limit.waited
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as e:
            self.is_lenient = True
            raise _Malformed("the camera's HTTP response is malformed (wrong length or extra bytes); try again") from e
        if soap.has_begun(content) and not soap.is_complete(content):
            self.is_lenient = True  # Content-Length is too short
            raise _Malformed("the camera's response is truncated; try again")
        return HttpReply(status, content, challenges)

    async def _post_lenient(self, url: str, request: bytes, headers: dict[str, str], seconds: float) -> HttpReply:
        connector = self._http.connector
        slot = connector.slot(url) if isinstance(connector, BudgetedConnector) else contextlib.nullcontext()
        return HttpReply(
            *await lenient_http.post(self._url(url), request, headers, seconds, CONNECT_TIMEOUT_S, MAX_BODY_BYTES, slot)
        )

    def _url(self, url: str) -> URL:
        """Parse a URL, cached: a client uses only the few addresses of its camera."""
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) > MAX_CACHED_URLS:
                self._urls.clear()
            known = self._urls[url] = URL(url, encoded=True)
        return known
