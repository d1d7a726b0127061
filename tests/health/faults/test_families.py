"""The table of fault families: severities and rules decide deadlines, so that a change must be made on purpose."""

from __future__ import annotations

import pytest

from health.faults.descriptions import describe
from health.faults.families import FAMILIES, NO_VIDEO, PICTURE_FAMILIES, FaultRule
from health.faults.state_machine import FLAPPING_OPENINGS, MAX_VOTES, REOPEN_SECONDS, FaultState, Vote, advance
from health.vocabulary import FaultStatus, Light

SEVERITIES = {
    1: "uplink unreachable auth no_stream index no_signal black frozen covered volume patrol register",
    2: "flapping low_fps loss corrupt gaps retention forecast blocking partial_occlusion moved blurred overexposed "
    "underexposed clock",
    3: "low_bitrate parameters timestamps blurred_part haze colour_cast monochrome noise banding shaking card ptz "
    "mark_time",
    4: "gop events mark_name",
}
# hits, window, span_s, clean, clean_span_s, same_light: the families.
RULES = {
    FaultRule(1, 1, 0.0, 1, 0.0): "register",
    FaultRule(2, 2, 20.0, 2, 20.0): "uplink unreachable auth no_stream gaps retention forecast index clock card ptz "
    "events volume patrol",
    FaultRule(3, 4, 300.0, 3, 600.0): "low_fps low_bitrate loss timestamps",
    FaultRule(2, 2, 600.0, 2, 600.0): "flapping parameters gop corrupt no_signal black frozen blocking",
    FaultRule(
        3, 4, 3600.0, 3, 3600.0, True
    ): "covered blurred overexposed underexposed colour_cast monochrome noise banding mark_time mark_name",
    FaultRule(3, 4, 1800.0, 3, 3600.0): "moved shaking",
    FaultRule(4, 5, 10800.0, 3, 3600.0): "partial_occlusion blurred_part haze",
}


def test_picture_families_are_those_of_the_kind() -> None:
    of_pictures = {name for name, f in FAMILIES.items() if f.kind == "picture"}
    assert set(PICTURE_FAMILIES) == of_pictures and {"black", "moved"} <= of_pictures
    assert of_pictures.isdisjoint({"clock", "mark_time", "low_fps", "uplink", "card", "gaps", "volume"})


def test_the_severity_of_each_family() -> None:
    assert {name: f.severity for name, f in FAMILIES.items()} == {
        name: severity for severity, names in SEVERITIES.items() for name in names.split()
    }


def test_the_rule_of_each_family() -> None:
    assert {name: f.rule for name, f in FAMILIES.items()} == {
        name: rule for rule, names in RULES.items() for name in names.split()
    }
    assert (FLAPPING_OPENINGS, MAX_VOTES, REOPEN_SECONDS, NO_VIDEO) == (
        4,
        12,
        86400,
        ("unreachable", "no_stream", "auth"),
    )


def test_what_sends_nothing_explains_what_needs_a_picture() -> None:
    for name, family in FAMILIES.items():
        if family.kind in ("picture", "mark"):
            assert set(NO_VIDEO) <= set(family.explained_by), name
        assert name not in family.explained_by


def votes(state: FaultState, rule: FaultRule, *seen: tuple[float, str]) -> list[str]:
    return [advance(state, rule, Vote(at, mark == "x", Light.DAY)) for at, mark in seen]


@pytest.mark.parametrize("rule", [r for r in RULES if r.span_s])
def test_a_fault_opens_exactly_at_its_span(rule: FaultRule) -> None:
    for late, opens in ((0.0, True), (-1.0, False)):
        state = FaultState()
        hits = [(i * 1.0, "x") for i in range(rule.hits - 1)]
        steps = votes(state, rule, *hits, (rule.span_s + late, "x"))
        assert (steps[-1] == "opened") == opens
        assert steps[:1] == ["suspected"] and state.status == ("open" if opens else "suspect")


def opened(rule: FaultRule, at: float = 0.0) -> FaultState:
    state = FaultState()
    votes(state, rule, *((at + i * max(rule.span_s, 1.0), "x") for i in range(rule.hits)))
    assert state.status == "open" and state.light == "day" and len(state.openings) == 1
    return state


@pytest.mark.parametrize("rule", [r for r in RULES if r.clean_span_s])
def test_a_fault_closes_exactly_after_its_calm_time(rule: FaultRule) -> None:
    for late, closes in ((0.0, True), (-1.0, False)):
        state, begin = opened(rule), 100_000.0
        clean = [(begin + i, ".") for i in range(rule.clean - 1)]
        steps = votes(state, rule, *clean, (begin + rule.clean_span_s + late, "."))
        assert steps[0] == "recovering" and (steps[-1] == "closed") == closes
        assert state.status == ("closed" if closes else "recovering")


def test_too_few_hits_of_the_last_inspections_open_nothing() -> None:
    rule = FaultRule(3, 4, 0.0)
    assert votes(FaultState(), rule, (0, "x"), (1, "."), (2, "x"), (3, "x"))[-1] == "opened"
    assert votes(FaultState(), rule, (0, "x"), (1, "x"), (2, "."), (3, "x"))[-1] == "opened"
    assert votes(FaultState(), rule, (0, "x"), (1, "."), (2, "x"), (3, "."), (4, "x"))[-1] == "confirmed"
    assert votes(FaultState(), rule, (0, "x"), (1, "."), (2, "x"), (3, "."), (4, "."))[-1] == "dismissed"


def test_the_span_counts_from_the_first_hit_of_a_series() -> None:
    rule = FaultRule(2, 3, 100.0)
    # One clean vote is forgiven; two end the series.
    assert votes(FaultState(), rule, (0, "x"), (50, "."), (100, "x"))[-1] == "opened"
    assert votes(FaultState(), rule, (0, "x"), (50, "."), (99, "x"))[-1] == "confirmed"
    strict = FaultRule(2, 2, 100.0)
    assert votes(FaultState(), strict, (0, "x"), (50, "."), (100, "x"), (110, "x"))[-1] == "confirmed"
    assert votes(FaultState(), strict, (0, "x"), (50, "."), (100, "x"), (200, "x"))[-1] == "opened"


def test_a_relapse_is_an_opening_and_a_fault_confirms() -> None:
    rule = FaultRule(1, 1, 0.0, 2, 10.0)
    state = FaultState()
    assert votes(state, rule, (0, "x"), (1, "x"), (2, "x"), (3, "."), (4, "x"), (5, ".")) == [
        "suspected", "opened", "confirmed", "recovering", "relapsed", "recovering",
    ]  # fmt: skip
    assert state.openings == [1, 4] and not state.flapping
    assert votes(state, rule, (14, "."), (15, "."))[-1] == "closed"
    assert votes(state, rule, (16, "."), (17, "x")) == ["none", "suspected"]
    assert [v.at for v in state.votes] == [17]


def test_openings_count_for_a_day_and_four_of_them_mean_flapping() -> None:
    state = FaultState(FaultStatus.OPEN, openings=[0.0, 1.0, 2.0, 3.0])
    assert state.flapping and not FaultState(openings=[0.0, 1.0, 2.0]).flapping
    advance(state, FaultRule(), Vote(REOPEN_SECONDS, True))
    assert state.openings == [1.0, 2.0, 3.0]
    advance(state, FaultRule(), Vote(2.0, True))  # the clock jumped back
    assert state.openings == [1.0, 2.0]


def test_a_flapping_fault_stays_four_times_as_long() -> None:
    rule = FaultRule(1, 1, 0.0, 2, 100.0)
    for calm, step in ((399.0, "confirmed"), (400.0, "closed")):
        state = FaultState(FaultStatus.RECOVERING, [Vote(1000.0, False)], openings=[900.0, 901.0, 902.0, 903.0])
        assert advance(state, rule, Vote(1000.0 + calm, False)) == step


def test_votes_of_the_future_are_dropped_and_few_are_kept() -> None:
    state = FaultState(FaultStatus.OPEN, [Vote(5.0, True), Vote(10.0, True), Vote(20.0, True)])
    advance(state, FaultRule(), Vote(10.0, True))
    assert [v.at for v in state.votes] == [5.0, 10.0, 10.0]
    for at in range(11, 40):
        advance(state, FaultRule(), Vote(float(at), True))
    assert [v.at for v in state.votes] == [float(at) for at in range(28, 40)]


def test_only_a_family_that_looks_at_light_waits_for_it() -> None:
    for same_light, light, closes in (
        (True, Light.NIGHT, False),
        (True, Light.DAY, True),
        (True, Light.NONE, True),
        (False, Light.NIGHT, True),
    ):
        rule = FaultRule(1, 1, 0.0, 1, 0.0, same_light)
        state = FaultState(FaultStatus.OPEN, light=light)
        advance(state, rule, Vote(1.0, False, Light.DAY))
        assert (advance(state, rule, Vote(2.0, False, Light.DAY)) == "closed") == closes


def test_a_finding_is_described_with_its_figures() -> None:
    assert describe("unreachable", {"seconds": 30}) == "no answer from its address for 30 s"
    assert describe("unreachable", {}) == "unreachable"
    assert describe("low_fps", {"fps": 3}) == "low fps"
    assert describe("some_family", {}) == "some family"
    assert describe("no_stream", {"seconds": 5, "cause": "timeout", "said": ""}) == "no picture for 5 s: timeout"
