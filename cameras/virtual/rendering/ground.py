"""The ground before a camera, drawn from above in two scales: asphalt, concrete, grass, water and shadows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cameras.virtual.rendering.daylight import SceneLight
from cameras.virtual.rendering.lens import Floats
from cameras.virtual.rendering.textures import FLOOR_M, noise
from cameras.virtual.rendering.view import View, Xy

ASPHALT, CONCRETE, GRASS = (0.27, 0.27, 0.265), (0.47, 0.49, 0.50), (0.16, 0.30, 0.24)
WATER, PAINT, KERB = (0.34, 0.32, 0.25), (0.78, 0.80, 0.80), (0.58, 0.59, 0.60)
APRON_M = 7.0  # concrete beside roads and around houses


@dataclass(frozen=True, slots=True)
class GroundMap:
    """A piece of the ground from above: x from -`half` to `half`, y from 0 to `ahead`; `scale` pixels a metre."""

    half: float
    ahead: float
    scale: float
    picture: Floats
    shadow: Floats

    def at(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return colour and shadow at places; outside the map those of its edge."""
        across = ((x + self.half) * self.scale).astype(np.float32)
        down = (y * self.scale).astype(np.float32)
        colour = cv2.remap(self.picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shadow = cv2.remap(self.shadow, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(colour, np.float32), np.asarray(shadow, np.float32)


class _Sheet:
    """A ground map while it is drawn."""

    def __init__(self, half: float, ahead: float, scale: float):
        self.half, self.ahead, self.scale = half, ahead, scale
        self.shape = int(ahead * scale), int(2 * half * scale)

    def pixels(self, points: Iterable[Xy]) -> npt.NDArray[np.int32]:
        return np.array([((x + self.half) * self.scale * 8, y * self.scale * 8) for x, y in points]).astype(np.int32)

    def mask(self) -> npt.NDArray[np.uint8]:
        return np.zeros(self.shape, np.uint8)

    def fill(self, mask: npt.NDArray[np.uint8], points: Iterable[Xy]) -> None:
        cv2.fillPoly(mask, [self.pixels(points)], 255, cv2.LINE_AA, 3)

    def line(self, mask: npt.NDArray[np.uint8], points: Iterable[Xy], width: float) -> None:
        thick = max(1, round(width * self.scale))
        cv2.polylines(mask, [self.pixels(points)], False, 255, thick, cv2.LINE_AA, 3)


def ground_map(view: View, light: SceneLight, half: float, ahead: float, scale: float) -> GroundMap:
    sheet = _Sheet(half, ahead, scale)
    random = np.random.default_rng(view.seed)
    picture = np.empty((*sheet.shape, 3), np.float32)
    grass = noise(random, sheet.shape, 24, 5)
    picture[:] = np.array(GRASS, np.float32) * (1 + 0.22 * grass)[..., None]
    rough = noise(random, sheet.shape, 20, 5)
    fine = random.standard_normal(sheet.shape).astype(np.float32)
    _paint(picture, _aprons(view, sheet), CONCRETE, 1 + 0.07 * rough + 0.025 * fine)
    _joints(picture, sheet)
    for square in view.squares:
        mask = sheet.mask()
        sheet.fill(mask, square)
        _paint(picture, mask, CONCRETE, 1.12 + 0.06 * rough + 0.02 * fine)
    for water in view.waters:
        mask = sheet.mask()
        sheet.fill(mask, water)
        _paint(picture, mask, WATER, 1 + 0.10 * cv2.resize(rough[::4], rough.shape[::-1]))
    _roads(picture, view, sheet, rough, fine)
    return GroundMap(half, ahead, scale, picture, _shadows(view, light, sheet))


def _paint(picture: Floats, mask: npt.NDArray[np.uint8], colour: Sequence[float], texture: Floats) -> None:
    share = (mask.astype(np.float32) / 255)[..., None]
    picture *= 1 - share
    picture += share * np.array(colour, np.float32) * texture[..., None]


def _aprons(view: View, sheet: _Sheet) -> npt.NDArray[np.uint8]:
    mask = sheet.mask()
    for road in view.roads:
        sheet.line(mask, road.points, road.width + 2 * APRON_M)
    for house in view.houses:
        sheet.line(mask, [*house.corners, house.corners[0]], 7.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.25 * sheet.scale)), np.uint8)


def _joints(picture: Floats, sheet: _Sheet) -> None:
    step = int(4 * sheet.scale)
    if step > 40:
        picture[::step] *= 0.82
        picture[:, ::step] *= 0.82


def _roads(picture: Floats, view: View, sheet: _Sheet, rough: Floats, fine: Floats) -> None:
    kerbs, lanes, paint = sheet.mask(), sheet.mask(), sheet.mask()
    for road in view.roads:
        sheet.line(kerbs, road.points, road.width + 0.5)
    for road in view.roads:
        sheet.line(lanes, road.points, road.width)
    for road in view.roads:
        if road.is_marked:
            _dashes(paint, sheet, road.points)
    _paint(picture, kerbs, KERB, 1 + 0.08 * rough)
    wear = cv2.GaussianBlur(lanes, (0, 0), max(0.8, 0.8 * sheet.scale)).astype(np.float32) / 255
    _paint(picture, lanes, ASPHALT, (0.88 + 0.16 * wear) * (1 + 0.08 * rough + 0.06 * fine))
    if sheet.scale > 8:
        _patches(picture, lanes, np.random.default_rng(view.seed + 1))
        _paint(picture, paint, PAINT, np.clip(0.92 + 0.12 * rough, 0.5, 1.05))


def _dashes(paint: npt.NDArray[np.uint8], sheet: _Sheet, points: Sequence[Xy]) -> None:
    whole = np.array(points)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
    for start in np.arange(0, lengths[-1] - 2, 6.0):
        at = [start, start + 2.0]
        ends = list(zip(np.interp(at, lengths, whole[:, 0]), np.interp(at, lengths, whole[:, 1]), strict=True))
        sheet.line(paint, [(float(x), float(y)) for x, y in ends], 0.13)


def _patches(picture: Floats, lanes: npt.NDArray[np.uint8], random: np.random.Generator) -> None:
    """Draw mended places, cracks and manholes where the road is."""
    h, w = lanes.shape
    for _ in range(40):
        y, x = int(random.integers(h)), int(random.integers(w))
        if not lanes[y, x]:
            continue
        kind = random.random()
        if kind < 0.4:
            picture[y : y + int(random.integers(15, 60)), x : x + int(random.integers(15, 45))] *= 0.84
        elif kind < 0.75:
            way = np.cumsum(random.normal(0, 9, (12, 2)), axis=0) + (x, y)
            cv2.polylines(picture, [way.astype(np.int32)], False, (0.17, 0.17, 0.17), 1, cv2.LINE_AA)
        else:
            cv2.circle(picture, (x, y), 9, (0.19, 0.19, 0.19), -1, cv2.LINE_AA)
            cv2.circle(picture, (x, y), 9, (0.33, 0.33, 0.33), 1, cv2.LINE_AA)


def _shadows(view: View, light: SceneLight, sheet: _Sheet) -> Floats:
    mask = sheet.mask()
    if light.is_night or light.elevation < 1:
        return np.asarray(mask, np.float32)
    slope = min(6.0, 1 / max(0.12, light.to_sun[2]))
    dx, dy = -light.to_sun[0] * slope, -light.to_sun[1] * slope
    for house in view.houses:
        high = house.floors * FLOOR_M
        moved = [(x + dx * high, y + dy * high) for x, y in house.corners]
        hull = cv2.convexHull(np.array([*house.corners, *moved], np.float32))[:, 0]
        sheet.fill(mask, [(float(x), float(y)) for x, y in hull])
    for tree in view.trees:
        x, y = tree.place
        top, radius = tree.height * 0.62, tree.height * 0.36
        turns = np.linspace(0, 2 * np.pi, 20)
        crown = [(x + dx * top + radius * float(np.cos(a)), y + dy * top + radius * float(np.sin(a))) for a in turns]
        sheet.fill(mask, crown)
    for pole in view.poles:
        x, y = pole.place
        sheet.line(mask, [(x, y), (x + dx * pole.height, y + dy * pole.height)], 0.22)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.7, 0.12 * sheet.scale)).astype(np.float32) / 255)
