"""The roads of the fictional town: ways between the villages that avoid slopes and water, and lanes in each village."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from shapely.geometry import LineString, Point
from shapely.prepared import prep

from station.demo.geography.terrain import EAST, NORTH, SOUTH, WEST, Water, Xy, elevation, smooth
from station.demo.geography.villages import MapVillage

CELL_M = 130.0
SLOPE_COST = 9.0  # for each metre of height per metre of way
RIVER_COST, STREAM_COST, REUSE_SHARE = 9.0, 3.0, 0.45
LONGEST_LINK_M = 4200.0
MAIN_ROAD_LINKS = 3  # a road that so many ways between villages use is a main road

Cell = tuple[int, int]


class RoadKind(StrEnum):
    MAIN = "main"
    VILLAGE = "village"
    LANE = "lane"


WIDTH_M = {RoadKind.MAIN: 9.0, RoadKind.VILLAGE: 6.0, RoadKind.LANE: 4.0}


@dataclass(frozen=True, slots=True)
class Road:
    """A piece between two crossings or ends; lanes begin at a point of another road."""

    kind: RoadKind
    points: list[Xy]
    village: str = ""  # of a lane
    name: str = ""
    name_en: str = ""

    @property
    def width(self) -> float:
        return WIDTH_M[self.kind]


@dataclass(slots=True)
class RoadGraph:
    """Neighbours of each point of the roads, with their distances in metres."""

    links: dict[Xy, dict[Xy, float]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def of(cls, roads: list[Road]) -> RoadGraph:
        graph = cls()
        for road in roads:
            for a, b in zip(road.points, road.points[1:], strict=False):
                graph.links[a][b] = graph.links[b][a] = math.dist(a, b)
        return graph

    def nearest(self, place: Xy) -> Xy:
        return min(self.links, key=lambda p: math.dist(p, place))

    def way(self, start: Xy, end: Xy) -> list[Xy]:
        """Return the shortest way between two points of the roads; empty if there is none."""
        best, before = {start: 0.0}, dict[Xy, Xy]()
        queue = [(0.0, start)]
        while queue:
            cost, at = heapq.heappop(queue)
            if at == end:
                break
            if cost > best[at]:
                continue
            for to, length in self.links[at].items():
                if cost + length < best.get(to, math.inf):
                    best[to], before[to] = cost + length, at
                    heapq.heappush(queue, (cost + length, to))
        if end not in best:
            return []
        way = [end]
        while way[-1] != start:
            way.append(before[way[-1]])
        return way[::-1]


def make_roads(random: np.random.Generator, water: Water, villages: list[MapVillage]) -> list[Road]:
    grid = _Grid(water)
    used: dict[tuple[Cell, Cell], int] = defaultdict(int)
    for a, b in _links([v.centre for v in villages]):
        way = grid.way(a, b)
        for pair in itertools.pairwise(way):
            used[min(pair), max(pair)] += 1
            grid.reuse(pair)
    roads = _chains(grid, used, random)
    graph = RoadGraph.of(roads)
    for village in villages:
        roads += _lanes(village, graph, random)
    return roads


def _links(centres: list[Xy]) -> list[tuple[Xy, Xy]]:
    """Return the pairs to be joined: no third centre lies in the circle between them (Gabriel graph), if short."""
    pairs = []
    for i, a in enumerate(centres):
        for b in centres[i + 1 :]:
            middle, radius = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), math.dist(a, b) / 2
            if 2 * radius < LONGEST_LINK_M and all(math.dist(c, middle) >= radius - 1 for c in centres):
                pairs.append((a, b))
    return sorted(pairs, key=lambda p: math.dist(*p))


class _Grid:
    """Cells of the ground with the costs of building a road through them."""

    def __init__(self, water: Water):
        self._columns, self._rows = int((EAST - WEST) / CELL_M), int((NORTH - SOUTH) / CELL_M)
        xs = np.array([WEST + CELL_M * i for i in range(self._columns)])
        ys = np.array([SOUTH + CELL_M * j for j in range(self._rows)])
        self._height: list[list[float]] = elevation(xs[:, None], ys[None, :]).tolist()
        self._cost = [[1.0] * self._rows for _ in xs]
        river, stream, lake, sea = (prep(g.buffer(CELL_M / 2)) for g in (
            water.river, water.stream, water.reservoir, water.sea))  # fmt: skip
        for i, x in enumerate(xs):
            for j, y in enumerate(ys):
                place = Point(x, y)
                self._cost[i][j] = (
                    400.0 if lake.contains(place) or sea.contains(place) else RIVER_COST if river.contains(place)
                    else STREAM_COST if stream.contains(place) else 1.0
                )  # fmt: skip
        self._built: set[tuple[Cell, Cell]] = set()

    def cell(self, place: Xy) -> Cell:
        return round((place[0] - WEST) / CELL_M), round((place[1] - SOUTH) / CELL_M)

    def place(self, cell: Cell) -> Xy:
        return WEST + CELL_M * cell[0], SOUTH + CELL_M * cell[1]

    def reuse(self, pair: tuple[Cell, Cell]) -> None:
        self._built |= {pair, pair[::-1]}

    def way(self, a: Xy, b: Xy) -> list[Cell]:
        """Return the cheapest way between two places (A*)."""
        start, end = self.cell(a), self.cell(b)
        best, before, queue = {start: 0.0}, dict[Cell, Cell](), [(0.0, start)]
        while queue:
            _, at = heapq.heappop(queue)
            if at == end:
                break
            for to, cost in self._neighbours(at):
                if (total := best[at] + cost) < best.get(to, math.inf):
                    best[to], before[to] = total, at
                    heapq.heappush(queue, (total + REUSE_SHARE * math.dist(to, end), to))
        way = [end]
        while way[-1] != start:
            way.append(before[way[-1]])
        return way[::-1]

    def _neighbours(self, at: Cell) -> list[tuple[Cell, float]]:
        found = []
        for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            to = at[0] + dx, at[1] + dy
            if not (0 <= to[0] < self._columns and 0 <= to[1] < self._rows):
                continue
            climb = abs(self._height[at[0]][at[1]] - self._height[to[0]][to[1]]) / CELL_M
            cost = math.hypot(dx, dy) * (self._cost[to[0]][to[1]] + SLOPE_COST * climb)
            found.append((to, cost * REUSE_SHARE if (at, to) in self._built else cost))
        return found


def _chains(grid: _Grid, used: dict[tuple[Cell, Cell], int], random: np.random.Generator) -> list[Road]:
    """Return the roads between crossings, with rounded corners."""
    links: dict[Cell, set[Cell]] = defaultdict(set)
    for a, b in used:
        links[a].add(b)
        links[b].add(a)
    # Cells lie on a regular grid, the roads do not.
    places = {}
    for cell in sorted(links):
        x, y = grid.place(cell)
        shift = random.normal(0, CELL_M * 0.16, 2)
        places[cell] = (round(x + float(shift[0]), 1), round(y + float(shift[1]), 1))
    done: set[tuple[Cell, Cell]] = set()
    roads = list[Road]()
    for start in sorted(c for c in links if len(links[c]) != 2):
        for first in sorted(links[start]):
            chain = [start, first]
            if (start, first) in done:
                continue
            while len(links[chain[-1]]) == 2:
                chain.append(next(c for c in links[chain[-1]] if c != chain[-2]))
            done |= {(a, b) for pair in itertools.pairwise(chain) for a, b in (pair, pair[::-1])}
            most = max(used[min(p), max(p)] for p in itertools.pairwise(chain))
            points = [(round(x, 1), round(y, 1)) for x, y in smooth([places[c] for c in chain], 2)]
            number = len(roads) + 1
            roads.append(
                Road(RoadKind.MAIN, points, name=f"县道 X{100 + number}", name_en=f"County road X{100 + number}")
                if most >= MAIN_ROAD_LINKS
                else Road(RoadKind.VILLAGE, points, name=f"乡道 Y{number:02}", name_en=f"Township road Y{number:02}")
            )
    return roads


def _lanes(village: MapVillage, graph: RoadGraph, random: np.random.Generator) -> list[Road]:
    """Return the lanes of a village: side streets on both sides of its main street, some joined at their ends."""
    street = street_through(graph.nearest(village.centre), graph)
    count = 2 + village.population // 500
    step = max(2, len(street) // (count + 1))
    lanes, ends = list[Road](), dict[int, list[Xy]]({-1: [], 1: []})
    for i in range(1, len(street) - 1, step):
        (ax, ay), (x, y), (bx, by) = street[i - 1], street[i], street[i + 1]
        length = math.hypot(bx - ax, by - ay) or 1.0
        for side in (-1, 1):
            if random.random() < 0.12:
                continue
            reach, skew = float(random.uniform(90, 210)), float(random.normal(0, 0.12))
            nx, ny = -(by - ay) / length * side, (bx - ax) / length * side
            points = [
                (x + (nx - ny * skew * d) * reach * d, y + (ny + nx * skew * d) * reach * d)
                for d in (0.0, 0.25, 0.5, 0.75, 1.0)
            ]
            points = [street[i], *((round(px, 1), round(py, 1)) for px, py in points[1:])]
            lanes.append(Road(RoadKind.LANE, points, village.code))
            ends[side].append(points[-1 if random.random() < 0.5 else -2])
    for tips in ends.values():
        for a, b in itertools.pairwise(tips):
            if math.dist(a, b) < 230 and random.random() < 0.6:
                middle = [
                    (round(a[0] + (b[0] - a[0]) * d, 1), round(a[1] + (b[1] - a[1]) * d, 1)) for d in (0.33, 0.67)
                ]
                lanes.append(Road(RoadKind.LANE, [a, *middle, b], village.code))
    return lanes


def street_through(centre: Xy, graph: RoadGraph, reach: float = 330.0) -> list[Xy]:
    """Return the points of the roads through the centre, up to `reach` on both sides, straight on at crossings."""
    tos = sorted(graph.links[centre])
    first = tos[0]
    second = min(tos, key=lambda p: _turn(first, centre, p)) if len(tos) > 1 else None
    one, two = _straight(centre, first, graph, reach), _straight(centre, second, graph, reach) if second else []
    return [*reversed(two), centre, *one]


def _straight(start: Xy, to: Xy, graph: RoadGraph, reach: float) -> list[Xy]:
    before, way = start, [to]
    while math.dist(way[-1], start) < reach:
        at = way[-1]
        further = [p for p in sorted(graph.links[at]) if p != before]
        if not further:
            break
        straight = min(further, key=lambda p: _turn(before, at, p))
        if straight in way:
            break
        before = at
        way.append(straight)
    return way


def _turn(a: Xy, b: Xy, c: Xy) -> float:
    """Return the cosine of the angle at b; -1: straight on."""
    one, two = (a[0] - b[0], a[1] - b[1]), (c[0] - b[0], c[1] - b[1])
    length = math.hypot(*one) * math.hypot(*two)
    return (one[0] * two[0] + one[1] * two[1]) / length if length else 1.0


def bridge_places(roads: list[Road], water: Water) -> list[tuple[Xy, Xy]]:
    """Return where roads cross the river or the stream: the place, and the direction of the road as a unit vector."""
    found = list[tuple[Xy, Xy]]()
    for road in roads:
        line = LineString(road.points)
        for course in (water.river_line, water.stream_line):
            crossing = line.intersection(course)
            if crossing.is_empty:
                continue
            at = line.project(crossing.centroid)
            a, b = line.interpolate(max(0.0, at - 8)), line.interpolate(min(line.length, at + 8))
            length = math.dist((a.x, a.y), (b.x, b.y)) or 1.0
            found.append(((crossing.centroid.x, crossing.centroid.y), ((b.x - a.x) / length, (b.y - a.y) / length)))
    return found
