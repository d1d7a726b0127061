"""Clips: any range of a stream as one standard MP4, its samples bit for bit as recorded.

The sample tables come from the fragments' heads; the samples themselves are copied from file to file by the
kernel (`copy_file_range`), never through Python, so a clip is written about as fast as the disk reads. The
`moov` stands in front (faststart). A gap inside the range lasts as long as it lasted: the picture before it is
shown until the next one. Layouts: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from core.errors import NotFoundError
from nvr import fmp4
from nvr.audio import TRACK as AUDIO
from nvr.fmp4 import TIMESCALE, box, full_box
from nvr.reader import LocatedGop

VIDEO = 1
COPY = 64 << 20


@dataclass(slots=True)
class _Track:
    """Sample table of one track."""

    times: list[int] = field(default_factory=list)  # in the order of decoding, track's time scale
    durations: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # shown minus decoded
    keys: list[int] = field(default_factory=list)  # 1-based numbers
    chunks: list[tuple[int, int]] = field(default_factory=list)  # (place in the mdat, samples)


@dataclass(slots=True)
class _Piece:
    """Bytes of a recorded file that become part of the mdat."""

    path: Path
    offset: int
    size: int


@dataclass(slots=True)
class Clip:
    """What is to be written; nothing has been written yet."""

    init: bytes
    tracks: dict[int, _Track]
    pieces: list[_Piece]
    start_us: int
    end_us: int
    size: int = 0

    @property
    def pictures(self) -> int:
        return len(self.tracks[VIDEO].sizes)


def plan(gops: Sequence[LocatedGop]) -> Clip:
    """Read the heads of the fragments in the GOPs (in order, of one stream).

    Where the picture's format changes in the range the clip ends there. Raises NotFoundError where nothing is
    recorded.
    """
    if not gops:
        raise NotFoundError("nothing is recorded in this range")
    init = fmp4.read_init(gops[0].path)
    clip = Clip(init, {VIDEO: _Track(), AUDIO: _Track()}, [], gops[0].start_us, gops[-1].end_us)
    for path, group in groupby(gops, key=lambda g: g.path):
        if fmp4.read_init(path) != init:
            clip.end_us = clip.start_us + clip.tracks[VIDEO].times[-1] * 100 // 9
            break
        _add_file(clip, path, list(group))
    if not clip.pictures:
        raise NotFoundError("nothing is recorded in this range")
    _finish_times(clip)
    return clip


def _add_file(clip: Clip, path: Path, gops: Sequence[LocatedGop]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        rate = _rate(clip.init)
        for gop in gops:
            shift: int | None = None  # 90 kHz: media time counts from the file's beginning, the clip's by the wall clock
            for track, fragment, moof in _fragments(descriptor, gop):
                parsed = fmp4.parse_moof(moof)
                if parsed is None:
                    continue
                time, samples, data_offset = parsed
                if track == VIDEO and shift is None:
                    shift = (gop.start_us - clip.start_us) * 9 // 100 - time
                moved = shift or 0
                _add_samples(clip, track, time + (moved if track == VIDEO else moved * rate // TIMESCALE), samples)
                clip.pieces.append(_Piece(path, fragment + data_offset, sum(s.size for s in samples)))
    finally:
        os.close(descriptor)


def _rate(init: bytes) -> int:
    """Time scale of the sound track: its `mdhd` is the second one."""
    at = init.find(b"mdhd", init.find(b"mdhd") + 4)
    return int.from_bytes(init[at + 16 : at + 20], "big") if at > 0 else TIMESCALE


def _fragments(descriptor: int, gop: LocatedGop) -> Iterator[tuple[int, int, bytes]]:
    """(track, place, moof) of every fragment of a GOP."""
    position, end = gop.offset, gop.offset + gop.size
    while position + 8 <= end:
        size, kind = struct.unpack(">I4s", os.pread(descriptor, 8, position))
        if size < 8:
            return
        if kind == b"moof":
            moof = os.pread(descriptor, size, position)
            yield fmp4.track_of(moof), position, moof
        position += size


def _add_samples(clip: Clip, track_number: int, time: int, samples: Sequence[fmp4.Sample]) -> None:
    track = clip.tracks[track_number]
    track.chunks.append((clip.size, len(samples)))
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
    """A sample lasts until the next one begins."""
    for track in clip.tracks.values():
        for i in range(len(track.times) - 1):
            track.durations[i] = track.times[i + 1] - track.times[i]


def head(clip: Clip) -> bytes:
    """`ftyp`, `moov` and the header of the `mdat`, for a file in which the samples follow at once."""
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    large = clip.size + 16 > 0xFFFFFFFF
    mdat = struct.pack(">I4sQ", 1, b"mdat", clip.size + 16) if large else struct.pack(">I4s", clip.size + 8, b"mdat")
    start = len(ftyp) + len(_moov(clip, 0)) + len(mdat)
    return ftyp + _moov(clip, start) + mdat


def _moov(clip: Clip, start: int) -> bytes:
    """The init segment's `moov`, its empty sample tables filled and `mvex` left out."""
    moov = clip.init[clip.init.find(b"moov") - 4 :]
    parts, number = list[bytes](), 0
    for kind, body in _boxes(moov[8:]):
        if kind == b"mvhd":
            duration = clip.tracks[VIDEO].times[-1] + clip.tracks[VIDEO].durations[-1]
            parts.append(box(kind, body[:16], struct.pack(">I", min(duration, 0xFFFFFFFF)), body[20:]))
        elif kind == b"trak":
            number += 1
            if clip.tracks[number].sizes:
                parts.append(_trak(body, clip.tracks[number], start, number))
    return box(b"moov", *parts)


def _trak(body: bytes, track: _Track, start: int, number: int) -> bytes:
    boxes = dict(_boxes(body))
    media = dict(_boxes(boxes[b"mdia"]))
    information = dict(_boxes(media[b"minf"]))
    description = dict(_boxes(information[b"stbl"]))[b"stsd"]
    rate = int.from_bytes(media[b"mdhd"][12:16], "big")
    duration = track.times[-1] + track.durations[-1]
    tkhd = boxes[b"tkhd"][:20] + struct.pack(">I", min(duration * TIMESCALE // rate, 0xFFFFFFFF)) + boxes[b"tkhd"][24:]
    mdhd = media[b"mdhd"][:16] + struct.pack(">I", min(duration, 0xFFFFFFFF)) + media[b"mdhd"][20:]
    header = b"vmhd" if number == VIDEO else b"smhd"
    stbl = box(b"stbl", box(b"stsd", description), *_tables(track, start))
    minf = box(b"minf", box(header, information[header]), box(b"dinf", information[b"dinf"]), stbl)
    mdia = box(b"mdia", box(b"mdhd", mdhd), box(b"hdlr", media[b"hdlr"]), minf)
    first = track.times[0] + (track.offsets[0] if track.offsets else 0)
    # An edit list starts the track where its first picture is shown (and sound where it began).
    pieces = (
        [struct.pack(">IiI", track.times[0] * TIMESCALE // rate, -1, 0x10000)] if number == AUDIO and track.times[0] else []
    )
    pieces.append(struct.pack(">IiI", min(duration * TIMESCALE // rate, 0xFFFFFFFF), 0 if number == AUDIO else first, 0x10000))
    edits = box(b"edts", full_box(b"elst", 0, 0, struct.pack(">I", len(pieces)), *pieces))
    return box(b"trak", box(b"tkhd", tkhd), edits, mdia)


def _tables(track: _Track, start: int) -> list[bytes]:
    runs = [(len(list(group)), value) for value, group in groupby(track.durations)]
    stts = full_box(b"stts", 0, 0, struct.pack(">I", len(runs)), *(struct.pack(">II", n, v) for n, v in runs))
    tables = [stts]
    if any(track.offsets):
        shifts = [(len(list(group)), value) for value, group in groupby(track.offsets)]
        tables.append(full_box(b"ctts", 1, 0, struct.pack(">I", len(shifts)), *(struct.pack(">Ii", n, v) for n, v in shifts)))
    if track.keys:
        tables.append(full_box(b"stss", 0, 0, struct.pack(f">I{len(track.keys)}I", len(track.keys), *track.keys)))
    tables.append(full_box(b"stsz", 0, 0, struct.pack(f">II{len(track.sizes)}I", 0, len(track.sizes), *track.sizes)))
    chunks, number = list[bytes](), 1
    for count, group in groupby(n for _, n in track.chunks):
        chunks.append(struct.pack(">III", number, count, 1))
        number += len(list(group))
    tables.append(full_box(b"stsc", 0, 0, struct.pack(">I", len(chunks)), *chunks))
    places = [start + at for at, _ in track.chunks]
    tables.append(full_box(b"co64", 0, 0, struct.pack(f">I{len(places)}Q", len(places), *places)))
    return tables


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((kind, data[start:end]) for kind, start, end in fmp4.children(data, 0, len(data)))


def write(clip: Clip, target: Path) -> int:
    """Write the clip; returns its size in bytes. An unfinished file never stands under the target's name."""
    partial = target.with_name(target.name + ".part")
    out = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        os.write(out, head(clip))
        for path, group in groupby(clip.pieces, key=lambda p: p.path):
            source = os.open(path, os.O_RDONLY)
            try:
                for piece in group:
                    _copy(source, out, piece.offset, piece.size)
            finally:
                os.close(source)
        size = os.lseek(out, 0, os.SEEK_CUR)
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
        except OSError:  # another kind of file system
            done = os.write(out, os.pread(source, min(size, 1 << 20), offset))
        if done == 0:
            raise NotFoundError("the recording ended while it was copied; ask again")
        offset, size = offset + done, size - done
