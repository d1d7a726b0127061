"""Houses along the lanes and streets of the villages: footprints with a number of floors."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from shapely import STRtree, buffer, polygons
from shapely.geometry import LineString, Polygon

from station.demo.geography.roads import Road, RoadKind
from station.demo.geography.squares import Square
from station.demo.geography.terrain import Water, Xy
from station.demo.geography.villages import MapVillage

VILLAGE_RADIUS_M = 420.0  # houses along main roads stand within this distance of the centre
FLOOR_M = 3.1
GAP_M = 2.0  # least distance of two houses


@dataclass(frozen=True, slots=True)
class House:
    """A rectangular footprint, corners in order; its first side faces the road."""

    village: str
    corners: list[Xy]
    floors: int


def make_houses(
    random: np.random.Generator, water: Water, villages: list[MapVillage], roads: list[Road], squares: list[Square]
) -> list[House]:
    wanted = [h for v in villages for r in roads for h in _along(random, r, v)]
    taken = [LineString(r.points).buffer(r.width / 2 + 1.2, quad_segs=2) for r in roads]
    taken += [g.buffer(8, quad_segs=2) for g in (*water.inland, water.sea)]
    taken += [Polygon(q.corners) for q in squares]
    shapes = polygons([h.corners for h in wanted])
    blocked = set(STRtree(taken).query(shapes, predicate="intersects")[0].tolist())
    collisions: dict[int, list[int]] = defaultdict(list)
    for a, b in STRtree(shapes).query(buffer(shapes, GAP_M, quad_segs=1), predicate="intersects").T.tolist():
        collisions[a].append(b)
    chosen = set[int]()
    for n in range(len(wanted)):
        if n not in blocked and chosen.isdisjoint(collisions[n]):
            chosen.add(n)
    return [wanted[n] for n in sorted(chosen)]


def _along(random: np.random.Generator, road: Road, village: MapVillage) -> list[House]:
    """Return the houses of a village on both sides of a road; they may still collide."""
    if road.kind is RoadKind.LANE and road.village != village.code:
        return []
    if not _near(road, village):
        return []
    line = LineString(road.points)
    houses, at = list[House](), 6.0
    while at < line.length - 4:
        here, further = line.interpolate(at), line.interpolate(min(line.length, at + 2))
        angle = math.atan2(further.y - here.y, further.x - here.x)
        close = math.dist((here.x, here.y), village.centre) < VILLAGE_RADIUS_M
        for side in (-1, 1):
            if (road.kind is RoadKind.LANE or close) and random.random() < 0.8:
                houses.append(_house(random, village.code, (here.x, here.y), angle, side, road.width))
        at += float(random.uniform(13, 24))
    return houses


def _near(road: Road, village: MapVillage) -> bool:
    return road.kind is RoadKind.LANE or any(math.dist(p, village.centre) < VILLAGE_RADIUS_M for p in road.points)


def _house(random: np.random.Generator, village: str, place: Xy, angle: float, side: int, road_width: float) -> House:
    wide, deep = float(random.uniform(9, 14)), float(random.uniform(7.5, 11))
    setback = road_width / 2 + float(random.uniform(2.0, 4.5))
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle) * side, math.cos(angle) * side)
    x, y = place[0] + across[0] * setback, place[1] + across[1] * setback
    corners = [
        (round(x + along[0] * u + across[0] * v, 1), round(y + along[1] * u + across[1] * v, 1))
        for u, v in ((-wide / 2, 0.0), (wide / 2, 0.0), (wide / 2, deep), (-wide / 2, deep))
    ]
    return House(village, corners, int(random.choice([1, 2, 2, 3, 3, 4])))
