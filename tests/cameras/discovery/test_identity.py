"""The vote on who a device is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.discovery.identity import Known, Roll, Traits, Verdict

A = Traits("u-a", "Tianmu 1", frozenset({"02:00:00:00:00:0a"}))
B = Traits("u-b", "Tianmu 2", frozenset({"02:00:00:00:00:0b"}))
CLONE_1 = Traits("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c1"}))
CLONE_2 = Traits("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c2"}))
MUTE_CLONE_1 = MUTE_CLONE_2 = Traits("u-m", "Xiong 9")
ROLL = Roll(
    [
        Known("a", "10.0.0.1:80", A), Known("b", "10.0.0.2:80", B), Known("c1", "10.0.0.3:80", CLONE_1),
        Known("c2", "10.0.0.4:80", CLONE_2), Known("m1", "10.0.0.5:80", MUTE_CLONE_1), Known("m2", "10.0.0.6:80", MUTE_CLONE_2),
        Known("expected", "10.0.0.9:80", Traits()), Known("nowhere", None, Traits("u-n")),
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "seen", "verdict"),
    [
        ("10.0.0.1:80", A, Verdict("known", "a")),
        ("10.0.0.1:80", Traits(), Verdict("known", "a")),  # tells nothing: no reason to doubt
        ("10.0.0.9:80", B, Verdict("first", "expected")),
        ("10.0.0.77:80", A, Verdict("moved", "a")),
        ("10.0.0.77:80", Traits("", "Tianmu 1"), Verdict("moved", "a")),
        ("10.0.0.2:80", A, Verdict("moved", "a")),  # two cameras have changed places
        ("10.0.0.1:80", Traits("u-new", "Tianmu 1", A.macs), Verdict("known", "a")),  # an update changed the UUID
        ("10.0.0.1:80", Traits("u-x", "Tianmu 99", frozenset({"02:00:00:00:00:99"})), Verdict("replaced", "a")),
        ("10.0.0.1:80", Traits("u-a", "Tianmu 1", frozenset({"02:00:00:00:00:99"})), Verdict("replaced", "a")),
        ("10.0.0.77:80", CLONE_1, Verdict("moved", "c1")),  # the MAC tells clones apart
        ("10.0.0.77:80", Traits("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c9"})), Verdict("clone", "c2")),
        ("10.0.0.77:80", MUTE_CLONE_1, Verdict("clone", "m2")),
        ("10.0.0.77:80", Traits("u-n"), Verdict("moved", "nowhere")),
        ("10.0.0.77:80", Traits("u-q"), Verdict("new")),
    ],
)
def test_the_vote(address: str, seen: Traits, verdict: Verdict) -> None:
    assert ROLL.judge(address, seen) == verdict


traits = st.builds(
    Traits,
    st.sampled_from(["", "u1", "u2"]),
    st.sampled_from(["", "s1", "s2"]),
    st.frozensets(st.sampled_from(["m1", "m2"]), max_size=2),
)


@given(st.lists(traits, max_size=5), traits, st.integers(0, 6))
def test_a_verdict_names_a_camera_that_exists_and_never_one_that_contradicts(
    known: list[Traits], seen: Traits, at: int
) -> None:
    roll = Roll(Known(str(i), f"h{i}:80", t) for i, t in enumerate(known))
    verdict = roll.judge(f"h{at}:80", seen)
    assert (verdict.camera is None) == (verdict.kind == "new")
    if verdict.camera is not None:
        assert int(verdict.camera) < len(known)
        theirs = known[int(verdict.camera)]
        if verdict.kind in ("known", "moved") and seen.macs and theirs.macs and not seen.macs & theirs.macs:
            pytest.fail("a device with another MAC address was taken for a known camera")
