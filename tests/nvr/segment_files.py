"""Segment files as the recorder writes them, made from coded pictures without a recorder."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from pathlib import Path

from cameras.virtual.clip import LoopClip
from nvr.archive import segment_index
from nvr.archive.reader import LocatedGop
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import audio_boxes, fmp4, gop_index
from nvr.media.samples import AudioRun
from nvr.rtsp.sdp import AudioCodec, AudioTrack, VideoCodec
from tests.conftest import street_clip

BEGIN_US = 1_795_249_805_000_000
PCMA = AudioTrack(AudioCodec.PCMA, 8, "", 8000, 1)


@functools.lru_cache
def street_pictures(codec: str = "h264", size: tuple[int, int] = (64, 48)) -> LoopClip:
    """Return twenty pictures at ten a second, in two GOPs."""
    return street_clip(codec=codec, seconds=2.0, fps=10.0, size=size)


def video_format(clip: LoopClip) -> VideoFormat:
    return VideoFormat.from_sets(VideoCodec(clip.codec), list(clip.parameter_sets))


def write_segment(
    folder: Path,
    start_us: int,
    clip: LoopClip,
    *,
    sound: AudioTrack | None = None,
    sound_bytes: int = 8000,
    count: int = 20,
) -> list[LocatedGop]:
    """Write a segment file that starts at `start_us` with `count` pictures of a clip; return its GOPs."""
    path = folder / segment_index.name_of(start_us)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = bytearray(fmp4.init_segment(video_format(clip), sound))
    step = round(90_000 / clip.fps)
    gops: list[gop_index.Gop] = []
    for i, unit in enumerate(clip.units[:count]):
        key = i in clip.keyframes
        if key:
            gops.append(gop_index.Gop(i * step * 100 // 9, 0, len(data), 0))
        coded = b"".join(struct.pack(">I", len(n)) + n for n in unit)
        data += fmp4.moof(i + 1, i * step, [step], [len(coded)], key) + coded
        if sound is not None and i == 0:
            run = AudioRun(0, [sound_bytes], [sound_bytes], bytearray(sound_bytes))
            data += audio_boxes.moof(1000, 0, run) + bytes(run.data)
        gops[-1].duration_us = (i + 1) * step * 100 // 9 - gops[-1].time_us
        gops[-1].size = len(data) - gops[-1].offset
    data += gop_index.box(gops)
    path.write_bytes(data)
    return located(path, start_us, gops)


def located(path: Path, start_us: int, gops: Sequence[gop_index.Gop]) -> list[LocatedGop]:
    return [
        LocatedGop(start_us + g.time_us, start_us + g.time_us + g.duration_us, path, g.offset, g.size, start_us)
        for g in gops
    ]
