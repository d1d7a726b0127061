"""Read MP4 boxes from a pipe."""

from __future__ import annotations

import asyncio
import struct

from core.errors import ProtocolError

MAX_BOX_BYTES = 32_000_000


class BoxReader:
    """Reads the boxes of an MP4 stream one after another."""

    def __init__(self, reader: asyncio.StreamReader):
        self._reader = reader

    async def next(self) -> tuple[bytes, bytes]:
        """Return (type, body) of the next box.

        Raises ProtocolError if the data is not MP4, asyncio.IncompleteReadError at the end of the stream.
        """
        header = await self._reader.readexactly(8)
        size, kind = struct.unpack(">I4s", header)
        if not 8 <= size <= MAX_BOX_BYTES:
            raise ProtocolError("ffmpeg's output is not MP4")
        return kind, await self._reader.readexactly(size - 8)
