"""Attribute the failures of many cameras to their common parent: an up-link or a switch that is down.

A parent is at fault when at least three and at least 60 % of its cameras fail within one inspection, and chance does
not explain it: the binomial tail at the base rate of single failures is below 1e-6 for a village, 1e-4 for a switch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cameras.registry.outlines import CameraOutline
from cameras.tables import Camera
from health.tables import Fault
from health.vocabulary import FaultFamily


class ParentKind(StrEnum):
    """What the cameras have in common. A village is judged before its switches."""

    VILLAGE = "village"
    SWITCH = "switch"


BASE_RATE = 0.04  # share of single cameras that fail at any time
MIN_FAILING = 3
MIN_FAILING_SHARE = 0.6
MAX_TAIL_PROBABILITY = {ParentKind.VILLAGE: 1e-6, ParentKind.SWITCH: 1e-4}
STATION_SHARE = 0.5  # share of all cameras, in at least three villages, from which the station itself is at fault
STATION_VILLAGES = 3


@dataclass(frozen=True, slots=True)
class TopologyChild:
    """A camera with its village and, if known, its switch."""

    camera: str
    village: str
    switch: str = ""


Groups = dict[tuple[ParentKind, str], list[TopologyChild]]  # by kind and name of the parent


@dataclass(frozen=True, slots=True)
class TopologyParent:
    """A village or switch that is down.

    `name`: the village's code, or 'village/switch'; `failing`: number of cameras that fail.
    """

    kind: ParentKind
    village: str
    name: str
    cameras: frozenset[str]
    failing: int


def binomial_tail(failing: int, children: int, rate: float = BASE_RATE) -> float:
    """Return P(X ≥ failing) of a binomial distribution with `children` trials."""
    return sum(math.comb(children, k) * rate**k * (1 - rate) ** (children - k) for k in range(failing, children + 1))


def switch_name(village: str, switch: str) -> str:
    """Return the name under which faults of a switch are stored."""
    return f"{village}/{switch}"


def switch_of(camera: Camera | CameraOutline) -> str:
    """Return the switch named in the camera's inventory file; empty if there is none."""
    return str(camera.profile.get("switch") or "")


def is_below(camera: Camera | CameraOutline, fault: Fault) -> bool:
    """Return whether a fault is one of an up-link or switch above the camera."""
    if fault.family != FaultFamily.UPLINK or fault.village != camera.village:
        return False
    return fault.detail in (camera.village, switch_name(camera.village, switch_of(camera)))


def child_of(camera: Camera) -> TopologyChild:
    """Return the camera as a child of its village and switch."""
    return TopologyChild(camera.id, camera.village, switch_of(camera))


def parents(children: Iterable[TopologyChild]) -> Groups:
    """Group the children by parent (kind, name)."""
    groups: Groups = {}
    for child in children:
        groups.setdefault((ParentKind.VILLAGE, child.village), []).append(child)
        if child.switch:
            groups.setdefault((ParentKind.SWITCH, switch_name(child.village, child.switch)), []).append(child)
    return groups


def parents_down(
    groups: Mapping[tuple[ParentKind, str], list[TopologyChild]], failing: set[str]
) -> list[TopologyParent]:
    """Return the parents that are down. Switches of a village that is down as a whole are not reported separately."""
    found: list[TopologyParent] = []
    villages: set[str] = set()
    for kind in ParentKind:
        for (group, name), members in groups.items():
            if group != kind or members[0].village in villages:
                continue
            failed = sum(m.camera in failing for m in members)
            if (
                failed < MIN_FAILING
                or failed < MIN_FAILING_SHARE * len(members)
                or binomial_tail(failed, len(members)) > MAX_TAIL_PROBABILITY[kind]
            ):
                continue
            # If all failures of a village are behind one switch, the switch is at fault.
            if kind is ParentKind.VILLAGE and _one_switch(members, failing):
                continue
            found.append(TopologyParent(kind, members[0].village, name, frozenset(m.camera for m in members), failed))
            if kind is ParentKind.VILLAGE:
                villages.add(members[0].village)
    return found


def _one_switch(members: list[TopologyChild], failing: set[str]) -> bool:
    """Return whether all failing cameras are behind one switch while at least MIN_FAILING cameras are elsewhere."""
    switches = {m.switch for m in members if m.camera in failing}
    others = [m for m in members if m.switch not in switches]
    return len(switches) == 1 and "" not in switches and len(others) >= MIN_FAILING


def is_station_fault(
    groups: Mapping[tuple[ParentKind, str], list[TopologyChild]], failing: set[str], total: int
) -> bool:
    """Return whether so many cameras fail in so many villages at once that the station itself must be the cause."""
    villages = [members for (kind, _), members in groups.items() if kind is ParentKind.VILLAGE]
    hit = [m for m in villages if sum(c.camera in failing for c in m) >= MIN_FAILING_SHARE * len(m)]
    return len(villages) > STATION_VILLAGES and len(hit) >= STATION_VILLAGES and len(failing) >= STATION_SHARE * total
