"""The check before every deletion by age: reads the clocks, judges them (nvr.clock.plausibility), stores the judgement.

The state is one row of the database: every process that deletes calls `look` first, and a restart loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import DAY_US, SECOND, Clock, SystemClock, from_microseconds, to_microseconds
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, UsageError
from core.host import ntp
from nvr.archive import segment_index
from nvr.clock import filing_periods, plausibility
from nvr.clock.filing_periods import INITIAL_PERIODS, Period, Phase
from nvr.clock.plausibility import (
    ClockChange,
    ClockJudgement,
    ClockSnapshot,
    ClockState,
    RetentionPromise,
    Suspicion,
    judge,
    judge_first,
)
from nvr.tables import Footage, MisfiledRow, RetentionClockRow

log = logging.getLogger(__name__)

ROW_ID = 1
LONG_UPTIME_US = 36_500 * DAY_US
REMEDY = (
    "compare the station's time with a reliable clock, correct it if necessary, then confirm it: "
    "minwang archive clock --confirm"
)
_BOOT_ID, _UPTIME = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/uptime")


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """Result of a clock check. If `suspended`, nothing may be deleted because of its age, and no hold is over."""

    now_us: int  # time that is believed
    wall_us: int  # time of the wall clock, by which recorders name files
    suspended: bool
    periods: tuple[Period, ...] = INITIAL_PERIODS

    def age_us(self, start_us: int, end_us: int) -> int:
        """Return how long ago the recording of what is named in [start, end) ended, µs.

        The age is at most what the wall clock says, and at most what the monotonic clock has counted.
        """
        return self.wall_us - end_us - max(0, filing_periods.later_us(self.periods, start_us, end_us, self.wall_us))

    def max_age_us(self, start_us: int, end_us: int) -> int:
        """Return the greatest age that anything named in [start, end) can have, µs."""
        return (
            self.wall_us
            - start_us
            - max(0, filing_periods.least_later_us(self.periods, start_us, end_us, self.wall_us))
        )

    def in_phase(self, phase: Phase, start_us: int, end_us: int) -> bool:
        return filing_periods.period_of(self.periods, start_us, end_us, self.wall_us) in phase.periods


def read_machine(clock: Clock) -> ClockSnapshot:
    """Read the clocks of the machine. Blocking."""
    uptime = int(float(_UPTIME.read_text().split()[0]) * SECOND)
    return ClockSnapshot(to_microseconds(clock.now()), uptime, _BOOT_ID.read_text().strip()[:40], ntp.synchronised())


def read_clock(clock: Clock) -> ClockSnapshot:
    """Read a clock that is not the machine's own; it counts as running for ever."""
    return ClockSnapshot(to_microseconds(clock.now()), int(clock.monotonic() * SECOND) + LONG_UPTIME_US, "")


class RetentionClock:
    """Decides whether the clock may be trusted for deletion by age."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        promise_days: float,
        read: Callable[[Clock], ClockSnapshot] | None = None,
    ):
        """`promise_days`: the longest promised retention and, until it is set, also the shortest.

        `read` reads the clocks; a parameter for tests.
        """
        self._database, self._clock = database, clock
        self.promise_days = self.shortest_days = promise_days
        self._read = read or (read_machine if isinstance(clock, SystemClock) else read_clock)

    async def check(self) -> ClockCheck:
        """Read the clocks, store the judgement, and announce changes."""
        reading = await asyncio.to_thread(self._read, self._clock)
        promise = RetentionPromise(int(self.promise_days * DAY_US), int(self.shortest_days * DAY_US))
        async with self._database.session() as session:
            row = await session.get(RetentionClockRow, ROW_ID, with_for_update=True)
            before = _state(row) if row is not None else None
            newest = await _newest_end(session) if before is None else None
            found = judge_first(reading, newest) if before is None else judge(before, reading, promise)
            await self._store_state(session, row, found)
            known = await _periods(session)
            periods = _following(known, found)
            if not found.state.suspended:
                periods = filing_periods.pruned(periods, reading.wall_us, promise.longest_us)
            await _store(session, known, periods)
        state = found.state
        return ClockCheck(state.plausible_us, state.wall_us, state.suspended, periods)

    async def _store_state(self, session: AsyncSession, row: RetentionClockRow | None, found: ClockJudgement) -> None:
        if row is None:
            row = RetentionClockRow(id=ROW_ID, **_values(found.state))
            session.add(row)
        else:
            for name, value in _values(found.state).items():
                setattr(row, name, value)
        if not found.state.suspended:
            row.suspended_at = None
        elif row.suspended_at is None:
            row.suspended_at = from_microseconds(found.state.plausible_us)
        if found.change:
            await self._announce(session, found)

    async def _announce(self, session: AsyncSession, found: ClockJudgement) -> None:
        now = self._clock.now()
        if found.change == ClockChange.SUSPENDED:
            sentence = describe(found.state)
            log.error("%s; deletion by age is suspended; %s", sentence, REMEDY)
            events.append(session, now, events.EventKind.RETENTION_SUSPENDED, detail=sentence, remedy=REMEDY)
        else:
            log.warning("deletion by age resumed: %s", found.change)
            events.append(session, now, events.EventKind.RETENTION_RESUMED, why=found.change)
        await audit_trail.record(session, now, "system", AuditAction(f"retention.{found.change}"), "clock")


def _following(periods: Sequence[Period], found: ClockJudgement) -> tuple[Period, ...]:
    """Return the filing periods after a check."""
    if found.move is not None:
        periods = filing_periods.after_move(periods, found.move, suspended=found.change == ClockChange.SUSPENDED)
    resumed = found.change in (ClockChange.RETURNED, ClockChange.NTP, ClockChange.TIME)
    return filing_periods.after_proof(periods) if resumed else tuple(periods)


async def _periods(session: AsyncSession) -> tuple[Period, ...]:
    rows = await session.scalars(select(MisfiledRow).order_by(MisfiledRow.id))
    known = [Period(r.start_us, r.end_us, r.offset_us, r.doubted) for r in rows]
    return tuple(known) if any(p.end_us == filing_periods.OPEN_END_US for p in known) else (*known, *INITIAL_PERIODS)


async def shift_periods(session: AsyncSession, since_us: int, until_us: int, by_us: int) -> None:
    """Adapt the filing periods to recordings named in [since, until] whose names change by `by_us`.

    Whatever clock they follow, the new names must not make them older.
    """
    row = await session.get(RetentionClockRow, ROW_ID, with_for_update=True)
    known = await _periods(session)
    wall_us = row.wall_us if row is not None else filing_periods.OPEN_END_US  # no check has been made yet
    await _store(session, known, filing_periods.after_refiling(known, since_us, until_us, by_us, wall_us))


async def _store(session: AsyncSession, before: Sequence[Period], periods: Sequence[Period]) -> None:
    if tuple(before) == tuple(periods):
        return
    await session.execute(delete(MisfiledRow))
    session.add_all(
        MisfiledRow(start_us=p.start_us, end_us=p.end_us, offset_us=p.later_us, doubted=p.doubted) for p in periods
    )


def _state(row: RetentionClockRow) -> ClockState:
    return ClockState(
        row.boot, row.uptime_us, row.wall_us, row.plausible_us, Suspicion(row.suspicion), row.steady_us, row.ntp_us
    )


def _values(state: ClockState) -> dict[str, int | str]:
    return asdict(state) | {"suspicion": state.suspicion.value}


async def _newest_end(session: AsyncSession) -> int | None:
    """Return the end of the newest recording, µs UTC; None if there is none."""
    hour = await session.scalar(select(func.max(Footage.hour)))
    if hour is None:
        return None
    rows = await session.scalars(select(Footage).where(Footage.hour == hour))
    return max(s.end_us for r in rows for s in segment_index.segments_of(r))


def describe(state: ClockState) -> str:
    """Return, for a person, why deletion is suspended."""
    direction = "ahead of" if state.ahead_us > 0 else "behind"
    return (
        f"the station's clock says {from_microseconds(max(state.wall_us, 0)):%Y-%m-%d %H:%M} UTC and is "
        f"{_span(abs(state.ahead_us))} {direction} the time expected from the station's uptime"
    )


def _span(us: int) -> str:
    for unit, name in ((DAY_US, "days"), (3600 * SECOND, "hours"), (60 * SECOND, "minutes")):
        if us >= 2 * unit:
            return f"{us // unit} {name}"
    return f"{us // SECOND} seconds"


@dataclass(frozen=True, slots=True)
class ClockReport:
    """State of the check, for display."""

    suspended: bool
    suspended_at: datetime | None
    clock: datetime | None  # at the last check
    plausible: datetime | None
    sentence: str
    remedy: str


async def report(session: AsyncSession) -> ClockReport:
    row = await session.get(RetentionClockRow, ROW_ID)
    if row is None:
        return ClockReport(False, None, None, None, "the clock has not been checked yet", "")
    state = _state(row)
    return ClockReport(
        state.suspended, row.suspended_at, from_microseconds(state.wall_us), from_microseconds(state.plausible_us),
        describe(state) if state.suspended else "the clock is plausible; footage is deleted by age",
        REMEDY if state.suspended else "",
    )  # fmt: skip


async def confirm(session: AsyncSession, now: datetime, actor: str, reason: str) -> None:
    """Resume deletion by age after a person has compared the time and found it right.

    Raises ConflictError, UsageError.
    """
    row = await session.get(RetentionClockRow, ROW_ID, with_for_update=True)
    if row is None or not row.suspicion:
        raise ConflictError(
            "deletion by age is not suspended; there is nothing to confirm", ErrorCode.RETENTION_NOT_SUSPENDED
        )
    if not reason.strip():
        raise UsageError("enter what the time was compared with", ErrorCode.TIME_COMPARISON_REQUIRED)
    state = _state(row)
    for name, value in _values(plausibility.confirm(state)).items():
        setattr(row, name, value)
    row.suspended_at = None
    known = await _periods(session)
    await _store(session, known, filing_periods.after_confirmation(known, state.ahead_us))
    events.append(session, now, events.EventKind.RETENTION_RESUMED, why="person", actor=actor)
    await audit_trail.record(
        session,
        now,
        actor,
        AuditAction.RETENTION_CONFIRM,
        "clock",
        reason=reason[:200],
        ahead_s=state.ahead_us // SECOND,
    )
