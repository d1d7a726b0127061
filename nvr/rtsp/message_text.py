r"""RTSP messages as cameras write them: heads that end in bare line feeds, and SDP with a wrong Content-Length.

In other replies the stated Content-Length is right; that of an SDP may be too short (characters counted instead of
bytes, or `\\n` for each `\\r\\n`), too long or missing. All functions take time linear in the received bytes.
"""

from __future__ import annotations

import mmap
import re

from core.errors import ProtocolError
from core.numbers import parse_whole_number

Buffer = bytes | bytearray | mmap.mmap  # what is searched without copying
MAX_HEAD = 65_536
MAX_FIELDS = 200
MAX_LINE = 2048  # bytes of a line in a head; cameras send about 200
HEAD_END_BYTES = 4  # longest match of _HEAD_END
_HEAD_END = re.compile(rb"\n\r{0,2}\n")
_STATUS_LINE = re.compile(rb"RTSP/\d\.\d[ \t]{1,3}\d{3}")
STATUS_LINE_BYTES = 14  # longest match of _STATUS_LINE
_FRAME = re.compile(rb"\$[\x00-\x08\x0b\x0c\x0e\x0f]")  # beginning of an interleaved frame; no text contains it
_REQUEST = re.compile(rb"[A-Z_]{3,20} \S{1,500} \Z")


def head_end(buffer: Buffer, begin: int, end: int) -> tuple[int, int] | None:
    """Return (end of the head that begins at `begin`, beginning of what follows); None where the head is incomplete."""
    found = _HEAD_END.search(buffer, begin, end)
    return (found.start(), found.end()) if found else None


def fields(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Return the first line of a head, and its fields with lower-case names.

    Raises ProtocolError for an oversized head.
    """
    if (count := head.count(b"\n")) > MAX_FIELDS:
        raise ProtocolError(f"the camera sends {count} header lines at once; the limit is {MAX_FIELDS}")
    first, *lines = (line.strip("\r") for line in head.decode("utf-8", "replace").split("\n"))
    if (longest := max(len(first), *map(len, lines)) if lines else len(first)) > MAX_LINE:
        raise ProtocolError(f"the camera sends a header line of {longest} characters; the limit is {MAX_LINE}")
    return first, [(k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines)]


def body_size(named: list[tuple[str, str]], most: int) -> int:
    """Return the Content-Length; 0 where it is missing, unreadable or above `most`."""
    told = dict(named).get("content-length", "")
    size = parse_whole_number(told, 7) or 0
    return size if size <= most else 0


class Heads:
    """Messages in buffer[:end], searched from front to back; no byte is searched twice for the end of a head."""

    __slots__ = ("_buffer", "_end", "_searched")

    def __init__(self, buffer: Buffer, end: int):
        self._buffer, self._end = buffer, end
        self._searched = 0  # no head that begins later ends before this position

    def after_message(self, begin: int, most: int) -> tuple[bytes, int] | None:
        """Return (head, position after head and body) of the message at `begin`; None where its head is incomplete.

        The position may be after the end of the buffer.
        """
        buffer, stop = self._buffer, min(self._end, begin + MAX_HEAD)
        found = head_end(buffer, max(begin, self._searched), stop)
        if found is None:
            self._searched = max(self._searched, stop - HEAD_END_BYTES + 1)
            return None
        return _after_head(buffer, bytes(buffer[begin : found[0]]), found[1], self._end, most)


def after_message(buffer: Buffer, begin: int, end: int, most: int) -> tuple[bytes, int] | None:
    """Like `Heads.after_message`, for one message."""
    return Heads(buffer, end).after_message(begin, most)


def _after_head(buffer: Buffer, head: bytes, at: int, end: int, most: int) -> tuple[bytes, int] | None:
    if buffer[at : min(at + 2, end)] == b"$" and body_size(fields(head)[1], most):
        return None  # a frame, or a body that begins like one: the next byte decides
    has_body = not _FRAME.match(buffer, at, end)  # some cameras state a length although there is no body
    return head, at + (body_size(fields(head)[1], most) if has_body else 0)


def next_status_line(buffer: Buffer) -> int:
    """Return the position of the next reply.

    -1: none yet; the last STATUS_LINE_BYTES bytes may be its beginning.
    """
    found = _STATUS_LINE.search(buffer)
    return found.start() if found else -1


def text_end(buffer: bytes | bytearray) -> int:
    """Return the end of an SDP: the next message or interleaved frame, otherwise the end of the bytes."""
    frame = _FRAME.search(buffer)
    end = frame.start() if frame else len(buffer)
    at = buffer.find(b"RTSP/", 0, end)
    if at < 0:
        return end
    line = max(buffer.rfind(b"\n", 0, at) + 1, at - 530)
    request = _REQUEST.search(bytes(buffer[line:at]))
    return line + request.start() if request else at
