"""Failures with a common cause become one fault of the parent."""

from __future__ import annotations

import numpy as np
import pytest

from health.faults import topology
from health.faults.topology import TopologyChild


def town(villages: int = 10, switches: int = 4, cameras: int = 15) -> list[TopologyChild]:
    return [
        TopologyChild(f"v{v}-s{s}-{c}", f"v{v}", f"s{s}")
        for v in range(villages)
        for s in range(switches)
        for c in range(cameras)
    ]


def down(children: list[TopologyChild], failing: set[str]) -> set[tuple[str, str]]:
    return {(p.kind, p.name) for p in topology.down(topology.parents(children), failing)}


def test_an_uplink_a_switch_and_single_cameras() -> None:
    children = town()
    uplink = {c.camera for c in children if c.village == "v1"}
    switch = {c.camera for c in children if c.village == "v2" and c.switch == "s3"}
    assert down(children, uplink) == {("village", "v1")}
    assert down(children, switch) == {("switch", "v2/s3")}
    assert down(children, uplink | switch) == {("village", "v1"), ("switch", "v2/s3")}
    assert down(children, {"v0-s0-0", "v0-s1-1"}) == set()


def test_a_village_that_hangs_on_one_switch_is_the_switch() -> None:
    children = [TopologyChild(f"a{i}", "a", "one") for i in range(12)] + [
        TopologyChild(f"b{i}", "a", "two") for i in range(5)
    ]
    assert down(children, {f"a{i}" for i in range(12)}) == {("switch", "a/one")}


@pytest.mark.parametrize("seed", [1, 2])
def test_three_thousand_village_days(seed: int) -> None:
    """Finds 99 % of the outages and reports no false one.

    Single cameras fail at 4 %; 3 % of an outage's cameras still answer.
    """
    rng = np.random.default_rng(seed)
    children = town(villages=1)
    found = made_up = outages = 0
    for _ in range(1500):
        failing = {c.camera for c in children if rng.random() < 0.04}
        kind = rng.choice(["none", "village", "switch"], p=[0.8, 0.1, 0.1])
        wanted: set[tuple[str, str]] = set()
        if kind != "none":
            name = "v0" if kind == "village" else f"v0/s{rng.integers(4)}"
            hit = [c for c in children if kind == "village" or f"v0/{c.switch}" == name]
            failing |= {c.camera for c in hit if rng.random() > 0.03}
            wanted, outages = {(str(kind), name)}, outages + 1
        seen = down(children, failing)
        found += seen >= wanted and bool(wanted)
        made_up += len(seen - wanted)
    assert found >= 0.99 * outages and made_up == 0


def test_half_the_town_at_once_is_our_own_trouble() -> None:
    children = town()
    groups = topology.parents(children)
    assert topology.ours(groups, {c.camera for c in children}, len(children))
    assert not topology.ours(groups, {c.camera for c in children if c.village in ("v1", "v2")}, len(children))
