"""Attribute the failures of many cameras to their common parent: an up-link or a switch that is down.

A parent is at fault when at least three and at least 60 % of its cameras fail within one inspection, and chance does
not explain it: the binomial tail at the base rate of single failures is below 1e-6 for a village, 1e-4 for a switch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

BASE_RATE = 0.04
LEAST = 3
SHARE = 0.6
TAIL = {"village": 1e-6, "switch": 1e-4}
STATION_SHARE = 0.5  # share of all cameras, in at least three villages, from which the station itself is at fault
STATION_VILLAGES = 3


@dataclass(frozen=True, slots=True)
class TopologyChild:
    """A camera with its village and, if known, its switch."""

    camera: str
    village: str
    switch: str = ""


@dataclass(frozen=True, slots=True)
class TopologyParent:
    """A village or switch that is down.

    `kind`: 'village' or 'switch'; `name`: the village's code, or 'village/switch'; `failing`: number of cameras that
    fail.
    """

    kind: str
    village: str
    name: str
    cameras: frozenset[str]
    failing: int


def tail(failing: int, children: int, rate: float = BASE_RATE) -> float:
    """Return P(X ≥ failing) of a binomial distribution with `children` trials."""
    return sum(math.comb(children, k) * rate**k * (1 - rate) ** (children - k) for k in range(failing, children + 1))


def parents(children: Iterable[TopologyChild]) -> dict[tuple[str, str], list[TopologyChild]]:
    """Group the children by parent (kind, name)."""
    groups: dict[tuple[str, str], list[TopologyChild]] = {}
    for child in children:
        groups.setdefault(("village", child.village), []).append(child)
        if child.switch:
            groups.setdefault(("switch", f"{child.village}/{child.switch}"), []).append(child)
    return groups


def down(groups: Mapping[tuple[str, str], list[TopologyChild]], failing: set[str]) -> list[TopologyParent]:
    """Return the parents that are down. Switches of a village that is down as a whole are not reported separately."""
    found: list[TopologyParent] = []
    villages: set[str] = set()
    for kind in ("village", "switch"):
        for (group, name), members in groups.items():
            if group != kind or members[0].village in villages:
                continue
            bad = sum(m.camera in failing for m in members)
            if bad < LEAST or bad < SHARE * len(members) or tail(bad, len(members)) > TAIL[kind]:
                continue
            # If all failures of a village are behind one switch, the switch is at fault.
            if kind == "village" and _one_switch(members, failing):
                continue
            found.append(TopologyParent(kind, members[0].village, name, frozenset(m.camera for m in members), bad))
            if kind == "village":
                villages.add(members[0].village)
    return found


def _one_switch(members: list[TopologyChild], failing: set[str]) -> bool:
    """Return whether all failing cameras are behind one switch while at least LEAST cameras are elsewhere."""
    switches = {m.switch for m in members if m.camera in failing}
    others = [m for m in members if m.switch not in switches]
    return len(switches) == 1 and "" not in switches and len(others) >= LEAST


def ours(groups: Mapping[tuple[str, str], list[TopologyChild]], failing: set[str], total: int) -> bool:
    """Return whether so many cameras fail in so many villages at once that the station itself must be the cause."""
    villages = [members for (kind, _), members in groups.items() if kind == "village"]
    hit = [m for m in villages if sum(c.camera in failing for c in m) >= SHARE * len(m)]
    return len(villages) > STATION_VILLAGES and len(hit) >= STATION_VILLAGES and len(failing) >= STATION_SHARE * total
