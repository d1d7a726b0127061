"""No footage becomes old before its promised age, whatever the clock does: property tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SECOND
from nvr.clock import filing_periods
from nvr.clock.filing_periods import OPEN_END_US
from nvr.clock.plausibility import (
    REBOOT_US,
    STEP_US,
)
from tests.nvr.clock.clocked_machine import DAY, HOUR, MINUTE, NOW, PROMISE, Machine


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
