"""The state machine of a fault, with simulated time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from health.faults import state_machine
from health.faults.families import FAMILIES, PICTURE_RULE, FaultRule
from health.faults.fault_log import scaled_rule
from health.faults.state_machine import FaultState, Vote, advance, resolve_explained
from health.vocabulary import FaultStatus, Light

HOUR = 3600.0
RULES = sorted({f.rule for f in FAMILIES.values()}, key=repr)
looks = st.lists(
    st.tuples(st.floats(0, 3 * HOUR), st.booleans(), st.sampled_from([Light.DAY, Light.NIGHT])), max_size=60
)


@given(st.sampled_from(RULES), looks)
def test_faults_open_and_close_only_by_their_rule(rule: FaultRule, seen: list[tuple[float, bool, Light]]) -> None:
    state, now, votes = FaultState(), 0.0, list[Vote]()
    since_open: list[Vote] = []
    for pause, found, light in seen:
        now += pause
        vote = Vote(now, found, light)
        votes.append(vote)
        before = state.status
        step = advance(state, rule, vote)
        since_open.append(vote)
        if step == "opened":
            hits = [v for v in votes[-rule.window :] if v.found]
            assert len(hits) >= rule.hits and found
            assert hits[-1].at - next(v.at for v in votes if v.found) >= rule.span_s
            since_open = []
        if step == "closed":
            clean = since_open[-rule.clean :]
            assert len(clean) == rule.clean and not any(v.found for v in clean)
            assert before == FaultStatus.RECOVERING
        assert (step in ("opened", "relapsed")) == (
            state.status == FaultStatus.OPEN and before not in (FaultStatus.OPEN,)
        )
        assert len(state.votes) <= state_machine.MAX_VOTES
        assert FaultState.of(state.status, state.as_json()) == state  # the stored form is complete


def _run(
    state: FaultState, rule: FaultRule, begin: float, seen: str, pause: float, light: Light = Light.DAY
) -> list[str]:
    return [advance(state, rule, Vote(begin + i * pause, c == "x", light)) for i, c in enumerate(seen)]


def test_a_row_of_an_earlier_release_was_suspected_at_its_first_vote() -> None:
    votes = [(100.0, True, "day"), (200.0, False, "night")]
    assert FaultState.of(FaultStatus.SUSPECT, {"votes": votes}).suspected_at == 100.0
    assert FaultState.of(FaultStatus.SUSPECT, {"votes": votes, "suspected_at": 50.0}).suspected_at == 50.0
    assert FaultState.of(None, {}) == FaultState(None, [], Light.NONE, [], 0.0)


def test_a_passing_lorry_opens_nothing() -> None:
    state = FaultState()
    _run(state, PICTURE_RULE, 0, "x.", 600)
    assert state.status == FaultStatus.SUSPECT
    _run(state, PICTURE_RULE, 1200, ".", 600)
    assert state.status == FaultStatus.DISMISSED


def test_three_of_four_over_an_hour_open() -> None:
    state = FaultState()
    assert _run(state, PICTURE_RULE, 0, "xxx", 600)[-1] != "opened", "half an hour only"
    assert _run(state, PICTURE_RULE, 1800, ".x", HOUR / 2) == ["none", "opened"]


def test_a_night_fault_closes_only_after_a_clean_night() -> None:
    state = FaultState()
    _run(state, PICTURE_RULE, 0, "xxx", HOUR, Light.NIGHT)
    assert state.status == FaultStatus.OPEN
    _run(state, PICTURE_RULE, 6 * HOUR, "......", HOUR, Light.DAY)
    assert state.status == FaultStatus.RECOVERING
    assert _run(state, PICTURE_RULE, 20 * HOUR, ".", HOUR, Light.NIGHT) == ["closed"]


def test_a_flapping_fault_must_stay_clean_for_longer() -> None:
    rule, state, now = FaultRule(1, 1, 0, 1, 60.0), FaultState(), 0.0
    for _ in range(state_machine.FLAPPING_OPENINGS):
        _run(state, rule, now, "xx..", 100)
        now += 1000
    assert state.flapping and state.status == FaultStatus.RECOVERING, "a minute is not enough any more"
    assert "closed" in _run(state, rule, now, "....", 100)
    _run(state, rule, now + state_machine.REOPEN_SECONDS * 2, "x", 1)
    assert not state.flapping


@given(st.floats(-1e6, 1e6))
def test_a_clock_that_jumps_never_closes_or_opens_by_itself(jump: float) -> None:
    state = FaultState()
    _run(state, PICTURE_RULE, 1e7, "xx", 600)
    step = advance(state, PICTURE_RULE, Vote(1e7 + jump, True, Light.DAY))
    assert (step == "opened") == (jump >= HOUR)


def test_a_cause_explains_its_consequences() -> None:
    verdict = resolve_explained({"no_stream", "low_fps"}, set())
    assert verdict["no_stream"] is True and verdict["low_fps"] is None
    assert resolve_explained(set(), {"blurred"})["blurred"] is None
    assert resolve_explained(set(), set())["black"] is False
    assert all(cause in FAMILIES for f in FAMILIES.values() for cause in f.explained_by)


def test_pace_scales_time_spans_only() -> None:
    assert scaled_rule(PICTURE_RULE, 1.0) == PICTURE_RULE
    assert scaled_rule(PICTURE_RULE, 0.01) == replace(PICTURE_RULE, span_s=36.0, clean_span_s=36.0)
