"""From fragments to segment files and archive facts: the one place where footage meets the disk.

A SegmentSink belongs to one stream. Whatever engine reads the camera hands it `Assembled` runs of
pictures; the sink cuts them into files of about `segment_seconds` at keyframes, keeps wall time,
notes gaps, and offers every fragment to live viewers. Facts go to an ArchiveLog (nvr.archive).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from core.clock import SECOND
from nvr import fmp4, gop_index
from nvr.access_units import Assembled, Counters
from nvr.fmp4 import TIMESCALE
from nvr.parameter_sets import VideoFormat
from nvr.writer import FULL, SegmentFile, Writer

GAP_MIN_US = 1_000_000  # a shorter hole is jitter
MAX_SLEW_US = 50_000  # correction of wall time at a segment's end
DISK_PAUSE_US = 10_000_000
GOOD_CLOCK_US = 500_000  # a camera clock within this is trusted


@dataclass(slots=True, eq=False)
class OpenSegment:
    """A segment while it is being written."""

    file: SegmentFile
    start_us: int
    base: int  # stream time of its first picture, 90 kHz
    video: VideoFormat
    init_size: int
    lost_before: int
    frames: int = 0
    fragments: int = 0
    end: int = 0  # stream time, 90 kHz
    gops: list[gop_index.Gop] = field(default_factory=list)


class ArchiveLog(Protocol):
    """Takes the facts of recording; must not block."""

    def opened(self, stream: str, path: Path, start_us: int) -> None: ...

    def closed(
        self,
        path: Path,
        *,
        end_us: int,
        media_us: int,
        size: int,
        frames: int,
        lost: int,
        clock_offset_us: int | None,
        gops: bytes,
    ) -> None: ...

    def gap(self, stream: str, start_us: int, cause: str, detail: str) -> None:
        """A gap begins."""

    def gap_ended(self, stream: str, end_us: int) -> None:
        """The stream's open gap, if any, ends."""

    def disk_failed(self, stream: str, path: Path, full: bool, detail: str) -> None: ...


LiveTap = Callable[[Assembled, OpenSegment, bytes], None]


class SegmentSink:
    def __init__(
        self,
        stream: str,
        folder: Path,
        writer: Writer,
        archive: ArchiveLog,
        counters: Counters,
        segment_seconds: float,
        in_loop: Callable[[Callable[[], None]], object],
    ):
        self.stream = stream
        self._folder = folder
        self._writer = writer
        self._archive = archive
        self._counters = counters
        # Rotation is staggered: cameras that started together do not all change files together.
        self._seconds = segment_seconds
        self._first_seconds = segment_seconds * (0.5 + zlib.crc32(stream.encode()) % 1000 / 2000)
        self._in_loop = in_loop
        self._rotations = 0
        self.segment: OpenSegment | None = None
        self.live: LiveTap | None = None
        self.covered_until: int | None = None  # wall time, µs
        self.in_gap = False
        self.last_cause = "no_packets"
        self.clock_offset_us: int | None = None
        self._offset: int | None = None  # wall µs minus stream time µs
        self._best: int | None = None  # smallest seen in this segment: the least delayed arrival
        self._blocked_until_us = 0  # after a disk error nothing is written before this
        self.segments_made = 0

    def begin_session(self) -> None:
        """A new connection: times start over, so does the file."""
        self.end_session()
        self._offset = self._best = None

    def sender_report(self, camera_us: int, stream_time: int, arrival_us: int) -> None:
        """The camera says that its clock read `camera_us` at `stream_time` (90 kHz)."""
        if self._offset is not None:
            self.clock_offset_us = camera_us - (stream_time * 100 // 9 + self._offset)

    def fragment(self, run: Assembled, arrival_us: int) -> None:
        """Take a run of pictures that had all arrived at `arrival_us` (µs UTC)."""
        duration = sum(s.duration for s in run.samples)
        self._observe_delay(run.time + duration - run.samples[-1].duration, arrival_us)
        segment = self.segment
        if segment is not None and (self._must_rotate(segment, run) or run.broken):
            self._close(slew=not run.broken)
            segment = None
            if run.broken:
                self._offset = self._best = None
                self._observe_delay(run.time + duration - run.samples[-1].duration, arrival_us)
        if segment is None:
            if not run.key or arrival_us < self._blocked_until_us:
                return
            segment = self._open(run)
        self._note_hole(segment, run)
        head = fmp4.moof(segment.fragments + 1, run.time - segment.base, run.samples, len(run.data))
        if not self._writer.append(segment.file, head, run.data):
            self._disk_behind(segment)
            return
        self._index(segment, run, len(head) + len(run.data), duration)
        if self.live is not None:
            self.live(run, segment, head)

    def _index(self, segment: OpenSegment, run: Assembled, size: int, duration: int) -> None:
        time_us = (run.time - segment.base) * 100 // 9
        offset = segment.file.size - size
        length_us = duration * 100 // 9
        if run.key or not segment.gops:
            segment.gops.append(gop_index.Gop(time_us, length_us, offset, size))
        else:
            last = segment.gops[-1]
            segment.gops[-1] = gop_index.Gop(
                last.time_us, time_us + length_us - last.time_us, last.offset, offset + size - last.offset
            )
        segment.fragments += 1
        segment.frames += len(run.samples)
        segment.end = run.time + duration
        self.covered_until = self._wall(segment.end)

    def _must_rotate(self, segment: OpenSegment, run: Assembled) -> bool:
        if not run.key:
            return False
        limit = self._first_seconds if self._rotations == 0 else self._seconds
        long_enough = run.time - segment.base >= limit * TIMESCALE - TIMESCALE // 10
        return long_enough or run.video != segment.video or segment.file.error is not None

    def _open(self, run: Assembled) -> OpenSegment:
        start = self._wall(run.time)
        if self.covered_until is not None and start < self.covered_until:
            start = self.covered_until  # the time line never runs backwards
            self._offset = start - run.time * 100 // 9
        if self.in_gap:
            self.in_gap = False
            self._archive.gap_ended(self.stream, start)
        elif self.covered_until is not None and start - self.covered_until >= GAP_MIN_US:
            self._archive.gap(self.stream, self.covered_until, self.last_cause, "")
            self._archive.gap_ended(self.stream, start)
        moment = datetime.fromtimestamp(start / SECOND, timezone.utc)
        name = f"{moment:%H%M%S}-{start % SECOND // 1000:03d}.mp4"
        path = self._folder / self.stream / f"{moment:%Y%m%d}" / name
        file = SegmentFile(path, lambda e: self._in_loop(lambda: self._failed(file, e)))
        init = fmp4.init_segment(run.video)
        self._writer.append(file, init)
        self.segment = OpenSegment(file, start, run.time, run.video, len(init), self._counters.lost_packets, end=run.time)
        self.segments_made += 1
        self._archive.opened(self.stream, path, start)
        return self.segment

    def _note_hole(self, segment: OpenSegment, run: Assembled) -> None:
        """Pictures that never came, between two fragments or behind the last picture of this one."""
        lost = self._counters.lost_packets > segment.lost_before
        cause = "packet_loss" if lost else "no_packets"
        holes = [(segment.end, run.time)] if segment.fragments else []
        last = run.samples[-1].duration
        if last >= 2 * TIMESCALE:
            end = run.time + sum(s.duration for s in run.samples)
            holes.append((end - last, end))
        for start, end in holes:
            if (end - start) * 100 // 9 >= GAP_MIN_US:
                self._archive.gap(self.stream, self._wall(start), cause, "")
                self._archive.gap_ended(self.stream, self._wall(end))

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
            self._slew()
        end = max(self._wall(segment.end), segment.start_us)
        if segment.fragments and segment.file.error is None:
            self.covered_until = end
        facts: dict[str, object] = {
            "end_us": end,
            "media_us": (segment.end - segment.base) * 100 // 9,
            "size": segment.file.size,
            "frames": segment.frames,
            "lost": self._counters.lost_packets - segment.lost_before,
            "clock_offset_us": self.clock_offset_us,
            "gops": gop_index.pack(segment.gops),
        }
        self._writer.close(segment.file, lambda: self._in_loop(lambda: self._closed(segment, facts)))

    def _closed(self, segment: OpenSegment, facts: dict[str, object]) -> None:
        if segment.file.error is not None:
            # The index of a file that was cut back is made anew from the file itself.
            frames = segment.frames if segment.file.written > segment.init_size else 0
            facts = {**facts, "size": segment.file.written, "gops": b"", "frames": frames}
        self._archive.closed(segment.file.path, **facts)  # type: ignore[arg-type]

    def _failed(self, file: SegmentFile, error: OSError) -> None:
        full = error.errno in FULL
        self._archive.disk_failed(self.stream, file.path, full, error.strerror or str(error))
        if self.segment is not None and self.segment.file is file:
            self.covered_until = self.segment.start_us + self._written_us(self.segment)
            self._blocked_until_us = self._wall(self.segment.end) + DISK_PAUSE_US
            self._close(slew=False)
            self.start_gap("disk_full" if full else "disk_error", error.strerror or "", self.covered_until)

    def _written_us(self, segment: OpenSegment) -> int:
        done = [g for g in segment.gops if g.offset + g.size <= segment.file.written]
        return done[-1].time_us + done[-1].duration_us if done else 0

    def _disk_behind(self, segment: OpenSegment) -> None:
        self.covered_until = self._wall(segment.end)
        self._close(slew=False)
        self.start_gap("disk_error", "the disk does not keep up", self.covered_until)

    def _observe_delay(self, time: int, arrival_us: int) -> None:
        offset = arrival_us - time * 100 // 9
        self._best = offset if self._best is None else min(self._best, offset)
        if self._offset is None:
            self._offset = offset

    def _slew(self) -> None:
        """Draw wall time towards the least delayed arrival of the segment, or a good camera clock."""
        if self._offset is None or self._best is None:
            return
        wanted = self._best
        if self.clock_offset_us is not None and abs(self.clock_offset_us) < GOOD_CLOCK_US:
            wanted = self._offset + self.clock_offset_us
        self._offset += max(-MAX_SLEW_US, min(MAX_SLEW_US, wanted - self._offset))
        self._best = None

    def _wall(self, time: int) -> int:
        return time * 100 // 9 + (self._offset or 0)
