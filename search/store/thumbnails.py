"""The thumbnails of a day in one append-only pack file, which avoids a million small files. Blocking."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

FILE_NAME = "thumbs.pack"
MAX_PICTURE_BYTES = 4_000_000


def append(folder: Path, pictures: Sequence[bytes]) -> list[tuple[int, int]]:
    """Append pictures; return (offset, bytes) of each. Safe for concurrent processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE_NAME).open("ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        at = os.fstat(f.fileno()).st_size
        f.write(b"".join(pictures))
        f.flush()
    places = []
    for picture in pictures:
        places.append((at, len(picture)))
        at += len(picture)
    return places


def read(folder: Path, offset: int, size: int) -> bytes:
    """Read a thumbnail. Raises FileNotFoundError if the day is deleted or the place is beyond the end of the file."""
    if offset < 0 or not 0 < size <= MAX_PICTURE_BYTES:
        raise FileNotFoundError("no thumbnail")
    with (folder / FILE_NAME).open("rb") as f:
        content = os.pread(f.fileno(), size, offset)
    if len(content) != size:
        raise FileNotFoundError("the thumbnail lies beyond the end of its file")
    return content
