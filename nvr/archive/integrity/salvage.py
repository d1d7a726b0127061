"""Completes segment files whose writer died, and salvages the readable parts of damaged ones. Blocking.

A file that only lacks its end is truncated after its last whole fragment and gets its index. Of a damaged file (bytes
that are no box, a destroyed header, pages that a power failure left empty) the readable fragments are copied to a new
file; after each damaged place the copy resumes at the next keyframe. The damaged file moves to the quarantine of its
volume (nvr.storage.volume_quarantine). A file without a readable fragment moves there whole. Nothing is deleted.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.clock import SystemClock
from core.errors import ProtocolError
from core.files import sync_folder
from nvr.media.mp4 import fmp4, gop_index, moov
from nvr.media.mp4.fmp4 import TIMESCALE, Fragment
from nvr.storage import volume_quarantine

PART_SUFFIX = ".part"  # suffix of the file with the readable parts of a damaged one
COPY_SUFFIX = (
    ".copy"  # suffix of a copy that gets a new name where there are no hard links (nvr.clock_correction.file_moves)
)
MIN_DAMAGE_TICKS = TIMESCALE  # 90 kHz; a shorter one between two salvaged pictures is jitter
HEAD_BYTES = 65_536  # the init segment is within the first bytes
MAX_FRAGMENT_BYTES = 32_000_000  # no fragment is longer
_BOXES = (b"moof", b"mdat", b"mfra", b"free", b"ftyp", b"moov")


@dataclass(slots=True)
class SalvageResult:
    """What became of a file.

    `fragments` are those of the file that is now at its path; empty: it has no readable picture.
    """

    fragments: list[Fragment] = field(default_factory=list)
    quarantined: Path | None = None
    why: str = ""
    damaged_ranges: list[tuple[int, int]] = field(default_factory=list)  # damaged ranges, media time, 90 kHz


@dataclass(slots=True)
class _Content:
    """What a file holds: its header (whole, or rebuilt from its decoder configuration) and runs of whole fragments."""

    head: bytes
    head_is_whole: bool
    runs: list[list[Fragment]]
    torn_at: int  # where the unreadable rest begins


def complete(path: Path, now: datetime | None = None) -> SalvageResult:
    """Complete or salvage a file. Raises FileNotFoundError, and OSError if its disk cannot read it."""
    finish_interrupted(path)
    content = _read(path)
    if not content.runs or not content.head:
        why = "it contains no readable picture" if content.head else "not a segment file, or its header is destroyed"
        return _quarantined(path, why, now)
    (first, *others) = content.runs
    if (
        content.head_is_whole
        and not others
        and first[0].offset <= len(content.head)
        and _is_torn(path, content.torn_at)
    ):
        return SalvageResult(
            _cut_back(path, first),
            damaged_ranges=list(_damaged_ranges([[f] for f in first])) if was_salvaged(path) else [],
        )
    return _salvaged(path, content, now)


def finish_interrupted(path: Path) -> bool:
    """Rename the salvaged part to `path` if the process died after it quarantined the original.

    Return whether it did.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    if os.path.lexists(path) or not os.path.lexists(part) or not was_salvaged(path):
        return False
    part.rename(path)
    return True


def was_salvaged(path: Path) -> bool:
    """Return whether a file of that name is in quarantine and its record says that parts of it were salvaged."""
    record = volume_quarantine.record_of(path.parents[3], path)
    return record is not None and bool(record.salvaged)


def _read(path: Path) -> _Content:
    head = fmp4.read_init(path)
    whole = head[4:8] == b"ftyp" and bool(fmp4.codec_configuration(head)[0])
    if not whole:
        head = _rebuilt_head(path)
    runs, at = list[list[Fragment]](), 0
    size = path.stat().st_size
    if size:
        with path.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = len(head) if whole else 0
            while (start := _next_fragment(data, at)) is not None:
                run = list(fmp4.scan(path, start))
                at = run[-1].offset + run[-1].size if run else start + 8
                if run := run if not runs and start <= len(head) else _from_keyframe(run):
                    runs.append(run)
            at = runs[-1][-1].offset + runs[-1][-1].size if runs else at
    return _Content(head, whole, runs, at)


def _next_fragment(data: mmap.mmap, at: int) -> int | None:
    """Return the offset of the next likely `moof` box (ISO/IEC 14496-12 8.8.4; its first box is `mfhd`, 16 bytes)."""
    while (found := data.find(b"moof", at)) >= 0:
        if found >= 4 and data[found + 4 : found + 12] == b"\0\0\0\x10mfhd":
            return found - 4
        at = found + 4
    return None


def _from_keyframe(run: list[Fragment]) -> list[Fragment]:
    """Return the run from its first keyframe on. After a damaged place, earlier pictures cannot be decoded."""
    first = next((i for i, f in enumerate(run) if f.key), len(run))
    return run[first:]


def _rebuilt_head(path: Path) -> bytes:
    """Return an init segment built from the decoder configuration in the destroyed one; empty if it has none."""
    with path.open("rb") as f:
        head = f.read(HEAD_BYTES)
    try:
        return fmp4.init_segment(moov.video_format(head))
    except (ProtocolError, ValueError, IndexError, struct.error):
        return b""


def _is_torn(path: Path, at: int) -> bool:
    """Return whether the file ends as expected after its last whole fragment.

    The rest is the file's index, or what a killed writer leaves: a part of a fragment, or empty pages.
    """
    with path.open("rb") as f:
        f.seek(at)
        rest = f.read(MAX_FRAGMENT_BYTES + 1)
    rest = rest.rstrip(b"\0")
    return len(rest) < 8 or (rest[4:8] in _BOXES and len(rest) <= MAX_FRAGMENT_BYTES)


def _cut_back(path: Path, fragments: list[Fragment]) -> list[Fragment]:
    if not gop_index.is_closed(path):
        os.truncate(path, fragments[-1].offset + fragments[-1].size)
        with path.open("ab") as f:
            f.write(gop_index.box(list(gop_index.from_fragments(fragments))))
    return fragments


def _salvaged(path: Path, content: _Content, now: datetime | None) -> SalvageResult:
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        fragments = _copied(path, part, content)
    except BaseException:
        part.unlink(missing_ok=True)  # on a full disk, every start would leave another part file
        raise
    count = sum(f.samples for f in fragments)
    outcome = _quarantined(
        path, "parts of it are damaged", now, f"{count} pictures were saved to the file of the same name"
    )
    part.rename(path)
    sync_folder(path.parent)
    outcome.fragments, outcome.damaged_ranges = fragments, list(_damaged_ranges(content.runs))
    return outcome


def _copied(path: Path, part: Path, content: _Content) -> list[Fragment]:
    with path.open("rb") as source, part.open("wb") as target:
        target.write(content.head)
        for piece in _copy_ranges(content):
            source.seek(piece[0])
            target.write(source.read(piece[1]))
    fragments = list(fmp4.scan(part))
    with part.open("ab") as target:
        target.write(gop_index.box(list(gop_index.from_fragments(fragments))))
        target.flush()
        os.fsync(target.fileno())
    return fragments


def _copy_ranges(content: _Content) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of what is copied. A rebuilt header describes no audio, so only the pictures are copied."""
    for run in content.runs:
        if content.head_is_whole:
            yield run[0].offset, run[-1].offset + run[-1].size - run[0].offset
        else:
            yield from ((f.offset, f.size) for f in run)


def _damaged_ranges(runs: list[list[Fragment]]) -> Iterator[tuple[int, int]]:
    end = 0
    for run in runs:
        if run[0].time - end >= MIN_DAMAGE_TICKS:
            yield end, run[0].time
        end = run[-1].time + run[-1].duration


def _quarantined(path: Path, why: str, now: datetime | None, salvaged: str = "") -> SalvageResult:
    volume = path.parents[3]  # <volume>/<camera>/<kind>/<day>/<file>
    target = volume_quarantine.move(volume, path, why, now or SystemClock().now(), salvaged)
    return SalvageResult(quarantined=target, why=why)
