"""One HTTP exchange with a server that counts wrongly.

Cameras' web servers send a Content-Length that is too long or too short, both a length and chunks, bytes behind the
answer, or close before the end. An HTTP library rightly refuses these; here the body is read until its SOAP envelope is
complete. Slower than the shared session (a connection for each request), so only cameras that need it are asked this way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from yarl import URL

from cameras.onvif import soap
from core.errors import CameraUnreachable, ProtocolError
from core.network_errors import reason

CHUNK = 65_536
MAX_HEAD = 65_536
QUIET_SECONDS = 1.0  # silence behind the stated length that ends an answer without an envelope
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+1\d\d")
_CHUNK_SIZE = re.compile(rb"\s*([0-9a-fA-F]{1,8})[^\n]*\n")


async def post(
    url: URL,
    request: bytes,
    headers: Mapping[str, str],
    seconds: float,
    connect_seconds: float,
    limit: int,
    place: AbstractAsyncContextManager[object],
) -> tuple[int, bytes, list[str]]:
    """Status, body and WWW-Authenticate headers. `place`: held while connecting (core.connection_budget).

    Raises CameraUnreachable or ProtocolError.
    """
    try:
        async with asyncio.timeout(seconds):
            async with place, asyncio.timeout(connect_seconds):
                reader, writer = await asyncio.open_connection(url.host, url.port, ssl=url.scheme == "https" or None)
            try:
                writer.write(_request(url, request, headers))
                await writer.drain()
                return await _answer(reader, limit)
            finally:
                writer.close()
    except (OSError, TimeoutError) as e:
        raise CameraUnreachable(f"no ONVIF answer: {reason(e)}") from e


def _request(url: URL, body: bytes, headers: Mapping[str, str]) -> bytes:
    port = "" if url.is_default_port() else f":{url.port}"
    lines = [f"POST {url.raw_path_qs} HTTP/1.1", f"Host: {url.host_subcomponent}{port}", "Connection: close"]
    lines += [f"{k}: {v}" for k, v in headers.items()] + [f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _answer(reader: asyncio.StreamReader, limit: int) -> tuple[int, bytes, list[str]]:
    data = bytearray()
    quiet: float | None = None
    while True:
        try:
            async with asyncio.timeout(quiet):
                came = await reader.read(CHUNK)
        except TimeoutError:
            if quiet is None:
                raise
            came = b""
        except ConnectionResetError:
            came = b""
        data += came
        if len(data) > limit + MAX_HEAD:
            raise ProtocolError(f"the answer is larger than {limit // 1_000_000} MB")
        found = answer_in(bytes(data), ended=not came)
        if found is not None:
            return found.status, found.body, found.challenges
        if not came:
            raise CameraUnreachable("no ONVIF answer: the camera closed the connection")
        quiet = QUIET_SECONDS if is_due(bytes(data)) else None


class Answer:
    """An HTTP answer, whole enough to be used."""

    __slots__ = ("body", "challenges", "status")

    def __init__(self, status: int, body: bytes, challenges: list[str]):
        self.status, self.body, self.challenges = status, body, challenges


def answer_in(data: bytes, *, ended: bool) -> Answer | None:
    """The answer in what has come so far; None where more is to be waited for. `ended`: nothing more will come."""
    head, rest = _split(data)
    if head is None:
        return None
    status, fields = _read_head(head)
    body = _unchunked(rest) if "chunked" in _field(fields, "transfer-encoding").lower() else rest
    if not ended and not soap.is_complete(body) and not _complete_without_envelope(fields, rest):
        return None
    return Answer(status, body, [v for k, v in fields if k == "www-authenticate"])


def is_due(data: bytes) -> bool:
    """As many bytes of the body as the head states have come."""
    head, rest = _split(data)
    if head is None:
        return False
    told = _field(_read_head(head)[1], "content-length")
    return told.isdigit() and len(rest) >= int(told)


def _complete_without_envelope(fields: list[tuple[str, str]], rest: bytes) -> bool:
    """An empty answer or a page of HTML is over at its stated length; an envelope goes on to its end."""
    told = _field(fields, "content-length")
    return told.isdigit() and len(rest) >= int(told) and not soap.has_begun(rest)


def _split(data: bytes) -> tuple[bytes | None, bytes]:
    """Head and body; 100 Continue and the like are passed over."""
    start = 0
    while True:
        start = data.find(b"HTTP/", start)  # what lies before it was left behind by another answer
        found = _HEAD_END.search(data, start) if start >= 0 else None
        if found is None:
            if len(data) > MAX_HEAD:
                raise ProtocolError("the answer is not HTTP")
            return None, b""
        if not _INTERIM.match(data, start):
            return data[start : found.start()], data[found.end() :]
        start = found.end()


def _read_head(head: bytes) -> tuple[int, list[tuple[str, str]]]:
    lines = head.splitlines()
    found = _STATUS.match(lines[0])
    if found is None:
        raise ProtocolError(f"the answer is not HTTP: {lines[0][:40].decode('latin-1')!r}")
    pairs = (line.decode("latin-1").partition(":") for line in lines[1:])
    return int(found[1]), [(k.strip().lower(), v.strip()) for k, _, v in pairs]


def _field(fields: list[tuple[str, str]], name: str) -> str:
    return next((v for k, v in fields if k == name), "")


def _unchunked(data: bytes) -> bytes:
    """The chunks' content; a body that is told to be chunked and is not comes back as it is."""
    parts, at = list[bytes](), 0
    while found := _CHUNK_SIZE.match(data, at):
        size = int(found[1], 16)
        parts.append(data[found.end() : found.end() + size])
        at = found.end() + size
        if size == 0:
            break
    return b"".join(parts) if parts else data
