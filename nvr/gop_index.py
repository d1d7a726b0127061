"""The packed index of a segment's GOPs: 16 bytes each, stored with the segment's row."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nvr.fmp4 import TIMESCALE, Fragment

_ENTRY = struct.Struct("<IIII")  # time ms, offset, size, duration ms: files stay far below 4 GB


@dataclass(frozen=True, slots=True)
class Gop:
    """A GOP's place in its file and time from the file's beginning."""

    time_us: int
    duration_us: int
    offset: int
    size: int


def pack(gops: Iterable[Gop]) -> bytes:
    return b"".join(_ENTRY.pack(g.time_us // 1000, g.offset, g.size, g.duration_us // 1000) for g in gops)


def unpack(data: bytes) -> list[Gop]:
    return [Gop(t * 1000, d * 1000, offset, size) for t, offset, size, d in _ENTRY.iter_unpack(data)]


def from_fragments(fragments: Iterable[Fragment]) -> Iterator[Gop]:
    """GOPs of consecutive fragments; each begins at a fragment that opens with a keyframe."""
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
    time = first.time * 1_000_000 // TIMESCALE
    end = (last.time + last.duration) * 1_000_000 // TIMESCALE
    return Gop(time, end - time, first.offset, last.offset + last.size - first.offset)
