"""Write and parse fragmented MP4 (CMAF style) with one video track and an optional audio track.

A segment file is `ftyp moov (moof mdat)*`. Media time is in 90 kHz units and begins at 0 in every file. The reader
walks the boxes and stops at the first truncated one, so a file cut at any byte still yields every complete fragment
before the cut. Box layouts: ISO/IEC 14496-12, sample entries: 14496-15.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from core.units import MEDIA_CLOCK
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import audio_boxes
from nvr.media.mp4.audio_boxes import AUDIO_TRACK_ID
from nvr.media.mp4.mp4_box import box, full_box, moof_head
from nvr.rtsp.sdp import AudioTrack

TIMESCALE = MEDIA_CLOCK
KEY_FLAGS = 0x02000000  # depends on nothing
DELTA_FLAGS = 0x01010000  # depends on others, not a sync sample
_MAX_MOOF = 1_000_000
MAX_GOP = 1_000_000_000  # bytes; ten minutes at 13 Mb/s


@dataclass(frozen=True, slots=True)
class Fragment:
    """Position and time of one fragment in a file; offset and size cover moof and mdat."""

    offset: int
    size: int
    time: int  # media time of the first sample, 90 kHz
    duration: int  # 90 kHz
    samples: int
    key: bool  # begins with a keyframe: opens a GOP
    data_offset: int  # of the first sample, absolute in the file
    first_size: int  # bytes of the first sample


class Sample(NamedTuple):
    """One access unit as described by a fragment; duration and offset in the track's time scale."""

    size: int
    duration: int
    key: bool
    composition_offset: int = 0


_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def init_segment(video: VideoFormat, audio_track: AudioTrack | None = None) -> bytes:
    """Return `ftyp` and `moov`: track 1 for video, track 2 for audio if there is any."""
    mvhd = full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIHHII", 0, 0, TIMESCALE, 0, 0x10000, 0x100, 0, 0, 0),
        _MATRIX,
        bytes(24),
        struct.pack(">I", 3 if audio_track else 2),
    )
    picture = _track(
        1, b"vide", TIMESCALE, (video.width, video.height), full_box(b"vmhd", 0, 1, bytes(8)), _sample_entry(video)
    )
    tracks = [picture]
    defaults = [full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, DELTA_FLAGS))]
    if audio_track is not None:
        header = full_box(b"smhd", 0, 0, bytes(4))
        tracks.append(
            _track(
                AUDIO_TRACK_ID,
                b"soun",
                audio_track.rate,
                (0, 0),
                header,
                audio_boxes.sample_entry(audio_track),
            )
        )
        defaults.append(full_box(b"trex", 0, 0, struct.pack(">IIIII", AUDIO_TRACK_ID, 1, 0, 0, KEY_FLAGS)))
    moov = box(b"moov", mvhd, *tracks, box(b"mvex", *defaults))
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6cmfcmp41") + moov


def _track(number: int, handler: bytes, scale: int, size: tuple[int, int], header: bytes, entry: bytes) -> bytes:
    volume = 0x100 if handler == b"soun" else 0
    tkhd = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIIIIIHHHH", 0, 0, number, 0, 0, 0, 0, 0, 0, volume, 0),
        _MATRIX,
        struct.pack(">II", size[0] << 16, size[1] << 16),
    )
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, scale, 0, 0x55C4, 0))
    hdlr = full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, handler), b"camera\0")
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    stsd = full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry)
    empty = [full_box(kind, 0, 0, struct.pack(">I", 0)) for kind in (b"stts", b"stsc", b"stco")]
    stbl = box(b"stbl", stsd, *empty, full_box(b"stsz", 0, 0, struct.pack(">II", 0, 0)))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, stbl)))


def _sample_entry(video: VideoFormat) -> bytes:
    common = struct.pack(">6xH16xHHIII", 1, video.width, video.height, 0x480000, 0x480000, 0) + struct.pack(
        ">H32xHh", 1, 24, -1
    )
    if video.codec == "h264":
        return box(b"avc1", common, box(b"avcC", video.configuration()))
    return box(b"hvc1", common, box(b"hvcC", video.configuration()))


def moof(
    sequence: int, time: int, durations: Sequence[int], sizes: Sequence[int], key: bool, offsets: Sequence[int] = ()
) -> bytes:
    """Return the `moof` of pictures whose bytes follow in the `mdat`, followed by the `mdat` header.

    `time` is the media time of the first picture, `durations` and composition `offsets` (empty: all 0) are in 90 kHz
    units, `sizes` in bytes. With `key` the first picture is a keyframe; no other is.
    """
    count = len(sizes)
    flags = [DELTA_FLAGS] * count
    if key:
        flags[0] = KEY_FLAGS
    if offsets:
        per_sample, kind = 16, 0x01000F01
        table = chain.from_iterable(zip(durations, sizes, flags, [o & 0xFFFFFFFF for o in offsets], strict=True))
    else:
        per_sample, kind = 12, 0x01000701
        table = chain.from_iterable(zip(durations, sizes, flags, strict=True))
    head = moof_head(sequence, 1, time, kind, count, per_sample)
    return head + struct.pack(f">{per_sample // 4 * count}II4s", *table, sum(sizes) + 8, b"mdat")


def scan(path: Path, start: int = 0) -> Iterator[Fragment]:
    """Yield the complete video fragments of a file from byte `start` (the beginning of a fragment or of the file).

    Blocking. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield from _scan(descriptor, start, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _scan(descriptor: int, position: int, end: int) -> Iterator[Fragment]:
    pending: tuple[int, int, list[Sample], int] | None = None
    while position + 8 <= end:
        size, kind = struct.unpack(">I4s", os.pread(descriptor, 8, position))
        if size < 8 or position + size > end:
            return
        if kind == b"moof":
            if size > _MAX_MOOF:
                return
            head = os.pread(descriptor, size, position)
            parsed = parse_moof(head) if track_of(head) == 1 else None
            pending = (position, *parsed) if parsed else None
        elif kind == b"mdat":
            if pending is not None:
                at, time, samples, data_offset = pending
                if sum(s.size for s in samples) != size - 8 or not samples:
                    return
                duration = sum(s.duration for s in samples)
                yield Fragment(
                    at,
                    position + size - at,
                    time,
                    duration,
                    len(samples),
                    samples[0].key,
                    at + data_offset,
                    samples[0].size,
                )
            pending = None
        elif kind not in (b"ftyp", b"moov", b"styp", b"sidx", b"free", b"mfra"):
            return
        position += size


def samples(path: Path, start: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (media time, offset, size, duration) of each video sample of a file from byte `start`.

    Blocking. Raises OSError.
    """
    with path.open("rb") as f:
        for fragment in scan(path, start):
            f.seek(fragment.offset)
            parsed = parse_moof(f.read(fragment.data_offset - fragment.offset))
            time, at = fragment.time, fragment.data_offset
            for sample in parsed[1] if parsed is not None else ():
                yield time, at, sample.size, sample.duration
                time, at = time + sample.duration, at + sample.size


def track_of(moof: bytes) -> int:
    """Return the track id of a fragment (ours contain one track each); 1 where it is unreadable."""
    at = moof.find(b"tfhd", 0, 200)
    return int.from_bytes(moof[at + 8 : at + 12], "big") if at > 0 else 1


def parse_moof(data: bytes) -> tuple[int, list[Sample], int] | None:
    """Return (media time, samples, offset of the first sample from the start of the moof); None if unreadable."""
    time, samples, data_offset = 0, list[Sample](), 0
    default_duration = default_size = default_flags = 0
    try:
        for kind, start, end in children(data, 8, len(data)):
            if kind != b"traf":
                continue
            for inner, s, e in children(data, start, end):
                if inner == b"tfhd":
                    default_duration, default_size, default_flags = _read_tfhd(data, s)
                elif inner == b"tfdt":
                    time = int.from_bytes(data[s + 4 : s + 12 if data[s] else s + 8], "big")
                elif inner == b"trun":
                    data_offset, samples = _read_trun(data, s, e, default_duration, default_size, default_flags)
    except (struct.error, IndexError):
        return None
    return time, samples, data_offset


def children(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, begin, end) of the body of each box in data[position:end]; stop at a truncated one."""
    while position + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, position)
        if size < 8 or position + size > end:
            return
        yield kind, position + 8, position + size
        position += size


def _read_tfhd(data: bytes, s: int) -> tuple[int, int, int]:
    flags = int.from_bytes(data[s + 1 : s + 4], "big")
    position = s + 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    values = []
    for bit in (0x8, 0x10, 0x20):
        if flags & bit:
            values.append(struct.unpack_from(">I", data, position)[0])
            position += 4
        else:
            values.append(0)
    return values[0], values[1], values[2]


def _read_trun(data: bytes, s: int, e: int, duration: int, size: int, flags: int) -> tuple[int, list[Sample]]:
    present = int.from_bytes(data[s + 1 : s + 4], "big")
    count = struct.unpack_from(">I", data, s + 4)[0]
    position, data_offset, first_flags = s + 8, 0, None
    if present & 0x1:
        data_offset = struct.unpack_from(">i", data, position)[0]
        position += 4
    if present & 0x4:
        first_flags = struct.unpack_from(">I", data, position)[0]
        position += 4
    if count > (e - s):
        raise struct.error("more samples than bytes")
    samples = []
    for i in range(count):
        values = [duration, size, first_flags if i == 0 and first_flags is not None else flags, 0]
        for k, bit in enumerate((0x100, 0x200, 0x400, 0x800)):
            if present & bit:
                values[k] = struct.unpack_from(">i" if bit == 0x800 else ">I", data, position)[0]
                position += 4
        samples.append(Sample(values[1], values[0], not values[2] & 0x10000, values[3]))
    return data_offset, samples


def read_init(path: Path) -> bytes:
    """Return `ftyp` and `moov` of a file; empty where the file ends before them."""
    with path.open("rb") as f:
        head = f.read(65536)
    position = 0
    while position + 8 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, position)
        if size < 8 or position + size > len(head):
            return b""
        position += size
        if kind == b"moov":
            return head[:position]
    return b""


def has_unplayable_audio(init: bytes) -> bool:
    """Return whether there is an audio track that browsers cannot play (G.711)."""
    return b"alaw" in init or b"ulaw" in init


def without_audio(init: bytes) -> bytes:
    """Return the init segment without its audio track."""
    at = init.find(b"moov") - 4
    if at < 0 or b"soun" not in init:
        return init
    kept = [box(k, init[s:e]) for k, s, e in children(init, at + 8, len(init)) if k not in (b"trak", b"mvex")]
    tracks = [box(k, init[s:e]) for k, s, e in children(init, at + 8, len(init)) if k == b"trak"]
    trex = full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, DELTA_FLAGS))
    return init[:at] + box(b"moov", *kept, tracks[0], box(b"mvex", trex))


def codec_configuration(init: bytes) -> tuple[str, bytes]:
    """Return ('h264' or 'h265', decoder configuration record) of an init segment; ('', b'') where there is none."""
    for kind, codec in ((b"avcC", "h264"), (b"hvcC", "h265")):
        at = init.find(kind)
        if at >= 4:
            size = struct.unpack_from(">I", init, at - 4)[0]
            return codec, init[at + 4 : at - 4 + size]
    return "", b""


def codec_string(init: bytes) -> str:
    """Return the RFC 6381 codecs parameter, e.g. 'avc1.64001f' or 'hvc1.1.6.L93.B0'."""
    codec, record = codec_configuration(init)
    if codec == "h264":
        return "avc1." + record[1:4].hex()
    if codec == "h265":
        space = ("", "A", "B", "C")[record[1] >> 6]
        compatibility = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
        constraints = record[6:12].rstrip(b"\0")
        parts = [f"{space}{record[1] & 31}", f"{compatibility:X}", f"{'H' if record[1] & 32 else 'L'}{record[12]}"]
        return "hvc1." + ".".join(parts + [f"{b:X}" for b in constraints])
    return ""
