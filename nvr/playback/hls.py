"""Playback: HLS over the segment files themselves.

The playlists use EXT-X-MAP, EXT-X-BYTERANGE and EXT-X-PROGRAM-DATE-TIME (RFC 8216), and EXT-X-GAP (draft
pantos-hls-rfc8216bis). Nothing is copied or remuxed for them, with two exceptions:

- above 4× only keyframes are sent (`keyframes_only`), each shown until the next one: one small response per file;
- audio that browsers do not play (G.711) is removed from the response (`video_only`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from core.clock import from_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from core.units import us_to_media
from nvr.archive.reader import LocatedGop
from nvr.media.mp4 import fmp4, gop_index
from nvr.media.mp4.gop_index import Gop

MAX_HLS_US = 6 * 3600 * 1_000_000
GAP_US = 1_000_000
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})\.m4s")
_KEYFRAMES = re.compile(r"keyframes(?:-([0-9]{1,18}))?\.m4s")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A media segment of the playlist. Times in µs UTC."""

    start: int
    end: int
    address: str
    byte_range: str  # empty: the whole resource
    file: Path
    parameters: bytes  # bytes of the init segment; entries with equal ones share one EXT-X-MAP
    map: str  # attributes of EXT-X-MAP


def playlist(gops: Sequence[LocatedGop], *, live: bool, keyframes: bool = False) -> str:
    """Return the HLS playlist of GOPs, given in order. The address of a file contains its segment's start.

    `live` leaves the list open. Media time begins at 0 in every file, so a discontinuity precedes each; EXT-X-MAP is
    repeated only where the parameters change. Addresses end in .mp4 or .m4s: ffmpeg refuses others
    (`allowed_segment_extensions`).
    """
    entries = list(_files(gops) if keyframes else _ranges(gops))
    longest = max((e.end - e.start for e in entries), default=2_000_000)
    target = -(-longest // 1_000_000) or 1
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:8",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-PLAYLIST-TYPE:" + ("EVENT" if live else "VOD"),
    ]
    last: _Entry | None = None
    for entry in entries:
        lines += _between(last, entry, target) + _media(entry)
        last = entry
    if not live:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _media(entry: _Entry) -> list[str]:
    byte_range = [f"#EXT-X-BYTERANGE:{entry.byte_range}"] if entry.byte_range else []
    return [f"#EXTINF:{(entry.end - entry.start) / 1e6:.3f},", *byte_range, entry.address]


def _between(last: _Entry | None, entry: _Entry, target: int) -> list[str]:
    """Return the lines between two entries: a gap, a discontinuity, new parameters."""
    if last is None:
        return [f"#EXT-X-MAP:{entry.map}", _moment(entry.start)]
    gap = entry.start - last.end > GAP_US
    lines = ["#EXT-X-DISCONTINUITY", _moment(last.end), *_gap(entry.start - last.end, target)] if gap else []
    if gap or entry.file != last.file or entry.parameters != last.parameters:
        lines.append("#EXT-X-DISCONTINUITY")
        if entry.parameters != last.parameters:
            lines.append(f"#EXT-X-MAP:{entry.map}")
        lines.append(_moment(entry.start))
    return lines


def _gap(length_us: int, target: int) -> list[str]:
    """Return a gap as equal parts, none longer than the target duration (RFC 8216 4.3.3.1)."""
    count = -(-length_us // (target * 1_000_000))
    return ["#EXT-X-GAP", f"#EXTINF:{length_us / count / 1e6:.3f},", "gap.mp4"] * count


def _ranges(gops: Sequence[LocatedGop]) -> Iterator[_Entry]:
    """Yield every GOP as a byte range of its file, or, if the file has audio that browsers refuse, without that audio.

    Files without audio are addressed like those beside them: ffmpeg hangs if byte ranges and whole resources follow
    each other on one connection (its range stays in force, seen with 5.1).
    """
    files = [(path, list(group), _init(path)) for path, group in groupby(gops, key=lambda g: g.path)]
    any_foreign = any(fmp4.has_unplayable_audio(init) for _, _, init in files)
    for path, of_file, init in files:
        if not init:
            continue
        as_parts = fmp4.has_unplayable_audio(init) or (any_foreign and b"soun" not in init)
        for g in of_file:
            name = f"segment/{g.segment_us}"
            if as_parts:
                address, byte_range, uri = f"{name}/{g.offset}-{g.size}.m4s", "", f'URI="{name}/init.mp4"'
            else:
                address, byte_range, uri = (
                    f"{name}.mp4",
                    f"{g.size}@{g.offset}",
                    f'URI="{name}.mp4",BYTERANGE="{len(init)}@0"',
                )
            yield _Entry(
                g.start_us, g.end_us, address, byte_range, path, fmp4.without_audio(init) if as_parts else init, uri
            )


def _files(gops: Sequence[LocatedGop]) -> Iterator[_Entry]:
    """Yield the keyframes of every file as one entry.

    It lasts from the beginning of the file, where its media time begins, to the last one of the range.
    """
    for path, group in groupby(gops, key=lambda g: g.path):
        of_file = list(group)
        name = f"segment/{of_file[0].segment_us}"
        init = fmp4.without_audio(_init(path))
        if not init:
            continue
        start, end = of_file[0].segment_us, of_file[-1].end_us
        yield _Entry(start, end, f"{name}/keyframes-{of_file[-1].offset}.m4s", "", path, init, f'URI="{name}/init.mp4"')


def _init(path: Path) -> bytes:
    """Return a file's init segment; empty if the file is gone or damaged: then the playlist has a gap there."""
    try:
        return fmp4.read_init(path)
    except OSError:
        return b""


def _moment(us: int) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{from_microseconds(us).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def segment_part(path: Path, media_us: int, name: str) -> bytes:
    """Return a part of a file that is not a plain byte range.

    `name` is 'init.mp4', 'keyframes.m4s' ('keyframes-<offset>.m4s': up to the GOP that begins there), or
    '<offset>-<size>.m4s' without audio. Raises NotFoundError for other names and for sizes above fmp4.MAX_GOP.
    """
    if name == "init.mp4":
        return fmp4.without_audio(fmp4.read_init(path))
    if (asked := _KEYFRAMES.fullmatch(name)) is not None:
        last = int(asked[1]) if asked[1] else path.stat().st_size
        return keyframes_only(path, [g for g in gop_index.read(path, media_us) if g.offset <= last])
    found = _RANGE.fullmatch(name)
    if found is None or int(found[2]) > fmp4.MAX_GOP:
        raise NotFoundError(
            "a segment has the parts 'init.mp4', 'keyframes.m4s' and '<offset>-<size>.m4s'", ErrorCode.SEGMENT_NOT_FOUND
        )
    return video_only(path, int(found[1]), int(found[2]))


def video_only(path: Path, offset: int, size: int) -> bytes:
    """Return the video fragments in a range of a file."""
    with path.open("rb") as f:
        f.seek(offset)
        data = f.read(size)
    kept, position, keep = list[bytes](), 0, True
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length < 8:
            break
        if kind == b"moof":
            keep = fmp4.track_of(data[position : position + length]) == 1
        if keep:
            kept.append(data[position : position + length])
        position += length
    return b"".join(kept)


def keyframes_only(path: Path, gops: Sequence[Gop]) -> bytes:
    """Return every keyframe of a file as a fragment of its own that lasts as long as its GOP."""
    parts: list[bytes] = []
    with path.open("rb") as f:
        for number, gop in enumerate(gops, 1):
            fragment = next(fmp4.scan(path, gop.offset), None)
            if fragment is None:
                break
            f.seek(fragment.data_offset)
            data = f.read(fragment.first_size)
            parts += [fmp4.moof(number, fragment.time, [max(1, us_to_media(gop.duration_us))], [len(data)], True), data]
    return b"".join(parts)


def thumbnail_times(gops: Sequence[LocatedGop], count: int) -> list[int]:
    """Return the times (µs UTC) of at most `count` keyframes, spread evenly over the GOPs, for a thumbnail strip."""
    if len(gops) <= count:
        return [g.start_us for g in gops]
    step = (gops[-1].end_us - gops[0].start_us) / count
    wanted = [gops[0].start_us + int(i * step) for i in range(count)]
    times, at = list[int](), 0
    for moment in wanted:
        while at + 1 < len(gops) and gops[at + 1].start_us <= moment:
            at += 1
        times.append(gops[at].start_us)
    return [times[0], *(b for a, b in pairwise(times) if b != a)]
