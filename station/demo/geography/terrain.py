"""Ground of the fictional town: its projection, hills, coast, river and other water. Metres; x east, y north."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

ORIGIN = (121.445, 29.470)  # longitude and latitude of (0, 0)
METRES_PER_DEGREE = (111_320 * math.cos(math.radians(ORIGIN[1])), 110_860.0)
WEST, EAST, SOUTH, NORTH = -5300.0, 5000.0, -4900.0, 4900.0
SEA_EAST = 7500.0  # the map shows the sea up to here

Xy = tuple[float, float]
Floats = npt.NDArray[np.float64]

# Hills: centre, spread in x and y, height.
HILLS = (
    (-5200.0, 3600.0, 1300.0, 1200.0, 340.0),
    (-4900.0, -900.0, 900.0, 1500.0, 260.0),
    (-2600.0, 4700.0, 1000.0, 700.0, 210.0),
    (-3000.0, -4600.0, 1500.0, 800.0, 230.0),
    (2300.0, 4500.0, 900.0, 700.0, 180.0),
    (3300.0, -3900.0, 800.0, 700.0, 150.0),
    (900.0, -3000.0, 350.0, 450.0, 85.0),
    (-1900.0, 2300.0, 380.0, 300.0, 95.0),
)
RIVER = (
    (-5300.0, 2300.0), (-4300.0, 1700.0), (-3300.0, 1500.0), (-2300.0, 500.0), (-1300.0, 260.0), (-400.0, -60.0),
    (600.0, 120.0), (1400.0, -280.0), (2500.0, -260.0), (3500.0, -900.0), (4700.0, -1000.0), (5600.0, -1100.0),
)  # fmt: skip
STREAM = ((300.0, 4900.0), (150.0, 3900.0), (620.0, 2900.0), (520.0, 2000.0), (760.0, 1100.0), (620.0, 120.0))
COAST = (
    (4700.0, 4900.0), (4300.0, 3900.0), (4650.0, 2900.0), (4000.0, 1900.0), (4350.0, 900.0), (4600.0, -100.0),
    (4300.0, -900.0), (4650.0, -1900.0), (4250.0, -2900.0), (4500.0, -3800.0), (4200.0, -4900.0),
)  # fmt: skip
RESERVOIR = (-3900.0, 3100.0, 520.0, 300.0)  # centre, half axes


def lon_lat(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude (WGS 84) of a place, rounded to 0.1 m."""
    return round(ORIGIN[0] + x / METRES_PER_DEGREE[0], 6), round(ORIGIN[1] + y / METRES_PER_DEGREE[1], 6)


def elevation(x: Floats, y: Floats) -> Floats:
    """Return the height of the ground, metres above the sea; it is flat in the valley and rises into the hills."""
    height = np.zeros(np.broadcast(x, y).shape)
    for cx, cy, sx, sy, top in HILLS:
        height += top * np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)
    roughness = np.sin(x / 310 + 1.3) * np.cos(y / 270) + 0.5 * np.sin(x / 130) * np.sin(y / 150 + 2)
    return np.asarray(np.maximum(4.0, height * (1 + 0.22 * roughness)))


def smooth(points: list[Xy], rounds: int = 3) -> list[Xy]:
    """Round the corners of a line, keeping its ends (Chaikin's corner cutting)."""
    for _ in range(rounds):
        cut = [points[0]]
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            cut += [(0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by), (0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by)]
        points = [*cut, points[-1]]
    return points


def roughen(points: list[Xy], random: np.random.Generator, share: float = 0.09, shortest: float = 130.0) -> list[Xy]:
    """Displace the middle of each part, again and again, until parts are short: a natural outline."""
    result = [points[0]]
    for a, b in itertools.pairwise(points):
        result += _roughened(a, b, random, share, shortest)
    return result


def _roughened(a: Xy, b: Xy, random: np.random.Generator, share: float, shortest: float) -> list[Xy]:
    """Return the points after `a` up to and with `b`."""
    length = math.dist(a, b)
    if length < shortest:
        return [b]
    off = float(random.normal(0, share))
    middle = ((a[0] + b[0]) / 2 - (b[1] - a[1]) * off, (a[1] + b[1]) / 2 + (b[0] - a[0]) * off)
    return [*_roughened(a, middle, random, share, shortest), *_roughened(middle, b, random, share, shortest)]


@dataclass(frozen=True, slots=True)
class Water:
    """Rivers as polygons with their middle lines, the reservoir, ponds, and the sea."""

    river: BaseGeometry
    stream: BaseGeometry
    reservoir: Polygon
    ponds: list[Polygon]
    sea: Polygon
    coast: list[Xy]  # from north to south
    river_line: LineString
    stream_line: LineString

    @property
    def inland(self) -> list[BaseGeometry]:
        return [self.river, self.stream, self.reservoir, *self.ponds]


def make_water(random: np.random.Generator) -> Water:
    coast = smooth(roughen(list(COAST), random, 0.1, 200.0), 1)
    sea = Polygon([*coast, (SEA_EAST, SOUTH), (SEA_EAST, NORTH)]).buffer(0)
    river_line = LineString(smooth(roughen(list(RIVER), random, 0.12, 300.0), 2))
    stream_line = LineString(smooth(roughen(list(STREAM), random, 0.12, 200.0), 2))
    ponds = [_pond(x, y, 38 + 22 * random.random(), random) for x, y in ((-1500, -1900), (1100, 2400), (2700, 1500))]
    cx, cy, ax, ay = RESERVOIR
    outline = [
        (cx + ax * (1 + 0.16 * math.sin(3 * a + 1)) * math.cos(a), cy + ay * (1 + 0.2 * math.cos(2 * a)) * math.sin(a))
        for a in np.linspace(0, 2 * math.pi, 40, endpoint=False)
    ]
    return Water(
        _widening(river_line, 18.0, 85.0), _widening(stream_line, 7.0, 14.0), Polygon(outline), ponds, sea, coast,
        river_line, stream_line,
    )  # fmt: skip


def _pond(x: float, y: float, radius: float, random: np.random.Generator) -> Polygon:
    phase = 6 * random.random()
    turns = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    radii = [radius * (1 + 0.2 * math.sin(2 * a + phase) + 0.08 * math.sin(5 * a)) for a in turns]
    return Polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(turns, radii, strict=True)])


def _widening(line: LineString, first: float, last: float) -> BaseGeometry:
    """Return a river along the line, whose width grows from its source to its mouth."""
    points = list(line.coords)
    left, right = list[Xy](), list[Xy]()
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(0, i - 1)], points[min(len(points) - 1, i + 1)]
        length = math.hypot(bx - ax, by - ay) or 1.0
        half = (first + (last - first) * (i / (len(points) - 1)) ** 1.5) / 2
        left.append((x - (by - ay) / length * half, y + (bx - ax) / length * half))
        right.append((x + (by - ay) / length * half, y - (bx - ax) / length * half))
    return Polygon([*left, *reversed(right)]).buffer(0)


def is_near(geometries: list[BaseGeometry], x: float, y: float, distance: float) -> bool:
    place = Point(x, y)
    return any(g.distance(place) < distance for g in geometries)
