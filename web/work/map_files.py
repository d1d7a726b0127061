"""The files of the map below `data/map`: layers in GeoJSON (RFC 7946) and an aerial picture with its control points.

Somebody copies these files there; they are data of the town, not of the program. Each is checked when it is read:
size, kinds of geometry, coordinates. A file that fails is not served, and the list says why. The result is kept in
memory until the file changes.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue, ValidationError

from core.error_codes import ErrorCode
from core.errors import NotFoundError

MAX_LAYER_BYTES = 20_000_000
MAX_FEATURES = 50_000
MAX_AERIAL_BYTES = 60_000_000
AERIAL_FILES = {"aerial.jpg": "image/jpeg", "aerial.png": "image/png", "aerial.webp": "image/webp"}
CONTROL_FILE = "aerial.json"
# How deep the positions lie in the coordinates of each kind of geometry (RFC 7946 3.1).
GEOMETRIES = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3,
}  # fmt: skip
Bounds = tuple[float, float, float, float]  # west, south, east, north (degrees, WGS 84)


class MapLayer(StrEnum):
    BOUNDARIES = "boundaries"
    ROADS = "roads"
    WATER = "water"
    HOUSES = "houses"


class ControlPoint(BaseModel):
    """A point of the aerial picture whose place is known."""

    x: float = Field(ge=0, le=1, description="Fraction of the picture's width, from its left edge")
    y: float = Field(ge=0, le=1, description="Fraction of its height, from its upper edge")
    longitude: float = Field(ge=-180, le=180)
    latitude: float = Field(ge=-90, le=90)


class Aerial(BaseModel):
    """`aerial.json`: three control points define the affine map from picture to ground."""

    points: list[ControlPoint] = Field(min_length=3, max_length=3)
    attribution: str = Field("", max_length=200)


@dataclass(frozen=True, slots=True)
class LayerContent:
    """A checked layer. `body`: its GeoJSON; `problem`: why it is not served, empty if it is."""

    body: bytes
    features: int
    bounds: Bounds | None
    changed_at: datetime
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AerialState:
    """The aerial picture. `problem`: why it is not shown; empty if it is."""

    name: str
    aerial: Aerial | None
    changed_at: datetime
    problem: str = ""


class MapFiles:
    """Reads the map's files; one instance per controller."""

    def __init__(self, data_dir: Path):
        self.folder = data_dir / "map"
        self._layers: dict[MapLayer, tuple[tuple[int, int], LayerContent]] = {}

    async def layer(self, layer: MapLayer) -> LayerContent | None:
        """Return a layer as its file is now; None if there is no file."""
        return await asyncio.to_thread(self._layer, layer)

    async def aerial(self) -> AerialState | None:
        """Return the aerial picture's state; None if there is no picture."""
        return await asyncio.to_thread(self._aerial)

    async def aerial_path(self) -> tuple[Path, str]:
        """Return path and media type of a picture that may be shown. Raises NotFoundError."""
        found = await self.aerial()
        if found is None or found.problem:
            raise NotFoundError("there is no aerial picture with its control points", ErrorCode.MAP_AERIAL_NOT_FOUND)
        return self.folder / found.name, AERIAL_FILES[found.name]

    def _layer(self, layer: MapLayer) -> LayerContent | None:
        path = self.folder / f"{layer.value}.geojson"
        try:
            status = path.stat()
        except OSError:
            self._layers.pop(layer, None)
            return None
        version = (status.st_mtime_ns, status.st_size)
        known = self._layers.get(layer)
        if known is None or known[0] != version:
            known = self._layers[layer] = (version, _checked(path, status.st_size, _time(status.st_mtime)))
        return known[1]

    def _aerial(self) -> AerialState | None:
        for name in AERIAL_FILES:
            try:
                status = (self.folder / name).stat()
            except OSError:
                continue
            changed_at = _time(status.st_mtime)
            if status.st_size > MAX_AERIAL_BYTES:
                problem = f"the picture is larger than {MAX_AERIAL_BYTES // 1_000_000} MB"
                return AerialState(name, None, changed_at, problem)
            try:
                aerial = Aerial.model_validate_json((self.folder / CONTROL_FILE).read_bytes())
                _check_control_points(aerial.points)
            except OSError:
                return AerialState(name, None, changed_at, f"{CONTROL_FILE} with three control points is missing")
            except ValueError as e:
                return AerialState(name, None, changed_at, f"{CONTROL_FILE}: {_first_line(e)}")
            return AerialState(name, aerial, changed_at)
        return None


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _first_line(e: ValueError) -> str:
    if isinstance(e, ValidationError):
        first = e.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
    return str(e)


def _check_control_points(points: list[ControlPoint]) -> None:
    """Raise ValueError if the points lie on one line in the picture or on the ground: the map would be undefined."""
    for plane in ([(p.x, p.y) for p in points], [(p.longitude, p.latitude) for p in points]):
        (x0, y0), (x1, y1), (x2, y2) = plane
        if abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) < 1e-9:
            raise ValueError("the three control points lie on one line")


def _checked(path: Path, size: int, changed_at: datetime) -> LayerContent:
    """Read and check a layer. Blocking."""
    if size > MAX_LAYER_BYTES:
        return LayerContent(b"", 0, None, changed_at, f"the file is larger than {MAX_LAYER_BYTES // 1_000_000} MB")
    try:
        content = json.loads(path.read_bytes())
        features, bounds = _check_collection(content)
    except OSError as e:
        return LayerContent(b"", 0, None, changed_at, f"the file cannot be read ({e.strerror})")
    except (ValueError, RecursionError) as e:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        return LayerContent(b"", 0, None, changed_at, f"the file is no GeoJSON: {str(e)[:150]}")
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return LayerContent(body, features, bounds, changed_at)


def _check_collection(content: JsonValue) -> tuple[int, Bounds | None]:
    """Return the number of features and their bounds. Raises ValueError with what is wrong."""
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise ValueError("it is no FeatureCollection")
    features = content.get("features")
    if not isinstance(features, list) or len(features) > MAX_FEATURES:
        raise ValueError(f"its features are no list of at most {MAX_FEATURES}")
    lowest, highest = [math.inf, math.inf], [-math.inf, -math.inf]
    for number, feature in enumerate(features):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") not in GEOMETRIES:
            raise ValueError(f"feature {number} has no geometry that is shown")
        depth = GEOMETRIES[str(geometry["type"])]
        for longitude, latitude in _positions(geometry.get("coordinates"), depth, number):
            lowest = [min(lowest[0], longitude), min(lowest[1], latitude)]
            highest = [max(highest[0], longitude), max(highest[1], latitude)]
    bounds = (lowest[0], lowest[1], highest[0], highest[1])
    return len(features), bounds if math.isfinite(sum(bounds)) else None


def _positions(value: JsonValue, depth: int, feature: int) -> list[tuple[float, float]]:
    """Return the positions in coordinates of this depth. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"feature {feature} has no coordinates")
    if depth:
        return [position for part in value for position in _positions(part, depth - 1, feature)]
    numbers = [n for n in value if isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n)]
    if len(numbers) != len(value) or not 2 <= len(numbers) <= 3:
        raise ValueError(f"feature {feature}: a position is a longitude and a latitude")
    if not (-180 <= numbers[0] <= 180 and -90 <= numbers[1] <= 90):
        raise ValueError(f"feature {feature}: longitude and latitude in degrees (WGS 84) are expected")
    return [(float(numbers[0]), float(numbers[1]))]
