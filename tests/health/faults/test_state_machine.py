"""The state machine of a fault, with simulated time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.faults import state_machine
from health.faults.fault_log import paced
from health.faults.state_machine import (
    CLOSED,
    FAMILIES,
    OPEN,
    PICTURE,
    RECOVERING,
    SUSPECT,
    FaultRule,
    FaultState,
    Vote,
    advance,
    judge,
)

HOUR = 3600.0
RULES = sorted({f.rule for f in FAMILIES.values()}, key=repr)
looks = st.lists(st.tuples(st.floats(0, 3 * HOUR), st.booleans(), st.sampled_from(["day", "night"])), max_size=60)


@given(st.sampled_from(RULES), looks)
def test_nothing_opens_or_closes_without_its_looks(rule: FaultRule, seen: list[tuple[float, bool, str]]) -> None:
    track, now, marks = FaultState(), 0.0, list[Vote]()
    since_open: list[Vote] = []
    for pause, found, light in seen:
        now += pause
        mark = Vote(now, found, light)
        marks.append(mark)
        before = track.state
        step = advance(track, rule, mark)
        since_open.append(mark)
        if step == "opened":
            hits = [m for m in marks[-rule.of :] if m.found]
            assert len(hits) >= rule.need and found
            assert hits[-1].at - next(m.at for m in marks if m.found) >= rule.span
            since_open = []
        if step == "closed":
            clean = since_open[-rule.clear :]
            assert len(clean) == rule.clear and not any(m.found for m in clean)
            assert before == RECOVERING
        assert (step in ("opened", "relapsed")) == (track.state == OPEN and before not in (OPEN,))
        assert len(track.marks) <= state_machine.KEPT
        assert FaultState.of(track.state, track.as_json()) == track  # the stored form is complete


def _run(track: FaultState, rule: FaultRule, begin: float, seen: str, pause: float, light: str = "day") -> list[str]:
    return [advance(track, rule, Vote(begin + i * pause, c == "x", light)) for i, c in enumerate(seen)]


def test_a_passing_lorry_opens_nothing() -> None:
    track = FaultState()
    _run(track, PICTURE, 0, "x.", 600)
    assert track.state == SUSPECT
    _run(track, PICTURE, 1200, ".", 600)
    assert track.state == state_machine.DISMISSED


def test_three_of_four_over_an_hour_open() -> None:
    track = FaultState()
    assert _run(track, PICTURE, 0, "xxx", 600)[-1] != "opened", "half an hour only"
    assert _run(track, PICTURE, 1800, ".x", HOUR / 2) == ["none", "opened"]


def test_a_fault_of_the_night_is_not_over_before_a_night_was_clean() -> None:
    track = FaultState()
    _run(track, PICTURE, 0, "xxx", HOUR, "night")
    assert track.state == OPEN
    _run(track, PICTURE, 6 * HOUR, "......", HOUR, "day")
    assert track.state == RECOVERING
    assert _run(track, PICTURE, 20 * HOUR, ".", HOUR, "night") == ["closed"]


def test_a_fault_that_comes_back_within_a_day_flaps_and_stays_longer() -> None:
    rule, track, now = FaultRule(1, 1, 0, 1, 60.0), FaultState(), 0.0
    for _ in range(state_machine.FLAPS):
        _run(track, rule, now, "xx..", 100)
        now += 1000
    assert track.flapping and track.state == RECOVERING, "a minute is not enough any more"
    assert "closed" in _run(track, rule, now, "....", 100)
    _run(track, rule, now + state_machine.REOPEN_SECONDS * 2, "x", 1)
    assert not track.flapping


@given(st.floats(-1e6, 1e6))
def test_a_clock_that_jumps_never_closes_or_opens_by_itself(jump: float) -> None:
    track = FaultState()
    _run(track, PICTURE, 1e7, "xx", 600)
    step = advance(track, PICTURE, Vote(1e7 + jump, True, "day"))
    assert (step == "opened") == (jump >= HOUR)


def test_a_cause_explains_its_consequences() -> None:
    verdict = judge({"no_stream", "low_fps"}, set())
    assert verdict["no_stream"] is True and verdict["low_fps"] is None
    assert judge(set(), {"blurred"})["blurred"] is None
    assert judge(set(), set())["black"] is False
    assert all(cause in FAMILIES for f in FAMILIES.values() for cause in f.explained_by)


def test_a_demonstration_is_faster_and_nothing_else() -> None:
    assert paced(PICTURE, 1.0) == PICTURE
    assert paced(PICTURE, 0.01) == replace(PICTURE, span=36.0, calm=36.0)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        advance(FaultState("odd"), PICTURE, Vote(0, True))
    assert CLOSED in ("closed",)
