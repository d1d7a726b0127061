"""Recording on events: runs of pictures pass through a bounded buffer and are written only around an event.

The camera is connected all the time, so that the time before the event (the pre-roll) is available. The buffer holds
whole GOPs; the oldest are dropped when it is longer than the pre-roll or larger than its limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from nvr.archive.coverage.timeline import ArchiveLog
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.clock.wall_clock import WallClock
from nvr.media.buffers import iovec
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.storage.volume_set import VolumeSet
from nvr.tables import GapCause

PRE_ROLL_US = 10_000_000
MAX_BYTES = 16_000_000


class EventSink(SegmentWriter):
    """A SegmentWriter that records only after `trigger`."""

    def __init__(
        self,
        stream: str,
        volumes: VolumeSet,
        archive: ArchiveLog,
        counters: StreamCounters,
        segment_seconds: float,
        in_loop: Callable[[Callable[[], None]], object],
        clock: WallClock | None = None,
    ):
        super().__init__(stream, volumes, archive, counters, segment_seconds, in_loop, clock)
        self._buffer: deque[tuple[FragmentSamples, int]] = deque()
        self._bytes = 0
        self._until_us = 0

    def trigger(self, until_us: int) -> None:
        """Record from the pre-roll up to `until_us`."""
        self._until_us = max(self._until_us, until_us)

    def suspend(self) -> None:
        super().suspend()
        self._buffer.clear()
        self._bytes = 0

    def write_fragment(self, run: FragmentSamples, arrival_us: int) -> None:
        """Write the run during an event, else put it into the buffer."""
        if arrival_us < self._until_us:
            while self._buffer:
                super().write_fragment(*self._buffer.popleft())
            self._bytes = 0
            super().write_fragment(run, arrival_us)
            return
        if self.segment is not None:
            if not run.starts_with_keyframe:  # record the GOP completely
                super().write_fragment(run, arrival_us)
                return
            self.end_session()
            self.start_gap(GapCause.SCHEDULE, "between events", self.wall_us(arrival_us))
        elif self.in_gap and self.timeline.last_cause != GapCause.SCHEDULE:  # the original cause of the gap has ended
            self.start_gap(GapCause.SCHEDULE, "between events", self.wall_us(arrival_us))
        run.parts = [iovec.joined(run.parts)]  # slices of the receive buffer are reused before that
        self._buffer.append((run, arrival_us))
        self._bytes += sum(run.sizes)
        self._trim_buffer(arrival_us)

    def _trim_buffer(self, now_us: int) -> None:
        """Drop the oldest GOPs while the next one begins early enough for the pre-roll, or the buffer is too large."""
        while self._buffer:
            second = next((i for i, (run, _) in enumerate(self._buffer) if i and run.starts_with_keyframe), None)
            if second is None:
                if self._bytes > MAX_BYTES:
                    self._buffer.clear()
                    self._bytes = 0
                return
            if self._bytes <= MAX_BYTES and self._buffer[second][1] > now_us - PRE_ROLL_US:
                return
            for _ in range(second):
                self._bytes -= sum(self._buffer.popleft()[0].sizes)
