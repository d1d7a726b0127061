"""Read a camera's RTSP replies from a socket, in bounded memory and in time linear in the received bytes.

It tolerates the deviations that cameras show (nvr.rtsp.message_text).
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass

from core.errors import ConnectionLost, ProtocolError
from nvr.rtsp import message_text
from nvr.rtsp.message_text import MAX_HEAD

MAX_BODY = 262_144
MAX_EARLY_BYTES = 4_000_000  # bytes of media before a reply
QUIET_SECONDS = 0.4  # silence that ends an SDP whose stated length is missing or may be too short
SHORT_BODY_SECONDS = 2.5  # silence that ends an SDP that is shorter than its stated length

# Beginning of a reply, or of a request from the camera, possibly truncated.
_BEGINS = re.compile(
    rb"RTSP/|(?:R|RT|RTS|RTSP)\Z|[A-Z_]{1,20}(?:\Z| [^\r\n ]{0,500}(?:\Z| (?:RTSP/1\.\d|R?T?S?P?/?1?\.?\Z)))"
)


@dataclass(slots=True)
class Reply:
    """A parsed reply; header names are lower case. Status 0 is a request from the camera."""

    status: int
    headers: dict[str, str]
    challenges: list[str]
    body: bytes


class ConnectionClosed(ConnectionLost):
    """The camera closed the connection in order, not by a reset."""


class ReplyReader:
    """Reads replies; interleaved frames between them are stored in `early_frames`. The caller sets the deadline."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = bytearray()
        self.early_frames = bytearray()
        # Bytes of the buffer without the end of a head; size of a message whose body is incomplete.
        self._searched = self._awaited = 0
        self._described = False  # an SDP was read, and may be longer than stated
        self._skipped = -1  # bytes of it that were skipped; -1: a message begins here

    async def _whole_description(self, reply: Reply) -> bytes:
        """Return the complete SDP of a reply to DESCRIBE, whatever length is stated. Raises ConnectionLost."""
        self._described = True
        body, stated = reply.body, "content-length" in reply.headers
        while len(body) <= MAX_BODY:
            more = message_text.text_end(self.buffer)
            body += self.buffer[:more]
            del self.buffer[:more]
            whole = stated and b"m=" in body and body.endswith(b"\n")
            if (
                whole
                or self.buffer
                or not await self._more(QUIET_SECONDS if stated or b"m=" in body else SHORT_BODY_SECONDS)
            ):
                break
        return body

    async def _more(self, seconds: float | None) -> bool:
        """Receive more data; return False where none arrives within `seconds`. Raises ConnectionLost."""
        try:
            async with asyncio.timeout(seconds):
                await self._receive()
        except TimeoutError:
            if seconds is None:
                raise
            return False
        return True

    async def _read_reply(self) -> Reply:
        while True:
            if self._skipped < 0 and self.buffer[:1] == b"$":
                if len(self.buffer) >= 4:
                    size = 4 + int.from_bytes(self.buffer[2:4], "big")
                    if len(self.buffer) >= size:
                        self.early_frames += self.buffer[:size]
                        del self.buffer[:size]
                        continue
            elif self.buffer:
                reply = self._parse()
                if reply is not None:
                    return reply
            if len(self.early_frames) > MAX_EARLY_BYTES:
                raise ProtocolError("the camera sends media but never answers")
            if not await self._more(SHORT_BODY_SECONDS if self._awaited else None) and b"m=video" in self.buffer:
                reply = self._parse(cut_short=True)
                if reply is not None:
                    return reply

    async def _receive(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
        if not data:
            raise ConnectionClosed("the camera closed the connection")
        self.buffer += data

    def _parse(self, *, cut_short: bool = False) -> Reply | None:
        """Return the reply at the beginning of the buffer; None where it is incomplete.

        `cut_short`: the rest of its body will not arrive.
        """
        if len(self.buffer) < self._awaited and not cut_short:
            return None
        if self._skipped < 0:
            self._at_message()
        if self._skipped >= 0 and not self._skip_text():
            return None
        found = message_text.head_end(self.buffer, max(0, self._searched - 3), len(self.buffer))
        if found is None:
            self._searched = len(self.buffer)
            if len(self.buffer) > MAX_HEAD:
                raise ProtocolError(f"the header of a reply exceeds {MAX_HEAD} bytes")
            return None
        first, named = message_text.fields(bytes(self.buffer[: found[0]]))
        headers = dict(named)
        asks = not first.startswith("RTSP/")  # a request from the camera (RFC 2326, 10), which is ignored
        try:
            length = int(headers.get("content-length", "0"))
            status = 0 if asks else int(first.split()[1])
        except (ValueError, IndexError) as e:
            raise ProtocolError(f"invalid reply: {first[:60]!r}") from e
        if not 0 <= length <= MAX_BODY:
            raise ProtocolError(f"a reply states a body of {length} bytes")
        whole = found[1] + length
        if len(self.buffer) < whole and not cut_short:
            self._awaited = whole
            return None
        body = bytes(self.buffer[found[1] : whole])
        del self.buffer[:whole]
        self._searched = self._awaited = 0
        return Reply(status, headers, [v for k, v in named if k == "www-authenticate"], body)

    def _at_message(self) -> None:
        """Remove empty lines before a message; otherwise begin to skip the rest of an SDP. Raises ProtocolError."""
        if self.buffer[:1].isspace():
            del self.buffer[: len(self.buffer) - len(self.buffer.lstrip(b"\r\n"))]
        if not self.buffer or _BEGINS.match(self.buffer):
            return
        if not self._described:
            raise ProtocolError(f"the camera does not support RTSP: {bytes(self.buffer[:24])!r}")
        self._skipped = 0

    def _skip_text(self) -> bool:
        """Skip data that is not a reply; return True where one begins. Raises ProtocolError after MAX_BODY bytes."""
        at = message_text.next_status_line(self.buffer)
        drop = at if at >= 0 else max(0, len(self.buffer) - message_text.STATUS_LINE_BYTES)
        del self.buffer[:drop]
        self._skipped += drop
        if self._skipped > MAX_BODY:
            raise ProtocolError("the camera sends data that is not RTSP")
        if at >= 0:
            self._skipped = -1
        return at >= 0
