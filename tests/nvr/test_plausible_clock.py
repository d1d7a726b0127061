"""Clocks that step, by integers: deletion by age waits until somebody or something proves the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SECOND
from nvr.plausible_clock import (
    NTP_PROOF_US,
    REBOOT_US,
    STEP_US,
    ClockState,
    Judgement,
    Reading,
    Suspicion,
    confirmed,
    first,
    judge,
)

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOW = 1_795_000_000 * SECOND
PROMISE = 31 * DAY
STEPS = [2 * MINUTE, HOUR, DAY, 40 * DAY, 3650 * DAY]


class Machine:
    """True time goes on by `run`; the wall clock is off by `off`."""

    def __init__(self, *, newest: int | None = NOW, uptime: int = HOUR) -> None:
        self.true, self.uptime, self.off, self.boot, self.ntp = NOW, uptime, 0, 1, False
        self.said: list[str] = []
        self.misfiled: list[tuple[int, int, int]] = []
        self._take(first(self.reading(), newest))

    def reading(self) -> Reading:
        return Reading(self.true + self.off, self.uptime, str(self.boot), self.ntp)

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

    def _take(self, found: Judgement) -> None:
        self.state: ClockState = found.state
        self.said += [found.change] if found.change else []
        if found.misfiled:
            self.misfiled.append((found.misfiled.start_us, found.misfiled.end_us, found.misfiled.offset_us))


def test_an_even_clock_is_believed_for_ever() -> None:
    machine = Machine()
    machine.run(60, 5000)
    for _ in range(500):
        machine.off += SECOND // 2  # a bad crystal, or small corrections
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


@pytest.mark.parametrize("step", [HOUR, -HOUR, 40 * DAY, -3650 * DAY])
def test_a_person_or_a_time_service_or_time_proves_it(step: int) -> None:
    machine = Machine()
    machine.run()
    machine.off = step
    assert machine.run().suspended
    told = confirmed(machine.state).state
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


def test_a_time_service_that_steps_again_proves_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.ntp = True
    for n in range(1, 20):
        machine.off = n * HOUR
        assert machine.run(540).suspended


@pytest.mark.parametrize(("down", "suspended"), [(0, False), (REBOOT_US - MINUTE, False), (3 * HOUR, True), (20 * DAY, True)])
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
    began, ended = 0, machine.true + machine.off
    off, machine.off, machine.ntp = machine.off, 0, True
    machine.run()
    machine.run(60, 12)
    assert not machine.state.suspended
    ((start, end, offset),) = machine.misfiled
    assert start <= began and ended <= end <= ended + 2 * MINUTE and abs(offset + off) <= MINUTE


def test_an_undone_step_back_names_what_was_misfiled() -> None:
    machine = Machine()
    machine.run()
    machine.off = -DAY
    machine.run(60, 30)
    machine.off = 0
    machine.run()
    ((start, end, offset),) = machine.misfiled
    assert start <= machine.true - DAY - 30 * MINUTE and end >= machine.true - DAY - MINUTE and offset == DAY


def test_a_first_start_in_1970_is_young_as_soon_as_the_clock_is_right() -> None:
    """Nothing is known before: the wrong time is believed, until it steps and proves wrong."""
    machine = Machine(newest=None)
    machine.off = -NOW
    machine._take(first(machine.reading(), None))
    machine.run(60, 30)
    stepped, machine.off, machine.ntp = machine.true + machine.off, 0, True
    machine.run()
    machine.run(60, 12)
    assert machine.said == ["suspended", "ntp"]
    ((start, end, offset),) = machine.misfiled
    assert start <= -HOUR and stepped <= end <= stepped + 3 * MINUTE and abs(offset - NOW) <= MINUTE


def test_a_station_that_was_off_has_misfiled_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.reboot(3 * DAY)
    machine.ntp = True
    machine.run(60, 12)
    assert machine.said == ["suspended", "ntp"] and machine.misfiled == []


def test_a_restart_of_the_station_alone_changes_nothing() -> None:
    machine = Machine()
    machine.run()
    machine.run(2 * 86_400)  # nobody looked for two days, and the machine ran on
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
    """Without proof the believed time never runs ahead of the true time that passed, plus what a look may overlook."""
    machine, overlooked = Machine(), 0
    for seconds, step, reboots in course:
        machine.off += step if abs(step) > STEP_US else 0
        state = machine.reboot(seconds * SECOND) if reboots else machine.run(seconds)
        overlooked += REBOOT_US + STEP_US
        if not state.suspended:
            assert state.wall_us <= machine.true + overlooked


@pytest.mark.parametrize("long", [2 * MINUTE, 30 * MINUTE, 3 * HOUR])
def test_what_was_filed_between_two_looks_far_apart_is_misfiled_too(long: int) -> None:
    """A long pass or a stopped controller puts a look off; recorders file on meanwhile."""
    machine = Machine()
    machine.run(looks=3)
    machine.off = -60 * DAY
    stepped = machine.true + machine.off  # by the wrong clock, at once after the last look
    machine.run(long / SECOND)
    wrong_end = machine.true + machine.off
    machine.off = 0
    machine.run(60)
    assert machine.said == ["suspended", "returned"] and len(machine.misfiled) == 1
    start, end, offset = machine.misfiled[0]
    assert start <= stepped + SECOND and end >= wrong_end and abs(offset - 60 * DAY) < MINUTE
