"""The timeline of one stream: what is covered, and gaps with their causes. Wall time in µs UTC.

Every instant since recording began is covered by a file or lies in a gap: covered + gaps = elapsed. Holes shorter than
`MIN_GAP_US` are covered by the file they lie in, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from core.units import MEDIA_CLOCK
from nvr.archive.segment_index import Segment
from nvr.tables import GapCause

MIN_GAP_US = 1_000_000  # a shorter hole is counted, not stored as a gap
MAX_OVERLAP_US = 2_000_000  # overlap of a new file with covered time; a larger one comes from a wrong clock
JITTER_US = 50_000  # between two files: no hole
_MIN_HOLE_TICKS = MEDIA_CLOCK // 4  # 90 kHz; a shorter distance between pictures is no hole in any stream
_MAX_UNKNOWN_INTERVAL_TICKS = (
    10 * MEDIA_CLOCK
)  # 90 kHz; the longest distance between pictures while their usual distance is unknown


class ArchiveLog(Protocol):
    """Takes the facts of recording; must not block."""

    def segment_opened(self, segment: Segment) -> None: ...

    def segment_closed(self, segment: Segment) -> None:
        """Report that the file is complete on its volume, or (no frames) holds nothing and is to be removed."""

    def add_gap(
        self,
        stream: str,
        start_us: int,
        cause: GapCause,
        detail: str,
        end_us: int | None = None,
        *,
        fillable: bool = True,
    ) -> None:
        """Report that a gap begins, or, with its end, is over.

        `fillable`: recordings from the camera's storage may fill it.
        """

    def end_gap(self, stream: str, end_us: int) -> None:
        """Report that the stream's open gap, if any, ends."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A change of the station's clock, as adopted by one stream."""

    stream: str
    since_us: int  # from here …
    until_us: int  # … to here the old clock named its recordings
    by_us: int  # by which the clock was set
    files: tuple[int, ...] | None  # starts of its files in between; None: unknown
    has_unlisted_files: bool = False  # there are more files than these
    # Starts of files that the new clock named, added as they come; at most 400.
    later_files: list[int] = field(default_factory=list, compare=False)


class TimelineEnd(NamedTuple):
    """Where a stream's timeline ended when its recorder stopped."""

    until_us: int  # end of its newest file or gap, or start of the open gap
    in_gap: bool
    cause: GapCause = GapCause.NO_PACKETS


def timeline_end(ends: Sequence[int], open_gaps: Sequence[tuple[int, GapCause]]) -> TimelineEnd | None:
    """Return where a timeline ended, from the ends of its files and gaps and the (start, cause) of its open gaps.

    Return None if it has none of these.
    """
    if open_gaps:
        start, cause = max(open_gaps)
        return TimelineEnd(start, True, cause)
    return TimelineEnd(max(ends), False) if ends else None


def end_of_unreported_gap(start_us: int, files: Sequence[tuple[int, int]]) -> int | None:
    """Return when an open gap that began at `start_us` ended, if files (start, end) begin after it.

    A recorder that was killed did not report the end. Return None if the gap continues.
    """
    ends = [max(begin, start_us) for begin, end in files if end > start_us and begin >= start_us - MAX_OVERLAP_US]
    return min(ends, default=None)


def unreported_gaps(
    files: Sequence[tuple[int, int]], gaps: Sequence[tuple[int, int]], recovered_starts: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the time between the first and the last (start, end) that lies in no file or gap.

    A recorder that was killed did not report it. Holes below a second are left out, because the recorder counted them,
    except beside the files that recovery has completed (`recovered_starts`): these end with their last whole fragment,
    and a report from before them may be lost as well.
    """
    found, at, torn = list[tuple[int, int]](), None, set(recovered_starts)
    is_torn = False  # the range that ends at `at` is a mended file
    for start, end, of_file in sorted([*((a, b, True) for a, b in files), *((a, b, False) for a, b in gaps)]):
        is_mended = of_file and start in torn
        if at is not None and start - at > (JITTER_US if is_torn or is_mended else MIN_GAP_US):
            found.append((at, start))
        if at is None or end > at:
            at, is_torn = end, is_mended
    return found


class Timeline:
    """Tracks what one stream has covered, and reports gaps to an ArchiveLog."""

    def __init__(self, stream: str, archive: ArchiveLog):
        self._stream = stream
        self._archive = archive
        self.covered_until: int | None = None  # or start of the open gap
        self.in_gap = False
        self.last_cause = GapCause.NO_PACKETS
        self._gap_start = 0
        self.short_holes = 0
        self.short_holes_us = 0

    def resume(self, covered_until: int | None, in_gap: bool, last_cause: GapCause = GapCause.NO_PACKETS) -> None:
        """Continue where another timeline of the stream ended."""
        self.covered_until, self.in_gap, self.last_cause = covered_until, in_gap, last_cause

    def resume_after(self, end: TimelineEnd, now_us: int) -> None:
        """Continue where an earlier recorder ended."""
        if end.in_gap:
            self.resume(*end)
            return
        until = min(end.until_us, now_us)  # a clock that was ahead may have named files in the future
        self.resume(until, False)
        self.start_gap(GapCause.RECORDER_DOWN, "", until)

    def begin_recording(self, start: int) -> int:
        """Begin recording at `start`, or at the end of what is covered; return the actual start.

        End the open gap, or report the one since the last file. An overlap of more than MAX_OVERLAP_US is kept.
        """
        covered = self.covered_until
        self._gap_start = covered if covered is not None else start
        if covered is not None and start < covered:
            if covered - start > MAX_OVERLAP_US:  # named by a clock that was ahead: no reason to use a wrong time now
                covered = self.covered_until = start
            start = covered
        if self.in_gap:
            self.in_gap = False
            self._archive.end_gap(self._stream, max(start, self._gap_start))
        elif covered is not None and start > covered:
            self.report_missing(covered, start, self.last_cause, fillable=True)
        return start

    def cover_until(self, until: int) -> None:
        """Record that there are pictures up to `until`."""
        self.covered_until = until

    def report_missing(self, start: int, end: int, cause: GapCause, *, fillable: bool) -> None:
        """Report that pictures are missing between `start` and `end`; count holes that are no gaps."""
        if end - start >= MIN_GAP_US:
            self._archive.add_gap(self._stream, start, cause, "", end, fillable=fillable)
        else:
            self.short_holes += 1
            self.short_holes_us += end - start

    def start_gap(self, cause: GapCause, detail: str, now_us: int) -> None:
        """Start a gap because recording stopped; it runs from the last covered instant."""
        if self.in_gap and cause == self.last_cause:
            return
        start = self.covered_until if self.covered_until is not None else now_us
        if self.in_gap:  # the cause changed: the old gap ends where the new one begins
            start = max(start, now_us)
            self._archive.end_gap(self._stream, start)
        self.in_gap, self.last_cause, self.covered_until = True, cause, start
        self._archive.add_gap(self._stream, start, cause, detail[:200])

    def shift(self, by_us: int) -> None:
        """Move the covered time because the station's clock was set."""
        if self.covered_until is not None:
            self.covered_until += by_us


class PictureInterval:
    """The usual distance between a stream's pictures, which separates a hole from a slow stream. In 1/90,000 s."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: list[int] = []

    def missing(self, first: int, durations: list[int]) -> list[tuple[int, int]]:
        """Return the holes of a run as (index of the picture after the hole, length).

        The first picture comes `first` after the one before it. The last of `durations` is a guess.
        """
        holes: list[tuple[int, int]] = []
        if first > _MIN_HOLE_TICKS or (len(durations) > 1 and max(durations[:-1]) > _MIN_HOLE_TICKS):
            usual = self._usual()
            for i, distance in enumerate((first, *durations[:-1])):
                length = _missing(distance, usual)
                if length:
                    holes.append((i, length))
        self._learn(first, durations)
        return holes

    def _learn(self, first: int, durations: list[int]) -> None:
        if len(durations) > 5:
            self._known = durations[:-1]
        else:
            self._known = [*self._known[-5:], first, *durations[:-1]][-5:]

    def _usual(self) -> int:
        """Return the median of the known distances; 0: unknown."""
        return sorted(self._known)[len(self._known) // 2] if self._known else 0


def _missing(distance: int, usual: int) -> int:
    if not usual:
        return 0 if distance <= _MAX_UNKNOWN_INTERVAL_TICKS else distance - _MAX_UNKNOWN_INTERVAL_TICKS
    return distance - usual if distance > max(_MIN_HOLE_TICKS, 5 * usual // 2) else 0
