"""Copies recorded segment files into a package, bit for bit, and notes which bytes hold which seconds.

A file is read once: the same pass copies it, takes its SHA-256, which must be the one of when the segment was closed,
and a CRC-32 of each group of pictures. The CRC proves nothing; it tells a verifier the seconds that a changed byte
belongs to. Blocking; no memory grows with the files.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import StorageError
from core.files import write_all
from nvr.archive.segment_index import NO_HASH, Segment, SegmentFlag
from nvr.media.mp4 import gop_index
from nvr.media.mp4.gop_index import Gop

CHUNK = 1 << 20
UNSAFE = re.compile(r"[^0-9A-Za-z._-]+")
Block = tuple[
    int, int, int | None, int | None, int
]  # offset, bytes, start and end in µs UTC (None: no picture), CRC-32


@dataclass(frozen=True, slots=True)
class Original:
    """A copied segment."""

    size: int
    sha256: str
    recorded_sha256: str | None
    blocks: list[Block]

    @property
    def is_as_recorded(self) -> bool:
        """Return whether the content is what the recorder closed; True without a hash of that time."""
        return self.recorded_sha256 in (None, self.sha256)


def safe_name(name: str) -> str:
    """Return a name that is the same on every file system: of letters, digits, full stop, dash and underscore."""
    return UNSAFE.sub("_", name).strip(".") or "_"


def copy(segment: Segment, source: Path, target: Path, stopped: Callable[[], bool] = lambda: False) -> Original:
    """Copy a closed segment. `stopped` is asked for each megabyte; True raises InterruptedError.

    Raises StorageError if a disk cannot be read or written, FileNotFoundError if the file is gone.
    """
    planned = _parts(segment, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        digest, blocks = _copy(source, target, planned, stopped)
    except (FileNotFoundError, InterruptedError):
        raise
    except OSError as e:
        raise StorageError(f"{e.filename or source}: cannot be copied ({e.strerror}); check the disk") from e
    recorded = None if segment.flags & SegmentFlag.UNHASHED or segment.sha256 == NO_HASH else segment.sha256.hex()
    return Original(target.stat().st_size, digest, recorded, blocks)


def _parts(segment: Segment, source: Path) -> list[tuple[int, int | None, int | None]]:
    """Return (end offset, start, end in µs UTC) of each part of the file in order; the last one ends the file."""
    gops = gop_index.read(source, segment.media_us)
    found: list[tuple[int, int | None, int | None]] = []
    stretch = (segment.end_us - segment.start_us) / segment.media_us if segment.media_us else 1.0
    at = 0
    for gop in gops:
        if gop.offset + gop.size <= max(at, gop.offset):
            continue  # an index that runs backwards says nothing
        if gop.offset > at:
            found.append((gop.offset, None, None))
        at = gop.offset + gop.size
        found.append((at, *_times(segment, gop, stretch)))
    found.append((2**62, None, None))
    return found


def _times(segment: Segment, gop: Gop, stretch: float) -> tuple[int, int]:
    start = segment.start_us + int(gop.time_us * stretch)
    return start, segment.start_us + int((gop.time_us + gop.duration_us) * stretch)


def _copy(
    source: Path, target: Path, planned: Sequence[tuple[int, int | None, int | None]], stopped: Callable[[], bool]
) -> tuple[str, list[Block]]:
    digest, blocks, parts = hashlib.sha256(), list[Block](), iter(planned)
    end, *times = next(parts)
    begin = position = crc = 0
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        while True:
            if stopped():
                raise InterruptedError
            chunk = reader.read(CHUNK)
            if not chunk:
                break
            digest.update(chunk)
            write_all(writer.fileno(), chunk)
            view = memoryview(chunk)
            while position + len(view) >= end:
                crc = zlib.crc32(view[: end - position], crc)
                blocks.append((begin, end - begin, times[0], times[1], crc))
                view, position, begin, crc = view[end - position :], end, end, 0
                end, *times = next(parts)
            crc, position = zlib.crc32(view, crc), position + len(view)
        if position > begin:
            blocks.append((begin, position - begin, times[0], times[1], crc))
        os.fdatasync(writer.fileno())
    return digest.hexdigest(), blocks
