"""Synthetic street scenes: houses, a road, and walking people in coloured jackets.

All movements have periods that divide the loop, so that a clip repeats without a jump. The same seed gives the same
street.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from cameras.virtual.clip import Frame

COLOURS = {
    "red": (40, 40, 205),
    "blue": (190, 80, 30),
    "green": (70, 150, 60),
    "yellow": (40, 200, 230),
    "black": (35, 35, 35),
    "white": (235, 235, 235),
}
SKIN = (150, 180, 215)


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
        feet = walker.ground * self.height
        steps = 26
        swing = np.sin(t * steps * 2 * np.pi)

        def points(*pairs: tuple[float, float]) -> np.ndarray:
            return (
                np.array([(x + dx * tall, feet - dy * tall) for dx, dy in pairs], np.float32).round().astype(np.int32)
            )

        trousers, jacket = COLOURS[walker.trousers], COLOURS[walker.jacket]
        for side in (-1.0, 1.0):
            foot = 0.035 * side + 0.075 * swing * side
            cv2.fillConvexPoly(
                picture,
                points(
                    (-0.055 + 0.045 * side, 0.5),
                    (0.055 + 0.045 * side, 0.5),
                    (foot + 0.035, 0.02),
                    (foot - 0.035, 0.02),
                ),
                trousers,
                cv2.LINE_AA,
            )
            cv2.fillConvexPoly(
                picture,
                points((foot - 0.035, 0.035), (foot + 0.05, 0.035), (foot + 0.05, 0), (foot - 0.035, 0)),
                (40, 40, 45),
                cv2.LINE_AA,
            )
        for side in (-1.0, 1.0):
            hand = 0.125 * side - 0.05 * swing * side
            cv2.fillConvexPoly(
                picture, points((0.09 * side, 0.81), (0.14 * side, 0.79), (hand + 0.03, 0.47), (hand - 0.02, 0.47)),
                tuple(int(c * 0.8) for c in jacket), cv2.LINE_AA,
            )  # fmt: skip
        cv2.fillConvexPoly(
            picture,
            points((-0.12, 0.79), (-0.09, 0.83), (0.09, 0.83), (0.12, 0.79), (0.1, 0.46), (-0.1, 0.46)),
            jacket,
            cv2.LINE_AA,
        )
        centre = points((0.0, 0.915))[0]
        cv2.ellipse(
            picture,
            (int(centre[0]), int(centre[1])),
            (round(tall * 0.055), round(tall * 0.075)),
            0,
            0,
            360,
            SKIN,
            -1,
            cv2.LINE_AA,
        )
        cv2.ellipse(
            picture,
            (int(centre[0]), int(centre[1] - tall * 0.02)),
            (round(tall * 0.058), round(tall * 0.062)),
            0,
            180,
            360,
            (30, 30, 35),
            -1,
            cv2.LINE_AA,
        )


def blackened(picture: Frame) -> Frame:
    return np.full_like(picture, 6)


def blurred(picture: Frame) -> Frame:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), picture.shape[1] / 90), np.uint8)


def moved(picture: Frame) -> Frame:
    height, width = picture.shape[:2]
    turn = np.array([[1, 0, width * 0.18], [0, 1, height * 0.1]], np.float32)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)
