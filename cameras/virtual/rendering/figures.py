"""People, riders and e-bikes as round sticks between joints in space, shaded by the light at their place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cameras.virtual.rendering.lens import Floats, Lens
from cameras.virtual.rendering.view import Look, Xy

SKIN, HAIR, SHOES, TYRE, METAL = (135, 165, 205), (28, 28, 32), (45, 45, 50), (30, 30, 32), (120, 122, 125)
STRIDE_M = 1.45  # metres of two steps
Colour = tuple[float, float, float]
Joint = tuple[float, float, float]  # metres ahead, to the left and up, from the foot's place


@dataclass(frozen=True, slots=True)
class Stick:
    """A round stick between two joints; `radius` in metres."""

    a: Joint
    b: Joint
    radius: float
    colour: Colour
    order: float = 0.0  # metres by which it is drawn nearer, for things that lie on others


def person(look: Look, walked: float) -> Iterator[Stick]:
    """Yield a walking person after so many metres."""
    s = look.stature / 1.7
    swing = math.sin(walked / STRIDE_M * 2 * math.pi)
    for side in (-1, 1):
        step = swing * side
        hip, knee = (0.0, 0.09 * side, 0.88 * s), (0.13 * step + 0.05, 0.095 * side, 0.47 * s)
        foot = (0.30 * step - (0.10 if step < 0 else 0.0), 0.10 * side, (0.07 + max(0.0, -step) * 0.10) * s)
        yield Stick(hip, knee, 0.092, look.lower)
        yield Stick(knee, foot, 0.072, look.lower)
        yield Stick(foot, (foot[0] + 0.17, foot[1], foot[2] - 0.02), 0.05, SHOES)
        shoulder, elbow = (0.0, 0.20 * side, 1.38 * s), (-0.12 * step - 0.03, 0.25 * side, 1.11 * s)
        hand = (-0.22 * step + 0.09, 0.24 * side, 0.88 * s)
        yield Stick(shoulder, elbow, 0.062, _shade(look.upper, 0.86))
        yield Stick(elbow, hand, 0.052, _shade(look.upper, 0.82))
        yield Stick(hand, (hand[0] + 0.02, hand[1], hand[2] - 0.07), 0.045, SKIN)
        yield Stick((0.0, 0.085 * side, 0.95 * s), (0.0, 0.125 * side, 1.36 * s), 0.115, look.upper)
    yield Stick((0.0, 0.0, 0.96 * s), (0.02, 0.0, 1.34 * s), 0.14, look.upper, 0.02)
    yield from _head(look, (0.03, 0.0, 1.60 * s))
    if look.has_bag:
        yield Stick((-0.17, 0.0, 1.06 * s), (-0.17, 0.0, 1.30 * s), 0.12, (70, 55, 45))


def _head(look: Look, at: Joint) -> Iterator[Stick]:
    x, y, z = at
    yield Stick((x - 0.02, y, z - 0.17), (x, y, z - 0.06), 0.055, SKIN)
    yield Stick((x, y, z - 0.02), (x + 0.01, y, z + 0.03), 0.098, SKIN)
    if look.helmet is not None:
        yield Stick((x - 0.02, y, z + 0.05), (x - 0.01, y, z + 0.07), 0.135, look.helmet, 0.05)
    else:
        yield Stick((x - 0.035, y, z + 0.045), (x - 0.02, y, z + 0.055), 0.105, HAIR, 0.01)


def ebike(look: Look) -> Iterator[Stick]:
    """Yield an e-bike without a rider."""
    for x in (-0.58, 0.60):
        yield from _wheel(x)
    yield Stick((0.30, 0, 0.30), (-0.25, 0, 0.30), 0.07, _shade(look.body, 0.7))
    yield Stick((0.34, 0, 0.34), (0.44, 0, 0.92), 0.10, look.body)
    yield Stick((-0.12, 0, 0.38), (-0.60, 0, 0.55), 0.12, look.body)
    yield Stick((-0.10, 0, 0.70), (-0.58, 0, 0.74), 0.085, (35, 35, 38), 0.05)
    yield Stick((0.60, 0, 0.24), (0.46, 0, 0.88), 0.03, METAL)
    yield Stick((0.40, -0.29, 1.02), (0.40, 0.29, 1.02), 0.025, (40, 40, 42))
    yield Stick((0.47, 0, 0.90), (0.50, 0, 0.92), 0.075, (215, 220, 220), 0.05)
    yield Stick((-0.74, 0, 0.52), (-0.76, 0, 0.52), 0.05, (40, 40, 170), 0.05)


def _wheel(x: float) -> Iterator[Stick]:
    turns = [2 * math.pi * i / 12 for i in range(13)]
    rim = [(x + 0.21 * math.cos(t), 0.0, 0.26 + 0.21 * math.sin(t)) for t in turns]
    for a, b in itertools.pairwise(rim):
        yield Stick(a, b, 0.045, TYRE)
    yield Stick((x, 0, 0.26), (x, 0, 0.27), 0.11, (62, 62, 64))


def rider(look: Look) -> Iterator[Stick]:
    """Yield a person riding an e-bike."""
    yield from ebike(look)
    for side in (-1, 1):
        hip, knee, foot = (-0.26, 0.11 * side, 0.80), (0.12, 0.17 * side, 0.74), (0.10, 0.15 * side, 0.36)
        yield Stick(hip, knee, 0.09, look.lower)
        yield Stick(knee, foot, 0.07, look.lower)
        yield Stick(foot, (0.26, 0.15 * side, 0.35), 0.05, SHOES)
        shoulder, elbow, hand = (-0.16, 0.20 * side, 1.28), (0.08, 0.29 * side, 1.07), (0.36, 0.27 * side, 1.04)
        yield Stick(shoulder, elbow, 0.062, _shade(look.upper, 0.86))
        yield Stick(elbow, hand, 0.05, _shade(look.upper, 0.82))
        yield Stick((-0.28, 0.08 * side, 0.86), (-0.18, 0.12 * side, 1.27), 0.115, look.upper)
    yield Stick((-0.27, 0.0, 0.88), (-0.17, 0.0, 1.26), 0.14, look.upper, 0.02)
    yield from _head(look, (-0.10, 0.0, 1.52))


def _shade(colour: Colour, share: float) -> Colour:
    return colour[0] * share, colour[1] * share, colour[2] * share


@dataclass(slots=True)
class Sprite:
    """Part of a picture with its opacity while something is drawn into it. Colours 0 to 255."""

    lens: Lens
    box: tuple[int, int, int, int]
    colour: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8]

    @classmethod
    def around(cls, lens: Lens, place: Xy, reach: float, high: float) -> Sprite | None:
        """Return an empty sprite for a thing at a place; None if it lies outside the picture or too near."""
        x, y = place
        if lens.depth(x, y, 0.5) < 2.2:
            return None
        corners = np.array(
            [(x + dx, y + dy, z) for dx in (-reach, reach) for dy in (-reach, reach) for z in (0.0, high)], np.float32
        )
        if min(lens.depth(*(float(v) for v in c)) for c in corners) < 0.5:
            return None
        box = lens.box(corners)
        if box is None:
            return None
        shape = box[3] - box[1], box[2] - box[0]
        return cls(lens, box, np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8))

    def pixels(self, points: Floats) -> npt.NDArray[np.int32]:
        """Return places of the sprite in eighths of a pixel, for OpenCV's shift of 3."""
        found = self.lens.project(points) - np.array(self.box[:2], np.float32)
        return np.asarray(np.clip(found * 8, -60_000, 60_000).astype(np.int32))

    def line(self, a: npt.NDArray[np.int32], b: npt.NDArray[np.int32], width: int, colour: Colour) -> None:
        one, two = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
        cv2.line(self.colour, one, two, colour, width, cv2.LINE_AA, 3)
        cv2.line(self.alpha, one, two, 255, width, cv2.LINE_AA, 3)

    def polygon(self, points: Floats, colour: Colour) -> None:
        corners = self.pixels(points)
        cv2.fillConvexPoly(self.colour, corners, colour, cv2.LINE_AA, 3)
        cv2.fillConvexPoly(self.alpha, corners, 255, cv2.LINE_AA, 3)


def draw_sticks(sprite: Sprite, sticks: Iterator[Stick], place: Xy, heading: Xy, light: Floats, to_sun: float) -> None:
    """Draw sticks, the far ones first. `light`: BGR factors; `to_sun`: where the sun stands, -1 left to 1 right."""
    lens, parts = sprite.lens, list(sticks)
    joints = np.array([j for s in parts for j in (s.a, s.b)], np.float32)
    places = np.empty_like(joints)
    places[:, 0] = place[0] + heading[0] * joints[:, 0] - heading[1] * joints[:, 1]
    places[:, 1] = place[1] + heading[1] * joints[:, 0] + heading[0] * joints[:, 1]
    places[:, 2] = joints[:, 2]
    pixels = sprite.pixels(places).reshape(-1, 2, 2)
    depths = (places[:, 1] * math.cos(lens.tilt) - (places[:, 2] - lens.above) * math.sin(lens.tilt)).reshape(-1, 2)
    near = depths.mean(axis=1) - [s.order + s.radius for s in parts]
    for i in np.argsort(-near):
        stick, (a, b) = parts[int(i)], pixels[i]
        width = max(1, round(2 * stick.radius * lens.focal / max(float(near[i]), 0.5)))
        base = [float(c * s) for c, s in zip(stick.colour, light, strict=True)]
        sprite.line(a, b, width, _lit(base, 0.78))
        if width >= 3:  # the sunny side
            shift = np.array([round(to_sun * width * 0.16 * 8), -round(width * 0.05 * 8)], np.int32)
            sprite.line(a + shift, b + shift, max(1, round(width * 0.62)), _lit(base, 1.04))


def _lit(base: list[float], share: float) -> Colour:
    b, g, r = (min(255.0, c * share) for c in base)
    return b, g, r
