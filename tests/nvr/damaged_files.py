"""Segment files made byte by byte, whole and damaged."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from cameras.virtual.clip import LoopClip
from core.clock import SECOND, from_microseconds
from nvr.archive import segment_index
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import fmp4, gop_index
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.rtsp.sdp import VideoCodec

START = 1_795_000_000 * SECOND
NOW = from_microseconds(START + 600 * SECOND)
PICTURES, SECONDS, GOP = 10, 12, 3  # a fragment per second with ten pictures, every third one with a keyframe


def segment_bytes(clip: LoopClip, *, closed: bool = True) -> bytes:
    """Return a segment file."""
    data = bytearray(fmp4.init_segment(VideoFormat.from_sets(VideoCodec.H264, clip.parameter_sets)))
    content = random.Random(7)
    for n in range(SECONDS):
        sizes = [content.randint(200, 900) for _ in range(PICTURES)]
        data += fmp4.moof(n + 1, n * TIMESCALE, [TIMESCALE // PICTURES] * PICTURES, sizes, n % GOP == 0)
        data += content.randbytes(sum(sizes))
    return bytes(data) + (INDEX if closed else b"")


INDEX = gop_index.box([gop_index.Gop(0, SECONDS * SECOND, 0, 0)])


def path_in(folder: Path, start_us: int = START) -> Path:
    return folder / Path(segment_index.name_of(start_us)).name


async def write(path: Path, data: bytes) -> None:
    await asyncio.to_thread(path.write_bytes, data)


def offset_of(data: bytes, fragment: int) -> int:
    """Return the offset at which the fragment begins."""
    at = -1
    for _ in range(fragment + 1):
        at = data.index(b"moof", at + 1)
    return at - 4


def smashed(data: bytes, at: int, size: int = 64) -> bytes:
    return data[:at] + random.Random(at).randbytes(size) + data[at + size :]
