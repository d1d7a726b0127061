"""The story of everybody who moves in the demo's town: who goes where and when, shared by all cameras.

It lasts STORY_S seconds and begins again. Somebody who needs longer for his way than that is met on later cameras in a
later turn of the story, at the time when he gets there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cameras.virtual.rendering.view import Bgr, Look, MoverKind, Passage, Xy
from station.demo.geography.camera_sites import CameraSite
from station.demo.geography.town_map import TownMap
from station.demo.views import BIKE_COLOURS, CAR_COLOURS, Frame

STORY_S = 180.0
SEEN_FROM_M, SEEN_TO_M = 3.0, 46.0  # distances ahead of a camera within which somebody is drawn
SPEED = {MoverKind.PERSON: 1.35, MoverKind.RIDER: 5.2, MoverKind.CAR: 8.5, MoverKind.VAN: 7.5}
SIDE_M = {MoverKind.PERSON: 3.4, MoverKind.RIDER: 2.1, MoverKind.CAR: 1.5, MoverKind.VAN: 1.5}
CLOTHES: tuple[Bgr, ...] = (
    (52, 48, 46), (128, 84, 58), (222, 226, 228), (78, 108, 80), (62, 70, 80), (84, 172, 200), (108, 70, 104),
    (178, 150, 128), (122, 122, 126), (60, 92, 138),
)  # fmt: skip
TROUSERS: tuple[Bgr, ...] = ((48, 42, 40), (95, 65, 45), (75, 75, 78), (40, 40, 42))
RED: Bgr = (38, 34, 196)
FIRST_WALKERS_S = (1.0, 9.0, 16.0)  # somebody enters every camera's picture at these seconds


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody on a way through the town; `start` in seconds of the story."""

    kind: MoverKind
    look: Look
    way: list[Xy]
    start: float
    speed: float


def passages(movers: Sequence[Mover], site: CameraSite) -> list[Passage]:
    """Return the movers' passages before a camera, in its coordinates."""
    frame, found = Frame.of(site), list[Passage]()
    for mover in movers:
        way = np.array(mover.way)
        distances = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
        at = np.arange(0.0, float(distances[-1]), 0.8 if mover.kind is MoverKind.PERSON else 2.0)
        x, y = frame.locals(np.interp(at, distances, way[:, 0]), np.interp(at, distances, way[:, 1]))
        seen = (y > SEEN_FROM_M) & (y < SEEN_TO_M) & (np.abs(x) < y * frame.slope + 3)
        for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(seen)) + 1):
            if len(run) > 2 and seen[run[0]]:
                found += _passage(mover, [(float(at[i]), (round(float(x[i]), 2), round(float(y[i]), 2))) for i in run])
    return found


def _pairs(way: Sequence[Xy]) -> list[tuple[Xy, Xy]]:
    return list(itertools.pairwise(way))


def _passage(mover: Mover, seen: list[tuple[float, Xy]]) -> list[Passage]:
    """Return a passage; twice if it lasts over the end of the story."""
    start = (mover.start + seen[0][0] / mover.speed) % STORY_S
    one = Passage(kind=mover.kind, look=mover.look, way=[p for _, p in seen], start=start, speed=mover.speed)
    return [one] if one.end <= STORY_S else [one, one.model_copy(update={"start": start - STORY_S})]


@dataclass(frozen=True, slots=True)
class Theft:
    """A parked e-bike that is taken at a second of the story; it stands there again when the story begins anew."""

    place: Xy
    second: float
    look: Look


class Story:
    """Makes the movers of a town with these streaming cameras."""

    def __init__(self, town: TownMap, sites: Sequence[CameraSite], seed: int = 5):
        self._town, self._sites = town, sites
        self.theft: Theft | None = None  # known after `movers`
        self._random = np.random.default_rng(seed)

    def movers(self) -> list[Mover]:
        found = self._thief()
        for i, site in enumerate(self._sites):
            for start in FIRST_WALKERS_S:
                found += self._local(site, MoverKind.PERSON, start, is_red=i in (0, 5) and start > 10)
            for kind, count in ((MoverKind.PERSON, 3), (MoverKind.RIDER, 2), (MoverKind.CAR, 1)):
                for _ in range(count):
                    found += self._local(site, kind, float(self._random.uniform(36, STORY_S)))
        found += self._travellers()
        return found

    def _local(self, site: CameraSite, kind: MoverKind, start: float, *, is_red: bool = False) -> list[Mover]:
        """Return somebody who passes a camera on the way from one place near it to another."""
        frame, graph = Frame.of(site), self._town.graph
        target = graph.nearest(frame.world((0.0, 16.0)))
        reach = 90.0 if kind is MoverKind.PERSON else 260.0
        near = [p for p in graph.links if 25 < math.dist(p, target) < reach]
        if len(near) < 2:
            return []
        for _ in range(12):
            a, b = (near[int(self._random.integers(len(near)))] for _ in range(2))
            way = graph.way(a, target)[:-1] + graph.way(target, b)
            if a == b or len(way) < 2:
                continue
            shifted = self._beside(way, kind)
            mover = Mover(kind, self.look(kind, is_red=is_red), shifted, 0.0, self._speed(kind))
            if first := passages([mover], site):
                return [Mover(kind, mover.look, shifted, start - first[0].start, mover.speed)]
        return []

    def _travellers(self) -> list[Mover]:
        """Return riders and cars on their way from camera to camera."""
        graph, found = self._town.graph, list[Mover]()
        places = [graph.nearest(Frame.of(s).world((0.0, 16.0))) for s in self._sites]
        for kind, count in ((MoverKind.RIDER, 4), (MoverKind.CAR, 4), (MoverKind.VAN, 2)):
            for _ in range(count):
                order = self._random.permutation(len(places))[:3]
                way = [places[int(order[0])]]
                for i in order[1:]:
                    way += graph.way(way[-1], places[int(i)])[1:]
                if len(way) > 1:
                    start = float(self._random.uniform(0, STORY_S))
                    found.append(Mover(kind, self.look(kind), self._beside(way, kind), start, self._speed(kind)))
        return found

    def _thief(self) -> list[Mover]:
        """Return the demo's case: somebody in a red top walks to the parked e-bikes and rides away on one."""
        car_park = next((s for s in self._sites if s.id == "wj-03"), None)
        if car_park is None:
            return []
        square = next(q for q in self._town.squares if q.village == car_park.village)
        bike = square.place(6.2, 18.6)
        look = Look(upper=RED, lower=(45, 42, 40), body=(60, 60, 62), stature=1.76)
        walk = [square.place(-15.0, 2.0), square.place(-6.0, 6.0), square.place(3.0, 15.0), bike]
        on_foot = Mover(MoverKind.PERSON, look, walk, 4.0, 1.25)
        there = 4.0 + sum(math.dist(a, b) for a, b in _pairs(walk)) / 1.25
        wait = [bike, square.place(6.2, 19.0)]
        waiting = Mover(MoverKind.PERSON, look, wait, there, math.dist(*wait) / 6.0)
        graph = self._town.graph
        way = [bike, square.place(4.0, 12.0), square.place(0.0, 4.0), graph.nearest(square.street)]
        for name in ("wj-02", "wj-01", "yj-02", "yj-01", "xd-02"):
            goal = next((s for s in self._sites if s.id == name), None)
            if goal is not None:
                way += graph.way(way[-1], graph.nearest(Frame.of(goal).world((0.0, 16.0))))[1:]
        self.theft = Theft(square.place(6.2, 19.5), there + 6.0, look)
        flight = Mover(MoverKind.RIDER, look, [*way[:3], *self._beside(way[3:], MoverKind.RIDER)], there + 6.0, 6.5)
        return [on_foot, waiting, flight]

    def _beside(self, way: Sequence[Xy], kind: MoverKind) -> list[Xy]:
        """Move a way to the right side of the road; walkers go on either side."""
        off = SIDE_M[kind] + float(self._random.normal(0, 0.25))
        if kind is MoverKind.PERSON and self._random.random() < 0.5:
            off = -off
        shifted = []
        for i, (x, y) in enumerate(way):
            (ax, ay), (bx, by) = way[max(0, i - 1)], way[min(len(way) - 1, i + 1)]
            length = math.hypot(bx - ax, by - ay) or 1.0
            shifted.append((x + (by - ay) / length * off, y - (bx - ax) / length * off))
        return shifted

    def _speed(self, kind: MoverKind) -> float:
        return SPEED[kind] * float(self._random.uniform(0.85, 1.2))

    def look(self, kind: MoverKind, *, is_red: bool = False) -> Look:
        if kind in (MoverKind.CAR, MoverKind.VAN):
            return Look(upper=CAR_COLOURS[int(self._random.integers(len(CAR_COLOURS)))])
        helmets: tuple[Bgr | None, ...] = (None, (220, 220, 225), (70, 200, 235), (170, 120, 60))
        return Look(
            upper=RED if is_red else CLOTHES[int(self._random.integers(len(CLOTHES)))],
            lower=TROUSERS[int(self._random.integers(len(TROUSERS)))],
            body=BIKE_COLOURS[int(self._random.integers(len(BIKE_COLOURS)))],
            helmet=helmets[int(self._random.integers(len(helmets)))] if kind is MoverKind.RIDER else None,
            stature=float(self._random.uniform(1.56, 1.80)), has_bag=bool(self._random.random() < 0.25),
        )  # fmt: skip
