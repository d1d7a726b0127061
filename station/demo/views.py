"""What each of the demo's cameras sees: the part of the map around it, in the camera's own coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from shapely import STRtree
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from shapely.prepared import PreparedGeometry, prep

from cameras.virtual.rendering.view import (
    HousePart,
    Look,
    MoverKind,
    Parked,
    Passage,
    PolePart,
    RoadPart,
    TreePart,
    View,
    Xy,
)  # fmt: skip
from station.demo.geography.camera_sites import CameraSite
from station.demo.geography.roads import Road, RoadKind
from station.demo.geography.squares import Square
from station.demo.geography.terrain import Floats, elevation, lon_lat
from station.demo.geography.town_map import TownMap

ROADS_M, HOUSES_M, TREES_M = 420.0, 170.0, 150.0  # how far things are drawn
CLEAR_M = 15.0  # no tree stands so near before a camera
LIT_KINDS = ("gate", "square", "bridge")  # of camera sites whose streets have lamps
CAR_COLOURS = ((225, 225, 228), (40, 40, 42), (120, 122, 126), (90, 60, 40), (50, 45, 130), (190, 195, 200))
BIKE_COLOURS = ((200, 205, 210), (70, 72, 128), (122, 92, 66), (78, 104, 80), (40, 40, 44), (172, 150, 118))


@dataclass(frozen=True, slots=True)
class ParkedInMap:
    """An e-bike parked somewhere in the town, and the seconds of the story between which it is not there."""

    place: Xy
    look: Look
    gone: tuple[float, float]


class ViewBuilder:
    """Builds the views of a town's cameras."""

    def __init__(self, town: TownMap):
        self._town = town
        self._houses = [Polygon(h.corners) for h in town.houses]
        self._tree = STRtree(self._houses)
        self._lines = [LineString(r.points) for r in town.roads]

    def view(
        self, site: CameraSite, number: int, passages: list[Passage], story_seconds: float, extra: Sequence[ParkedInMap]
    ) -> View:
        frame = Frame.of(site)
        here = Point(site.place)
        roads = [(r, g) for r, g in zip(self._town.roads, self._lines, strict=True) if g.distance(here) < ROADS_M]
        random = np.random.default_rng(1000 + number)
        longitude, latitude = lon_lat(*site.place)
        return View(
            caption=f"{site.id.upper()} {site.name_en.upper()}", seed=number, latitude=latitude, longitude=longitude,
            azimuth=site.azimuth, height=site.height, field_of_view=site.field_of_view, is_lit=site.kind in LIT_KINDS,
            roads=[p for r, g in roads for p in _road_parts(r, g, here, frame)],
            squares=[[frame.local(c) for c in q.corners] for q in self._near_squares(site)],
            waters=[p for g in self._town.water.inland for p in _water_parts(g, here, frame)],
            houses=self._house_parts(site, frame), trees=self._trees(site, frame, roads, random),
            poles=_poles(site, frame, self._town), parked=self._parked(site, frame, random, extra),
            passages=passages, hills=_hills(site), story_seconds=story_seconds,
        )  # fmt: skip

    def _near_squares(self, site: CameraSite) -> list[Square]:
        return [q for q in self._town.squares if math.dist(q.street, site.place) < 150]

    def _house_parts(self, site: CameraSite, frame: Frame) -> list[HousePart]:
        found = []
        for i in self._tree.query(Point(site.place).buffer(HOUSES_M)):
            house = self._town.houses[int(i)]
            corners = [frame.local(c) for c in house.corners]
            if max(y for _, y in corners) > 2 and any(frame.may_see(c, 16) for c in corners):
                found.append(HousePart(corners=corners, floors=house.floors, seed=int(i)))
        return found

    def _trees(
        self, site: CameraSite, frame: Frame, roads: list[tuple[Road, LineString]], random: np.random.Generator
    ) -> list[TreePart]:
        places: list[Xy] = []
        for _, line in roads:
            for at in np.arange(float(random.uniform(3, 12)), line.length, 11.0):
                a, b = line.interpolate(at), line.interpolate(min(line.length, at + 1))
                side, off = float(random.choice([-1, 1])), float(random.uniform(5.5, 9.0))
                length = math.dist((a.x, a.y), (b.x, b.y)) or 1.0
                places.append((a.x - (b.y - a.y) / length * off * side, a.y + (b.x - a.x) / length * off * side))
        for _ in range(60):
            angle, distance = float(random.uniform(-0.7, 0.7)), float(random.uniform(35, TREES_M))
            places.append(frame.world((distance * math.sin(angle), distance * math.cos(angle))))
        open_ground = self._open_ground(site, roads)
        free = [p for p in places if self._is_free(p, frame, open_ground)]
        return [
            TreePart(place=frame.local(p), height=float(random.uniform(4.0, 7.5)), seed=int(random.integers(1 << 30)))
            for p in free[:70]
        ]

    def _open_ground(self, site: CameraSite, roads: list[tuple[Road, LineString]]) -> PreparedGeometry:
        """Return the ground around a camera where trees may stand: beside roads, squares, houses and water."""
        around = Point(site.place).buffer(TREES_M + 10)
        taken = [g.intersection(around).buffer(r.width / 2 + 1.6, quad_segs=2) for r, g in roads]
        taken += [Polygon(q.corners).buffer(1.0) for q in self._near_squares(site)]
        taken += [w.intersection(around).buffer(2.0) for w in self._town.water.inland]
        taken += [self._houses[int(i)].buffer(2.0, quad_segs=1) for i in self._tree.query(around)]
        return prep(around.difference(unary_union(taken)))

    def _is_free(self, place: Xy, frame: Frame, open_ground: PreparedGeometry) -> bool:
        x, y = frame.local(place)
        if y < CLEAR_M or math.hypot(x, y) > TREES_M or (y < 26 and abs(x) < 5) or not frame.may_see((x, y), 4):
            return False
        return bool(open_ground.contains(Point(place)))

    def _parked(
        self, site: CameraSite, frame: Frame, random: np.random.Generator, extra: Sequence[ParkedInMap]
    ) -> list[Parked]:
        squares = self._near_squares(site)
        found = [
            _parked(frame, MoverKind.EBIKE, e.place, squares[0].across, e.look, e.gone)
            for e in extra if squares and math.dist(e.place, site.place) < 60
        ]  # fmt: skip
        for square in squares:
            for along in np.arange(-13.0, 13.1, 1.15):
                if random.random() < 0.62 and not 4.5 < along < 8:
                    place = square.place(float(along), 19.5 + float(random.normal(0, 0.15)))
                    look = Look(body=BIKE_COLOURS[int(random.integers(len(BIKE_COLOURS)))])
                    found.append(_parked(frame, MoverKind.EBIKE, place, square.across, look))
            for along in (-13.5, -10.4, 11.0, 14.0):
                if random.random() < 0.75:
                    look = Look(upper=CAR_COLOURS[int(random.integers(len(CAR_COLOURS)))])
                    kind = MoverKind.VAN if random.random() < 0.25 else MoverKind.CAR
                    found.append(_parked(frame, kind, square.place(along, 9.6), square.across, look))
        return [p for p in found if frame.may_see(p.place, 4)]


class Frame:
    """Changes between the map's coordinates and those of a camera."""

    def __init__(self, origin: Xy, azimuth: float, field_of_view: float):
        self._origin = origin
        turn = math.radians(azimuth)
        self._ahead, self._right = (math.sin(turn), math.cos(turn)), (math.cos(turn), -math.sin(turn))
        self.slope = math.tan(math.radians(field_of_view) / 2)

    @classmethod
    def of(cls, site: CameraSite) -> Frame:
        return cls(site.place, site.azimuth, site.field_of_view)

    def local(self, place: Xy) -> Xy:
        dx, dy = place[0] - self._origin[0], place[1] - self._origin[1]
        return (
            round(dx * self._right[0] + dy * self._right[1], 2),
            round(dx * self._ahead[0] + dy * self._ahead[1], 2),
        )

    def locals(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return places of the map in the camera's coordinates."""
        dx, dy = x - self._origin[0], y - self._origin[1]
        return dx * self._right[0] + dy * self._right[1], dx * self._ahead[0] + dy * self._ahead[1]

    def world(self, place: Xy) -> Xy:
        x, y = place
        return (
            self._origin[0] + x * self._right[0] + y * self._ahead[0],
            self._origin[1] + x * self._right[1] + y * self._ahead[1],
        )

    def turned(self, direction: Xy) -> Xy:
        """Return a direction of the map in the camera's coordinates."""
        return (
            direction[0] * self._right[0] + direction[1] * self._right[1],
            direction[0] * self._ahead[0] + direction[1] * self._ahead[1],
        )

    def may_see(self, place: Xy, margin: float) -> bool:
        """Return whether a place in the camera's coordinates lies in the field of view, with a margin in metres."""
        x, y = place
        return y > -margin and abs(x) < y * self.slope + margin


def _road_parts(road: Road, line: LineString, here: Point, frame: Frame) -> list[RoadPart]:
    near = line.intersection(here.buffer(ROADS_M))
    return [
        RoadPart(
            points=[frame.local((x, y)) for x, y in part.coords], width=road.width,
            is_marked=road.kind is not RoadKind.LANE,
        )
        for part in getattr(near, "geoms", [near]) if isinstance(part, LineString) and not part.is_empty
    ]  # fmt: skip


def _water_parts(water: BaseGeometry, here: Point, frame: Frame) -> list[list[Xy]]:
    near = water.intersection(here.buffer(ROADS_M))
    parts = getattr(near, "geoms", [near])
    shapes = [p for p in parts if isinstance(p, Polygon) and not p.is_empty]
    return [[frame.local((x, y)) for x, y in p.exterior.coords] for p in shapes]


def _poles(site: CameraSite, frame: Frame, town: TownMap) -> list[PolePart]:
    """Return poles along the road nearest to what the camera looks at, on the far side of it."""
    target = Point(frame.world((0.0, 22.0)))
    road = min(town.roads, key=lambda r: LineString(r.points).distance(target))
    line = LineString(road.points)
    middle = line.project(target)
    found = []
    for i, at in enumerate(np.arange(middle - 100, middle + 190, 27.0)):
        if not 0 <= at <= line.length:
            continue
        a, b = line.interpolate(at), line.interpolate(min(line.length, at + 1.5))
        length = math.dist((a.x, a.y), (b.x, b.y)) or 1.0
        nx, ny = -(b.y - a.y) / length, (b.x - a.x) / length
        off = road.width / 2 + 1.3
        sides = [frame.local((a.x + nx * off * s, a.y + ny * off * s)) for s in (1, -1)]
        place = max(sides, key=lambda p: math.hypot(*p))
        if place[1] > 5:
            lamp = site.kind in LIT_KINDS or i % 3 == 0
            found.append(PolePart(place=place, has_lamp=lamp))
    return found


def _hills(site: CameraSite) -> list[float]:
    """Return the angle of the hills above the horizon, degrees, for -60 … 60° beside the camera's axis."""
    distances = np.arange(350.0, 6500.0, 120.0)
    found = []
    for beside in np.linspace(-60, 60, 81):
        turn = math.radians(site.azimuth + float(beside))
        x, y = site.place[0] + distances * math.sin(turn), site.place[1] + distances * math.cos(turn)
        angles = np.degrees(np.arctan((elevation(x, y) - 9) / distances))
        found.append(round(max(0.2, float(angles.max())), 2))
    return found


def _parked(
    frame: Frame, kind: MoverKind, place: Xy, heading: Xy, look: Look, gone: tuple[float, float] | None = None
) -> Parked:
    return Parked(kind=kind, place=frame.local(place), heading=frame.turned(heading), look=look, gone=gone)
