"""Parse ffmpeg's standard error, line by line in ffmpeg's own formats.

Addresses, pointers and cameras' reason phrases may contain any number, so the text is not searched for numbers. A
status counts only in a line that ffmpeg's RTSP or HTTP code wrote itself (libavformat/rtsp.c, http.c), or where a line
ends in the words of libavutil/error.c ("Server returned 401 Unauthorized …"; ffmpeg 5.1 to 7 put different words before
them). A system error counts only at the end of a line.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections import deque
from dataclasses import dataclass, field

from core.errors import CameraError, CameraUnreachable, ConnectionLost, ProtocolError, TransportDeclined
from core.logs import redact
from nvr.rtsp import status_codes

MAX_LINES = 40  # newest lines kept
MAX_LINE = 2000  # characters kept of a line
_CHUNK = 65_536
_INPUT = r"in#\d+(?:/[\w,]+)?"  # name of an input in messages of the ffmpeg program
_FROM = r"^\[(?:%s) @ (?:0x)?[0-9a-f]+\] "
_RTSP = re.compile(_FROM % f"rtsp|sdp|{_INPUT}" + r"method ([A-Z_]+) failed: (\d{3})(?!\d)")
_HTTP = re.compile(_FROM % "https?" + r"HTTP error (\d{3})(?!\d)")
# The program's last message: it has the status without the method.
_RETURNED = re.compile(
    r"(?:^|: )Server returned (?:(400) Bad Request|(401) Unauthorized|(403) Forbidden|(404) Not Found"
    r"|(429) Too Many Requests"
    r"|(4)XX Client Error, but not one of 40\{[0-9,]+\}|(5)XX Server Error reply)(?: \([a-z ]+\))?\Z"
)
_STATUS_ALONE = re.compile(r"(4\d\d|5\d\d) [A-Z][A-Za-z -]{2,40}\Z")
_OTHER_TRANSPORT = re.compile(_FROM % "rtsp" + r"Nonmatching transport in server reply$")
_NO_SOUND = re.compile(
    _FROM % "mov" + r"(?:Could not find tag for codec (\S+) in stream #[1-9]|(\S+) only supported in MP4)"
)
_NO_HEADER = re.compile(r"^(?:\[out#\S+ @ 0x[0-9a-f]+\] )?Could not write header\b")
_UNREACHABLE = tuple(
    os.strerror(number)
    for number in (
        errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN,
    )
)  # fmt: skip
_CLOSED = ("End of file", *(os.strerror(n) for n in (errno.EIO, errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)))
_NO_NAME = re.compile(_FROM % "tcp|udp|tls" + r"Failed to resolve hostname ")


@dataclass(slots=True)
class FfmpegErrors:
    """Collects one process's standard error during its lifetime."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_LINES))
    refused: tuple[str, int] | None = None  # method and status of the newest refusal
    returned: int = 0  # status whose method is unknown; 4 and 5: any 4xx or 5xx
    declined_transport: bool = False
    unresolved: bool = False  # the host name has no address
    unsupported_audio: str = ""  # an audio codec that the container does not support
    _rest: bytes = b""

    async def drain(self, reader: asyncio.StreamReader) -> None:
        """Read to the end, because a full pipe would stop ffmpeg."""
        while data := await reader.read(_CHUNK):
            self.feed(data)
        self.feed(b"\n")

    def feed(self, data: bytes) -> None:
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: 2 * MAX_LINE]
        for line in whole:
            text = line[:MAX_LINE].decode("utf-8", "replace").strip("\r ")
            if text:
                self._parse_line(text)

    def _parse_line(self, line: str) -> None:
        self.lines.append(line)
        if found := _RTSP.match(line):
            self.refused = found[1], int(found[2])
        elif found := _HTTP.match(line):
            self.refused = "GET", int(found[1])
        elif found := _RETURNED.search(line) or _STATUS_ALONE.match(line):
            self.returned = int(next(digits for digits in found.groups() if digits))
        elif _OTHER_TRANSPORT.match(line):
            self.declined_transport = True
        elif _NO_NAME.match(line):
            self.unresolved = True
        elif found := _NO_SOUND.match(line):
            self.unsupported_audio = found[1] or found[2]
        elif _NO_HEADER.match(line):
            self.unsupported_audio = self.unsupported_audio or "its format"

    def reason(self, *, with_login: bool) -> CameraError:
        """Return why ffmpeg ended."""
        if self.refused is not None:
            return status_codes.judge(*self.refused, with_login=with_login)
        if self.declined_transport:
            return TransportDeclined("the camera chose a transport that was not requested")
        if self.returned:
            return status_codes.judge_alone(self.returned, with_login=with_login)
        if not self.lines:
            return ConnectionLost("ffmpeg ended without an error message")
        if self.unresolved:
            return CameraUnreachable("the camera's host name cannot be resolved")
        text = redact(self.lines[-1])[:160]
        if any(line.endswith(_UNREACHABLE) for line in self.lines):
            return CameraUnreachable(text)
        return ConnectionLost(text) if self.lines[-1].endswith(_CLOSED) else ProtocolError(text)
