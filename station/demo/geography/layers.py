"""Writes the map as GeoJSON layers (WGS 84), which the console shows under the cameras."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import JsonValue
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from station.demo.geography.terrain import Xy, lon_lat
from station.demo.geography.town_map import TownMap

FOLDER = "map"  # in the data folder
SIMPLIFIED_M = 1.5

Feature = dict[str, JsonValue]


def write(town: TownMap, folder: Path) -> None:
    """Write boundaries, roads, water and houses (*.geojson) into a folder. Blocking."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, features in (
        ("boundaries", _boundaries(town)),
        ("roads", _roads(town)),
        ("water", _water(town)),
        ("houses", _houses(town)),
    ):
        collection: JsonValue = {"type": "FeatureCollection", "features": [*features]}
        text = json.dumps(collection, ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}.geojson").write_text(text + "\n", encoding="utf-8")


def _boundaries(town: TownMap) -> list[Feature]:
    return [
        _feature("Polygon", _rings(v.boundary), code=v.code, name=v.name, name_en=v.name_en, population=v.population)
        for v in town.villages
    ]


def _roads(town: TownMap) -> list[Feature]:
    return [
        _feature("LineString", _line(r.points), kind=str(r.kind), width=r.width, name=r.name, name_en=r.name_en)
        for r in town.roads
    ]


def _water(town: TownMap) -> list[Feature]:
    names: list[tuple[BaseGeometry, str, str, str]] = [
        (town.water.river, "river", "青溪", "Qing River"),
        (town.water.stream, "stream", "梅溪", "Mei Stream"),
        (town.water.reservoir, "reservoir", "龙潭水库", "Longtan Reservoir"),
        *((pond, "pond", "", "") for pond in town.water.ponds),
        (town.water.sea, "sea", "白鹭湾", "Bailu Bay"),
    ]
    return [
        _feature("Polygon", _rings(part), kind=kind, name=name, name_en=english)
        for shape, kind, name, english in names
        for part in _parts(shape)
    ]


def _houses(town: TownMap) -> list[Feature]:
    return [
        _feature("Polygon", [_line([*h.corners, h.corners[0]])], village=h.village, floors=h.floors, name="")
        for h in town.houses
    ]


def _parts(shape: BaseGeometry) -> list[Polygon]:
    simple = shape.simplify(SIMPLIFIED_M)
    return [p for p in getattr(simple, "geoms", [simple]) if isinstance(p, Polygon)]


def _rings(shape: Polygon) -> list[JsonValue]:
    return [_line(ring.coords) for ring in (shape.exterior, *shape.interiors)]


def _line(points: Iterable[Xy]) -> list[JsonValue]:
    return [[*lon_lat(x, y)] for x, y in points]


def _feature(geometry: str, coordinates: list[JsonValue], **properties: str | int | float) -> Feature:
    return {
        "type": "Feature",
        "properties": {**properties},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }
