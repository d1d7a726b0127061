"""Cars and vans as boxes with windows and wheels, shaded by the side that the light comes from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cameras.virtual.rendering.daylight import SceneLight
from cameras.virtual.rendering.figures import Colour, Sprite
from cameras.virtual.rendering.lens import Floats
from cameras.virtual.rendering.view import Look, MoverKind, Xy

GLASS, BLACK, WHITE, RED, PLATE = (58, 52, 46), (26, 26, 28), (235, 240, 240), (36, 36, 190), (190, 90, 20)


@dataclass(frozen=True, slots=True)
class BodyShape:
    """Outline of a body, metres: length, width, height of the bonnet and of the roof, and where the cabin stands."""

    length: float
    width: float
    bonnet: float
    roof: float
    cabin: tuple[float, float]  # from … to at its foot, ahead of the middle
    top: tuple[float, float]


SHAPES = {
    MoverKind.CAR: BodyShape(4.5, 1.78, 0.92, 1.46, (-1.85, 1.15), (-1.25, 0.35)),
    MoverKind.VAN: BodyShape(4.4, 1.66, 1.05, 1.92, (-2.15, 1.75), (-2.05, 1.15)),
}


def draw_vehicle(
    sprite: Sprite,
    kind: MoverKind,
    look: Look,
    place: Xy,
    heading: Xy,
    light: SceneLight,
    ground: Floats,
    *,
    drives: bool,
) -> None:
    """Draw a vehicle. `ground`: the light on the ground there; `drives`: its lamps burn at night."""
    _Painter(sprite, SHAPES[kind], look, _Pose(place, heading), light, ground, drives).draw()


@dataclass(frozen=True, slots=True)
class _Pose:
    place: Xy
    heading: Xy


@dataclass(frozen=True, slots=True)
class _Painter:
    _sprite: Sprite
    _shape: BodyShape
    _look: Look
    _pose: _Pose
    _light: SceneLight
    _ground: Floats
    _drives: bool

    def draw(self) -> None:
        s, half, wide = self._shape, self._shape.length / 2, self._shape.width / 2
        low = [(-half, 0.28), (half, 0.28), (half, s.bonnet * 0.82), (half - 0.25, s.bonnet), (-half, s.bonnet)]
        self._wheels()
        self._prism(low, wide, self._look.upper)
        cabin = [(s.cabin[0], s.bonnet), (s.cabin[1], s.bonnet), (s.top[1], s.roof), (s.top[0], s.roof)]
        self._prism(cabin, wide * 0.93, self._look.upper, glass=True)
        self._wheels(near=True)
        self._lights(half, wide)

    def _world(self, points: list[tuple[float, float, float]]) -> Floats:
        (px, py), (hx, hy) = self._pose.place, self._pose.heading
        return np.array([(px + hx * a - hy * b, py + hy * a + hx * b, z) for a, b, z in points], np.float32)

    def _prism(self, outline: list[tuple[float, float]], wide: float, colour: Colour, *, glass: bool = False) -> None:
        """Draw a body with this side view; its windows too if it is of glass."""
        faces: list[tuple[float, Floats, Colour, bool]] = []
        count = len(outline)
        for i in range(count):
            (a, za), (b, zb) = outline[i - 1], outline[i]
            quad = self._world([(a, -wide, za), (b, -wide, zb), (b, wide, zb), (a, wide, za)])
            faces.append((float(quad[:, 1].mean()), quad, colour, glass and abs(za - zb) > 0.2))
        for side in (-1, 1):
            flat = self._world([(a, wide * side, z) for a, z in outline])
            faces.append((float(flat[:, 1].mean()), flat, colour, glass))
        middle = np.mean([f[1].mean(axis=0) for f in faces], axis=0)
        eye = np.array([0, 0, self._sprite.lens.above], np.float32)
        for _, face, paint, is_glass in sorted(faces, key=lambda f: -f[0]):
            normal = np.cross(face[1] - face[0], face[2] - face[0])
            length = float(np.linalg.norm(normal)) or 1.0
            normal = normal / length
            if float(normal @ (face.mean(axis=0) - middle)) < 0:
                normal = -normal
            if float(normal @ (eye - face.mean(axis=0))) <= 0:
                continue
            self._sprite.polygon(face, self._shaded(paint, normal))
            if is_glass:
                inner = face.mean(axis=0) + (face - face.mean(axis=0)) * np.array([0.86, 0.86, 0.80], np.float32)
                self._sprite.polygon(inner, self._shaded(GLASS, normal, sky=0.25))

    def _shaded(self, colour: Colour, normal: Floats, sky: float = 0.0) -> Colour:
        n = (float(normal[0]), float(normal[1]), float(normal[2]))
        light = self._ground * 0.82 * (0.8 + 0.2 * n[2]) if self._light.is_night else self._light.on_wall(n)
        gloss = 60.0 * sky + 12.0 * max(0.0, n[2])
        b, g, r = (min(255.0, float(c * s * 1.05 + gloss * s)) for c, s in zip(colour, light, strict=True))
        return b, g, r

    def _wheels(self, *, near: bool = False) -> None:
        wide = self._shape.width / 2
        for side in (-1, 1):
            is_near = float(np.linalg.norm(self._world([(0, side, 0)])[0])) < float(
                np.linalg.norm(self._world([(0, -side, 0)])[0])
            )
            if is_near != near:
                continue
            for ahead in (-0.31, 0.31):
                turns = np.linspace(0, 2 * np.pi, 16)
                x = ahead * self._shape.length
                rim = self._world([(x + 0.32 * float(np.cos(t)), wide * side * 1.01, 0.32 + 0.32 * float(np.sin(t)))
                                   for t in turns])  # fmt: skip
                self._sprite.polygon(rim, _scaled(BLACK, self._ground))
                hub = rim.mean(axis=0) + (rim - rim.mean(axis=0)) * np.float32(0.55)
                self._sprite.polygon(hub, _scaled((120, 122, 125), self._ground))

    def _lights(self, half: float, wide: float) -> None:
        facing = -self._pose.place[0] * self._pose.heading[0] - self._pose.place[1] * self._pose.heading[1]
        front = facing > 0
        end, z = (half if front else -half) * 1.005, self._shape.bonnet * 0.68
        glowing = self._light.is_night and self._drives
        colour = (255.0, 255.0, 255.0) if front and glowing else WHITE if front else RED
        light = np.ones(3, np.float32) if glowing else self._ground
        for side in (-1, 1):
            y = wide * 0.72 * side
            lamp = self._world([(end, y - 0.17, z - 0.08), (end, y + 0.17, z - 0.08), (end, y + 0.17, z + 0.08),
                                (end, y - 0.17, z + 0.08)])  # fmt: skip
            self._sprite.polygon(lamp, _scaled(colour, light))
        plate = self._world([(end, -0.22, 0.42), (end, 0.22, 0.42), (end, 0.22, 0.54), (end, -0.22, 0.54)])
        self._sprite.polygon(plate, _scaled(PLATE, self._ground))
        if glowing and front:
            self._bloom(end, wide, z)

    def _bloom(self, end: float, wide: float, z: float) -> None:
        """Draw the glare of headlights."""
        for side in (-1, 1):
            at = self._sprite.pixels(self._world([(end, wide * 0.72 * side, z)]))[0]
            radius = max(3, round(0.28 * self._sprite.lens.focal / max(2.0, self._pose.place[1])))
            cv2.circle(self._sprite.colour, (int(at[0]), int(at[1])), radius * 8, (245, 250, 255), -1, cv2.LINE_AA, 3)
            cv2.circle(self._sprite.alpha, (int(at[0]), int(at[1])), radius * 8, 235, -1, cv2.LINE_AA, 3)


def _scaled(colour: Colour, light: Floats) -> Colour:
    b, g, r = (min(255.0, float(c * s)) for c, s in zip(colour, light, strict=True))
    return b, g, r
