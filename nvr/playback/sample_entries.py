"""Sample entries of recorded files: what an init segment says of the formats of its tracks (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nvr.media.mp4 import fmp4
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.mp4.mp4_box import box


def sample_entries(init: bytes) -> tuple[bytes, bytes]:
    """Return the first sample entry of the video and of the audio (empty: there is none)."""
    moov = init[init.find(b"moov") + 4 :]
    found: list[bytes] = []
    for kind, body in boxes_in(moov):
        if kind == b"trak":
            media = dict(boxes_in(dict(boxes_in(body))[b"mdia"]))
            stsd = dict(boxes_in(dict(boxes_in(media[b"minf"]))[b"stbl"]))[b"stsd"]
            found.append(next(box(k, b) for k, b in boxes_in(stsd[8:])))
    return (found[0], found[1]) if len(found) > 1 else (found[0], b"")


def describe_entry(entry: bytes) -> str:
    """Describe a video sample entry, like 'h264 1920x1080'."""
    width, height = struct.unpack_from(">HH", entry, 32)
    return f"{'h264' if entry[4:8] == b'avc1' else 'h265'} {width}x{height}"


def audio_time_scale(init: bytes) -> int:
    """Return the time scale of the audio track: its `mdhd` is the second one."""
    at = init.find(b"mdhd", init.find(b"mdhd") + 4)
    return int.from_bytes(init[at + 16 : at + 20], "big") if at > 0 else TIMESCALE


def boxes_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, body) of the boxes in the data."""
    return ((kind, data[start:end]) for kind, start, end in fmp4.children(data, 0, len(data)))
