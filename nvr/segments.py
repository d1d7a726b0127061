"""From fragments to segment files and archive facts: the one place where footage meets the disk.

A SegmentSink belongs to one stream. Whatever engine reads the camera hands it `Assembled` runs of
pictures; the sink cuts them into files of about `segment_seconds` at keyframes, keeps wall time,
notes gaps, and offers every fragment to live viewers. Facts go to an ArchiveLog (nvr.archive).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from nvr import audio, fmp4, footage, gop_index
from nvr.access_units import Assembled, Counters
from nvr.fmp4 import TIMESCALE
from nvr.footage import Segment
from nvr.parameter_sets import VideoFormat
from nvr.sdp import AudioTrack
from nvr.volumes import Disk, VolumeSet
from nvr.wall_clock import WallClock
from nvr.writer import FULL, SegmentFile

GAP_MIN_US = 1_000_000  # a shorter hole is jitter
DISK_PAUSE_US = 10_000_000


@dataclass(slots=True, eq=False)
class Writing:
    """A segment while it is being written."""

    file: SegmentFile
    disk: Disk
    start_us: int
    base: int  # stream time of its first picture, 90 kHz
    video: VideoFormat
    init_size: int
    lost_before: int
    sound: AudioTrack | None = None
    sound_end: int = 0  # units of the sound's rate
    frames: int = 0
    fragments: int = 0
    end: int = 0  # stream time, 90 kHz
    failed: bool = False  # the disk refused it while it was open: its gap runs
    gops: list[gop_index.Gop] = field(default_factory=list)


class ArchiveLog(Protocol):
    """Takes the facts of recording; must not block."""

    def opened(self, segment: Segment) -> None: ...

    def closed(self, segment: Segment) -> None:
        """The file is complete on its volume, or (no frames) holds nothing and goes."""

    def gap(
        self, stream: str, start_us: int, cause: str, detail: str, end_us: int | None = None, *, fillable: bool = True
    ) -> None:
        """A gap begins, or, with its end, is over. `fillable`: there is room for what the camera's card has of it."""

    def gap_ended(self, stream: str, end_us: int) -> None:
        """The stream's open gap, if any, ends."""


LiveTap = Callable[[Assembled, Writing, bytes], None]


class SegmentSink:
    def __init__(
        self,
        stream: str,
        volumes: VolumeSet,
        archive: ArchiveLog,
        counters: Counters,
        segment_seconds: float,
        in_loop: Callable[[Callable[[], None]], object],
    ):
        self.stream = stream
        self._volumes = volumes
        self._archive = archive
        self._counters = counters
        # Rotation is staggered: cameras that started together do not all change files together.
        self._seconds = segment_seconds
        self._first_seconds = segment_seconds * (0.5 + zlib.crc32(stream.encode()) % 1000 / 2000)
        self._in_loop = in_loop
        self._rotations = 0
        self.segment: Writing | None = None
        self.live: LiveTap | None = None
        self.covered_until: int | None = None  # wall time, µs
        self._last_start = 0  # µs UTC, of the newest file
        self.in_gap = False
        self.last_cause = "no_packets"
        self.clock = WallClock()
        self._blocked_until_us = 0  # after a disk error nothing is written before this
        self._disk: Disk | None = None
        self._sound: AudioTrack | None = None
        self.segments_made = 0

    def begin_session(self, sound: AudioTrack | None = None) -> None:
        """A new connection: times start over, so does the file."""
        self.end_session()
        self.clock.restart()
        self._sound = sound

    def sender_report(self, camera_us: int, stream_time: int, arrival_us: int) -> None:
        """The camera says that its clock read `camera_us` at `stream_time` (90 kHz)."""
        self.clock.report(camera_us, stream_time)

    def audio_report(self, camera_us: int, sound_time: int) -> None:
        """The same of the sound, in units of its rate."""
        if self._sound is not None:
            self.clock.sound_report(camera_us, sound_time, self._sound.rate)

    def fragment(self, run: Assembled, arrival_us: int) -> None:
        """Take a run of pictures that had all arrived at `arrival_us` (µs UTC)."""
        duration = sum(run.durations)
        last = run.time + duration - run.durations[-1]
        self.clock.observe(last, arrival_us)
        segment = self.segment
        hole = segment is not None and segment.fragments > 0 and run.time - segment.end >= TIMESCALE
        # Behind a hole a new file begins, so that what is fetched later finds its place between the two.
        if segment is not None and (run.broken or (run.key and (hole or self._must_rotate(segment, run)))):
            self.last_cause = self._cause_of_hole(segment)
            self._close(slew=not run.broken)
            segment = None
            if run.broken:
                self.clock.restart()
                self.clock.observe(last, arrival_us)
        if segment is None:
            if not run.key or arrival_us < self._blocked_until_us:
                return
            segment = self._open(run, arrival_us)
            if segment is None:
                return
        elif hole:
            self._note_hole(segment, run.time)
        head = fmp4.moof(segment.fragments + 1, run.time - segment.base, run.durations, run.sizes, run.key, run.offsets)
        if not segment.disk.writer.append(segment.file, head, *run.parts, size=len(head) + sum(run.sizes)):
            self._disk_behind(segment)
            return
        self._index(segment, run, duration)
        if self.live is not None:
            self.live(run, segment, head)

    def _index(self, segment: Writing, run: Assembled, duration: int) -> None:
        segment.end = run.time + duration
        if run.key or not segment.gops:
            begin = segment.gops[-1].offset + segment.gops[-1].size if segment.gops else segment.init_size
            segment.gops.append(gop_index.Gop((run.time - segment.base) * 100 // 9, 0, begin, 0))
        gop = segment.gops[-1]
        gop.duration_us = (segment.end - segment.base) * 100 // 9 - gop.time_us
        gop.size = segment.file.size - gop.offset
        segment.fragments += 1
        segment.frames += len(run.sizes)
        self.covered_until = self.clock.wall(segment.end)

    def audio(self, run: audio.AudioRun, track: AudioTrack, arrival_us: int) -> None:
        """Take sound; it lies behind the pictures that came with it."""
        self.clock.observe_sound(run.time + sum(run.durations), track.rate, arrival_us)
        segment = self.segment
        if segment is None or segment.sound is not track or not segment.fragments:
            return
        time = max(segment.sound_end, self.clock.sound_wall(run.time, track.rate, segment.start_us) * track.rate // 1_000_000)
        head = audio.moof(segment.fragments + 1, time, run)
        if segment.disk.writer.append(segment.file, head, bytes(run.data), size=len(head) + len(run.data)):
            segment.fragments += 1
            segment.sound_end = time + sum(run.durations)
            segment.gops[-1].size = segment.file.size - segment.gops[-1].offset

    def _must_rotate(self, segment: Writing, run: Assembled) -> bool:
        limit = self._first_seconds if self._rotations == 0 else self._seconds
        long_enough = run.time - segment.base >= limit * TIMESCALE - TIMESCALE // 10
        return long_enough or run.video != segment.video or segment.file.error is not None or not segment.disk.usable

    def _open(self, run: Assembled, arrival_us: int) -> Writing | None:
        disk = self._volumes.place(self.stream, self._disk)
        if disk is None:
            self._blocked_until_us = arrival_us + DISK_PAUSE_US // 10
            states = {d.state for d in self._volumes.disks}
            self.start_gap("disk_full" if states == {"full"} else "disk_error", "no disk can be used", arrival_us)
            return None
        start = self.clock.wall(run.time)
        if self.covered_until is not None and start < self.covered_until:
            start = self.covered_until  # the time line never runs backwards
            self.clock.place(run.time, start)
        if start <= self._last_start:  # the one before it never got a picture; two files need two names
            start = self._last_start + 1
            self.clock.place(run.time, start)
        self._last_start = start
        self._end_gap(start)
        self._disk = disk
        fact = Segment(self.stream, disk.number, start, start, open=True)
        path = disk.path / self.stream / footage.name_of(start)
        file = SegmentFile(path, lambda e: self._in_loop(lambda: self._failed(file, disk, e)))
        init = fmp4.init_segment(run.video, self._sound)
        disk.writer.append(file, init, size=len(init))
        self.segment = Writing(
            file, disk, start, run.time, run.video, len(init), self._counters.lost_packets, self._sound, end=run.time
        )
        self.segments_made += 1
        self._archive.opened(fact)
        return self.segment

    def _end_gap(self, start: int) -> None:
        if self.in_gap:
            self.in_gap = False
            self._archive.gap_ended(self.stream, start)
        elif self.covered_until is not None and start - self.covered_until >= GAP_MIN_US:
            self._archive.gap(self.stream, self.covered_until, self.last_cause, "", start)

    def _note_hole(self, segment: Writing, until: int) -> None:
        """Pictures that never came, in the middle of a GOP: the file goes on, and nothing can be put there."""
        start, end = self.clock.wall(segment.end), self.clock.wall(until)
        self._archive.gap(self.stream, start, self._cause_of_hole(segment), "", end, fillable=False)

    def _cause_of_hole(self, segment: Writing) -> str:
        return "packet_loss" if self._counters.lost_packets > segment.lost_before else "no_packets"

    def end_session(self) -> None:
        """The connection ended: close the file; what was recorded stays recorded."""
        self._close(slew=False)

    def start_gap(self, cause: str, detail: str, now_us: int) -> None:
        """Recording stopped for a reason; the gap runs from the last covered instant."""
        if self.in_gap and cause == self.last_cause:
            return
        if self.in_gap:  # the cause changed: the old gap ends where the new one begins
            start = now_us
            self._archive.gap_ended(self.stream, start)
        else:
            start = self.covered_until if self.covered_until is not None else now_us
        self.in_gap, self.last_cause, self.covered_until = True, cause, start
        self._archive.gap(self.stream, start, cause, detail[:200])

    def _close(self, *, slew: bool) -> None:
        segment, self.segment = self.segment, None
        if segment is None:
            return
        self._rotations += 1
        if slew:
            self.clock.slew()
        end = max(self.clock.wall(segment.end), segment.start_us)
        if segment.fragments and segment.file.error is None:
            self.covered_until = end
            index = gop_index.box(segment.gops)
            segment.disk.writer.append(segment.file, index, size=len(index))
        lost = self._counters.lost_packets - segment.lost_before
        clock = self.clock.offset_us
        segment.disk.writer.close(segment.file, lambda: self._in_loop(lambda: self._closed(segment, end, lost, clock)))

    def _closed(self, segment: Writing, end_us: int, lost: int, clock_offset_us: int | None) -> None:
        file = segment.file
        media = (segment.end - segment.base) * 100 // 9
        frames = segment.frames
        flags = footage.AUDIO if segment.sound is not None else 0
        if file.error is not None:  # cut back: what was written of it counts
            media = _written_us(segment)
            told, end_us = end_us, segment.start_us + media
            if not segment.failed and told - end_us >= GAP_MIN_US:  # it had been closed before the disk refused its end
                self._archive.gap(self.stream, end_us, _disk_cause(file.error), file.error.strerror or "", told)
            frames = frames if media else 0
            flags |= footage.RECOVERED
        digest = file.sha256
        self._archive.closed(
            Segment(
                self.stream, segment.disk.number, segment.start_us, end_us, media, file.written if file.made else -1, frames, lost,
                clock_offset_us, flags if digest else flags | footage.UNHASHED, digest or footage.NO_HASH,
            )
        )  # fmt: skip

    def _failed(self, file: SegmentFile, disk: Disk, error: OSError) -> None:
        self._volumes.report(disk, error)
        if self.segment is not None and self.segment.file is file:
            self.covered_until = self.segment.start_us + _written_us(self.segment)
            self.segment.failed = True
            if len(self._volumes.disks) == 1:
                self._blocked_until_us = self.clock.wall(self.segment.end) + DISK_PAUSE_US
            self._close(slew=False)
            self.start_gap(_disk_cause(error), error.strerror or "", self.covered_until)

    def _disk_behind(self, segment: Writing) -> None:
        self.covered_until = self.clock.wall(segment.end)
        self._close(slew=False)
        self.start_gap("disk_error", "the disk does not keep up", self.covered_until)


def _disk_cause(error: OSError) -> str:
    return "disk_full" if error.errno in FULL else "disk_error"


def _written_us(segment: Writing) -> int:
    done = [g for g in segment.gops if g.offset + g.size <= segment.file.written]
    return done[-1].time_us + done[-1].duration_us if done else 0
