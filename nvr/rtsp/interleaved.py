"""Parse interleaved RTP (RFC 2326, 10.12) packet by packet, for readers of a single camera."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import ProtocolError
from nvr.rtsp import message_text
from nvr.rtsp.reply_reader import MAX_BODY

MAX_INCOMPLETE_BYTES = 4 * 1024 * 1024


def packets(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove every complete frame from the buffer and yield (channel, packet). Incomplete data stays.

    Replies to keep-alives in between are skipped. The iteration may be stopped at any frame. Raises ProtocolError where
    the framing is lost or a frame does not end.
    """
    at = 0
    try:
        while at + 4 <= len(buffer):
            if buffer[at] != 0x24:
                if not buffer.startswith(b"RTSP", at):
                    raise ProtocolError("the interleaved framing is lost")
                message = message_text.after_message(buffer, at, len(buffer), MAX_BODY)
                if message is None or message[1] > len(buffer):
                    break
                at = message[1]
                continue
            end = at + 4 + int.from_bytes(buffer[at + 2 : at + 4], "big")
            if end > len(buffer):
                break
            channel, packet = buffer[at + 1], bytes(buffer[at + 4 : end])
            at = end
            yield channel, packet
    finally:
        del buffer[:at]
    if len(buffer) > MAX_INCOMPLETE_BYTES:
        raise ProtocolError(f"an interleaved frame exceeds {MAX_INCOMPLETE_BYTES} bytes")
