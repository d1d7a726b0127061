"""Synthetic street scenes: houses, a road, and walking people in coloured jackets.

All movements have periods that divide the loop, so that a clip repeats without a jump. The same seed gives the same
street.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cameras.virtual.clip import Frame

COLOURS = {
    "red": (40, 40, 205),
    "blue": (190, 80, 30),
    "green": (70, 150, 60),
    "yellow": (40, 200, 230),
    "black": (35, 35, 35),
    "white": (235, 235, 235),
}
SKIN, HAIR, SHOES = (150, 180, 215), (30, 30, 35), (40, 40, 45)
STEPS_PER_LOOP = 26  # a whole number, so that the loop repeats without a jump


@dataclass(frozen=True, slots=True)
class Walker:
    """A person who crosses the picture once per loop. Sizes are fractions of the picture's height."""

    jacket: str
    trousers: str
    height: float
    ground: float  # position of the feet, 0 top … 1 bottom
    phase: float  # fraction of the loop at which the person enters
    leftwards: bool


class Street:
    """The view of one camera."""

    def __init__(self, seed: int, size: tuple[int, int] = (1280, 720), walkers: list[Walker] | None = None):
        self.width, self.height = size
        self._random = np.random.default_rng(seed)
        self._background = self._draw_background()
        noise = [self._random.normal(0, 2.2, (self.height, self.width, 1)).repeat(3, axis=2) for _ in range(3)]
        self._noise = [(np.clip(n, 0, 255).astype(np.uint8), np.clip(-n, 0, 255).astype(np.uint8)) for n in noise]
        self.walkers = walkers if walkers is not None else self._some_walkers()

    def _some_walkers(self) -> list[Walker]:
        jackets = list(self._random.permutation(list(COLOURS)))
        return [
            Walker(
                str(jackets[i]),
                "black" if i % 2 else "blue",
                0.42 + 0.06 * i,
                0.86 + 0.04 * i,
                0.1 + 0.4 * i,
                bool(i % 2),
            )
            for i in range(2)
        ]

    def _draw_background(self) -> Frame:
        w, h, rng = self.width, self.height, self._random
        picture = np.empty((h, w, 3), np.uint8)
        horizon = int(h * 0.33)
        sky = np.linspace(225, 200, horizon).astype(np.uint8)[:, None]
        picture[:horizon] = np.stack([sky, sky - 10, sky - 25], axis=-1)
        ground = np.linspace(165, 190, h - horizon).astype(np.uint8)[:, None]
        picture[horizon:] = np.stack([ground, ground, ground - 4], axis=-1)
        x = 0
        while x < w:
            width, top = int(w * rng.uniform(0.12, 0.22)), int(h * rng.uniform(0.06, 0.2))
            wall = rng.integers(165, 215, 3).tolist()
            cv2.rectangle(picture, (x, top), (x + width - 6, int(h * 0.48)), wall, -1)
            cv2.rectangle(picture, (x, top), (x + width - 6, top + 14), [c - 60 for c in wall], -1)
            for wx in range(x + 18, x + width - 40, 56):
                cv2.rectangle(picture, (wx, top + 34), (wx + 24, top + 64), (120, 110, 100), -1)
            x += width
        cv2.rectangle(picture, (0, int(h * 0.48)), (w, int(h * 0.5)), (140, 140, 142), -1)
        texture = cv2.resize(rng.normal(0, 7, (h // 4, w // 4, 1)).astype(np.float32), (w, h))[..., None]
        return np.asarray(np.clip(picture.astype(np.float32) + texture, 0, 255), np.uint8)

    def frames(self, count: int) -> Iterator[Frame]:
        for i in range(count):
            yield self.frame(i / count, i)

    def frame(self, t: float, number: int) -> Frame:
        """Return the picture at `t` (0 … 1 of the loop)."""
        picture = self._background.copy()
        for walker in sorted(self.walkers, key=lambda p: p.ground):
            self._draw_walker(picture, walker, (t - walker.phase) % 1.0)
        brighter, darker = self._noise[number % len(self._noise)]
        return np.asarray(cv2.subtract(cv2.add(picture, brighter), darker), np.uint8)

    def _draw_walker(self, picture: Frame, walker: Walker, t: float) -> None:
        tall = walker.height * self.height
        span = self.width + tall
        x = -tall / 2 + (1 - t if walker.leftwards else t) * span
        figure = _Figure(picture, x, walker.ground * self.height, tall, np.sin(t * STEPS_PER_LOOP * 2 * np.pi))
        figure.draw_legs(COLOURS[walker.trousers])
        figure.draw_arms(COLOURS[walker.jacket])
        figure.draw_body(COLOURS[walker.jacket])
        figure.draw_head()


@dataclass(frozen=True, slots=True)
class _Figure:
    """A person to be drawn: position of the feet and height in pixels, `swing` of the limbs from -1 to 1."""

    picture: Frame
    x: float
    feet: float
    tall: float
    swing: float

    def _fill(self, colour: tuple[int, ...], *corners: tuple[float, float]) -> None:
        """Fill a polygon; corners in fractions of the height, from the feet."""
        cv2.fillConvexPoly(self.picture, self._points(*corners), colour, cv2.LINE_AA)

    def _points(self, *pairs: tuple[float, float]) -> npt.NDArray[np.int32]:
        pixels = [(self.x + dx * self.tall, self.feet - dy * self.tall) for dx, dy in pairs]
        return np.array(pixels, np.float32).round().astype(np.int32)

    def draw_legs(self, trousers: tuple[int, ...]) -> None:
        for side in (-1.0, 1.0):
            hip, foot = 0.045 * side, 0.035 * side + 0.075 * self.swing * side
            self._fill(trousers, (hip - 0.055, 0.5), (hip + 0.055, 0.5), (foot + 0.035, 0.02), (foot - 0.035, 0.02))
            shoe = ((foot - 0.035, 0.035), (foot + 0.05, 0.035), (foot + 0.05, 0), (foot - 0.035, 0))
            self._fill(SHOES, *shoe)

    def draw_arms(self, jacket: tuple[int, ...]) -> None:
        sleeve = tuple(int(c * 0.8) for c in jacket)
        for side in (-1.0, 1.0):
            hand = 0.125 * side - 0.05 * self.swing * side
            self._fill(sleeve, (0.09 * side, 0.81), (0.14 * side, 0.79), (hand + 0.03, 0.47), (hand - 0.02, 0.47))

    def draw_body(self, jacket: tuple[int, ...]) -> None:
        self._fill(jacket, (-0.12, 0.79), (-0.09, 0.83), (0.09, 0.83), (0.12, 0.79), (0.1, 0.46), (-0.1, 0.46))

    def draw_head(self) -> None:
        x, y = (int(v) for v in self._points((0.0, 0.915))[0])
        face, hair = (self._scaled(0.055), self._scaled(0.075)), (self._scaled(0.058), self._scaled(0.062))
        cv2.ellipse(self.picture, (x, y), face, 0, 0, 360, SKIN, -1, cv2.LINE_AA)
        cv2.ellipse(self.picture, (x, int(y - self.tall * 0.02)), hair, 0, 180, 360, HAIR, -1, cv2.LINE_AA)

    def _scaled(self, fraction: float) -> int:
        return round(self.tall * fraction)


def blackened(picture: Frame) -> Frame:
    return np.full_like(picture, 6)


def blurred(picture: Frame) -> Frame:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), picture.shape[1] / 90), np.uint8)


def moved(picture: Frame) -> Frame:
    height, width = picture.shape[:2]
    turn = np.array([[1, 0, width * 0.18], [0, 1, height * 0.1]], np.float32)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)
