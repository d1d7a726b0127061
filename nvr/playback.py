"""Playback: HLS over the segment files themselves (RFC 8216: EXT-X-MAP, EXT-X-BYTERANGE,
EXT-X-PROGRAM-DATE-TIME, EXT-X-GAP). Nothing is copied or remuxed for it, with two exceptions:

- above 4× only keyframes are sent (`keyframes`), each shown until the next one: one small answer a file;
- sound that browsers do not play (G.711) is taken out on the way (`pictures`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from core.clock import from_microseconds
from core.errors import NotFoundError
from nvr import fmp4, gop_index
from nvr.gop_index import Gop
from nvr.reader import LocatedGop

MAX_HLS_US = 6 * 3600 * 1_000_000
GAP_US = 1_000_000


def playlist(gops: Sequence[LocatedGop], *, live: bool, keyframes: bool = False) -> str:
    """HLS playlist of GOPs in order; a file is called by its segment's start. `live` leaves the list open."""
    entries = list(_files(gops) if keyframes else _ranges(gops))
    longest = max((end - start for start, end, *_ in entries), default=2_000_000)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:8",
        f"#EXT-X-TARGETDURATION:{-(-longest // 1_000_000) or 1}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-PLAYLIST-TYPE:" + ("EVENT" if live else "VOD"),
    ]
    current = ""
    previous_end: int | None = None
    for start, end, name, byte_range, init in entries:
        if previous_end is not None and start - previous_end > GAP_US:
            seconds = (start - previous_end) / 1e6
            lines += ["#EXT-X-DISCONTINUITY", _moment(previous_end), "#EXT-X-GAP", f"#EXTINF:{seconds:.3f},", "gap"]
            current = ""
        if init != current:
            if previous_end is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXT-X-MAP:{init}", _moment(start)]
            current = init
        lines.append(f"#EXTINF:{(end - start) / 1e6:.3f},")
        lines += [f"#EXT-X-BYTERANGE:{byte_range}", name] if byte_range else [name]
        previous_end = end
    if not live:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


_Entry = tuple[int, int, str, str, str]  # start, end, address, byte range, init segment


def _ranges(gops: Sequence[LocatedGop]) -> Iterator[_Entry]:
    """Every GOP as a byte range of its file, or, where the file has sound that browsers refuse, without it."""
    for path, group in groupby(gops, key=lambda g: g.path):
        init = fmp4.read_init(path)
        for g in group:
            name = f"segment/{g.segment_us}"
            if fmp4.has_foreign_sound(init):
                yield g.start_us, g.end_us, f"{name}/{g.offset}-{g.size}", "", f'URI="{name}/init"'
            else:
                yield g.start_us, g.end_us, name, f"{g.size}@{g.offset}", f'URI="{name}",BYTERANGE="{len(init)}@0"'


def _files(gops: Sequence[LocatedGop]) -> Iterator[_Entry]:
    """Every file's keyframes as one entry."""
    for _, group in groupby(gops, key=lambda g: g.path):
        of_file = list(group)
        name = f"segment/{of_file[0].segment_us}"
        yield of_file[0].start_us, of_file[-1].end_us, f"{name}/keyframes", "", f'URI="{name}/init"'


def _moment(us: int) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{from_microseconds(us).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def part(path: Path, media_us: int, name: str) -> bytes:
    """A part of a file that is not a plain byte range: 'init', 'keyframes', or '<offset>-<size>' without sound.

    Raises NotFoundError where there is no such part.
    """
    if name == "init":
        return fmp4.without_sound(fmp4.read_init(path))
    if name == "keyframes":
        return keyframes(path, gop_index.read(path, media_us))
    offset, dash, size = name.partition("-")
    if not (dash and offset.isdigit() and size.isdigit() and int(size) <= fmp4.MAX_GOP):
        raise NotFoundError("a segment has the parts 'init', 'keyframes' and '<offset>-<size>'")
    return pictures(path, int(offset), int(size))


def pictures(path: Path, offset: int, size: int) -> bytes:
    """The video fragments in a range of a file."""
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


def keyframes(path: Path, gops: Sequence[Gop]) -> bytes:
    """Every keyframe of a file as a fragment of its own that lasts as long as its GOP."""
    parts: list[bytes] = []
    with path.open("rb") as f:
        for number, gop in enumerate(gops, 1):
            fragment = next(fmp4.scan(path, gop.offset), None)
            if fragment is None:
                break
            f.seek(fragment.data_offset)
            data = f.read(fragment.first_size)
            parts += [fmp4.moof(number, fragment.time, [max(1, gop.duration_us * 9 // 100)], [len(data)], True), data]
    return b"".join(parts)


def strip_times(gops: Sequence[LocatedGop], count: int) -> list[int]:
    """Times (µs UTC) of at most `count` keyframes spread evenly over the GOPs, for a strip of thumbnails."""
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
