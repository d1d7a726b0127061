"""Completes files whose writer died, and stores what became of them. In: an entry and a path. Out: `CompletedFile`.

Start-up recovery, `archive verify --repair`, adoption after a restore and the hashing of waiting files all complete
files here, so that each of them records damaged time as a gap: every second is recorded or lies in a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import to_microseconds
from core.units import media_to_us
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import MIN_GAP_US
from nvr.archive.integrity import salvage
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.media.mp4 import fmp4, gop_index
from nvr.tables import Gap, GapCause

_Range = tuple[int, int]  # start, end, µs UTC


@dataclass(frozen=True, slots=True)
class CompletedFile:
    """What became of a file: its entry, the quarantined original, and the damaged ranges, µs UTC.

    `segment` is None if the file has no readable picture.
    """

    segment: Segment | None = None
    quarantined: Path | None = None
    damaged_ranges: tuple[_Range, ...] = ()


def complete_file(segment: Segment, path: Path, *, hashing: bool = True, now: datetime | None = None) -> CompletedFile:
    """Complete a file (nvr.archive.integrity.salvage) and hash it, or leave hashing for later.

    Blocking. Raises FileNotFoundError, and OSError if its disk cannot read it.
    """
    outcome = salvage.complete(path, now)
    if not outcome.fragments:
        return CompletedFile(quarantined=outcome.quarantined)
    last = outcome.fragments[-1]
    media = media_to_us(last.time + last.duration)
    flags = SegmentFlag.RECOVERED | (segment.flags & SegmentFlag.BACKFILLED)
    if b"soun" in fmp4.read_init(path):
        flags |= SegmentFlag.AUDIO
    if not hashing:
        flags |= SegmentFlag.UNHASHED
    end = segment.start_us + media
    if now is not None:  # the duration of the newest picture is a guess: until now at most
        end = max(segment.start_us + media_to_us(last.time) + 1, min(end, to_microseconds(now)))
    entry = Segment(
        segment.stream, segment.volume, segment.start_us, end, media, path.stat().st_size,
        sum(f.samples for f in outcome.fragments), 0, segment.clock_offset_us, flags,
        sha256_of(path) if hashing else segment_index.NO_HASH,
    )  # fmt: skip
    ranges = tuple(
        (segment.start_us + media_to_us(a), segment.start_us + media_to_us(b)) for a, b in outcome.damaged_ranges
    )
    return CompletedFile(entry, outcome.quarantined, ranges)


def complete_known_file(known: Segment, path: Path) -> CompletedFile:
    """Complete a file that has an entry, which says when its recording ended: what is lost before that end is damaged.

    Blocking. Raises as `complete_file`.
    """
    done = complete_file(known, path)
    if done.segment is None:
        return done
    # Wall and media clocks differ by parts per thousand, as nvr.archive.reader places the GOPs.
    stretch = (known.end_us - known.start_us) / known.media_us if known.media_us else 1.0

    def wall(us: int) -> int:
        return min(known.start_us + int((us - known.start_us) * stretch), known.end_us)

    end = wall(done.segment.end_us)
    ranges = [(wall(a), wall(b)) for a, b in done.damaged_ranges]
    if known.end_us - end >= MIN_GAP_US:
        ranges.append((end, known.end_us))
    else:  # keep the end, at which a gap may begin
        end = known.end_us
    entry = replace(done.segment, end_us=end, lost=known.lost)
    return replace(done, segment=entry, damaged_ranges=tuple(r for r in ranges if r[1] > r[0]))


def hash_file(known: Segment, path: Path) -> CompletedFile:
    """Hash a file that was closed without a hash; complete it if its end is missing or parts of it were salvaged.

    Blocking. Raises as `complete_file`.
    """
    if not gop_index.is_closed(path) or salvage.was_salvaged(path):
        return complete_known_file(known, path)
    flags = known.flags & ~SegmentFlag.UNHASHED
    return CompletedFile(replace(known, flags=flags, size=path.stat().st_size, sha256=sha256_of(path)))


def sha256_of(path: Path) -> bytes:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").digest()


async def store(session: AsyncSession, stream: str, files: Sequence[CompletedFile]) -> None:
    """Add the entries of completed files without entries, and a gap for each damaged range of them."""
    await segment_index.append(session, [f.segment for f in files if f.segment is not None])
    await add_damage_gaps(session, stream, [r for f in files for r in f.damaged_ranges])


async def add_damage_gaps(
    session: AsyncSession, stream: str, ranges: Iterable[_Range], detail: str = "damaged on its disk"
) -> None:
    """Add a gap for each range, unless an earlier try has added it."""
    for start, end in ranges:
        same = select(Gap.id).where(Gap.stream == stream, Gap.end_us == end, Gap.start_us == start)
        if await session.scalar(same) is None:
            session.add(Gap(stream=stream, start_us=start, end_us=end, cause=GapCause.DISK_ERROR, detail=detail))
