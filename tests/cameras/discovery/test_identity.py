"""The vote that identifies a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.discovery.identity import CameraIndex, DeviceIdentifiers, IdentityMatch, KnownCamera
from cameras.states import MatchKind

A = DeviceIdentifiers("u-a", "Tianmu 1", frozenset({"02:00:00:00:00:0a"}))
B = DeviceIdentifiers("u-b", "Tianmu 2", frozenset({"02:00:00:00:00:0b"}))
CLONE_1 = DeviceIdentifiers("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c1"}))
CLONE_2 = DeviceIdentifiers("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c2"}))
MUTE_CLONE_1 = MUTE_CLONE_2 = DeviceIdentifiers("u-m", "Xiong 9")
ROLL = CameraIndex(
    [
        KnownCamera("a", "10.0.0.1:80", A),
        KnownCamera("b", "10.0.0.2:80", B),
        KnownCamera("c1", "10.0.0.3:80", CLONE_1),
        KnownCamera("c2", "10.0.0.4:80", CLONE_2),
        KnownCamera("m1", "10.0.0.5:80", MUTE_CLONE_1),
        KnownCamera("m2", "10.0.0.6:80", MUTE_CLONE_2),
        KnownCamera("expected", "10.0.0.9:80", DeviceIdentifiers()),
        KnownCamera("nowhere", None, DeviceIdentifiers("u-n")),
    ]
)


@pytest.mark.parametrize(
    ("address", "seen", "verdict"),
    [
        ("10.0.0.1:80", A, IdentityMatch(MatchKind.KNOWN, "a")),
        # reports no identifiers, so nothing contradicts
        ("10.0.0.1:80", DeviceIdentifiers(), IdentityMatch(MatchKind.KNOWN, "a")),
        ("10.0.0.9:80", B, IdentityMatch(MatchKind.FIRST, "expected")),
        ("10.0.0.77:80", A, IdentityMatch(MatchKind.MOVED, "a")),
        ("10.0.0.77:80", DeviceIdentifiers("", "Tianmu 1"), IdentityMatch(MatchKind.MOVED, "a")),
        ("10.0.0.2:80", A, IdentityMatch(MatchKind.MOVED, "a")),  # two cameras were swapped
        (
            "10.0.0.1:80",
            DeviceIdentifiers("u-new", "Tianmu 1", A.macs),
            IdentityMatch(MatchKind.KNOWN, "a"),
        ),  # a firmware update changed the UUID
        (
            "10.0.0.1:80",
            DeviceIdentifiers("u-x", "Tianmu 99", frozenset({"02:00:00:00:00:99"})),
            IdentityMatch(MatchKind.REPLACED, "a"),
        ),
        (
            "10.0.0.1:80",
            DeviceIdentifiers("u-a", "Tianmu 1", frozenset({"02:00:00:00:00:99"})),
            IdentityMatch(MatchKind.REPLACED, "a"),
        ),
        ("10.0.0.77:80", CLONE_1, IdentityMatch(MatchKind.MOVED, "c1")),  # the MAC address distinguishes clones
        (
            "10.0.0.77:80",
            DeviceIdentifiers("u-c", "Xiong 0", frozenset({"02:00:00:00:00:c9"})),
            IdentityMatch(MatchKind.CLONE, "c2"),
        ),
        ("10.0.0.77:80", MUTE_CLONE_1, IdentityMatch(MatchKind.CLONE, "m2")),
        ("10.0.0.77:80", DeviceIdentifiers("u-n"), IdentityMatch(MatchKind.MOVED, "nowhere")),
        ("10.0.0.77:80", DeviceIdentifiers("u-q"), IdentityMatch(MatchKind.NEW)),
    ],
)
def test_the_vote(address: str, seen: DeviceIdentifiers, verdict: IdentityMatch) -> None:
    assert ROLL.match(address, seen) == verdict


traits = st.builds(
    DeviceIdentifiers,
    st.sampled_from(["", "u1", "u2"]),
    st.sampled_from(["", "s1", "s2"]),
    st.frozensets(st.sampled_from(["m1", "m2"]), max_size=2),
)


@given(st.lists(traits, max_size=5), traits, st.integers(0, 6))
def test_a_verdict_names_a_camera_that_exists_and_never_one_that_contradicts(
    known: list[DeviceIdentifiers], seen: DeviceIdentifiers, at: int
) -> None:
    roll = CameraIndex(KnownCamera(str(i), f"h{i}:80", t) for i, t in enumerate(known))
    verdict = roll.match(f"h{at}:80", seen)
    assert (verdict.camera is None) == (verdict.kind == "new")
    if verdict.camera is not None:
        assert int(verdict.camera) < len(known)
        theirs = known[int(verdict.camera)]
        if verdict.kind in ("known", "moved") and seen.macs and theirs.macs and not seen.macs & theirs.macs:
            pytest.fail("a device with another MAC address was taken for a known camera")
