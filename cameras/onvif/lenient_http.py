"""One HTTP exchange with a server that violates HTTP framing.

Cameras' web servers send a Content-Length that is too long or too short, both a length and chunks, bytes after the
response, or close early. An HTTP library rightly refuses these; this module reads the body until its SOAP envelope is
complete. It opens a connection for each request, which is slower than the shared session, so only cameras that need it
use it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from yarl import URL

from cameras.onvif import soap
from cameras.onvif.connector import time_limit
from core.errors import CameraUnreachable, ProtocolError
from core.network.error_text import reason

READ_BYTES = 65_536
MAX_HEAD_BYTES = 65_536
MAX_SIZE_LINE_BYTES = 1000  # bytes of a chunk-size line
MAX_CHUNKS = 20_000  # of one answer; cameras write a few
SILENCE_TIMEOUT_S = 1.0  # silence after the stated length that ends a response without an envelope
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+1\d\d")
_SIZE_BEGINS = re.compile(rb"\s*(?:[0-9a-fA-F]{1,8}[^\n]*)?")
_CHUNK_SIZE = re.compile(rb"\s*([0-9a-fA-F]{1,8})[^\n]*\n")


async def post(
    url: URL,
    request: bytes,
    headers: Mapping[str, str],
    seconds: float,
    connect_seconds: float,
    limit: int,
    slot: AbstractAsyncContextManager[object],
) -> tuple[int, bytes, list[str]]:
    """Send a POST request; return status, body and WWW-Authenticate headers.

    `place` is held while connecting (core.network.connect_limiter). Raises CameraUnreachable or ProtocolError.
    """
    try:
        async with time_limit(seconds):
            async with slot, asyncio.timeout(connect_seconds):
                reader, writer = await asyncio.open_connection(url.host, url.port, ssl=url.scheme == "https" or None)
            try:
                writer.write(_request(url, request, headers))
                await writer.drain()
                return await _read_response(reader, limit)
            finally:
                writer.close()
    except (OSError, TimeoutError) as e:
        raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e


def _request(url: URL, body: bytes, headers: Mapping[str, str]) -> bytes:
    port = "" if url.is_default_port() else f":{url.port}"
    lines = [f"POST {url.raw_path_qs} HTTP/1.1", f"Host: {url.host_subcomponent}{port}", "Connection: close"]
    lines += [f"{k}: {v}" for k, v in headers.items()] + [f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _read_response(reader: asyncio.StreamReader, limit: int) -> tuple[int, bytes, list[str]]:
    parser = ResponseParser(limit)
    silence: float | None = None
    while True:
        try:
            async with asyncio.timeout(silence):
                received = await reader.read(READ_BYTES)
        except TimeoutError:
            if silence is None:
                raise
            received = b""
        except ConnectionResetError:
            received = b""
        parser.feed(received)
        found = parser.response(ended=not received)
        if found is not None:
            return found.status, found.body, found.challenges
        if not received:
            raise CameraUnreachable("no ONVIF answer: the camera closed the connection")
        silence = SILENCE_TIMEOUT_S if parser.is_due else None


class HttpResponse:
    """An HTTP response that is complete enough to use."""

    __slots__ = ("body", "challenges", "status")

    def __init__(self, status: int, body: bytes, challenges: list[str]):
        self.status, self.body, self.challenges = status, body, challenges


class ResponseParser:
    """Incremental parser for a response; it scans each byte once and keeps at most `limit` bytes of body."""

    def __init__(self, limit: int = 1_000_000):
        self._limit = limit
        self._head = bytearray()  # until the head is complete
        self._searched = 0  # bytes of the head, then of the body, already searched for an end
        self._status = 0
        self._fields: list[tuple[str, str]] | None = None
        self._chunks: _Chunks | None = None
        self._body = bytearray()
        self._has_begun = self._is_complete = False  # state of the SOAP envelope
        self._received = 0  # bytes received after the head

    def feed(self, data: bytes) -> None:
        """Add received bytes. Raises ProtocolError if they are not HTTP or the body is too large."""
        if self._fields is None:
            self._head += data
            data = self._after_head()
        self._received += len(data)
        if self._received > self._limit + MAX_HEAD_BYTES:
            raise ProtocolError(f"the answer is larger than {self._limit // 1_000_000} MB")
        if self._chunks is not None:
            self._chunks.feed(data, self._body)
        else:
            self._body += data
        self._has_begun = self._has_begun or soap.has_begun(self._body, self._searched)
        self._is_complete = self._is_complete or soap.is_complete(self._body, self._searched)
        self._searched = len(self._body)

    def response(self, *, ended: bool) -> HttpResponse | None:
        """Return the response, or None if more data is needed. `ended`: the connection has ended."""
        if self._fields is None:
            return None
        if not ended and not self._is_complete and not (self.is_due and not self._has_begun):
            return None
        if self._chunks is not None:
            self._chunks.end(self._body)
        return HttpResponse(self._status, bytes(self._body), [v for k, v in self._fields if k == "www-authenticate"])

    @property
    def is_due(self) -> bool:
        """Whether as many body bytes as Content-Length states have arrived. An envelope is still read to its end."""
        told = _field(self._fields or [], "content-length")
        return told.isascii() and told.isdigit() and len(told) < 16 and self._received >= int(told)

    def _after_head(self) -> bytes:
        """Return the bytes after the head; skip 1xx responses and leftovers of an earlier response."""
        while (start := self._head.find(b"HTTP/")) >= 0:
            end = _HEAD_END.search(self._head, max(start, self._searched - 3))
            if end is None:
                break
            head, rest = bytes(self._head[start : end.start()]), bytes(self._head[end.end() :])
            self._head, self._searched = bytearray(rest), 0
            if not _INTERIM.match(head):
                self._status, self._fields = _read_head(head)
                self._chunks = _Chunks() if "chunked" in _field(self._fields, "transfer-encoding").lower() else None
                return rest
        self._searched = len(self._head)
        if len(self._head) > MAX_HEAD_BYTES:
            raise ProtocolError("the answer is not HTTP")
        return b""


class _Chunks:
    """Decodes a chunked body (RFC 9112, 7.1).

    A body that is announced as chunked but is not passes through unchanged.
    """

    def __init__(self) -> None:
        self._rest = bytearray()  # an incomplete chunk-size line
        self._left = 0  # bytes of the current chunk not yet received
        self._count = 0
        self._is_over = self._is_plain = False

    def feed(self, data: bytes, body: bytearray) -> None:
        """Append the decoded content to `body`."""
        if self._is_plain:
            body += data
            return
        data, at = bytes(self._rest) + data, 0
        self._rest.clear()
        while at < len(data) and not self._is_over:
            if self._left:
                body += data[at : at + self._left]
                taken = min(self._left, len(data) - at)
                self._left, at = self._left - taken, at + taken
                continue
            found = _CHUNK_SIZE.match(data, at)
            if found is None:
                self._no_size(data[at:], body)
                return
            self._left, at, self._count = int(found[1], 16), found.end(), self._count + 1
            self._is_over = self._left == 0
            if self._count > MAX_CHUNKS:
                raise ProtocolError(f"the answer has more than {MAX_CHUNKS} chunks")

    def _no_size(self, data: bytes, body: bytearray) -> None:
        """Handle data that does not start with a complete chunk-size line.

        An incomplete line is kept for the next call. Otherwise the body ends here, or is not chunked at all if no chunk
        came before.
        """
        line = data.lstrip() if self._count else data
        if b"\n" not in line.lstrip() and len(line) < MAX_SIZE_LINE_BYTES and _SIZE_BEGINS.fullmatch(line):
            self._rest += line
        elif self._count:
            self._is_over = True
        else:
            self._is_plain = True
            body += data

    def end(self, body: bytearray) -> None:
        """Finish at the end of the connection: without any chunk, the kept bytes are content."""
        if not self._count and self._rest:
            body += self._rest
            self._rest.clear()


def parse_response(data: bytes, *, ended: bool) -> HttpResponse | None:
    """Return the response in `data`, or None if more data is needed. `ended`: the connection has ended."""
    reader = ResponseParser()
    reader.feed(data)
    return reader.response(ended=ended)


def is_due(data: bytes) -> bool:
    """Return whether `data` holds as many body bytes as the head states."""
    reader = ResponseParser()
    reader.feed(data)
    return reader.is_due


def _read_head(head: bytes) -> tuple[int, list[tuple[str, str]]]:
    lines = head.splitlines()
    found = _STATUS.match(lines[0])
    if found is None:
        raise ProtocolError(f"the answer is not HTTP: {lines[0][:40].decode('latin-1')!r}")
    pairs = (line.decode("latin-1").partition(":") for line in lines[1:])
    return int(found[1]), [(k.strip().lower(), v.strip()) for k, _, v in pairs]


def _field(fields: list[tuple[str, str]], name: str) -> str:
    return next((v for k, v in fields if k == name), "")
