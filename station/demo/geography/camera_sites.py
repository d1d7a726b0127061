"""Places of the town's cameras: village gates, squares, crossings and bridges, each looking along a street."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from shapely import STRtree
from shapely.geometry import LineString, Point, Polygon

from station.demo.geography.roads import bridge_places, street_through
from station.demo.geography.terrain import Xy
from station.demo.geography.town_map import TownMap
from station.demo.geography.villages import MapVillage

CAMERAS = 40
BEHIND_M = 13.0  # a camera stands so far before the point of the street that it watches
BESIDE_M = 4.4  # … and so far beside the street's middle line
CLEAR_M = 24.0  # nothing hides the view so far

# Cameras that tests, documents and the demo's story use: id, name, English name, kind of place, purpose.
NAMED = (
    ("wj-01", "王家村口", "Wangjia gate", "gate", "村口出入"),
    ("wj-02", "王家祠堂", "Wangjia ancestral hall", "crossing", "公共场所"),
    ("wj-03", "王家停车场", "Wangjia car park", "square", "电动车停放"),
    ("yj-01", "尤家桥头", "Youjia bridge", "bridge", "桥头卡口"),
    ("yj-02", "尤家小学路", "Youjia school road", "crossing", "学校周边"),
    ("xd-01", "西店菜场", "Xidian market", "square", "市场"),
    ("xd-02", "西店车站", "Xidian bus station", "gate", "车站出入"),
    ("xd-03", "西店镇政府", "Xidian town hall", "crossing", "机关周边"),
)
OTHERS = (
    ("gate", "{}口", "{} gate", "村口出入"),
    ("square", "{}文化礼堂", "{} culture hall", "公共场所"),
    ("crossing", "{}十字路", "{} crossing", "道路交叉口"),
)


@dataclass(frozen=True, slots=True)
class CameraSite:
    """Where a camera hangs; `azimuth` in degrees clockwise from north, lengths in metres."""

    id: str
    name: str
    name_en: str
    village: str
    kind: str  # gate, crossing, square or bridge
    purpose: str
    place: Xy
    azimuth: float
    height: float
    field_of_view: float
    reach: float


def camera_sites(town: TownMap, count: int = CAMERAS) -> list[CameraSite]:
    """Return the cameras: the named ones first, then one or two of each other village."""
    finder = _SiteFinder(town)
    by_prefix = {v.prefix: v for v in town.villages}
    found = [
        finder.site(number, name, english, by_prefix[number[:2]], kind, purpose)
        for number, name, english, kind, purpose in NAMED
    ]
    numbers = {"wj": 4, "yj": 3, "xd": 4}
    for turn in range(len(OTHERS)):
        for i, village in enumerate(town.villages[3:] + town.villages[:3]):
            if len(found) == count:
                return found
            kind, name, english, purpose = OTHERS[(turn + i) % len(OTHERS)]
            number = numbers.get(village.prefix, 1)
            numbers[village.prefix] = number + 1
            names = f"{village.prefix}-{number:02}", name.format(village.name), english.format(village.name_en)
            found.append(finder.site(*names, village, kind, purpose))
    return found


class _SiteFinder:
    def __init__(self, town: TownMap):
        self._town = town
        self._houses = [Polygon(h.corners) for h in town.houses]
        self._tree = STRtree(self._houses)
        self._taken: list[Xy] = []
        self._random = np.random.default_rng(7)

    def site(self, number: str, name: str, english: str, village: MapVillage, kind: str, purpose: str) -> CameraSite:
        place, azimuth = max(self._candidates(village, kind), key=lambda c: self._score(*c))
        self._taken.append(place)
        height = float(self._random.choice([4.5, 5.0, 5.5, 6.0]))
        view, reach = float(self._random.choice([72, 78, 84, 90])), float(self._random.choice([40, 45, 50, 60]))
        place = (round(place[0], 1), round(place[1], 1))
        return CameraSite(
            number, name, english, village.code, kind, purpose, place, round(azimuth, 1), height, view, reach
        )

    def _candidates(self, village: MapVillage, kind: str) -> Iterator[tuple[Xy, float]]:
        if kind == "bridge":
            bridges = bridge_places(self._town.roads, self._town.water)
            at, (ux, uy) = min(bridges, key=lambda b: math.dist(b[0], village.centre))
            for sign in (1, -1):
                for side in (1, -1):
                    # On the bank before the bridge.
                    back = self._half_bridge(at, (sign * ux, sign * uy)) - 7.0
                    start = at[0] - sign * ux * back, at[1] - sign * uy * back
                    yield _beside(start, (sign * ux, sign * uy), side)
            return
        if kind == "square":
            square = next(q for q in self._town.squares if q.village == village.code)
            for along in (-14.0, 14.0):
                place, target = square.place(along, 25.5), square.place(-along * 0.35, 4.0)
                yield place, math.degrees(math.atan2(target[0] - place[0], target[1] - place[1])) % 360
            return
        graph = self._town.graph
        street = street_through(graph.nearest(village.centre), graph)
        edge = len(street) // 5 + 1
        inner = range(1, len(street) - 1)
        wanted = [i for i in inner if (i <= edge or i >= len(street) - 1 - edge) == (kind == "gate")] or list(inner)
        for i in wanted:
            (ax, ay), (bx, by) = street[i - 1], street[i + 1]
            length = math.hypot(bx - ax, by - ay) or 1.0
            for sign in (1, -1):
                for side in (1, -1):
                    yield _beside(street[i], (sign * (bx - ax) / length, sign * (by - ay) / length), side)

    def _half_bridge(self, at: Xy, along: Xy) -> float:
        """Return the distance from a bridge's middle to its end, metres."""
        reach = 150.0
        line = LineString([at, (at[0] - along[0] * reach, at[1] - along[1] * reach)])
        water = [line.intersection(w).length for w in (self._town.water.river, self._town.water.stream)]
        return float(max(water))

    def _score(self, place: Xy, azimuth: float) -> float:
        """Rate a place: a free view, houses at some distance, no other camera near."""
        east, north = math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))
        ahead = LineString([place, (place[0] + east * CLEAR_M, place[1] + north * CLEAR_M)]).buffer(2.6)
        hidden = len(self._tree.query(ahead, predicate="intersects"))
        view = Point(place[0] + east * 32, place[1] + north * 32).buffer(24)
        seen = len(self._tree.query(view, predicate="intersects"))
        near = sum(1 for t in self._taken if math.dist(t, place) < 120)
        return -6.0 * hidden + min(seen, 8) - 8.0 * near


def _beside(at: Xy, along: Xy, side: int) -> tuple[Xy, float]:
    """Return a place beside the street before the point, and the azimuth over that point and on along the street."""
    place = (
        at[0] - along[0] * BEHIND_M - along[1] * BESIDE_M * side,
        at[1] - along[1] * BEHIND_M + along[0] * BESIDE_M * side,
    )
    target = (at[0] + along[0] * 9, at[1] + along[1] * 9)
    return place, math.degrees(math.atan2(target[0] - place[0], target[1] - place[1])) % 360
