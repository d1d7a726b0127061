"""Clips as streams of bytes, for downloads: nothing is written to disk, and memory does not grow with the length.

`mp4_pieces` yields a planned clip (nvr.playback.clip) as nvr.playback.mp4_writer would write it. `ZipStream` puts files
into a zip whose end is written last (data descriptors, zip64: PKWARE APPNOTE 4.3.9, 4.5.3), stored and not compressed:
video does not get smaller. All functions and iterators block; run their steps in a thread.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from core.error_codes import ErrorCode
from core.errors import NotFoundError
from nvr.playback import mp4_writer
from nvr.playback.clip import Clip

PIECE_BYTES = 1 << 20
SUMS_FILE = "SHA256SUMS"


def mp4_size(clip: Clip) -> int:
    """Return the size in bytes of what `mp4_pieces` yields."""
    return len(mp4_writer.head(clip)) + sum(r.size for r in clip.ranges)


def mp4_pieces(clip: Clip) -> Iterator[bytes]:
    """Yield the clip as an MP4 file, in pieces of at most PIECE_BYTES after the header.

    Raises NotFoundError if a recorded file became shorter, OSError if it cannot be read.
    """
    yield mp4_writer.head(clip)
    for path, ranges in groupby(clip.ranges, key=lambda r: r.path):
        source = os.open(path, os.O_RDONLY)
        try:
            for wanted in ranges:
                yield from _pieces(source, wanted.offset, wanted.size)
        finally:
            os.close(source)


def _pieces(source: int, offset: int, size: int) -> Iterator[bytes]:
    while size:
        piece = os.pread(source, min(size, PIECE_BYTES), offset)
        if not piece:
            raise NotFoundError(
                "the recorded file became shorter during the download; try again", ErrorCode.FOOTAGE_CHANGED
            )
        yield piece
        offset, size = offset + len(piece), size - len(piece)


class _Output(io.RawIOBase):
    """Keeps what the zip writes until it is taken; cannot seek, so that zipfile writes data descriptors."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class ZipStream:
    """A zip that is sent while it is made. Its last file, SHA256SUMS, can be checked with `sha256sum -c`."""

    def __init__(self, at: datetime):
        """`at`: the time that the entries carry."""
        self._at = at.timetuple()[:6]
        self._output = _Output()
        self._zip = zipfile.ZipFile(self._output, "w", zipfile.ZIP_STORED)
        self._sums: list[str] = []

    def add(self, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Add a file; yield the bytes of the zip as they come."""
        digest = hashlib.sha256()
        with self._zip.open(self._entry(name), "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
                yield self._output.take()
        self._sums.append(f"{digest.hexdigest()}  {name}\n")
        yield self._output.take()

    def finish(self) -> Iterator[bytes]:
        """Add the sums and end the zip."""
        self._zip.writestr(self._entry(SUMS_FILE), "".join(self._sums))
        self._zip.close()
        yield self._output.take()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, (self._at[0], *self._at[1:]))
        entry.external_attr = 0o640 << 16
        return entry
