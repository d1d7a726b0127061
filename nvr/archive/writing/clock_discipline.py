"""Disciplines the wall clock of one stream by the station's clock: steps, and small corrections between two files."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nvr.archive.coverage.timeline import ClockStep, Timeline
from nvr.archive.writing.file_names import StreamFileNames
from nvr.clock.station_clock import StationClock
from nvr.clock.wall_clock import PPM, WallClock

log = logging.getLogger(__name__)

MAX_CLOCK_ERROR_PPM = 50_000  # ppm; a larger error of a camera's clock is logged
MAX_SLEW_US = 50_000  # largest correction by the station's clock between two files


class ClockDiscipline:
    """Belongs to the SegmentWriter of one stream, whose `clock` and `timeline` it corrects."""

    def __init__(self, stream: str, clock: WallClock, timeline: Timeline):
        self._stream = stream
        self._clock = clock
        self._timeline = timeline
        self.station: StationClock | None = None
        self.on_stepped: Callable[[ClockStep], None] | None = None
        self.file_names = StreamFileNames()
        self._step_us = 0  # pending change of the station's clock; the next file begins with it
        self._rate_logged = False

    @property
    def is_step_pending(self) -> bool:
        return self._step_us != 0

    def follow(self, station: StationClock, stepped: Callable[[ClockStep], None]) -> None:
        """Follow the station's clock; `stepped` is called when the stream has adopted a change of it."""
        self.station, self.on_stepped = station, stepped
        self.file_names.since_us = station.read() + station.correction_us
        self._clock.correction_us = station.correction_us

    def begin_session(self) -> None:
        """Take the station's present correction: it may have slewed since the last file."""
        if self.station is not None:
            self._clock.correction_us = self.station.correction_us

    def register_step(self, by_us: int) -> None:
        """Register a change of the station's clock, which `take_step` adopts."""
        self._step_us += by_us

    def take_step(self) -> bool:
        """Adopt the pending change between two files; return whether there was one."""
        by, self._step_us = self._step_us, 0
        if by == 0:
            return False
        step = self.file_names.step(self._stream, by, self._timeline.covered_until)
        self._clock.correction_us += by
        self._timeline.shift(by)
        if step is not None and self.on_stepped is not None:
            self.on_stepped(step)
        return True

    def slew(self) -> int:
        """Correct small errors between two files: of the camera's clock, and of the wall clock against steady time.

        Return by how much (90 kHz) the following pictures are placed later than before.
        """
        if abs(self._clock.ppm - PPM) > MAX_CLOCK_ERROR_PPM and not self._rate_logged:
            self._rate_logged = True
            percent = (PPM / self._clock.ppm - 1) * 100
            log.warning(
                "%s: the camera's clock runs %.0f %% too %s; check the camera's time settings",
                self._stream,
                abs(percent),
                "fast" if percent > 0 else "slow",
                extra={"stream": self._stream},
            )
        if self.station is not None and not self._step_us:
            self._clock.correction_us += max(
                -MAX_SLEW_US, min(MAX_SLEW_US, self.station.correction_us - self._clock.correction_us)
            )
        return self._clock.slew()
