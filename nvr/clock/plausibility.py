"""Decide whether the station's wall clock is plausible enough to delete footage by age.

Pure arithmetic on integers (µs), no I/O. The *plausible time* is the last plausible wall time plus what the monotonic
clock has counted since. If the wall clock deviates from it by more than a minute, deletion by age is suspended until

- the wall clock returns to it (the step is undone),
- a time service has kept the kernel's clock for ten minutes without another step, and the step was shorter than the
  shortest promise (the service itself may be the cause of a larger one),
- a person confirms the time (`nvr.archive.retention.retention_clock.confirm`), or
- the clock has run evenly for as long as footage is promised: footage from before the step is then too old by any
  clock.

Across a reboot nothing is counted; the wall clock may then be ahead by the uptime plus ten minutes, more must be
proved. Whatever is believed, footage is never older than the monotonic clock says (nvr.clock.filing_periods).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from core.clock import SECOND

STEP_US = 60 * SECOND
REBOOT_US = 600 * SECOND  # longest reboot
NTP_PROOF_US = 600 * SECOND
PROGRAM_US = 1_767_225_600 * SECOND  # 2026-01-01: a clock with a time before the program's release is wrong


class Suspicion(StrEnum):
    NONE = ""
    FORWARD = "forward"  # the wall clock is ahead of the plausible time
    BACKWARD = "backward"


class ClockChange(StrEnum):
    """What has just happened to deletion by age; also in the audit trail (`retention.suspended` …)."""

    NONE = ""
    SUSPENDED = "suspended"
    # Why it resumed:
    RETURNED = "returned"  # the wall clock returned to the plausible time
    NTP = "ntp"  # a time service kept the clock
    TIME = "time"  # the clock has run evenly for as long as footage is promised


@dataclass(frozen=True, slots=True)
class ClockSnapshot:
    """The clocks at one moment."""

    wall_us: int  # since 1970
    uptime_us: int  # since boot; monotonic
    boot: str  # identifies this boot
    ntp: bool | None = None  # a time service keeps the wall clock; None: unknown


@dataclass(frozen=True, slots=True)
class RetentionPromise:
    """How long footage must be kept, µs."""

    longest_us: int
    shortest_us: int


@dataclass(frozen=True, slots=True)
class ClockState:
    """State after the last reading. While suspended, `plausible_us` advances by the monotonic clock alone."""

    boot: str
    uptime_us: int
    wall_us: int
    plausible_us: int
    suspicion: Suspicion = Suspicion.NONE
    steady_us: int = 0  # time since the last step
    ntp_us: int = 0  # the part of it during which a time service kept the clock

    @property
    def suspended(self) -> bool:
        return self.suspicion is not Suspicion.NONE

    @property
    def ahead_us(self) -> int:
        """Wall clock minus plausible time."""
        return self.wall_us - self.plausible_us


@dataclass(frozen=True, slots=True)
class ClockMove:
    """Change of the wall clock between two readings, compared with the monotonic clock."""

    from_us: int  # wall time at the previous reading
    to_us: int  # … and at this one
    progress_us: int  # by the monotonic clock; 0 across a reboot, where it is unknown
    began_us: int  # boot time by the previous clock; `from_us` across a reboot

    @property
    def by_us(self) -> int:
        return self.to_us - self.from_us - self.progress_us


@dataclass(frozen=True, slots=True)
class ClockJudgement:
    """The state after a reading, what changed, and how the clock moved."""

    state: ClockState
    change: ClockChange = ClockChange.NONE
    move: ClockMove | None = None


def judge_first(reading: ClockSnapshot, newest_us: int | None) -> ClockJudgement:
    """Judge the first reading ever. `newest_us`: end of the newest footage; None: there is none.

    The clock is plausible if it agrees with that within a minute back and the uptime plus a reboot ahead.
    """
    state = ClockState(reading.boot, reading.uptime_us, reading.wall_us, reading.wall_us)
    if newest_us is None:
        return ClockJudgement(state)
    if -STEP_US <= reading.wall_us - newest_us <= reading.uptime_us + REBOOT_US:
        return ClockJudgement(state)
    move = ClockMove(newest_us, reading.wall_us, 0, newest_us)
    return ClockJudgement(_as_suspended(replace(state, plausible_us=newest_us)), ClockChange.SUSPENDED, move)


def judge(before: ClockState, reading: ClockSnapshot, promise: RetentionPromise) -> ClockJudgement:
    """Judge the next reading."""
    same_boot = reading.boot == before.boot and reading.uptime_us >= before.uptime_us
    progress = reading.uptime_us - before.uptime_us if same_boot else 0
    began = before.wall_us - before.uptime_us if same_boot else before.wall_us
    move = ClockMove(before.wall_us, reading.wall_us, progress, began)
    now = replace(
        before, boot=reading.boot, uptime_us=reading.uptime_us, wall_us=reading.wall_us,
        plausible_us=before.plausible_us + progress,
    )  # fmt: skip
    if -STEP_US <= now.ahead_us <= (STEP_US if same_boot else reading.uptime_us + REBOOT_US):
        return ClockJudgement(_as_plausible(now), ClockChange.RETURNED if before.suspended else ClockChange.NONE, move)
    if not before.suspended:
        return ClockJudgement(_as_suspended(now), ClockChange.SUSPENDED, move)
    if not same_boot or abs(move.by_us) > STEP_US:
        return ClockJudgement(_as_suspended(now), ClockChange.NONE, move)
    now = replace(now, steady_us=before.steady_us + progress, ntp_us=before.ntp_us + progress if reading.ntp else 0)
    if now.ntp_us >= NTP_PROOF_US and (abs(now.ahead_us) < promise.shortest_us or now.plausible_us < PROGRAM_US):
        return ClockJudgement(_as_plausible(now), ClockChange.NTP, move)
    if now.steady_us >= promise.longest_us:
        return ClockJudgement(_as_plausible(now), ClockChange.TIME, move)
    return ClockJudgement(now, ClockChange.NONE, move)


def confirm(state: ClockState) -> ClockState:
    """Return the state after a person confirmed the wall clock of the last reading."""
    return _as_plausible(state)


def _as_plausible(state: ClockState) -> ClockState:
    return replace(state, plausible_us=state.wall_us, suspicion=Suspicion.NONE, steady_us=0, ntp_us=0)


def _as_suspended(state: ClockState) -> ClockState:
    suspicion = Suspicion.FORWARD if state.ahead_us >= 0 else Suspicion.BACKWARD
    return replace(state, suspicion=suspicion, steady_us=0, ntp_us=0)
