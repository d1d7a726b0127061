"""The moving picture of one camera: the still background, and everything that moves at a second of the story."""

from __future__ import annotations

import math
from datetime import datetime

import cv2
import numpy as np

from cameras.virtual.clip import Frame
from cameras.virtual.rendering import background
from cameras.virtual.rendering.daylight import SceneLight
from cameras.virtual.rendering.figures import Sprite, draw_sticks, ebike, person, rider
from cameras.virtual.rendering.lens import Floats
from cameras.virtual.rendering.vehicles import draw_vehicle
from cameras.virtual.rendering.view import Look, MoverKind, View, Xy

NOISE_PICTURES = 4  # different pictures of sensor noise, used in turn
SIZE_M = {  # reach around the middle and height
    MoverKind.PERSON: (0.7, 1.95), MoverKind.RIDER: (1.2, 1.95), MoverKind.EBIKE: (1.2, 1.3),
    MoverKind.CAR: (2.7, 1.7), MoverKind.VAN: (2.7, 2.1),
}  # fmt: skip
MAX_SHADOW_M = 7.0


class StreetFilm:
    """Draws pictures of a view in the light of one moment."""

    def __init__(self, view: View, moment: datetime, size: tuple[int, int] = (1280, 720)):
        self.view = view
        self.light = SceneLight.of(view, moment)
        self._scene = background.draw(view, self.light, size)
        self.lens = self._scene.lens
        self._still: dict[tuple[bool, ...], list[Frame]] = {}
        self._shade = np.ascontiguousarray(self._vignette())

    def _vignette(self) -> Floats:
        y, x = np.mgrid[-1 : 1 : self.lens.height * 1j, -1 : 1 : self.lens.width * 1j].astype(np.float32)
        strength = 0.30 if self.light.is_infrared else 0.14
        return np.asarray(1 - strength * (x * x * 0.7 + y * y * 0.5), np.float32)

    def still(self, second: float, number: int) -> Frame:
        """Return the picture at a second of the story without what moves; `number` chooses the sensor noise."""
        gone = tuple(p.gone is not None and p.gone[0] <= second < p.gone[1] for p in self.view.parked)
        return self._stills(gone)[number % NOISE_PICTURES]

    def frame(self, second: float, number: int) -> Frame:
        """Return the picture at a second of the story."""
        picture = self.still(second, number).copy()
        moving = [
            (p, found) for p in self.view.passages if (found := p.at(second % self.view.story_seconds)) is not None
        ]
        for passage, ((x, y), heading, walked) in sorted(moving, key=lambda m: -m[1][0][1]):
            self._draw(picture, passage.kind, passage.look, (x, y), heading, walked)
        self._caption(picture)
        return picture

    def is_seen(self, second: float) -> bool:
        """Return whether anything moves in the picture at a second of the story."""
        for passage in self.view.passages:
            found = passage.at(second % self.view.story_seconds)
            if found is not None and Sprite.around(self.lens, found[0], *SIZE_M[passage.kind]) is not None:
                return True
        return False

    def _stills(self, gone: tuple[bool, ...]) -> list[Frame]:
        """Return the background with its parked vehicles, once for each picture of noise."""
        if gone not in self._still:
            picture = self._developed()
            parked = [p for p, is_gone in zip(self.view.parked, gone, strict=True) if not is_gone]
            for thing in sorted(parked, key=lambda p: -p.place[1]):
                self._draw(picture, thing.kind, thing.look, thing.place, thing.heading, 0.0)
            self._still[gone] = self._with_noise(picture)
            for still in self._still[gone]:
                self._caption(still)
        return self._still[gone]

    def _developed(self) -> Frame:
        """Return the background as a camera's processor shows it: exposure, tone, vignette, sharpening."""
        picture = self._exposed(self._scene.picture * self._shade[..., None])
        soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
        sharp = cv2.addWeighted(picture, 1.45, soft, -0.45, 0)
        return np.asarray(cv2.GaussianBlur(sharp, (3, 3), 0.55), np.uint8)

    def _exposed(self, light: Floats) -> Frame:
        if self.light.is_infrared:
            grey = light @ np.array([0.2, 0.4, 0.4], np.float32)
            light = np.stack([grey * 1.02, grey, grey * 0.99], axis=-1)
        gain = self._gain()
        return np.asarray(np.clip(255 * (1 - np.exp(-gain * np.maximum(light, 0))) ** 0.85, 0, 255), np.uint8)

    def _gain(self) -> float:
        if self.light.is_infrared:
            return 2.6
        if self.light.is_night:
            return 3.2
        return 1.55 / max(0.18, float(np.mean(self.light.ambient)) + 0.55 * float(np.mean(self.light.direct)) + 0.05)

    def _with_noise(self, picture: Frame) -> list[Frame]:
        random = np.random.default_rng(self.view.seed)
        strength = 3.6 if self.light.is_night else 1.3
        found = []
        for _ in range(NOISE_PICTURES):
            grain = random.normal(0, strength, picture.shape[:2]).astype(np.float32)
            grain = cv2.GaussianBlur(grain, (3, 3), 0.7) * 1.5
            more, less = (
                np.clip(sign * grain, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2) for sign in (1, -1)
            )
            found.append(np.asarray(cv2.subtract(cv2.add(picture, more), less), np.uint8))
        return found

    def _caption(self, picture: Frame) -> None:
        """Write the camera's name into the picture's lower right corner, as cameras do."""
        scale = self.lens.height / 720 * 0.8
        (wide, _), _ = cv2.getTextSize(self.view.caption, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
        at = (self.lens.width - wide - int(24 * scale), self.lens.height - int(24 * scale))
        for colour, thick in (((20, 20, 20), 5), ((240, 240, 240), 2)):
            cv2.putText(picture, self.view.caption, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)

    # What moves

    def _draw(self, picture: Frame, kind: MoverKind, look: Look, place: Xy, heading: Xy, walked: float) -> None:
        sprite = Sprite.around(self.lens, place, *SIZE_M[kind])
        if sprite is None:
            return
        ground, shadow = self._scene.ground_light(place)
        self._cast_shadow(picture, kind, place, heading, shadow)
        # The colours of `Look` are what the eye sees in full daylight; the exposure brings them back there.
        factor = self._factor(ground)
        if kind in (MoverKind.CAR, MoverKind.VAN):
            draw_vehicle(sprite, kind, look, place, heading, self.light, ground, drives=walked > 0)
            self._expose_sprite(sprite)
        else:
            sticks = {
                MoverKind.PERSON: person(look, walked),
                MoverKind.RIDER: rider(look),
                MoverKind.EBIKE: ebike(look),
            }
            draw_sticks(sprite, sticks[kind], place, heading, factor, math.copysign(1, self.light.to_sun[0]))
            self._fade(sprite)
        self._blend(picture, sprite, self.lens.depth(*place, 0.8))

    def _factor(self, ground: Floats) -> Floats:
        """Return how much of a colour is left in the picture: exposure of a surface in this light."""
        level = self._exposure(ground * 0.75)
        return np.asarray(level, np.float32)

    def _exposure(self, light: Floats) -> Floats:
        full = (1 - np.exp(-self._gain() * np.maximum(light, 0))) ** 0.85
        return np.asarray(np.clip(full / 0.78, 0.05, 1.12), np.float32)

    def _expose_sprite(self, sprite: Sprite) -> None:
        sprite.colour = self._exposed(sprite.colour.astype(np.float32) / 255)
        self._fade(sprite)

    def _fade(self, sprite: Sprite) -> None:
        """Make a sprite as soft and colourless as the picture is."""
        if self.light.is_infrared:
            grey = cv2.cvtColor(sprite.colour, cv2.COLOR_BGR2GRAY)
            sprite.colour = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)

    def _cast_shadow(self, picture: Frame, kind: MoverKind, place: Xy, heading: Xy, shadow: float) -> None:
        """Darken the ground beside a thing: under it, and away from the sun."""
        _reach, high = SIZE_M[kind]
        wide = 0.85 if kind in (MoverKind.CAR, MoverKind.VAN) else 0.2
        long = 2.1 if kind in (MoverKind.CAR, MoverKind.VAN) else 0.55 if kind is not MoverKind.PERSON else 0.22
        (x, y), (hx, hy) = place, heading
        foot = [(x + hx * a - hy * b, y + hy * a + hx * b) for a, b in
                ((-long, -wide), (long, -wide), (long, wide), (-long, wide))]  # fmt: skip
        self._darken(picture, foot, 0.35)
        sunny = (1 - shadow) * float(np.mean(self.light.direct))
        if self.light.is_night or sunny < 0.1:
            return
        slope = min(MAX_SHADOW_M / high, 1 / max(0.12, self.light.to_sun[2]))
        dx, dy = -self.light.to_sun[0] * slope * high * 0.9, -self.light.to_sun[1] * slope * high * 0.9
        hull = cv2.convexHull(np.array([*foot, *((a + dx, b + dy) for a, b in foot)], np.float32))[:, 0]
        self._darken(picture, [(float(a), float(b)) for a, b in hull], 0.32 * min(1.0, sunny / 0.6))

    def _darken(self, picture: Frame, outline: list[Xy], strength: float) -> None:
        points = self.lens.cut(np.array([(a, b, 0.0) for a, b in outline], np.float32))
        box = self.lens.box(points)
        if box is None:
            return
        soft = 1.0 + 0.02 * (box[3] - box[1])
        margin = int(3 * soft) + 1
        left, top = max(0, box[0] - margin), max(0, box[1] - margin)
        right, bottom = min(self.lens.width, box[2] + margin), min(self.lens.height, box[3] + margin)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        pixels = (self.lens.project(points) - np.array([left, top], np.float32)) * 8
        cv2.fillConvexPoly(mask, pixels.astype(np.int32), 255, cv2.LINE_AA, 3)
        blurred = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)
        part = picture[top:bottom, left:right]
        # Only ground that is seen: a house before it keeps its light.
        near = min(self.lens.depth(a, b, 0.0) for a, b in outline) - 1.0
        seen = self._scene.depth[top:bottom, left:right] > near
        share = 1 - strength * (blurred / 255) * seen
        part[:] = (part * share[..., None]).astype(np.uint8)

    def _blend(self, picture: Frame, sprite: Sprite, depth: float) -> None:
        left, top, right, bottom = sprite.box
        visible = self._scene.depth[top:bottom, left:right] > depth - 0.6
        alpha = np.asarray(sprite.alpha * visible, np.float32)[..., None] / 255
        part = picture[top:bottom, left:right]
        part[:] = (part * (1 - alpha) + sprite.colour * alpha).astype(np.uint8)
