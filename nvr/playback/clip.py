"""Clips: any range of a stream as standard MP4, its samples bit for bit as recorded.

This module plans the files; nvr.playback.mp4_writer writes them. The sample tables come from the fragments' headers. A
gap inside the range keeps its duration: the picture before it is shown until the next one. Parameters that change
inside the range (size, profile …) are further sample descriptions of the same track; another codec or audio format
begins another file. What is recorded and cannot be read is reported (`UnreadableRange`). Layouts: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, StorageError
from core.units import us_to_media
from nvr.archive.reader import ArchiveReader, LocatedGop
from nvr.media.mp4 import fmp4
from nvr.media.mp4.audio_boxes import AUDIO_TRACK_ID
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.playback.sample_entries import audio_time_scale, describe_entry, sample_entries

VIDEO_TRACK = 1
MAX_MOOF = 1_000_000
MAX_NAMED_FILES = 5  # listed in an error
MAX_GOPS = 200_000  # per clip
ROUNDING_US = 10_000


@dataclass(slots=True)
class SampleTable:
    """Sample table of one track."""

    times: list[int] = field(default_factory=list)  # in decoding order, in the track's time scale
    durations: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # composition time minus decoding time
    keys: list[int] = field(default_factory=list)  # 1-based sample numbers
    # (offset in the mdat, samples, index of the sample description)
    chunks: list[tuple[int, int, int]] = field(default_factory=list)
    descriptions: list[bytes] = field(default_factory=list)  # sample entries: boxes of the `stsd`


@dataclass(slots=True)
class SampleRange:
    """A range of bytes of a recorded file that becomes part of the mdat."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class UnreadableRange:
    """A range (µs UTC) that is recorded and could not be read, completely or in part."""

    start_us: int
    end_us: int
    path: Path


@dataclass(slots=True)
class Clip:
    """The plan of one file; nothing has been written yet."""

    init: bytes  # of the first file that has all tracks
    tracks: dict[int, SampleTable]
    ranges: list[SampleRange]
    start_us: int
    end_us: int
    size: int = 0
    unreadable: list[UnreadableRange] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        return len(self.tracks[VIDEO_TRACK].sizes)

    @property
    def formats(self) -> list[str]:
        """The formats of the pictures in order of their first appearance, like 'h264 1920x1080'."""
        return list(dict.fromkeys(describe_entry(entry) for entry in self.tracks[VIDEO_TRACK].descriptions))


@dataclass(frozen=True, slots=True)
class _Format:
    """What decides whether two files fit into one clip."""

    init: bytes
    codec: bytes  # avc1, hvc1
    picture: bytes  # sample entry of the video
    sound: bytes  # sample entry of the audio; empty: there is none

    @classmethod
    def of(cls, path: Path) -> _Format | None:
        """Read the format of a file; None if its header cannot be read."""
        try:
            init = fmp4.read_init(path)
            entries = sample_entries(init)
        except (OSError, struct.error, LookupError, StopIteration):
            return None
        return cls(init, entries[0][4:8], *entries) if entries[0] else None

    def fits(self, clip: Clip) -> bool:
        there, sound = clip.tracks[VIDEO_TRACK].descriptions[0], clip.tracks[AUDIO_TRACK_ID].descriptions
        return self.codec == there[4:8] and (not self.sound or not sound or self.sound == sound[0])


def plan(gops: Sequence[LocatedGop]) -> Clip:
    """As `plan_files`, for a range that makes one file. Raises ConflictError if it makes several."""
    found = plan_files(gops)
    if len(found) > 1:
        raise ConflictError(
            f"the range needs {len(found)} files, because the codec or audio format changes in it",
            ErrorCode.CLIP_NEEDS_SEVERAL_FILES,
            count=len(found),
        )
    return found[0]


def plan_files(gops: Sequence[LocatedGop]) -> list[Clip]:
    """Read the headers of the fragments in the GOPs (in order, of one stream).

    Return one clip, or several if codec or audio change. Raises NotFoundError if nothing is recorded, StorageError if
    nothing of it can be read.
    """
    found: list[Clip] = []
    unreadable: list[UnreadableRange] = []
    for path, group in groupby(gops, key=lambda g: g.path):
        of_file = list(group)
        told = _Format.of(path)
        if told is None:
            unreadable.append(UnreadableRange(of_file[0].start_us, of_file[-1].end_us, path))
            continue
        if not found or not told.fits(found[-1]):
            tracks = {VIDEO_TRACK: SampleTable(), AUDIO_TRACK_ID: SampleTable()}
            found.append(Clip(told.init, tracks, [], of_file[0].start_us, of_file[-1].end_us))
        clip = found[-1]
        _describe(clip, told)
        unreadable += _add_file(clip, path, of_file, clip.tracks[VIDEO_TRACK].descriptions.index(told.picture) + 1)
        clip.end_us = of_file[-1].end_us
    found = [c for c in found if c.pictures]
    if not found and unreadable:
        raise StorageError(_cannot_be_read(unreadable), ErrorCode.FOOTAGE_UNREADABLE)
    if not found:
        raise NotFoundError("nothing is recorded in this range", ErrorCode.NOTHING_RECORDED)
    found[0].unreadable = unreadable
    for clip in found:
        _finish_times(clip)
    return found


def file_ranges(gops: Sequence[LocatedGop]) -> list[UnreadableRange]:
    """Return the ranges of all files in which the GOPs (in order) lie, one per file."""
    files = [list(group) for _, group in groupby(gops, key=lambda g: g.path)]
    return [UnreadableRange(of_file[0].start_us, of_file[-1].end_us, of_file[0].path) for of_file in files]


async def unreadable_ranges(
    reader: ArchiveReader, stream: str, start_us: int, end_us: int, gops: Sequence[LocatedGop]
) -> list[UnreadableRange]:
    """Return what is recorded in [start, end) and of which not one GOP is among `gops`, one range per file.

    Such a file is missing, damaged from its start, or beyond the limit on GOPs.
    """
    read = {g.path for g in gops}
    files = await reader.segments(stream, start_us, end_us)
    found = [
        UnreadableRange(max(s.start_us, start_us), min(s.end_us, end_us), path)
        for s, path in files
        if path not in read and not s.open
    ]
    return [u for u in found if u.end_us - u.start_us > ROUNDING_US]


def _cannot_be_read(lost: Sequence[UnreadableRange]) -> str:
    """Return the error for recordings that their disk cannot read: which files, and what to do."""
    files = list(dict.fromkeys(str(u.path) for u in lost))
    more = f" and {len(files) - MAX_NAMED_FILES} more" if len(files) > MAX_NAMED_FILES else ""
    return (
        f"footage of this range exists but cannot be read: {', '.join(files[:MAX_NAMED_FILES])}{more}; "
        "run 'minwang archive verify'"
    )


def raise_nothing_to_export(lost: Sequence[UnreadableRange], nothing: str) -> NoReturn:
    """Raise StorageError if recordings (`lost`) exist and cannot be read, otherwise NotFoundError."""
    if lost:
        raise StorageError(_cannot_be_read(lost), ErrorCode.FOOTAGE_UNREADABLE)
    raise NotFoundError(nothing, ErrorCode.NOTHING_RECORDED)


def _describe(clip: Clip, told: _Format) -> None:
    """Add a file's sample descriptions, each once."""
    if told.picture not in clip.tracks[VIDEO_TRACK].descriptions:
        clip.tracks[VIDEO_TRACK].descriptions.append(told.picture)
    if told.sound and not clip.tracks[AUDIO_TRACK_ID].descriptions:
        clip.tracks[AUDIO_TRACK_ID].descriptions.append(told.sound)
        clip.init = told.init


def _add_file(clip: Clip, path: Path, gops: Sequence[LocatedGop], description: int) -> list[UnreadableRange]:
    """Add what can be read of a file; return the GOPs of which something cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return [UnreadableRange(gops[0].start_us, gops[-1].end_us, path)]
    try:
        rate = audio_time_scale(clip.init)
        return [
            UnreadableRange(g.start_us, g.end_us, path)
            for g in gops
            if not _add_gop(clip, descriptor, path, g, rate, description)
        ]
    finally:
        os.close(descriptor)


def _add_gop(clip: Clip, descriptor: int, path: Path, gop: LocatedGop, rate: int, description: int) -> bool:
    """Add a GOP. Return False if a part of it cannot be read."""
    shift: int | None = None  # 90 kHz: media time counts from the file's beginning, clip time by the wall clock
    read = 0
    for track, fragment, moof, size in _fragments(descriptor, gop):
        parsed = fmp4.parse_moof(moof)
        if parsed is None or track not in clip.tracks:
            return False
        time, samples, data_offset = parsed
        length = sum(s.size for s in samples)
        if not samples or data_offset != len(moof) + 8 or data_offset + length != size:
            return False
        if track == VIDEO_TRACK and shift is None:
            shift = us_to_media(gop.start_us - clip.start_us) - time
        moved = shift or 0
        at = time + (moved if track == VIDEO_TRACK else moved * rate // TIMESCALE)
        _add_samples(clip, track, at, samples, description if track == VIDEO_TRACK else 1)
        clip.ranges.append(SampleRange(path, fragment + data_offset, length))
        read += size
    return read == gop.size


def _fragments(descriptor: int, gop: LocatedGop) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield (track, offset, moof, bytes with its mdat) of every whole fragment of a GOP."""
    position, end = gop.offset, min(gop.offset + gop.size, os.fstat(descriptor).st_size)
    while position + 16 <= end:
        size, kind = struct.unpack(">I4s", os.pread(descriptor, 8, position))
        if kind != b"moof" or not 8 <= size <= MAX_MOOF or position + size + 8 > end:
            return
        moof = os.pread(descriptor, size, position)
        data, what = struct.unpack(">I4s", os.pread(descriptor, 8, position + size))
        if what != b"mdat" or data < 8 or position + size + data > end:
            return
        yield fmp4.track_of(moof), position, moof, size + data
        position += size + data


def _add_samples(clip: Clip, track_number: int, time: int, samples: Sequence[fmp4.Sample], description: int) -> None:
    track = clip.tracks[track_number]
    track.chunks.append((clip.size, len(samples), description))
    for sample in samples:
        # Times never go back, whatever a camera's clock did between two files.
        time = max(time, track.times[-1] + 1) if track.times else max(time, 0)
        if sample.key and track_number == VIDEO_TRACK:
            track.keys.append(len(track.sizes) + 1)
        track.times.append(time)
        track.durations.append(sample.duration)
        track.sizes.append(sample.size)
        track.offsets.append(sample.composition_offset)
        clip.size += sample.size
        time += sample.duration


def _finish_times(clip: Clip) -> None:
    """Set the durations so that a sample lasts until the next one begins."""
    for track in clip.tracks.values():
        for i in range(len(track.times) - 1):
            track.durations[i] = track.times[i + 1] - track.times[i]
