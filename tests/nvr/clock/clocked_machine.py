"""A machine with a clock that tests step, and the footage that it files."""

from __future__ import annotations

from core.clock import SECOND
from nvr.archive.retention.retention_clock import ClockCheck, _following
from nvr.clock import filing_periods
from nvr.clock.filing_periods import INITIAL_PERIODS, Period
from nvr.clock.plausibility import (
    ClockJudgement,
    ClockSnapshot,
    ClockState,
    RetentionPromise,
    confirm,
    judge,
    judge_first,
)

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOW = 1_795_000_000 * SECOND
PROMISE = RetentionPromise(31 * DAY, 7 * DAY)
STEPS = [2 * MINUTE, HOUR, DAY, 40 * DAY, 3650 * DAY]


class Machine:
    """True time advances with `run`; the wall clock is wrong by `off`."""

    def __init__(self, *, newest: int | None = NOW, uptime: int = HOUR) -> None:
        self.true, self.uptime, self.off, self.boot, self.ntp = NOW, uptime, 0, 1, False
        self.said: list[str] = []
        self.periods: tuple[Period, ...] = INITIAL_PERIODS
        self._take(judge_first(self.reading(), newest))

    def reading(self) -> ClockSnapshot:
        return ClockSnapshot(self.true + self.off, self.uptime, str(self.boot), self.ntp)

    def run(self, seconds: float = 60, looks: int = 1) -> ClockState:
        for _ in range(looks):
            self.true += int(seconds * SECOND)
            self.uptime += int(seconds * SECOND)
            self._take(judge(self.state, self.reading(), PROMISE))
        return self.state

    def reboot(self, down: int, off: int | None = None) -> ClockState:
        self.true, self.uptime, self.boot = self.true + down, 30 * SECOND, self.boot + 1
        self.off = self.off if off is None else off
        self._take(judge(self.state, self.reading(), PROMISE))
        return self.state

    def _take(self, found: ClockJudgement) -> None:
        self.state: ClockState = found.state
        self.said += [found.change] if found.change else []
        self.periods = _following(self.periods, found)

    def confirm(self) -> None:
        self.periods = filing_periods.after_confirmation(self.periods, self.state.ahead_us)
        self.state = confirm(self.state)

    @property
    def trust(self) -> ClockCheck:
        return ClockCheck(self.state.plausible_us, self.state.wall_us, self.state.suspended, self.periods)

    def age(self, filed: int) -> int:
        """Age of a minute of footage whose name ends at `filed`."""
        return self.trust.age_us(filed - MINUTE, filed)
