"""Which clock named which files, across reboots: a mistake that a reboot undoes is corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SECOND
from nvr.clock.clock_epoch import MIN_CLOCK_CHANGE_US, Epoch, correction, next_epoch, stepped

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
T = 1_795_000_000 * SECOND
STEPS = [HOUR, 8 * HOUR, DAY, 400 * DAY]


def boot(name: str, start: int, ran: int = 20 * DAY) -> Epoch:
    """A boot at `start` by its clock, after which the machine ran for `ran`."""
    return Epoch(name, start, start, 1, 1, ran)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("by", STEPS)
def test_a_mistake_that_a_restart_undoes_is_taken_back(by: int, sign: int) -> None:
    a = stepped(boot("a", T), sign * by)
    b = next_epoch(a, boot("b", T + 20 * DAY + 5 * MINUTE))
    assert correction(b.earlier[0], [b]) == -sign * by


@pytest.mark.parametrize("by", [-56 * 365 * DAY, *STEPS])
def test_a_clock_that_was_set_right_stays_right_over_a_restart(by: int) -> None:
    a = stepped(boot("a", T - by), by)
    b = next_epoch(a, boot("b", T + 20 * DAY + 5 * MINUTE))
    assert correction(b.earlier[0], [b]) == 0
    c = next_epoch(a, boot("c", T + 30 * DAY))  # it was off for days
    assert correction(c.earlier[0], [c]) == 0


def test_a_clock_that_was_believed_is_doubted_only_where_it_cannot_be_right() -> None:
    a = stepped(boot("a", T + HOUR), -HOUR)
    a.is_proved = True
    off_an_hour = next_epoch(a, boot("b", T + 20 * DAY + HOUR + 5 * MINUTE))  # as if the first clock was right
    assert correction(off_an_hour.earlier[0], [off_an_hour]) == 0
    wrong = stepped(boot("a", T), 6 * DAY)
    wrong.is_proved = True
    b = next_epoch(wrong, boot("b", T + 20 * DAY + 5 * MINUTE))
    assert correction(b.earlier[0], [b]) == -6 * DAY


def test_a_wrong_clock_that_goes_on_over_a_restart_is_taken_back_with_the_next_one() -> None:
    """The machine keeps the mistake across one reboot; the clock of the next boot is right."""
    a = stepped(boot("a", T), 400 * DAY)
    b = next_epoch(a, boot("b", T + 420 * DAY + 5 * MINUTE, HOUR))
    assert correction(b.earlier[0], [b]) == 0 and b.former_clock_offsets == (-400 * DAY,)
    c = next_epoch(b, boot("c", T + 20 * DAY + HOUR + 10 * MINUTE))
    assert [correction(old, [*c.earlier[i + 1 :], c]) for i, old in enumerate(c.earlier)] == [-400 * DAY, -400 * DAY]
    undone = stepped(b, -400 * DAY)  # or it is corrected in that boot
    assert correction(undone.earlier[0], [undone]) == -400 * DAY


def test_a_clock_that_was_set_while_no_recorder_ran() -> None:
    a = boot("a", T - HOUR)
    b = next_epoch(a, Epoch("a", T, T + 20 * DAY + MINUTE, 7, 1, 20 * DAY + MINUTE))
    assert correction(b.earlier[0], [b]) == HOUR
    slewed = next_epoch(a, Epoch("a", T - HOUR + 5 * SECOND, T + 20 * DAY, 7, 1, 20 * DAY))  # while the files were made
    assert correction(slewed.earlier[0], [slewed]) == 0


@pytest.mark.parametrize(("ahead", "others", "said", "moves"), [
    (2 * HOUR, (), -2 * HOUR, -2 * HOUR),  # a reboot explains the rest
    (2 * HOUR, (), -2 * HOUR - 10 * MINUTE, -2 * HOUR - 10 * MINUTE),
    (2 * HOUR, (), -30 * DAY, 0),
    (2 * HOUR, (-5 * HOUR, -3 * HOUR), -30 * DAY, -3 * HOUR),  # as without cameras
    (2 * HOUR, (-5 * HOUR, -3 * HOUR), -5 * HOUR + SECOND, -5 * HOUR),  # they confirm one of two clocks
    (2 * HOUR, (-2 * HOUR,), -2 * HOUR - 10 * MINUTE, -2 * HOUR),  # the station's own knowledge takes precedence
    (-5 * HOUR, (), 5 * HOUR, 5 * HOUR),
    (-5 * HOUR, (), -30 * DAY, 0),
    (-5 * HOUR, (-30 * DAY,), -30 * DAY, 0),
    (0, (), -30 * DAY, 0),
])  # fmt: skip
def test_cameras_move_names_only_where_a_restart_or_a_known_clock_says_so_too(
    ahead: int, others: tuple[int, ...], said: int, moves: int
) -> None:
    old = boot("a", T + ahead, DAY)
    old.former_clock_offsets = others
    newest = boot("b", T + DAY + 5 * MINUTE, 0)
    assert correction(old, [newest], said) == moves
    old.is_proved = True
    assert correction(old, [newest], said) == correction(old, [newest])


@given(
    st.lists(
        st.tuples(st.integers(2, 30), st.lists(st.integers(-400, 400).filter(lambda d: abs(d) > 1), max_size=3)),
        min_size=1, max_size=5,
    ),
    st.integers(0, 9),
)  # fmt: skip
def test_after_a_restart_with_the_right_clock_every_name_is_right(
    course: list[tuple[int, list[int]]], pause: int
) -> None:
    """Each boot begins with the right clock; then mistakes of days, some undone, and reboots of minutes."""
    now, epoch = T, boot("0", T, 0)
    errors = dict[str, int]()  # by how much the names of a boot are wrong
    for n, (days, mistakes) in enumerate(course):
        error = 0
        for by in mistakes:
            epoch, error = stepped(epoch, by * DAY), error + by * DAY
        errors[epoch.boot] = error
        epoch.saved_uptime_us = days * DAY
        now += days * DAY + pause * MINUTE
        epoch = next_epoch(epoch, boot(str(n + 1), now, 0))
    for i, old in enumerate(epoch.earlier):
        assert abs(correction(old, [*epoch.earlier[i + 1 :], epoch]) + errors[old.boot]) < MIN_CLOCK_CHANGE_US
