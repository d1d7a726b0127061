"""Writes planned clips (nvr.playback.clip) as MP4 files: header with sample tables, then the samples.

The kernel copies the samples from file to file (`copy_file_range`; between different kinds of file systems they are
read and written), so a clip is written about as fast as the disk reads. The `moov` comes first (faststart).
Layouts: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from core.error_codes import ErrorCode
from core.errors import NotFoundError
from core.files import write_all
from nvr.media.mp4.audio_boxes import AUDIO_TRACK_ID
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.mp4.mp4_box import box, full_box
from nvr.playback.clip import VIDEO_TRACK, Clip, SampleTable
from nvr.playback.sample_entries import boxes_in

COPY_BYTES = 64 << 20


def output_paths(target: Path, count: int) -> list[Path]:
    """Return the names of a clip's files: the target, then target-2 …"""
    return [target if i == 1 else target.with_stem(f"{target.stem}-{i}") for i in range(1, count + 1)]


def write(clip: Clip, target: Path) -> int:
    """Write the clip; return its size in bytes. An unfinished file never has the target's name."""
    partial = target.with_name(target.name + ".part")
    out = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        write_all(out, head(clip))
        for path, group in groupby(clip.ranges, key=lambda p: p.path):
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
            done = os.copy_file_range(source, out, min(size, COPY_BYTES), offset)
        except OSError:  # between different kinds of file systems
            done = os.write(out, os.pread(source, min(size, 1 << 20), offset))
        if done == 0:
            raise NotFoundError(
                "the recorded file became shorter during the copy; try again", ErrorCode.FOOTAGE_CHANGED
            )
        offset, size = offset + done, size - done


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
    for kind, body in boxes_in(moov[8:]):
        if kind == b"mvhd":
            duration = clip.tracks[VIDEO_TRACK].times[-1] + clip.tracks[VIDEO_TRACK].durations[-1]
            boxes.append(box(kind, body[:16], struct.pack(">I", min(duration, 0xFFFFFFFF)), body[20:]))
        elif kind == b"trak":
            number += 1
            if number in clip.tracks and clip.tracks[number].sizes:
                boxes.append(_trak(body, clip.tracks[number], start, number))
    return box(b"moov", *boxes)


def _trak(body: bytes, track: SampleTable, start: int, number: int) -> bytes:
    boxes = dict(boxes_in(body))
    media = dict(boxes_in(boxes[b"mdia"]))
    information = dict(boxes_in(media[b"minf"]))
    rate = int.from_bytes(media[b"mdhd"][12:16], "big")
    duration = track.times[-1] + track.durations[-1]
    tkhd = boxes[b"tkhd"][:20] + struct.pack(">I", min(duration * TIMESCALE // rate, 0xFFFFFFFF)) + boxes[b"tkhd"][24:]
    mdhd = media[b"mdhd"][:16] + struct.pack(">I", min(duration, 0xFFFFFFFF)) + media[b"mdhd"][20:]
    header = b"vmhd" if number == VIDEO_TRACK else b"smhd"
    stbl = box(b"stbl", _stsd(track.descriptions), *_tables(track, start))
    minf = box(b"minf", box(header, information[header]), box(b"dinf", information[b"dinf"]), stbl)
    mdia = box(b"mdia", box(b"mdhd", mdhd), box(b"hdlr", media[b"hdlr"]), minf)
    first = track.times[0] + (track.offsets[0] if track.offsets else 0)
    # An edit list starts the video where its first picture is shown, and the audio where it began.
    pieces = (
        [struct.pack(">IiI", track.times[0] * TIMESCALE // rate, -1, 0x10000)]
        if number == AUDIO_TRACK_ID and track.times[0]
        else []
    )
    pieces.append(
        struct.pack(
            ">IiI", min(duration * TIMESCALE // rate, 0xFFFFFFFF), 0 if number == AUDIO_TRACK_ID else first, 0x10000
        )
    )
    edits = box(b"edts", full_box(b"elst", 0, 0, struct.pack(">I", len(pieces)), *pieces))
    return box(b"trak", box(b"tkhd", tkhd), edits, mdia)


def _stsd(descriptions: Sequence[bytes]) -> bytes:
    return full_box(b"stsd", 0, 0, struct.pack(">I", len(descriptions)), *descriptions)


def _tables(track: SampleTable, start: int) -> list[bytes]:
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
