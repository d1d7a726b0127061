"""The still part of a camera's picture: sky, hills, ground, houses, trees, poles, in the light of a moment."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from cameras.virtual.rendering import textures
from cameras.virtual.rendering.daylight import SceneLight
from cameras.virtual.rendering.ground import GroundMap, ground_map
from cameras.virtual.rendering.lens import Floats, Lens, Mask
from cameras.virtual.rendering.textures import FLOOR_M, WALL_PX_M
from cameras.virtual.rendering.view import HousePart, PolePart, TreePart, View, Xy

FAR = 4000.0  # depth of the sky
NEAR_MAP = (28.0, 44.0, 22.0)  # half width, length ahead (metres), pixels a metre
FAR_MAP = (230.0, 420.0, 2.0)
HAZE_M = 900.0


@dataclass(frozen=True, slots=True)
class Background:
    """The picture (0 to 1, linear enough for shading), the depth of each pixel, and the ground with its light."""

    lens: Lens
    light: SceneLight
    picture: Floats
    depth: Floats
    near: GroundMap

    def ground_light(self, place: Xy) -> tuple[Floats, float]:
        """Return the light (3,) on level ground at a place, and how much of it is in shadow."""
        x, y = (np.full((1, 1), v, np.float32) for v in place)
        _, shadow = self.near.at(x, y)
        return self.light.on_ground(shadow, x, y)[0, 0], float(shadow[0, 0])


def draw(view: View, light: SceneLight, size: tuple[int, int]) -> Background:
    """Draw what stands before a camera. Takes some seconds."""
    canvas = _Canvas(view, light, Lens.of(size, view.field_of_view, view.height))
    canvas.draw_sky()
    canvas.draw_ground()
    for house in sorted(view.houses, key=lambda h: -max(y for _, y in h.corners)):
        canvas.draw_house(house)
    for tree in sorted(view.trees, key=lambda t: -t.place[1]):
        canvas.draw_tree(tree)
    canvas.draw_poles()
    canvas.add_haze()
    return Background(canvas.lens, light, canvas.picture, canvas.depth, canvas.near)


class _Canvas:
    def __init__(self, view: View, light: SceneLight, lens: Lens):
        self.view, self.light, self.lens = view, light, lens
        self.picture = np.zeros((lens.height, lens.width, 3), np.float32)
        self.depth = np.full((lens.height, lens.width), FAR, np.float32)
        self.random = np.random.default_rng(view.seed)
        self.near = ground_map(view, light, *NEAR_MAP)

    # Sky and hills

    def draw_sky(self) -> None:
        bottom = int(self.lens.height * 0.24) + 2
        rays = self.lens.rays((0, 0, self.lens.width, bottom))
        angle = np.degrees(np.arctan2(rays[..., 2], np.hypot(rays[..., 0], rays[..., 1])))
        share = np.clip(angle / 16, 0, 1)[..., None]
        if self.light.is_night:
            low, high = np.array([0.035, 0.030, 0.028]), np.array([0.018, 0.014, 0.012])
        else:
            day = max(0.12, min(1.0, (self.light.elevation + 6) / 18))
            red = max(0.0, 1 - abs(self.light.elevation - 2) / 9)  # sunrise and sunset
            low = np.array([0.88 - 0.32 * red, 0.88 - 0.12 * red, 0.86 + 0.05 * red]) * day
            high = np.array([0.80, 0.66, 0.52]) * day
        sky = low * (1 - share) + high * share
        clouds = self._clouds(rays)[..., None]
        white = np.array([0.95, 0.95, 0.95]) * float(np.mean(low)) * 1.08
        self.picture[:bottom] = sky * (1 - clouds) + white * clouds
        self._draw_hills(bottom, angle, low)

    def _clouds(self, rays: Floats) -> Floats:
        """Return the share of cloud in each pixel: noise on a layer high above, seen in perspective."""
        sheet = textures.noise(self.random, (700, 700), 7, 5)
        up = np.maximum(rays[..., 2], 0.012)
        x, y = rays[..., 0] / up * 26 + 350, rays[..., 1] / up * 26
        found = cv2.remap(
            sheet, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        fade = np.clip((rays[..., 2] - 0.01) / 0.09, 0, 1)
        return np.asarray(np.clip(found * 0.75 + 0.12, 0, 0.9) * fade, np.float32)

    def _draw_hills(self, bottom: int, angle: Floats, low: Floats) -> None:
        if not self.view.hills:
            return
        columns = (np.arange(self.lens.width) + 0.5 - self.lens.width / 2) / self.lens.focal
        sideways = np.degrees(np.arctan(columns))
        tops = np.interp(sideways, np.linspace(-60, 60, len(self.view.hills)), self.view.hills)
        tops = tops + 0.25 * textures.noise(self.random, (1, self.lens.width), 60, 4)[0] + 0.5  # trees on the ridge
        green = np.array([0.36, 0.40, 0.33]) * float(np.mean(low)) * 1.15
        far = np.clip((angle - (tops - 1.2)[None, :]) / 1.2, 0, 1)[..., None]
        hill = green * 0.72 + low * (0.22 + 0.12 * far)
        share = np.clip((tops[None, :] - angle) / 0.12, 0, 1)[..., None]
        self.picture[:bottom] = self.picture[:bottom] * (1 - share) + hill * share

    # Ground

    def draw_ground(self) -> None:
        top = int(self.lens.height * 0.19)
        rays = self.lens.rays((0, top, self.lens.width, self.lens.height))
        falls = rays[..., 2] < -0.004
        depth = np.where(falls, self.lens.above / np.maximum(-rays[..., 2], 1e-4), FAR).astype(np.float32)
        x, y = rays[..., 0] * depth, rays[..., 1] * depth
        far = ground_map(self.view, self.light, *FAR_MAP)
        colour, shadow = far.at(x, y)
        near_colour, near_shadow = self.near.at(x, y)
        inside = np.clip((NEAR_MAP[1] - 3 - y) / 8, 0, 1) * np.clip((NEAR_MAP[0] - 1 - np.abs(x)) / 3, 0, 1)
        colour = colour * (1 - inside[..., None]) + near_colour * inside[..., None]
        shadow = shadow * (1 - inside) + near_shadow * inside
        lit = colour * self.light.on_ground(shadow, x, y)
        self.picture[top:][falls] = lit[falls]
        self.depth[top:][falls] = depth[falls]

    # Houses

    def draw_house(self, house: HousePart) -> None:
        corners, high = house.corners, house.floors * FLOOR_M
        if max(y for _, y in corners) < 1.0:
            return
        random = np.random.default_rng(house.seed)
        is_ccw = sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)
        ) > 0  # fmt: skip
        for i, (a, b) in enumerate(zip(corners, [*corners[1:], corners[0]], strict=True)):
            left, right = (b, a) if is_ccw else (a, b)
            self._draw_wall(left, right, high, house.floors, random, is_front=i == 0)
        if house.floors <= 2 or random.random() < 0.5:
            self._draw_roof(corners, high, random)

    def _draw_wall(
        self, a: Xy, b: Xy, high: float, floors: int, random: np.random.Generator, *, is_front: bool
    ) -> None:
        width = math.dist(a, b)
        texture, glow = textures.wall(random, width, floors, is_front=is_front)
        ux, uy = (b[0] - a[0]) / width, (b[1] - a[1]) / width
        normal = (-uy, ux, 0.0) if -uy * -a[0] + ux * -a[1] > 0 else (uy, -ux, 0.0)
        corners = np.array([(*a, 0), (*b, 0), (*b, high), (*a, high)], np.float32)
        self._draw_surface(corners, texture, normal, (ux, uy, 0.0), (0.0, 0.0, -1.0), (*a, high), glow)

    def _draw_roof(self, corners: list[Xy], high: float, random: np.random.Generator) -> None:
        """Draw a gabled roof with its ridge along the first side."""
        a, b, c, d = (np.array([*p, high], np.float32) for p in corners)
        rise = np.array([0, 0, 1.7], np.float32)
        ridge = (a + d) / 2 + rise, (b + c) / 2 + rise
        for left, right in ((a, b), (d, c)):
            out = left - (a if left is d else d)
            eave = out / np.linalg.norm(out) * 0.5 - np.array([0, 0, 0.25], np.float32)
            quad = np.array([left + eave, right + eave, ridge[1], ridge[0]], np.float32)
            along = (right - left) / np.linalg.norm(right - left)
            down = quad[0] - ridge[0]
            length = float(np.linalg.norm(down))
            normal = np.cross(along, down)
            normal /= np.linalg.norm(normal) * (1 if normal[2] > 0 else -1)
            texture = textures.roof(random, float(np.linalg.norm(right - left)), length)
            x, y, z = (float(v) for v in normal)
            self._draw_surface(quad, texture, (x, y, z), _tuple(along), _tuple(down / length), _tuple(ridge[0]), None)

    def _draw_surface(
        self, corners: Floats, texture: Floats, normal: tuple[float, float, float], along: tuple[float, float, float],
        down: tuple[float, float, float], origin: tuple[float, float, float], glow: Floats | None,
    ) -> None:  # fmt: skip
        """Draw a flat polygon with a texture whose upper left corner lies at `origin`."""
        box = self.lens.box(self.lens.cut(corners))
        if box is None:
            return
        left, top, right, bottom = box
        rays = self.lens.rays(box)
        eye = np.array([0, 0, self.lens.above], np.float32)
        n = np.array(normal, np.float32)
        facing = rays @ n
        depth = np.float32((np.array(origin, np.float32) - eye) @ n) / np.where(np.abs(facing) < 1e-6, 1e-6, facing)
        places = eye + rays * depth[..., None] - np.array(origin, np.float32)
        u = (places @ np.array(along, np.float32) * WALL_PX_M).astype(np.float32)
        v = (places @ np.array(down, np.float32) * WALL_PX_M).astype(np.float32)
        h, w = texture.shape[:2]
        seen = (depth > 0.3) & (u >= 0) & (u < w) & (v >= 0) & (v < h) & (depth < self.depth[top:bottom, left:right])
        if not seen.any():
            return
        colour = self._sample(texture, u, v, depth, seen) * self._surface_light(normal, rays, depth, eye)
        if glow is not None and self.light.is_night and not self.light.is_infrared:
            shine = cv2.remap(glow, u, v, cv2.INTER_LINEAR)
            colour = colour + shine[..., None] * np.array([0.42, 0.62, 0.80], np.float32)
        self.picture[top:bottom, left:right][seen] = colour[seen]
        self.depth[top:bottom, left:right][seen] = depth[seen]

    def _sample(self, texture: Floats, u: Floats, v: Floats, depth: Floats, seen: Floats) -> Floats:
        """Return the texture's colours; far away from a smaller copy, so that it does not flicker."""
        pixels = WALL_PX_M * float(np.median(depth[seen])) / self.lens.focal  # of the texture for one of the picture
        level = max(0, min(3, round(math.log2(max(1.0, pixels)))))
        for _ in range(level):
            texture = np.asarray(cv2.resize(texture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        share = np.float32(0.5**level)
        return np.asarray(
            cv2.remap(texture, u * share, v * share, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    def _surface_light(self, normal: tuple[float, float, float], rays: Floats, depth: Floats, eye: Floats) -> Floats:
        light = self.light.on_wall(normal)
        if not self.light.is_night:
            return light
        places = eye + rays * np.clip(depth, 0, 400)[..., None]
        return light + 0.8 * self.light.lamp_light(places[..., 0], places[..., 1], places[..., 2])

    # Trees and poles

    def draw_tree(self, tree: TreePart) -> None:
        x, y = tree.place
        depth = self.lens.depth(x, y, 1.0)
        if depth < 4:
            return
        size = min(1400, int(tree.height * self.lens.focal / depth))
        picture, alpha = textures.tree(tree.seed % textures.TREES)
        if size < 6:
            return
        picture, alpha = (
            np.asarray(cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA), np.float32) for p in (picture, alpha)
        )
        foot = self.lens.project(np.array([x, y, 0.0], np.float32))
        light = self.light.on_wall((-0.3 * x / max(y, 1), -0.7, 0.6)) * 1.25
        if self.light.is_night:
            place = [np.full((1, 1), v, np.float32) for v in (x, y, 3.0)]
            light = light + 0.8 * self.light.lamp_light(*place)[0, 0]
        self._paste(picture * light, alpha, int(foot[0]) - size // 2, int(foot[1]) - size, depth)

    def _paste(self, picture: Floats, alpha: Floats, left: int, top: int, depth: float) -> None:
        h, w = alpha.shape
        x1, y1, x2, y2 = max(0, left), max(0, top), min(self.lens.width, left + w), min(self.lens.height, top + h)
        if x1 >= x2 or y1 >= y2:
            return
        part = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
        there = self.depth[y1:y2, x1:x2]
        share = np.where(there > depth, alpha[part], 0)[..., None]
        self.picture[y1:y2, x1:x2] = self.picture[y1:y2, x1:x2] * (1 - share) + picture[part] * share
        there[(share[..., 0] > 0.5)] = depth

    def draw_poles(self) -> None:
        poles = [p for p in self.view.poles if self.lens.depth(*p.place, 1.0) > 2]
        for pole in sorted(poles, key=lambda p: -p.place[1]):
            self._draw_pole(pole)
        dark = np.array([0.12, 0.12, 0.12]) * (0.3 + float(np.mean(self.light.ambient)) * 1.4)
        for a, b in itertools.pairwise(poles):
            for high, aside in ((0.4, -0.5), (0.4, 0.0), (0.4, 0.5), (1.6, 0.1)):
                self._draw_wire(a, b, high, aside, _tuple(dark))

    def _draw_pole(self, pole: PolePart) -> None:
        x, y = pole.place
        depth = self.lens.depth(x, y, 2.0)
        foot, top = self.lens.project(np.array([[x, y, 0], [x, y, pole.height]], np.float32))
        thick = max(1, round(0.26 * self.lens.focal / depth))
        colour = np.array([0.50, 0.51, 0.50]) * (self.light.on_wall((0.0, -1.0, 0.0)) + 0.08)
        if self.light.is_night:
            place = [np.full((1, 1), v, np.float32) for v in (x, y, 2.0)]
            colour = colour + 0.3 * self.light.lamp_light(*place)[0, 0]
        mask = np.zeros(self.depth.shape, np.uint8)
        cv2.line(mask, _pixel(foot), _pixel(top), 255, thick, cv2.LINE_AA)
        self._blend(mask, colour, depth)
        if pole.has_lamp:
            self._draw_lamp(pole, top, depth)

    def _draw_lamp(self, pole: PolePart, top: Floats, depth: float) -> None:
        x, y = pole.place
        head = self.lens.project(np.array([x - 1.3 * math.copysign(1, x), y, pole.height - 1.2], np.float32))
        mask = np.zeros(self.depth.shape, np.uint8)
        cv2.line(mask, _pixel(top), _pixel(head), 255, max(1, round(0.07 * self.lens.focal / depth)), cv2.LINE_AA)
        self._blend(mask, self.light.on_wall((0.0, -1.0, 0.0)) * 0.5, depth)
        mask[:] = 0
        radius = max(2, round(0.17 * self.lens.focal / depth))
        cv2.circle(mask, _pixel(head), radius, 255, -1, cv2.LINE_AA)
        burning = self.light.is_night and not self.light.is_infrared
        self._blend(mask, np.array([1.3, 1.4, 1.5]) if burning else self.light.on_wall((0.0, -1.0, 0.0)) * 0.8, depth)
        if burning:
            bloom = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 6 * radius)
            self.picture += (bloom * 2.4)[..., None] * np.array([0.8, 0.95, 1.0], np.float32)

    def _draw_wire(
        self, a: PolePart, b: PolePart, below_top: float, aside: float, colour: tuple[float, float, float]
    ) -> None:
        shares = np.linspace(0, 1, 24)
        points = np.array([
            (a.place[0] + (b.place[0] - a.place[0]) * s + aside, a.place[1] + (b.place[1] - a.place[1]) * s,
             a.height - below_top + (b.height - a.height) * s - 1.1 * 4 * s * (1 - s))
            for s in shares
        ], np.float32)  # fmt: skip
        if min(self.lens.depth(*(float(v) for v in p)) for p in points) < 1:
            return
        pixels = self.lens.project(points)
        mask = np.zeros(self.depth.shape, np.uint8)
        cv2.polylines(mask, [(pixels * 8).astype(np.int32)], False, 190, 1, cv2.LINE_AA, 3)
        self._blend(mask, np.array(colour), min(self.lens.depth(*a.place, 6.0), self.lens.depth(*b.place, 6.0)))

    def _blend(self, mask: Mask, colour: Floats, depth: float) -> None:
        ys, xs = np.nonzero(mask)
        if not len(ys):
            return
        box = slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1)
        share = np.where(self.depth[box] > depth, mask[box].astype(np.float32) / 255, 0)[..., None]
        self.picture[box] = self.picture[box] * (1 - share) + np.asarray(colour, np.float32) * share

    def add_haze(self) -> None:
        if self.light.is_night:
            return
        haze = np.array([0.80, 0.79, 0.77], np.float32) * max(0.1, min(1.0, (self.light.elevation + 6) / 18))
        share = np.where(self.depth < FAR, 1 - np.exp(-self.depth / HAZE_M), 0)[..., None]
        self.picture = np.asarray(self.picture * (1 - share) + haze * share, np.float32)


def _tuple(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _pixel(place: Floats) -> tuple[int, int]:
    return round(float(np.clip(place[0], -9e3, 9e3))), round(float(np.clip(place[1], -9e3, 9e3)))
