"""Clock steps, with integers: deletion by age waits until a person or a measurement proves the time."""

from __future__ import annotations

import pytest

from core.clock import SECOND
from nvr.clock import filing_periods
from nvr.clock.filing_periods import MAX_PERIODS
from nvr.clock.plausibility import (
    NTP_PROOF_US,
    REBOOT_US,
    Suspicion,
    confirm,
    judge,
    judge_first,
)
from tests.nvr.clock.clocked_machine import DAY, HOUR, MINUTE, NOW, PROMISE, STEPS, Machine


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
