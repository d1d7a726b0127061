"""Pooled evidence: a damage that is found under names in turn opens a fault; what comes and goes does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.faults.families import FAMILIES
from health.faults.fault_log import scaled_rule
from health.faults.pooled_evidence import POOLED_FAMILIES, POOLED_RULE, PooledVote, pooled_finding
from health.faults.state_machine import FaultState, Step, Vote, advance
from health.vocabulary import FaultFamily as F
from health.vocabulary import FaultStatus

HOUR = 3600.0


def votes(*found: Sequence[F], every: float = HOUR) -> list[PooledVote]:
    return [PooledVote(i * every, frozenset(families)) for i, families in enumerate(found)]


def test_names_in_turn_open_the_one_that_was_found_most_often() -> None:
    glare = votes([F.HAZE], [F.OVEREXPOSED], [F.HAZE], [F.OVEREXPOSED], [F.HAZE], [F.HAZE, F.NOISE])
    found = pooled_finding(glare)
    assert found is not None and (found.family, found.since) == (F.HAZE, 0.0)


def test_only_a_family_of_the_present_inspection_can_open() -> None:
    found = pooled_finding(votes([F.HAZE], [F.HAZE], [F.HAZE], [F.HAZE], [F.MOVED]))
    assert found is not None and found.family == F.MOVED
    assert pooled_finding(votes([F.HAZE], [F.HAZE], [F.HAZE], [F.HAZE], [F.HAZE], [])) is None


def test_of_two_that_were_found_as_often_the_more_severe_one_opens() -> None:
    found = pooled_finding(votes(*[[F.BLURRED_PART, F.COVERED]] * 5))
    assert found is not None and found.family == F.COVERED
    assert FAMILIES[F.COVERED].severity < FAMILIES[F.BLURRED_PART].severity


@pytest.mark.parametrize(
    "found",
    [
        votes(*[[F.HAZE], [F.OVEREXPOSED]] * 3, every=HOUR / 3),  # too soon: a lorry may stand there for so long
        votes([F.HAZE], [], [F.MOVED], [], [F.HAZE], [F.OVEREXPOSED], [F.HAZE]),  # it comes and goes
        votes([F.HAZE], [F.MOVED], [F.HAZE], [F.MOVED]),  # too few
        [],
    ],
)
def test_what_is_no_evidence(found: list[PooledVote]) -> None:
    assert pooled_finding(found) is None


def test_one_clean_inspection_is_forgiven_and_two_begin_anew() -> None:
    series = [[F.HAZE], [F.MOVED], [], [F.HAZE], [F.MOVED], [F.HAZE]]
    found = pooled_finding(votes(*series))
    assert found is not None and found.since == 0.0
    later = pooled_finding(votes([F.HAZE], [], [], *[[F.HAZE], [F.MOVED]] * 3))
    assert later is not None and later.since == 3 * HOUR


def test_the_pace_of_a_patrol_shortens_the_span() -> None:
    quick = votes(*[[F.HAZE], [F.OVEREXPOSED]] * 3, every=60)
    assert pooled_finding(quick) is None and pooled_finding(quick, scaled_rule(POOLED_RULE, 0.01)) is not None


def test_pooled_evidence_opens_a_family_that_has_no_votes_yet() -> None:
    state = FaultState()
    assert advance(state, FAMILIES[F.HAZE].rule, Vote(100.0, True), pooled=True) == Step.OPENED
    assert state.status == FaultStatus.OPEN and state.openings == [100.0]
    suspected = FaultState()
    assert advance(suspected, FAMILIES[F.HAZE].rule, Vote(100.0, True)) == Step.SUSPECTED
    assert advance(suspected, FAMILIES[F.HAZE].rule, Vote(200.0, False), pooled=True) == Step.NONE
    assert advance(suspected, FAMILIES[F.HAZE].rule, Vote(300.0, True), pooled=True) == Step.OPENED


@given(st.lists(st.tuples(st.integers(1, 7200), st.sets(st.sampled_from(sorted(POOLED_FAMILIES)))), max_size=30))
def test_a_finding_has_the_evidence_that_the_rule_asks_for(steps: list[tuple[int, set[F]]]) -> None:
    at, made = 0.0, list[PooledVote]()
    for pause, families in steps:
        at += pause
        made.append(PooledVote(at, frozenset(families)))
    found = pooled_finding(made)
    if found is not None:
        last = made[-POOLED_RULE.window :]
        assert sum(bool(v.found) for v in last) >= POOLED_RULE.hits and found.family in made[-1].found
        assert made[-1].at - found.since >= POOLED_RULE.span_s
