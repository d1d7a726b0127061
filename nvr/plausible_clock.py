"""Is the station's wall clock plausible enough to delete footage by age?

Pure arithmetic on integers (µs), no I/O. The *plausible time* is the wall time that was believed last plus what the
monotonic clock has counted since. Where the wall clock leaves it by more than a minute, deletion by age is suspended until

- the wall clock comes back to it (the step is undone),
- a time service has kept the kernel's clock, without another step, for ten minutes,
- a person confirms the time (`nvr.retention_clock.confirm`), or
- it has run evenly for as long as footage is promised: what was recorded before the step is then too old by any clock.

Over a reboot nothing counts; the wall clock may then be ahead by ten minutes, and what lies beyond is to be proved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from core.clock import SECOND

STEP_US = 60 * SECOND
REBOOT_US = 600 * SECOND  # what a reboot takes, at most
NTP_PROOF_US = 600 * SECOND
BETWEEN_LOOKS_US = 120 * SECOND  # between two looks, as planned with some margin; a look may come later


class Suspicion(StrEnum):
    NONE = ""
    FORWARD = "forward"  # the wall clock is ahead of the plausible time
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Reading:
    """The clocks at one moment."""

    wall_us: int  # since 1970
    uptime_us: int  # since the machine's start; counts evenly
    boot: str  # names this start of the machine
    ntp: bool | None = None  # a time service keeps the wall clock; None: not known


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known at the last reading. While suspended `plausible_us` goes on by the monotonic clock alone."""

    boot: str
    uptime_us: int
    wall_us: int
    plausible_us: int
    suspicion: Suspicion = Suspicion.NONE
    steady_us: int = 0  # without another step since the last one
    ntp_us: int = 0  # of it kept by a time service
    wrong_since_us: int = 0  # wall time from which on recordings may be filed too early, behind (or, should the step ahead
    # prove right, before it); 0: they are not

    @property
    def suspended(self) -> bool:
        return self.suspicion is not Suspicion.NONE

    @property
    def ahead_us(self) -> int:
        """Wall clock minus plausible time."""
        return self.wall_us - self.plausible_us


@dataclass(frozen=True, slots=True)
class Misfiled:
    """What is filed in [start, end) was recorded `offset_us` later: the wall clock was behind then."""

    start_us: int
    end_us: int
    offset_us: int


@dataclass(frozen=True, slots=True)
class Judgement:
    state: ClockState
    change: str = ""  # suspended, returned, ntp, time: what has just happened; empty: nothing new
    misfiled: Misfiled | None = None


def first(reading: Reading, newest_us: int | None) -> Judgement:
    """The first reading ever; `newest_us`: end of the newest footage. The machine has run since before it, or has not."""
    state = ClockState(reading.boot, reading.uptime_us, reading.wall_us, reading.wall_us)
    if newest_us is None:
        return Judgement(state)
    ahead = reading.wall_us - newest_us
    if -STEP_US <= ahead <= reading.uptime_us + REBOOT_US:
        return Judgement(state)
    return Judgement(_suspended(replace(state, plausible_us=newest_us), reading, 0, reading.uptime_us), "suspended")


def judge(before: ClockState, reading: Reading, promise_us: int) -> Judgement:
    """The next reading. `promise_us`: how long footage is promised to be kept, at most."""
    same_boot = reading.boot == before.boot and reading.uptime_us >= before.uptime_us
    progress = reading.uptime_us - (before.uptime_us if same_boot else 0)
    plausible = before.plausible_us + progress
    now = replace(
        before, boot=reading.boot, uptime_us=reading.uptime_us, wall_us=reading.wall_us, plausible_us=plausible,
    )  # fmt: skip
    if -STEP_US <= now.ahead_us <= (STEP_US if same_boot else REBOOT_US):
        change = "returned" if before.suspended else ""
        return Judgement(_believed(now), change, _misfiled(before, now, progress))
    stepped = not same_boot or abs(now.ahead_us - before.ahead_us) > STEP_US
    if not before.suspended or stepped:
        misfiled = _misfiled(before, now, progress) if now.ahead_us > before.ahead_us else None
        began_us = before.wall_us - before.uptime_us if same_boot and not before.suspended else before.wrong_since_us
        return Judgement(_suspended(now, reading, began_us, progress), "" if before.suspended else "suspended", misfiled)
    now = replace(now, steady_us=before.steady_us + progress, ntp_us=before.ntp_us + progress if reading.ntp else 0)
    if now.ntp_us >= NTP_PROOF_US:
        return confirmed(now, "ntp")
    if now.steady_us >= promise_us:
        return confirmed(now, "time")
    return Judgement(now)


def confirmed(state: ClockState, why: str = "person") -> Judgement:
    """The wall clock was right at the last reading. Where it had stepped ahead it was behind before."""
    misfiled = None
    if state.suspicion is Suspicion.FORWARD and state.wrong_since_us:
        stepped_us = state.plausible_us - state.steady_us
        misfiled = Misfiled(state.wrong_since_us, stepped_us + BETWEEN_LOOKS_US, state.ahead_us)
    return Judgement(_believed(state), why, misfiled)


def _believed(state: ClockState) -> ClockState:
    return replace(
        state, plausible_us=state.wall_us, suspicion=Suspicion.NONE, steady_us=0, ntp_us=0, wrong_since_us=0,
    )  # fmt: skip


def _suspended(state: ClockState, reading: Reading, began_us: int = 0, progress: int = 0) -> ClockState:
    """`began_us`: by the clock before, when the machine started; 0: it was off in between, or is not known. `progress`: since the
    look before, which a long pass or a stopped controller may have put off."""
    fresh = replace(state, steady_us=0, ntp_us=0)
    if state.ahead_us >= 0:
        since = began_us if state.suspicion is not Suspicion.BACKWARD else 0
        return replace(fresh, suspicion=Suspicion.FORWARD, wrong_since_us=since)
    since = reading.wall_us - max(progress, BETWEEN_LOOKS_US)
    if state.suspicion is Suspicion.BACKWARD:
        since = min(since, state.wrong_since_us)
    return replace(fresh, suspicion=Suspicion.BACKWARD, wrong_since_us=since)


def _misfiled(before: ClockState, now: ClockState, progress: int) -> Misfiled | None:
    """The wall clock was behind and is not any more: what was recorded meanwhile lies too early."""
    if before.suspicion is not Suspicion.BACKWARD:
        return None
    until = before.wall_us + max(progress, BETWEEN_LOOKS_US)
    return Misfiled(before.wrong_since_us, until, now.ahead_us - before.ahead_us)
