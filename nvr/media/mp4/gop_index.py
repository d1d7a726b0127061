"""Index of a segment's GOPs, stored at the end of the file as an `mfra` box (ISO/IEC 14496-12 8.8.9).

A reader finds it from the last 16 bytes (`mfro`). A truncated file has no index; its fragments are scanned instead.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.units import media_to_us, us_to_media
from nvr.media.mp4 import fmp4
from nvr.media.mp4.fmp4 import Fragment

_TFRA_HEAD = struct.Struct(">I4sIIII")
_TFRA_ENTRY = struct.Struct(">QQBBB")
_MFRO = struct.Struct(">I4sII")
_OVERHEAD = 8 + _TFRA_HEAD.size + _MFRO.size
MAX_INDEX = 1_000_000


@dataclass(slots=True)
class Gop:
    """Position of a GOP in its file, and its time from the beginning of the file."""

    time_us: int
    duration_us: int
    offset: int
    size: int


def box(gops: Sequence[Gop]) -> bytes:
    """Return the `mfra` box that closes a file."""
    size = _OVERHEAD + _TFRA_ENTRY.size * len(gops)
    entries = b"".join(_TFRA_ENTRY.pack(us_to_media(g.time_us), g.offset, 1, 1, 1) for g in gops)
    tfra = _TFRA_HEAD.pack(_TFRA_HEAD.size + len(entries), b"tfra", 1 << 24, 1, 0, len(gops)) + entries
    return struct.pack(">I4s", size, b"mfra") + tfra + _MFRO.pack(_MFRO.size, b"mfro", 0, size)


def read(path: Path, media_us: int = 0) -> list[Gop]:
    """Return the GOPs of a file; `media_us` is its duration if known. Raises FileNotFoundError."""
    if media_us:
        entries, end = _entries(path)
        if entries:
            stops = [*entries[1:], (us_to_media(media_us), end)]
            return [
                Gop(media_to_us(time), media_to_us(stop - time), offset, until - offset)
                for (time, offset), (stop, until) in zip(entries, stops, strict=True)
            ]
    return list(from_fragments(fmp4.scan(path)))


def _entries(path: Path) -> tuple[list[tuple[int, int]], int]:
    """Return ((media time, offset) of each GOP, position of the index); no GOPs where the file has no index."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        end = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _MFRO.size, max(0, end - _MFRO.size))
        if len(tail) < _MFRO.size or tail[4:8] != b"mfro":
            return [], end
        size = _MFRO.unpack(tail)[3]
        if not _OVERHEAD <= size <= min(end, MAX_INDEX):
            return [], end
        body = os.pread(descriptor, size, end - size)
    finally:
        os.close(descriptor)
    entries = body[8 + _TFRA_HEAD.size : -_MFRO.size]
    if body[4:8] != b"mfra" or len(entries) % _TFRA_ENTRY.size:
        return [], end
    return [(time, offset) for time, offset, *_ in _TFRA_ENTRY.iter_unpack(entries)], end - size


def is_closed(path: Path) -> bool:
    """Return whether the file begins like a segment and ends with its index, i.e. was closed properly."""
    with path.open("rb") as f:
        if f.read(8)[4:] != b"ftyp":
            return False
        f.seek(-_MFRO.size, os.SEEK_END)
        return f.read(8)[4:] == b"mfro"


def from_fragments(fragments: Iterable[Fragment]) -> Iterator[Gop]:
    """Yield the GOPs of consecutive fragments; each begins at a fragment that opens with a keyframe."""
    start: Fragment | None = None
    last: Fragment | None = None
    for fragment in fragments:
        if fragment.key or start is None:
            if start is not None and last is not None:
                yield _between(start, last)
            start = fragment
        last = fragment
    if start is not None and last is not None:
        yield _between(start, last)


def _between(first: Fragment, last: Fragment) -> Gop:
    time = media_to_us(first.time)
    end = media_to_us(last.time + last.duration)
    return Gop(time, end - time, first.offset, last.offset + last.size - first.offset)
