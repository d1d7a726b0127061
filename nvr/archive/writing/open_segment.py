"""A segment file while it is being written, as nvr.archive.writing.segment_writer keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.units import media_to_us
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import gop_index
from nvr.media.samples import FragmentSamples
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

    def add(self, run: FragmentSamples) -> None:
        """Count and index a run that was handed to the file."""
        self.end = run.time + sum(run.durations)
        self.newest = self.end - run.durations[-1]
        if run.starts_with_keyframe or not self.gops:
            begin = self.gops[-1].offset + self.gops[-1].size if self.gops else self.init_size
            self.gops.append(gop_index.Gop(media_to_us(run.time - self.base), 0, begin, 0))
        self._stretch_gop()
        self.gops[-1].size = self.file.size - self.gops[-1].offset
        self.fragments += 1
        self.frames += len(run.sizes)

    def add_audio(self, end: int) -> None:
        """Count a run of audio that was handed to the file; it ends at `end`, in units of the sampling rate."""
        self.fragments += 1
        self.sound_end = end
        self.gops[-1].size = self.file.size - self.gops[-1].offset

    def extend_to(self, end: int) -> None:
        """Let the last picture last until `end` (placed time, 90 kHz)."""
        self.end = max(self.newest + 1, end)
        self._stretch_gop()

    def _stretch_gop(self) -> None:
        gop = self.gops[-1]
        gop.duration_us = media_to_us(self.end - self.base) - gop.time_us

    def closed(self, stream: str, end_us: int, lost: int, clock_offset_us: int | None) -> Segment:
        """Return what the archive stores of the closed file. A file with an error ends with its last whole GOP."""
        media, frames = media_to_us(self.end - self.base), self.frames
        flags = SegmentFlag.AUDIO if self.sound is not None else 0
        if self.file.error is not None:  # truncated: only what was written counts
            media = durable_media_us(self)
            end_us = self.start_us + media
            frames = frames if media else 0
            flags |= SegmentFlag.RECOVERED
        digest = self.file.sha256
        return Segment(
            stream,
            self.disk.number,
            self.start_us,
            end_us,
            media,
            self.file.written if self.file.created else -1,
            frames,
            lost,
            clock_offset_us,
            flags if digest else flags | SegmentFlag.UNHASHED,
            digest or segment_index.NO_HASH,
        )


def durable_media_us(segment: OpenSegmentFile) -> int:
    """Return the media time (µs) that the disk has accepted, up to the last whole GOP."""
    done = [g for g in segment.gops if g.offset + g.size <= segment.file.written]
    return done[-1].time_us + done[-1].duration_us if done else 0
