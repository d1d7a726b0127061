"""A SegmentWriter with a disk and an archive in memory: integers for time, no threads, no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nvr.archive.segment_index import Segment
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.media.buffers import iovec
from nvr.media.buffers.iovec import Part
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.pictures.picture_times import PictureTimes
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.sdp import VideoCodec
from nvr.storage.disk_writer import SegmentFile
from nvr.storage.volume_set import VolumeSet
from tests.nvr.camera_clock import ORIGIN_US, CameraClock, Run, runs

SPS = bytes.fromhex("6742c00ada0f0a0a0b010000030001000003003c8d")
VIDEO = VideoFormat(VideoCodec.H264, (SPS, bytes.fromhex("68ce3c80")), 320, 180)


class MemoryWriter:
    """A writer that stores data immediately."""

    def __init__(self) -> None:
        self.files: dict[Path, bytearray] = {}
        self.refuses = False

    def append(self, file: SegmentFile, *parts: Part, size: int) -> bool:
        if self.refuses:
            return False
        body = iovec.joined(cast(Sequence[Part], parts))
        assert len(body) == size
        self.files.setdefault(file.path, bytearray()).extend(body)
        file.size += size
        file.written, file.created = file.size, True
        return True

    def close(self, file: SegmentFile, closed: Callable[[], Any]) -> None:
        closed()


@dataclass
class MemoryDisk:
    writer: MemoryWriter = field(default_factory=MemoryWriter)
    number: int = 1
    path: Path = Path("/video")
    usable: bool = True
    state: str = "ok"


class MemoryVolumes:
    def __init__(self) -> None:
        self.disks = [MemoryDisk()]
        self.chosen: MemoryDisk | None = self.disks[0]

    def choose_disk(self, stream: str, before: MemoryDisk | None) -> MemoryDisk | None:
        return self.chosen

    def report_error(self, disk: MemoryDisk, error: OSError, *, opening: bool = False) -> None:
        self.chosen = None


@dataclass
class GapFact:
    start_us: int
    end_us: int | None
    cause: str
    fillable: bool = True

    @property
    def seconds(self) -> float:
        assert self.end_us is not None
        return (self.end_us - self.start_us) / 1e6


class MemoryArchive:
    def __init__(self) -> None:
        self.open: list[Segment] = []
        self.segments: list[Segment] = []
        self.gaps: list[GapFact] = []

    def segment_opened(self, segment: Segment) -> None:
        self.open.append(segment)

    def segment_closed(self, segment: Segment) -> None:
        if segment.frames:
            self.segments.append(segment)

    def add_gap(
        self, stream: str, start_us: int, cause: str, detail: str, end_us: int | None = None, *, fillable: bool = True
    ) -> None:
        self.gaps.append(GapFact(start_us, end_us, cause, fillable))

    def end_gap(self, stream: str, end_us: int) -> None:
        for gap in self.gaps:
            if gap.end_us is None:
                gap.end_us = end_us


class Recording:
    """A sink and what it recorded."""

    def __init__(self, segment_seconds: float = 10.0) -> None:
        self.archive = MemoryArchive()
        self.volumes = MemoryVolumes()
        self.counters = StreamCounters()
        self.sink = SegmentWriter(
            "cam/main", cast(VolumeSet, self.volumes), self.archive, self.counters, segment_seconds, lambda call: call()
        )

    def feed_camera(self, clock: CameraClock, gop: int = 25, later_us: int = 0) -> None:
        """Feed all pictures of a camera in one session; they arrive `later_us` later than in the camera's own time."""
        self.sink.begin_session()
        number = 0
        for run in runs(clock, PictureTimes(clock.stated)):
            for part in split(run, number, gop):
                self.sink.write_fragment(part, run.arrival_us + later_us)
            number += len(run.pictures)

    def pictures(
        self, count: int, first_us: int = ORIGIN_US, step_us: int = 40_000, gop: int = 25, time: int = 0
    ) -> int:
        """Feed `count` single pictures that arrive `step_us` apart; return when the next one would arrive."""
        for i in range(count):
            at = time + i * step_us * 9 // 100
            self.sink.write_fragment(single(at, key=i % gop == 0, step=step_us * 9 // 100), first_us + i * step_us)
        return first_us + count * step_us

    @property
    def recorded(self) -> float:
        """Seconds that files cover, minus the gaps inside files."""
        covered = sum(s.end_us - s.start_us for s in self.archive.segments)
        return (covered - sum(g.end_us - g.start_us for g in self.archive.gaps if g.end_us and not g.fillable)) / 1e6

    @property
    def missing(self) -> float:
        return sum(g.seconds for g in self.archive.gaps)


def single(time: int, *, key: bool, step: int = 3600) -> FragmentSamples:
    return FragmentSamples(VIDEO, time, [step], [4], [], [b"\0\0\0\0"], key)


def split(run: Run, number: int, gop: int) -> list[FragmentSamples]:
    """Return the run as the depacketizer emits it: a new one at every keyframe."""
    found: list[FragmentSamples] = []
    for i, (time, shown, duration) in enumerate(zip(run.times, run.shown, run.durations, strict=True)):
        key = (number + i) % gop == 0
        if key or not found:
            found.append(FragmentSamples(VIDEO, time, [], [], [], [], key))
        found[-1].durations.append(duration)
        found[-1].sizes.append(4)
        found[-1].offsets.append(shown - time)
        found[-1].parts.append(b"\0\0\0\0")
    return found
