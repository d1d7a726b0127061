"""Writes fetched pictures to segment files that fit their gap exactly.

A range begins with the keyframe before the gap, without which its first pictures could not be shown. The pictures
before the gap are kept, bit for bit, but last only half a millisecond each, at the start of the gap, so that no instant
is shown twice. What lies after the gap is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise

from core.units import media_to_us, us_to_media, us_to_media_up
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ArchiveLog
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.clock.wall_clock import KnownTimes
from nvr.media.buffers import iovec
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.storage.volume_set import VolumeSet
from nvr.tables import GapCause

EARLY_PICTURE_TICKS = (
    45  # 90 kHz; duration of a picture before the gap; ffmpeg reports shorter ones as time stamp errors
)
MAX_HELD_BYTES = 16_000_000  # bytes kept of the GOP before the gap


class _BackfillLog:
    """An ArchiveLog that flags segments as backfilled, counts those still open, and does not report gaps."""

    def __init__(self, archive: ArchiveLog):
        self._archive = archive
        self.open = 0
        self.bytes = 0

    def segment_opened(self, segment: Segment) -> None:
        self.open += 1
        self._archive.segment_opened(segment_index.with_flag(segment, SegmentFlag.BACKFILLED))

    def segment_closed(self, segment: Segment) -> None:
        self.open -= 1
        self.bytes += max(segment.size, 0)
        self._archive.segment_closed(segment_index.with_flag(segment, SegmentFlag.BACKFILLED))

    def add_gap(
        self,
        stream: str,
        start_us: int,
        cause: GapCause,
        detail: str,
        end_us: int | None = None,
        *,
        fillable: bool = True,
    ) -> None: ...

    def end_gap(self, stream: str, end_us: int) -> None: ...


class GapFill:
    """Writes what lies in [start, end), µs UTC of the station's clock, to the archive.

    `offset_us`: the camera's clock minus the station's.
    """

    def __init__(
        self,
        stream: str,
        start_us: int,
        end_us: int,
        offset_us: int,
        volumes: VolumeSet,
        archive: ArchiveLog,
        segment_seconds: float,
        in_loop: Callable[[Callable[[], None]], object],
    ):
        self._log = _BackfillLog(archive)
        self._sink = SegmentWriter(stream, volumes, self._log, StreamCounters(), segment_seconds, in_loop, KnownTimes())
        # Stream time is wall time in 1/90,000 s.
        self._start, self._end = us_to_media_up(start_us), us_to_media(end_us)
        self._offset_us = offset_us
        self._held: list[FragmentSamples] = []
        self._placed = self._start - EARLY_PICTURE_TICKS  # the last picture's time

    def take(self, run: FragmentSamples, camera_us: int) -> bool:
        """Take a run whose first picture the camera took at `camera_us`. Return False when the end is reached."""
        begin = us_to_media(camera_us - self._offset_us)
        times = list(accumulate(run.durations, initial=begin))
        wanted = sum(t < self._end for t in times[:-1])
        if wanted == 0:
            return False
        if wanted < len(run.sizes):
            run = _first(run, wanted)
        last = min(times[wanted], self._end) - times[wanted - 1]
        run = replace(run, time=begin, durations=[*run.durations[:-1], last])
        if times[wanted] <= self._start:
            self._hold(run)
            return True
        for early in self._held:
            self._write(early)
        self._held = []
        self._write(run)
        return wanted == len(times) - 1

    def begin_after_break(self) -> None:
        """Handle a hole in the camera's recording."""
        self._held = []
        self._sink.end_session()

    def _hold(self, run: FragmentSamples) -> None:
        """Keep the GOP that may reach into the gap."""
        if run.starts_with_keyframe or sum(sum(r.sizes) for r in self._held) > MAX_HELD_BYTES:
            self._held = []
        if run.starts_with_keyframe or self._held:
            self._held.append(run)

    def _write(self, run: FragmentSamples) -> None:
        times = list(accumulate(run.durations, initial=run.time))
        for i, t in enumerate(times):
            self._placed = times[i] = max(t, self._placed + (EARLY_PICTURE_TICKS if t < self._start else 1))
        self._placed = times[-2]
        durations = [b - a for a, b in pairwise(times)]
        run = replace(run, time=times[0], durations=durations)
        self._sink.write_fragment(run, media_to_us(times[-2]))

    def close(self) -> None:
        self._sink.end_session()

    @property
    def is_stored(self) -> bool:
        """Whether every file is closed and reported to the archive."""
        return self._log.open == 0

    @property
    def bytes(self) -> int:
        return self._log.bytes


def _first(run: FragmentSamples, count: int) -> FragmentSamples:
    """Return the first `count` pictures of a run."""
    sizes = run.sizes[:count]
    data = iovec.joined(run.parts)[: sum(sizes)]
    return replace(run, durations=run.durations[:count], sizes=sizes, offsets=run.offsets[:count], parts=[data])
