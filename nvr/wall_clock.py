"""Wall time of a stream's pictures and sound.

Media time comes from RTP and counts evenly; wall time is media time plus an offset. The offset is the
arrival of the least delayed picture, drawn (at most 50 ms a file) towards later, less delayed ones, or
towards the camera's own clock where its sender reports show that it is right (RFC 3550 6.4.1).
"""

from __future__ import annotations

MAX_SLEW_US = 50_000  # correction of wall time at a segment's end
GOOD_CLOCK_US = 500_000  # a camera clock within this is trusted


class WallClock:
    """Times in µs UTC; stream time in units of 1/90,000 s, sound time in units of its rate."""

    __slots__ = ("_best", "_offset", "_sound_best", "_sound_report", "_video_report", "offset_us")

    def __init__(self) -> None:
        self.offset_us: int | None = None  # the camera's clock minus ours
        self.restart()

    def restart(self) -> None:
        """A new session: media times start over."""
        self._offset: int | None = None  # wall minus stream time
        self._best: int | None = None  # smallest seen in this segment
        self._video_report: int | None = None  # camera's clock minus stream time
        self._sound_best: int | None = None
        self._sound_report: int | None = None

    def wall(self, time: int) -> int:
        return time * 100 // 9 + (self._offset or 0)

    def place(self, time: int, wall_us: int) -> None:
        """From now on `time` is `wall_us`."""
        self._offset = wall_us - time * 100 // 9

    def observe(self, time: int, arrival_us: int) -> None:
        """A picture of `time` had arrived at `arrival_us`."""
        offset = arrival_us - time * 100 // 9
        if self._best is None or offset < self._best:
            self._best = offset
        if self._offset is None:
            self._offset = offset

    def report(self, camera_us: int, time: int) -> None:
        self._video_report = camera_us - time * 100 // 9
        if self._offset is not None:
            self.offset_us = self._video_report - self._offset

    def slew(self) -> None:
        """Correct the offset between two files."""
        if self._offset is None or self._best is None:
            return
        wanted = self._best
        if self.offset_us is not None and abs(self.offset_us) < GOOD_CLOCK_US:
            wanted = self._offset + self.offset_us
        self._offset += max(-MAX_SLEW_US, min(MAX_SLEW_US, wanted - self._offset))
        self._best = None

    def observe_sound(self, end: int, rate: int, arrival_us: int) -> None:
        """Sound up to `end` had arrived at `arrival_us`."""
        offset = arrival_us - end * 1_000_000 // rate
        self._sound_best = offset if self._sound_best is None else min(self._sound_best, offset)

    def sound_report(self, camera_us: int, time: int, rate: int) -> None:
        self._sound_report = camera_us - time * 1_000_000 // rate

    def sound_wall(self, time: int, rate: int, origin_us: int) -> int:
        """Wall time of sound behind `origin_us`: by both tracks' sender reports, else by arrival."""
        if self._sound_report is not None and self._video_report is not None and self._offset is not None:
            offset = self._sound_report - self._video_report + self._offset
        else:
            offset = self._sound_best or 0
        return max(0, time * 1_000_000 // rate + offset - origin_us)
