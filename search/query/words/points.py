"""A point in time as it is said: day, part of the day and time of day, in any order (昨天下午3点, 8 this morning)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from search.query.words.clocks import DAY_MINUTES, DAY_PARTS, ClockTime, clock_at, minutes_of, part_at
from search.query.words.days import Calendar, Days, day_at

_GLUE = re.compile(r"[\s,，的]{0,3}(?:(?:in|on|at|of|during)\s(?:the\s)?|the\s)?")
_LEAD = re.compile(r"(?:(?:in|on|at|during)\s(?:the\s)?|the\s)")


@dataclass(frozen=True, slots=True)
class TimePoint:
    """What is said of a point in time; None is not said. `end`: the position after it."""

    days: Days | None
    part: str | None
    clock: ClockTime | None
    trailing_part: bool  # the part stands behind the clock: 3 in the afternoon
    end: int
    days_end: int = 0  # the position after the words of the days

    @property
    def has_time(self) -> bool:
        """Whether a part of the day or a time of day is said."""
        return self.part is not None or self.clock is not None

    def begin_minutes(self) -> int:
        """Return the minutes at which it begins, from the midnight of its day."""
        if self.clock is not None:
            return minutes_of(self.clock, self.part)
        return DAY_PARTS[self.part][0] * 60 if self.part is not None else 0

    def end_minutes(self) -> int:
        """Return the minutes at which it ends as the end of a range."""
        if self.clock is not None:
            return minutes_of(self.clock, self.part) + self.clock.spread
        return DAY_PARTS[self.part][1] * 60 if self.part is not None else DAY_MINUTES


def point_at(text: str, at: int, calendar: Calendar, *, bare: bool) -> TimePoint | None:
    """Return the point in time that begins here; `bare`: a number alone is a time of day."""
    days: Days | None = None
    part: str | None = None
    clock: ClockTime | None = None
    end, days_end, trailing = at, 0, False
    lead = _LEAD.match(text, at)
    for step in range(3):
        starts = {end} if step == 0 else {end, _glue_end(text, end)}
        starts |= {lead.end()} if step == 0 and lead is not None else set()
        advanced = False
        for start in sorted(starts, reverse=True):
            if _is_inside_word(text, start):
                continue
            if days is None and (day := day_at(text, start, calendar)) and (part is None or day.part is None):
                days, part, end, days_end, advanced = day.days, day.part or part, day.end, day.end, True
                trailing = trailing or (clock is not None and day.part is not None)
            elif part is None and (named := part_at(text, start, beside_day=days is not None or bare)):
                (part, end), trailing, advanced = named, clock is not None, True
            elif clock is None and (read := clock_at(text, start, bare=bare or part is not None)):
                clock, end, advanced = read, read.end, True
            if advanced:
                break
        if not advanced:
            break
    return None if end == at else TimePoint(days, part, clock, trailing, end, days_end)


def _glue_end(text: str, at: int) -> int:
    match = _GLUE.match(text, at)
    return at if match is None else match.end()


def _is_inside_word(text: str, at: int) -> bool:
    """Return whether an English word or a number continues at this position."""
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])
