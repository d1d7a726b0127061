"""Clock steps, with integers: deletion by age waits until a person or a measurement proves the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SECOND
from nvr.archive.retention_clock import ClockCheck, _following
from nvr.clock import filing_periods
from nvr.clock.filing_periods import INITIAL_PERIODS, MAX_PERIODS, OPEN_END_US, Period
from nvr.clock.plausibility import (
    NTP_PROOF_US,
    REBOOT_US,
    STEP_US,
    ClockJudgement,
    ClockSnapshot,
    ClockState,
    RetentionPromise,
    Suspicion,
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


def test_an_even_clock_is_believed_for_ever() -> None:
    machine = Machine()
    machine.run(60, 5000)
    for _ in range(500):
        machine.off += SECOND // 2  # an inaccurate crystal, or small corrections
        machine.run(60)
    assert not machine.state.suspended and machine.said == []


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_suspends_and_its_undoing_resumes(step: int, sign: int) -> None:
    machine = Machine()
    machine.run(60, 10)
    machine.off = sign * step
    assert machine.run().suspicion is (Suspicion.FORWARD if sign > 0 else Suspicion.BACKWARD)
    assert machine.run(60, 500).suspended
    machine.off = 0
    assert not machine.run().suspended and machine.said == ["suspended", "returned"]


@pytest.mark.parametrize("step", [HOUR, -HOUR, 6 * DAY, -6 * DAY])
def test_a_person_or_a_time_service_or_time_proves_it(step: int) -> None:
    machine = Machine()
    machine.run()
    machine.off = step
    assert machine.run().suspended
    told = confirm(machine.state)
    assert not told.suspended and told.plausible_us == machine.state.wall_us
    machine.ntp = True
    machine.run(60, NTP_PROOF_US // MINUTE - 1)
    assert machine.state.suspended
    machine.run()
    assert not machine.state.suspended and machine.said == ["suspended", "ntp"]
    machine.ntp, machine.off = False, machine.off - 2 * HOUR
    machine.run()
    machine.run(DAY / SECOND, 30)
    assert machine.state.suspended
    machine.run(DAY / SECOND)
    assert not machine.state.suspended and machine.said[2:] == ["suspended", "time"]


@pytest.mark.parametrize("step", [7 * DAY, -7 * DAY, 365 * DAY, -3650 * DAY])
def test_a_time_service_is_not_believed_when_it_moves_the_clock_by_a_promise_or_more(step: int) -> None:
    machine = Machine()
    machine.run()
    machine.off, machine.ntp = step, True
    assert machine.run(60, 1000).suspended
    machine.confirm()
    assert not machine.run().suspended and machine.said == ["suspended"]


def test_what_a_wrong_time_service_was_believed_makes_nothing_older() -> None:
    """Repeated steps by less than a promise: the age counts by the monotonic clock."""
    machine = Machine(uptime=100 * DAY)
    machine.run()
    machine.ntp = True
    filed = machine.true
    for n in range(1, 9):
        machine.off = n * 6 * DAY
        machine.run(60, 12)
        assert not machine.state.suspended
    assert machine.age(filed) < 3 * HOUR
    machine.run(DAY / SECOND, 40)
    assert 40 * DAY < machine.age(filed) < 40 * DAY + 3 * HOUR


def test_a_time_service_that_steps_again_proves_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.ntp = True
    for n in range(1, 20):
        machine.off = n * HOUR
        assert machine.run(540).suspended


@pytest.mark.parametrize(
    ("down", "suspended"), [(0, False), (REBOOT_US - MINUTE, False), (3 * HOUR, True), (6 * DAY, True)]
)
def test_over_a_reboot_only_what_it_takes_is_believed(down: int, suspended: bool) -> None:
    machine = Machine()
    machine.run()
    assert machine.reboot(down).suspended is suspended
    machine.ntp = True
    machine.run(60, 12)
    assert not machine.state.suspended


def test_a_machine_without_a_battery_files_too_early_until_its_time_comes() -> None:
    machine = Machine()
    machine.run()
    assert machine.reboot(2 * HOUR, off=-(machine.true + 2 * HOUR)).suspicion is Suspicion.BACKWARD  # 1970
    machine.run(60, 5)
    filed = machine.true + machine.off
    machine.off, machine.ntp = 0, True
    machine.run()
    machine.run(60, 12)
    assert not machine.state.suspended and machine.said == ["suspended", "ntp"]
    assert abs(machine.age(filed) - 13 * MINUTE) <= MINUTE


def test_an_undone_step_back_leaves_young_what_was_filed_meanwhile() -> None:
    machine = Machine()
    machine.run()
    machine.off = -DAY
    machine.run(60, 30)
    filed = machine.true + machine.off
    machine.off = 0
    machine.run()
    assert machine.said == ["suspended", "returned"] and abs(machine.age(filed) - MINUTE) <= MINUTE
    before = NOW - 2 * DAY
    assert abs(machine.age(before) - 2 * DAY) < HOUR


def test_a_first_start_in_1970_is_young_as_soon_as_the_clock_is_right() -> None:
    """Nothing is known before: the wrong time is believed until it steps and is proved wrong.

    A time service is believed, however far it moves a clock that stated a time before the program's release.
    """
    machine = Machine(newest=None)
    machine.off = -NOW
    machine._take(judge_first(machine.reading(), None))
    machine.run(60, 30)
    filed, machine.off, machine.ntp = machine.true + machine.off, 0, True
    machine.run()
    machine.run(60, 12)
    assert machine.said == ["suspended", "ntp"] and machine.age(filed) < 20 * MINUTE


def test_two_steps_while_it_is_suspended_are_both_accounted_for() -> None:
    machine = Machine()
    machine.run()
    machine.off = 365 * DAY
    machine.run(60, 10)
    between = machine.true + machine.off
    machine.off = 3 * 365 * DAY
    machine.run(60, 10)
    machine.confirm()
    machine.run()
    assert machine.age(between) < HOUR


@pytest.mark.parametrize("reboots", [True, False])
def test_a_person_says_how_old_what_was_filed_before_the_machine_s_start_is(reboots: bool) -> None:
    machine = Machine(uptime=10 * HOUR)
    machine.run()
    before_start, since_start = machine.true - 20 * HOUR, machine.true - 2 * HOUR
    if reboots:
        machine.reboot(3 * DAY)
    else:
        machine.off = 3 * DAY
        machine.run()
    assert machine.state.suspended and machine.age(before_start) < DAY
    machine.confirm()
    machine.run()
    assert abs(machine.age(before_start) - 3 * DAY - 20 * HOUR) < HOUR
    assert abs(machine.age(since_start) - (3 * DAY if reboots else 0) - 2 * HOUR) < HOUR


def test_a_clock_that_creeps_ages_nothing_faster() -> None:
    machine = Machine(uptime=100 * DAY)
    filed = machine.true
    for _ in range(600):
        machine.off += 50 * SECOND
        machine.run(60)
        machine.periods = filing_periods.pruned(machine.periods, machine.state.wall_us, PROMISE.longest_us)
    assert not machine.state.suspended and len(machine.periods) <= MAX_PERIODS
    assert (
        abs(machine.age(filed) - 600 * MINUTE) < 20 * MINUTE
        and abs(machine.age(machine.true + machine.off)) < 20 * MINUTE
    )


def test_a_restored_machine_counts_no_time_that_it_did_not_run() -> None:
    """A snapshot or another machine: its uptime says nothing about the time since the previous reading."""
    machine = Machine(uptime=HOUR)
    machine.run()
    machine.uptime, machine.boot = 90 * DAY, 7
    machine._take(judge(machine.state, machine.reading(), PROMISE))
    assert not machine.state.suspended and machine.age(machine.true - HOUR) <= HOUR


def test_a_station_that_was_off_has_misfiled_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.reboot(3 * DAY)
    machine.ntp = True
    machine.run(60, 12)
    assert machine.said == ["suspended", "ntp"] and machine.age(machine.true) <= MINUTE


def test_a_restart_of_the_station_alone_changes_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.run(2 * 86_400)  # no reading for two days, while the machine ran
    assert not machine.state.suspended


@pytest.mark.parametrize(
    ("newest", "uptime", "suspended"),
    [
        (None, HOUR, False),
        (NOW - MINUTE, HOUR, False),
        (NOW - 40 * DAY, HOUR, True),  # either it was off, or its clock is ahead
        (NOW - 40 * DAY, 41 * DAY, False),  # it ran, and nothing was recorded
        (NOW + HOUR, HOUR, True),
        (NOW + 3650 * DAY, HOUR, True),
    ],
)
def test_the_first_look_knows_the_newest_footage_only(newest: int | None, uptime: int, suspended: bool) -> None:
    assert Machine(newest=newest, uptime=uptime).state.suspended is suspended


@given(st.lists(st.tuples(st.integers(0, 3600), st.integers(-(2**45), 2**45), st.booleans()), max_size=30))
def test_nothing_becomes_old_by_a_step(course: list[tuple[int, int, bool]]) -> None:
    """Without proof the believed time never exceeds the elapsed true time plus what a reading may overlook."""
    machine, overlooked = Machine(), 0
    for seconds, step, reboots in course:
        machine.off += step if abs(step) > STEP_US else 0
        state = machine.reboot(seconds * SECOND) if reboots else machine.run(seconds)
        overlooked += REBOOT_US + STEP_US
        if not state.suspended:
            assert state.wall_us <= machine.true + overlooked


@pytest.mark.parametrize("long", [2 * MINUTE, 30 * MINUTE, 3 * HOUR])
def test_what_was_filed_between_two_looks_far_apart_is_young_too(long: int) -> None:
    """A long pass or a stopped controller delays a reading, while recorders continue to file."""
    machine = Machine()
    machine.run(looks=3)
    machine.off = -60 * DAY
    stepped = machine.true + machine.off  # by the wrong clock, directly after the last reading
    machine.run(long / SECOND)
    wrong_end = machine.true + machine.off
    machine.off = 0
    machine.run(60)
    assert machine.said == ["suspended", "returned"]
    assert machine.age(stepped + MINUTE) <= long + 2 * MINUTE and machine.age(wrong_end) <= 2 * MINUTE


STEP = st.one_of(st.just(0), st.integers(-(2**49), 2**49), st.integers(-8 * DAY, 8 * DAY), st.integers(-HOUR, HOUR))
ACT = st.tuples(
    st.sampled_from(["run", "step", "back", "reboot", "right", "person"]),
    st.integers(1, 9 * 86_400),
    STEP,
    st.booleans(),
)


@given(st.lists(ACT, max_size=12), st.booleans())
def test_no_footage_goes_before_its_promise_whatever_clock_and_time_service_say(
    course: list[tuple[str, int, int, bool]], known: bool
) -> None:
    """The true age of all footage that would be deleted is at least the promise."""
    machine = Machine(newest=NOW if known else None, uptime=50 * DAY)
    # True time of recording, and begin and end of the name.
    filed: list[tuple[int, int, int]] = [(NOW - 60 * MINUTE, NOW - 61 * MINUTE, NOW - 60 * MINUTE)]
    for act, seconds, by, ntp in course:
        machine.ntp = ntp
        if act == "reboot":
            machine.reboot(seconds * SECOND, max(by, -machine.true))
        elif act in ("step", "back", "right"):
            machine.off = {"step": machine.off + by, "back": -machine.true, "right": 0}[act]
        machine.off = max(machine.off, -machine.true)  # it cannot be set before 1970
        for _ in range(12 if ntp else 1):
            machine.run(min(seconds, 86_400) if not ntp else 60)
            end = machine.true + machine.off
            filed.append((machine.true, end - MINUTE, end))
        if not machine.state.suspended:
            trust = machine.trust
            gone = [f for f in filed if trust.age_us(f[1], f[2]) >= PROMISE.shortest_us]
            assert all(machine.true - true >= PROMISE.shortest_us - 3 * STEP_US for true, _, _ in gone)
            filed = [f for f in filed if f not in gone]


@given(st.lists(st.tuples(ACT, st.sampled_from(["", "before", "after"])), max_size=12), st.booleans())
def test_no_footage_goes_before_its_promise_though_the_recorder_moves_it_along_with_every_clock(
    course: list[tuple[tuple[str, int, int, bool], str]], known: bool
) -> None:
    """A recorder renames what it filed since the boot by each new clock, before or after a reading.

    A reboot with another clock leaves the names unchanged.
    """
    machine = Machine(newest=NOW if known else None, uptime=50 * DAY)
    kept: list[tuple[int, int]] = [(NOW - 60 * MINUTE, NOW - 60 * MINUTE)]  # true time of recording, end of the name
    ours: list[tuple[int, int]] = []  # filed since the boot

    def moved(by: int) -> None:
        if ours:
            ends = [end for _, end in ours]
            machine.periods = filing_periods.after_refiling(
                machine.periods, min(ends) - MINUTE, max(ends) - MINUTE, by, machine.state.wall_us
            )
            ours[:] = [(true, end + by) for true, end in ours]

    for (act, seconds, by, ntp), refiles in course:
        machine.ntp, before = ntp, machine.off
        if act == "reboot":
            kept, ours = [*kept, *ours], []
            machine.reboot(seconds * SECOND, max(by, -machine.true))
        elif act in ("step", "back", "right"):
            machine.off = max({"step": machine.off + by, "back": -machine.true, "right": 0}[act], -machine.true)
            if refiles == "after":
                machine.run(1)
            if refiles:
                moved(machine.off - before)
        machine.off = max(machine.off, -machine.true)
        for _ in range(12 if ntp else 1):
            machine.run(min(seconds, 86_400) if not ntp else 60)
            ours.append((machine.true, machine.true + machine.off))
        if not machine.state.suspended:
            machine.periods = filing_periods.pruned(machine.periods, machine.state.wall_us, PROMISE.longest_us)
            young = [true for true, end in (*kept, *ours) if machine.age(end) >= PROMISE.shortest_us]
            assert all(machine.true - true >= PROMISE.shortest_us - 3 * STEP_US for true in young)
            kept = [k for k in kept if machine.age(k[1]) < PROMISE.shortest_us]


@pytest.mark.parametrize("by", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
@pytest.mark.parametrize("looked", [True, False])
def test_what_moved_along_with_a_mistake_that_a_reboot_undoes_stays_as_young_as_it_is(by: int, *, looked: bool) -> None:
    machine = Machine(uptime=HOUR)
    machine.run(DAY / SECOND, 20)
    first, last = NOW + DAY, machine.true
    machine.off = by
    if looked:
        machine.run()
    machine.periods = filing_periods.after_refiling(
        machine.periods, first - MINUTE, last - MINUTE, by, machine.state.wall_us
    )
    machine.run(60, 60)
    assert machine.age(first + by) <= 19 * DAY + 61 * MINUTE
    machine.reboot(5 * MINUTE, 0)
    assert machine.said == ["suspended", "returned"]
    assert machine.age(first + by) <= machine.true - first and machine.age(last + by) <= machine.true - last


def test_a_person_s_word_for_a_clock_moves_nothing_that_was_recorded_since_the_machine_s_start() -> None:
    """Names by that clock do not make it footage from before the boot."""
    machine = Machine(uptime=HOUR)
    machine.run(DAY / SECOND, 20)
    first = NOW + DAY
    machine.off = -400 * DAY
    machine.periods = filing_periods.after_refiling(
        machine.periods, first, machine.true, -400 * DAY, machine.state.wall_us
    )
    machine.run()
    machine.confirm()
    machine.run()
    assert abs(machine.age(first - 400 * DAY + MINUTE) - 19 * DAY) < HOUR


@given(st.integers(1, 10), st.integers(1, 48))
def test_by_an_even_clock_footage_goes_when_its_promise_is_over(days: int, hours: int) -> None:
    machine = Machine()
    filed = machine.true
    machine.run(hours * 3600, days)
    assert (
        machine.age(filed) == days * hours * HOUR
        and machine.trust.max_age_us(filed - HOUR, filed) == days * hours * HOUR + HOUR
    )


@given(st.lists(st.integers(-(2**49), 2**49), max_size=6), st.integers(0, 2**51))
def test_the_most_age_of_an_hour_is_no_less_than_that_of_what_lies_in_it(steps: list[int], hour: int) -> None:
    machine = Machine(uptime=50 * DAY)
    for step in steps:
        machine.off = step
        machine.run(600, 2)
    assert machine.periods[-1].end_us == OPEN_END_US
    most = machine.trust.max_age_us(hour, hour + HOUR)
    assert all(machine.trust.age_us(at, at + MINUTE) <= most for at in range(hour, hour + HOUR, 7 * MINUTE))
