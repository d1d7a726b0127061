"""A segment file while it is being written, as nvr.archive.segment_writer keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from nvr.media import gop_index
from nvr.media.parameter_sets import VideoFormat
from nvr.rtsp.sdp import AudioTrack
from nvr.storage.disk_writer import SegmentFile
from nvr.storage.volume_set import Disk


@dataclass(slots=True, eq=False)
class OpenSegmentFile:
    """A segment while it is being written."""

    file: SegmentFile
    disk: Disk
    start_us: int
    base: int  # placed time of its first picture, 90 kHz
    video: VideoFormat
    init_size: int
    lost_before: int
    origin: int = 0  # placed time of the sink's first picture; viewers count from it
    sound: AudioTrack | None = None
    sound_end: int = 0  # in units of the audio's sampling rate
    frames: int = 0
    fragments: int = 0
    newest: int = 0  # placed time of its last picture
    end: int = 0  # placed time, 90 kHz
    failed: bool = False  # the disk refused a write while the file was open: its gap has begun
    gops: list[gop_index.Gop] = field(default_factory=list)


def durable_media_us(segment: OpenSegmentFile) -> int:
    """Return the media time (µs) that the disk has accepted, up to the last whole GOP."""
    done = [g for g in segment.gops if g.offset + g.size <= segment.file.written]
    return done[-1].time_us + done[-1].duration_us if done else 0
