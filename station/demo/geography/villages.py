"""The villages of the fictional town: names, centres, and boundaries that tile it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from shapely.geometry import LineString, MultiPoint, Point, Polygon
from shapely.ops import polygonize, unary_union, voronoi_diagram

from station.demo.geography.terrain import EAST, NORTH, SOUTH, WEST, Water, Xy, elevation, is_near, roughen

# Code, Chinese and English name, first part of the cameras' ids. Tests and documents use the first three.
NAMES = (
    ("wangjia", "王家村", "Wangjia", "wj"),
    ("youjia", "尤家村", "Youjia", "yj"),
    ("xidian", "西店村", "Xidian", "xd"),
    ("shangyang", "上洋村", "Shangyang", "sy"),
    ("zhukeng", "竹坑村", "Zhukeng", "zk"),
    ("fengshuling", "枫树岭村", "Fengshuling", "fsl"),
    ("bailuwan", "白鹭湾村", "Bailuwan", "blw"),
    ("yanzao", "盐灶村", "Yanzao", "yz"),
    ("tangtouzhou", "塘头周村", "Tangtouzhou", "ttz"),
    ("meiao", "梅岙村", "Mei'ao", "ma"),
    ("baishuxia", "柏树下村", "Baishuxia", "bsx"),
    ("shadi", "沙堤村", "Shadi", "sd"),
    ("duchuantou", "渡船头村", "Duchuantou", "dct"),
    ("maanjiao", "马鞍脚村", "Ma'anjiao", "maj"),
    ("xiajin", "下金村", "Xiajin", "xj"),
    ("xinfan", "新畈村", "Xinfan", "xf"),
    ("yantoufang", "岩头方村", "Yantoufang", "ytf"),
    ("guzhang", "古樟村", "Guzhang", "gz"),
    ("shuangxi", "双溪村", "Shuangxi", "sx"),
    ("haikoulin", "海口林村", "Haikoulin", "hkl"),
    ("chayuan", "茶园村", "Chayuan", "cy"),
    ("qiaotouchen", "桥头陈村", "Qiaotouchen", "qtc"),
)
FIXED: tuple[Xy, ...] = ((-620.0, 1080.0), (1900.0, 760.0), (-150.0, -1250.0))
MIN_DISTANCE = 1350.0  # metres between two centres, if there is room
HIGHEST_CENTRE = 75.0  # metres above the sea


@dataclass(frozen=True, slots=True)
class MapVillage:
    code: str
    name: str
    name_en: str
    prefix: str  # of its cameras' ids
    centre: Xy
    boundary: Polygon
    population: int


def make_villages(random: np.random.Generator, water: Water) -> list[MapVillage]:
    centres = _centres(random, water)
    faces = _boundaries(centres, water, random)
    found = []
    for i, (code, name, english, prefix) in enumerate(NAMES):
        people = (1860, 1240, 3400)[i] if i < len(FIXED) else int(random.integers(70, 240)) * 10
        found.append(MapVillage(code, name, english, prefix, centres[i], faces[i], people))
    return found


def _centres(random: np.random.Generator, water: Water) -> list[Xy]:
    """Return the centres: places in the valleys, each far from the others (best of some candidates)."""
    found = list(FIXED)
    shore = LineString(water.coast)
    while len(found) < len(NAMES):
        best, room = None, 0.0
        for _ in range(60):
            x, y = random.uniform(WEST + 500, EAST - 800), random.uniform(SOUTH + 450, NORTH - 450)
            if float(elevation(np.array([x]), np.array([y]))[0]) > HIGHEST_CENTRE or is_near(water.inland, x, y, 190):
                continue
            if water.sea.contains(Point(x, y)) or shore.distance(Point(x, y)) < 330:
                continue
            distance = min(math.dist((x, y), c) for c in found)
            if distance > room:
                best, room = (round(x, 1), round(y, 1)), distance
        if best is not None:
            found.append(best)
    return found


def _boundaries(centres: list[Xy], water: Water, random: np.random.Generator) -> list[Polygon]:
    """Return one polygon a centre; together they tile the town. Neighbours share every point of their border."""
    land = Polygon([(WEST, NORTH), *water.coast, (WEST, SOUTH)]).buffer(0)
    cells = [c.intersection(land) for c in voronoi_diagram(MultiPoint(centres), envelope=land.buffer(3000)).geoms]
    lines = unary_union([c.boundary for c in cells])
    borders = []
    for line in lines.geoms:
        points = [(float(x), float(y)) for x, y in line.coords]
        # The coast is rough already.
        rough = points if len(points) > 2 else roughen(points, random, 0.07, 160.0)
        borders.append(LineString(rough))
    faces = list(polygonize(unary_union(borders)))
    return [max((f for f in faces if f.contains(Point(c))), key=lambda f: f.area) for c in centres]
