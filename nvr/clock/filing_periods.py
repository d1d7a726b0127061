"""Determine how old footage really is if the clock that named its files was set since.

Pure arithmetic on integers (µs), no I/O. A *period* is a range of file times [start, end) that the station filed while
its wall clock ran evenly. `later_us` says how much later than its names the footage lies on the time line of the
current clock, by the monotonic clock: a step of the clock moves every earlier period, and when the recorder corrects
names (nvr.clock_correction) the counted offset is kept (`after_refiling`). The age is therefore at most what the wall
clock says and at most what the monotonic clock has counted, whoever set the clock, however often, and whatever was
believed about it.

Time during which the machine was off is not counted: nothing was recorded, and no clock proves how long it was. A
person's confirmation does (`after_confirmation`): what was filed before the boot is then as old as its name says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.clock import DAY_US, SECOND
from nvr.clock.plausibility import STEP_US, ClockMove

READING_INTERVAL_US = 120 * SECOND  # planned interval between two clock readings, with margin; a reading may be late
OLD_CLOCK_GRACE_US = 900 * SECOND  # a recorder may continue with the old clock for this long, until the next keyframe
MAX_PERIODS = 60
OPEN_END_US = 2**62  # end of the current period
MAX_AHEAD_US = DAY_US  # names up to this far ahead of the wall clock may belong to the current period


@dataclass(frozen=True, slots=True)
class Period:
    """A range of file times, and how much later its footage lies by the current clock."""

    start_us: int
    end_us: int  # OPEN_END_US: the current period
    later_us: int = 0
    doubted: bool = False  # filed before a clock step that is not proved yet


INITIAL_PERIODS = (Period(0, OPEN_END_US),)


def after_move(periods: Sequence[Period], move: ClockMove, *, suspended: bool) -> tuple[Period, ...]:
    """Return the periods at the next reading. `suspended`: the clock is doubted from this reading on."""
    periods = [replace(p, later_us=p.later_us + move.by_us) for p in periods or INITIAL_PERIODS]
    if all(abs(p.later_us) <= STEP_US for p in periods if p.end_us == OPEN_END_US):
        return tuple(periods)
    margin = max(move.progress_us, READING_INTERVAL_US)
    end = move.from_us + margin + OLD_CLOCK_GRACE_US
    closed = [replace(p, end_us=max(end, p.start_us + 1)) if p.end_us == OPEN_END_US else p for p in periods]
    if suspended:  # boot time by the previous clock; names of other clocks lie elsewhere on its time line
        began = move.began_us if move.began_us < move.from_us else None
        boots = [OPEN_END_US if began is None else began - (p.later_us - move.by_us) for p in closed]
        closed = [part for p, boot in zip(closed, boots, strict=True) for part in _split(p, boot)]
    return (*closed, Period(move.to_us - margin, OPEN_END_US))


def after_refiling(
    periods: Sequence[Period], since_us: int, until_us: int, by_us: int, wall_us: int
) -> tuple[Period, ...]:
    """Return the periods after names in [since, until] were moved `by_us` later; the footage's age does not change.

    `wall_us`: wall time at the last reading, which may have been before the clock was set.
    """
    until = until_us + OLD_CLOCK_GRACE_US
    fitting = [p for p in periods if since_us < _end(p, wall_us) and until >= p.start_us]
    old = fitting or [replace(period_of(periods, since_us, until_us, wall_us), start_us=since_us, end_us=until)]
    found = list(periods)
    for p in old:
        start, end = max(p.start_us, since_us), min(_end(p, wall_us), until)
        found = _with_refiled(found, Period(start + by_us, end + by_us, p.later_us - by_us, p.doubted))
    return _limit_count(found)


def _with_refiled(periods: list[Period], new: Period) -> list[Period]:
    """Add a refiled period, merged with a similar one: streams are refiled one by one, with nearly the same ranges."""
    for i, p in enumerate(periods):
        same = abs(p.later_us - new.later_us) <= SECOND and p.doubted == new.doubted and p.end_us != OPEN_END_US
        if same and p.start_us <= new.end_us + OLD_CLOCK_GRACE_US and new.start_us <= p.end_us + OLD_CLOCK_GRACE_US:
            return [*periods[:i], _merged(p, new), *periods[i + 1 :]]
    at = next((i for i, p in enumerate(periods) if p.end_us == OPEN_END_US), len(periods))
    return [*periods[:at], new, *periods[at:]]  # it was recorded before the current period


def _split(period: Period, at_us: int) -> list[Period]:
    """Split at the boot: what was filed before it may be right, what was filed after it shares its clock."""
    if period.end_us <= at_us:
        return [replace(period, doubted=True)]
    if period.start_us >= at_us:
        return [period]
    return [replace(period, end_us=at_us, doubted=True), replace(period, start_us=at_us)]


def after_proof(periods: Sequence[Period]) -> tuple[Period, ...]:
    """Return the periods after deletion by age resumed without a person's confirmation: the counted offsets stay."""
    return tuple(replace(p, doubted=False) for p in periods)


def after_confirmation(periods: Sequence[Period], ahead_us: int) -> tuple[Period, ...]:
    """Return the periods after a person confirmed the wall clock, which is `ahead_us` ahead of the plausible time.

    Names from before the step are then right as well.
    """
    return tuple(replace(p, later_us=p.later_us - ahead_us, doubted=False) if p.doubted else p for p in periods)


def pruned(periods: Sequence[Period], wall_us: int, longest_us: int) -> tuple[Period, ...]:
    """Return at most MAX_PERIODS periods, without those entirely older than twice the longest promise by any clock."""
    return _limit_count(
        [p for p in periods if p.end_us == OPEN_END_US or p.end_us + max(0, p.later_us) > wall_us - 2 * longest_us]
    )


def _limit_count(periods: Sequence[Period]) -> tuple[Period, ...]:
    kept = list(periods)
    while len(kept) > MAX_PERIODS:  # a clock that is set again and again by small amounts
        at = min(range(len(kept) - 2), key=lambda i: abs(kept[i + 1].later_us - kept[i].later_us))
        kept[at : at + 2] = [_merged(kept[at], kept[at + 1])]
    return tuple(kept)


def _merged(a: Period, b: Period) -> Period:
    """Return both periods as one, as young as the younger one."""
    start, end = min(a.start_us, b.start_us), max(a.end_us, b.end_us)
    return Period(start, end, max(a.later_us, b.later_us), a.doubted and b.doubted)


def period_of(periods: Sequence[Period], start_us: int, end_us: int, wall_us: int) -> Period:
    """Return the period in which footage of [start, end) was recorded; the latest in true time where several match."""
    fitting = [p for p in periods if start_us < _end(p, wall_us) and end_us >= p.start_us]
    if fitting:
        return max(fitting, key=lambda p: p.later_us)
    above = [p for p in periods if p.start_us > end_us]  # refiled by the recorder, so it has the next period's clock
    return min(above, key=lambda p: p.start_us) if above else INITIAL_PERIODS[0]


def later_us(periods: Sequence[Period], start_us: int, end_us: int, wall_us: int) -> int:
    """Return how much later than its name says footage of [start, end) was recorded, seen from the current clock."""
    return period_of(periods, start_us, end_us, wall_us).later_us


def _end(period: Period, wall_us: int) -> int:
    return period.end_us if period.end_us != OPEN_END_US else max(wall_us, period.start_us) + MAX_AHEAD_US


def least_later_us(periods: Sequence[Period], start_us: int, end_us: int, wall_us: int) -> int:
    """Return the smallest `later_us` of any footage in [start, end)."""
    edges = [edge for p in periods for edge in (p.start_us, _end(p, wall_us), p.start_us + 1, _end(p, wall_us) + 1)]
    return min(later_us(periods, at, at, wall_us) for at in (start_us, *(e for e in edges if start_us < e < end_us)))


@dataclass(frozen=True, slots=True)
class Phase:
    """Consecutive periods whose `later_us` agree within a day; within them names are in the order of recording."""

    periods: tuple[Period, ...]
    from_us: int  # its names lie in [from, until)
    until_us: int


def phases(periods: Sequence[Period]) -> list[Phase]:
    """Return all periods, grouped, in the order in which they were recorded."""
    groups: list[list[Period]] = []
    for period in periods:
        if groups and abs(period.later_us - groups[-1][0].later_us) < DAY_US:
            groups[-1].append(period)
        else:
            groups.append([period])
    return [_phase(group, periods) for group in groups]


def _phase(group: Sequence[Period], periods: Sequence[Period]) -> Phase:
    first = min(p.start_us for p in group)
    # Names between two periods belong to the later one.
    below = max((p.end_us for p in periods if p.end_us <= first), default=0)
    return Phase(tuple(group), min(below, first), max(p.end_us for p in group))
