"""Clips: any range of a stream as standard MP4, its samples bit for bit as recorded.

The sample tables come from the fragments' headers. The kernel copies the samples from file to file (`copy_file_range`;
between different kinds of file systems they are read and written), so a clip is written about as fast as the disk
reads. The `moov` comes first (faststart). A gap inside the range keeps its duration: the picture before it is shown
until the next one. Parameters that change inside the range (size, profile …) are further sample descriptions of the
same track; another codec or audio format begins another file. What is recorded and cannot be read is reported
(`UnreadableRange`). Layouts: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from core.errors import ConflictError, NotFoundError, StorageError
from core.files import write_all
from core.units import us_to_media
from nvr.archive.reader import ArchiveReader, LocatedGop
from nvr.media import fmp4
from nvr.media.audio import AUDIO_TRACK_ID as AUDIO
from nvr.media.fmp4 import TIMESCALE
from nvr.media.mp4_box import box, full_box

VIDEO = 1
COPY = 64 << 20
MAX_MOOF = 1_000_000
MANY_FILES = 5  # listed in an error
MAX_GOPS = 200_000  # per clip
ROUNDING_US = 10_000


@dataclass(slots=True)
class _Track:
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
class _Piece:
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
    tracks: dict[int, _Track]
    pieces: list[_Piece]
    start_us: int
    end_us: int
    size: int = 0
    unreadable: list[UnreadableRange] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        return len(self.tracks[VIDEO].sizes)

    @property
    def formats(self) -> list[str]:
        """The formats of the pictures in order of their first appearance, like 'h264 1920x1080'."""
        return list(dict.fromkeys(_told(entry) for entry in self.tracks[VIDEO].descriptions))


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
            entries = _sample_entries(init)
        except (OSError, struct.error, LookupError, StopIteration):
            return None
        return cls(init, entries[0][4:8], *entries) if entries[0] else None

    def fits(self, clip: Clip) -> bool:
        there, sound = clip.tracks[VIDEO].descriptions[0], clip.tracks[AUDIO].descriptions
        return self.codec == there[4:8] and (not self.sound or not sound or self.sound == sound[0])


def plan(gops: Sequence[LocatedGop]) -> Clip:
    """As `parts`, for a range that makes one file. Raises ConflictError if it makes several."""
    found = parts(gops)
    if len(found) > 1:
        raise ConflictError(f"the range makes {len(found)} files, because codec or sound change in it")
    return found[0]


def parts(gops: Sequence[LocatedGop]) -> list[Clip]:
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
            tracks = {VIDEO: _Track(), AUDIO: _Track()}
            found.append(Clip(told.init, tracks, [], of_file[0].start_us, of_file[-1].end_us))
        clip = found[-1]
        _describe(clip, told)
        unreadable += _add_file(clip, path, of_file, clip.tracks[VIDEO].descriptions.index(told.picture) + 1)
        clip.end_us = of_file[-1].end_us
    found = [c for c in found if c.pictures]
    if not found and unreadable:
        raise StorageError(_cannot_be_read(unreadable))
    if not found:
        raise NotFoundError("nothing is recorded in this range")
    found[0].unreadable = unreadable
    for clip in found:
        _finish_times(clip)
    return found


def whole_files(gops: Sequence[LocatedGop]) -> list[UnreadableRange]:
    """Return the ranges of all files in which the GOPs (in order) lie, one per file."""
    files = [list(group) for _, group in groupby(gops, key=lambda g: g.path)]
    return [UnreadableRange(of_file[0].start_us, of_file[-1].end_us, of_file[0].path) for of_file in files]


async def unreadable(
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
    more = f" and {len(files) - MANY_FILES} more" if len(files) > MANY_FILES else ""
    return (
        f"footage is recorded in this range and cannot be read: {', '.join(files[:MANY_FILES])}{more}; "
        "run 'minwang archive verify'"
    )


def refuse(lost: Sequence[UnreadableRange], nothing: str) -> NoReturn:
    """Raise StorageError if recordings (`lost`) exist and cannot be read, otherwise NotFoundError."""
    raise StorageError(_cannot_be_read(lost)) if lost else NotFoundError(nothing)


def _describe(clip: Clip, told: _Format) -> None:
    """Add a file's sample descriptions, each once."""
    if told.picture not in clip.tracks[VIDEO].descriptions:
        clip.tracks[VIDEO].descriptions.append(told.picture)
    if told.sound and not clip.tracks[AUDIO].descriptions:
        clip.tracks[AUDIO].descriptions.append(told.sound)
        clip.init = told.init


def _add_file(clip: Clip, path: Path, gops: Sequence[LocatedGop], description: int) -> list[UnreadableRange]:
    """Add what can be read of a file; return the GOPs of which something cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return [UnreadableRange(gops[0].start_us, gops[-1].end_us, path)]
    try:
        rate = _rate(clip.init)
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
        if track == VIDEO and shift is None:
            shift = us_to_media(gop.start_us - clip.start_us) - time
        moved = shift or 0
        at = time + (moved if track == VIDEO else moved * rate // TIMESCALE)
        _add_samples(clip, track, at, samples, description if track == VIDEO else 1)
        clip.pieces.append(_Piece(path, fragment + data_offset, length))
        read += size
    return read == gop.size


def _rate(init: bytes) -> int:
    """Return the time scale of the audio track: its `mdhd` is the second one."""
    at = init.find(b"mdhd", init.find(b"mdhd") + 4)
    return int.from_bytes(init[at + 16 : at + 20], "big") if at > 0 else TIMESCALE


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
        if sample.key and track_number == VIDEO:
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


def head(clip: Clip) -> bytes:
    """Return `ftyp`, `moov` and the header of the `mdat`, for a file in which the samples follow directly."""
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    large = clip.size + 16 > 0xFFFFFFFF
    mdat = struct.pack(">I4sQ", 1, b"mdat", clip.size + 16) if large else struct.pack(">I4s", clip.size + 8, b"mdat")
    start = len(ftyp) + len(_moov(clip, 0)) + len(mdat)
    return ftyp + _moov(clip, start) + mdat


def _moov(clip: Clip, start: int) -> bytes:
    """Return the init segment's `moov` with its sample tables filled and without `mvex`."""
    moov = clip.init[clip.init.find(b"moov") - 4 :]
    boxes, number = list[bytes](), 0
    for kind, body in _boxes(moov[8:]):
        if kind == b"mvhd":
            duration = clip.tracks[VIDEO].times[-1] + clip.tracks[VIDEO].durations[-1]
            boxes.append(box(kind, body[:16], struct.pack(">I", min(duration, 0xFFFFFFFF)), body[20:]))
        elif kind == b"trak":
            number += 1
            if number in clip.tracks and clip.tracks[number].sizes:
                boxes.append(_trak(body, clip.tracks[number], start, number))
    return box(b"moov", *boxes)


def _trak(body: bytes, track: _Track, start: int, number: int) -> bytes:
    boxes = dict(_boxes(body))
    media = dict(_boxes(boxes[b"mdia"]))
    information = dict(_boxes(media[b"minf"]))
    rate = int.from_bytes(media[b"mdhd"][12:16], "big")
    duration = track.times[-1] + track.durations[-1]
    tkhd = boxes[b"tkhd"][:20] + struct.pack(">I", min(duration * TIMESCALE // rate, 0xFFFFFFFF)) + boxes[b"tkhd"][24:]
    mdhd = media[b"mdhd"][:16] + struct.pack(">I", min(duration, 0xFFFFFFFF)) + media[b"mdhd"][20:]
    header = b"vmhd" if number == VIDEO else b"smhd"
    stbl = box(b"stbl", _stsd(track.descriptions), *_tables(track, start))
    minf = box(b"minf", box(header, information[header]), box(b"dinf", information[b"dinf"]), stbl)
    mdia = box(b"mdia", box(b"mdhd", mdhd), box(b"hdlr", media[b"hdlr"]), minf)
    first = track.times[0] + (track.offsets[0] if track.offsets else 0)
    # An edit list starts the video where its first picture is shown, and the audio where it began.
    pieces = (
        [struct.pack(">IiI", track.times[0] * TIMESCALE // rate, -1, 0x10000)]
        if number == AUDIO and track.times[0]
        else []
    )
    pieces.append(
        struct.pack(">IiI", min(duration * TIMESCALE // rate, 0xFFFFFFFF), 0 if number == AUDIO else first, 0x10000)
    )
    edits = box(b"edts", full_box(b"elst", 0, 0, struct.pack(">I", len(pieces)), *pieces))
    return box(b"trak", box(b"tkhd", tkhd), edits, mdia)


def _stsd(descriptions: Sequence[bytes]) -> bytes:
    return full_box(b"stsd", 0, 0, struct.pack(">I", len(descriptions)), *descriptions)


def _sample_entries(init: bytes) -> tuple[bytes, bytes]:
    """Return the first sample entry of the video and of the audio (empty: there is none)."""
    moov = init[init.find(b"moov") + 4 :]
    found: list[bytes] = []
    for kind, body in _boxes(moov):
        if kind == b"trak":
            media = dict(_boxes(dict(_boxes(body))[b"mdia"]))
            stsd = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))[b"stsd"]
            found.append(next(box(k, b) for k, b in _boxes(stsd[8:])))
    return (found[0], found[1]) if len(found) > 1 else (found[0], b"")


def _told(entry: bytes) -> str:
    """Describe a video sample entry, like 'h264 1920x1080'."""
    width, height = struct.unpack_from(">HH", entry, 32)
    return f"{'h264' if entry[4:8] == b'avc1' else 'h265'} {width}x{height}"


def _tables(track: _Track, start: int) -> list[bytes]:
    runs = [(len(list(group)), value) for value, group in groupby(track.durations)]
    stts = full_box(b"stts", 0, 0, struct.pack(">I", len(runs)), *(struct.pack(">II", n, v) for n, v in runs))
    tables = [stts]
    if any(track.offsets):
        shifts = [(len(list(group)), value) for value, group in groupby(track.offsets)]
        tables.append(
            full_box(b"ctts", 1, 0, struct.pack(">I", len(shifts)), *(struct.pack(">Ii", n, v) for n, v in shifts))
        )
    if track.keys:
        tables.append(full_box(b"stss", 0, 0, struct.pack(f">I{len(track.keys)}I", len(track.keys), *track.keys)))
    tables.append(full_box(b"stsz", 0, 0, struct.pack(f">II{len(track.sizes)}I", 0, len(track.sizes), *track.sizes)))
    runs_of_chunks, number = list[bytes](), 1
    for (count, description), group in groupby((n, d) for _, n, d in track.chunks):
        runs_of_chunks.append(struct.pack(">III", number, count, description))
        number += len(list(group))
    tables.append(full_box(b"stsc", 0, 0, struct.pack(">I", len(runs_of_chunks)), *runs_of_chunks))
    places = [start + at for at, _, _ in track.chunks]
    tables.append(full_box(b"co64", 0, 0, struct.pack(f">I{len(places)}Q", len(places), *places)))
    return tables


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((kind, data[start:end]) for kind, start, end in fmp4.children(data, 0, len(data)))


def names(target: Path, count: int) -> list[Path]:
    """Return the names of a clip's files: the target, then target-2 …"""
    return [target if i == 1 else target.with_stem(f"{target.stem}-{i}") for i in range(1, count + 1)]


def write(clip: Clip, target: Path) -> int:
    """Write the clip; return its size in bytes. An unfinished file never has the target's name."""
    partial = target.with_name(target.name + ".part")
    out = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        write_all(out, head(clip))
        for path, group in groupby(clip.pieces, key=lambda p: p.path):
            source = os.open(path, os.O_RDONLY)
            try:
                for piece in group:
                    _copy(source, out, piece.offset, piece.size)
            finally:
                os.close(source)
        size = os.lseek(out, 0, os.SEEK_CUR)
        os.fsync(out)  # a file server may report only now that its disk is full
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(out)
    partial.rename(target)
    return size


def _copy(source: int, out: int, offset: int, size: int) -> None:
    while size:
        try:
            done = os.copy_file_range(source, out, min(size, COPY), offset)
        except OSError:  # between different kinds of file systems
            done = os.write(out, os.pread(source, min(size, 1 << 20), offset))
        if done == 0:
            raise NotFoundError("the recording ended while it was copied; ask again")
        offset, size = offset + done, size - done
