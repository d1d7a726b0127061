"""Names of colours on people and vehicles.

Twelve names (as in Chinese police practice) by rules on lightness, chroma and hue (CIELAB, LCh),
through a 32³ lookup table; the strongest two names of the torso and of the legs are kept.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from nvr.pictures import Picture

NAMES = ("black", "grey", "white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown")
SIZE = (32, 64)  # width, height to which a person is scaled
TORSO, LEGS = (0.17, 0.5), (0.56, 0.9)
MIN_SHARE = 0.2
MONO_CHROMA = 5.0  # 95th percentile of |B−G|+|R−G| below this: an infra-red picture, no colours


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.uint8]:
    steps = (np.arange(32, dtype=np.float32) * 8 + 4) / 255
    b, g, r = np.meshgrid(steps, steps, steps, indexing="ij")
    lab = cv2.cvtColor(np.stack([b, g, r], axis=-1).reshape(1, -1, 3), cv2.COLOR_BGR2Lab)[0]
    names = [NAMES.index(_name(*(float(v) for v in row))) for row in lab]
    return np.array(names, np.uint8).reshape(32, 32, 32)


def _name(lightness: float, a: float, b: float) -> str:
    chroma = float(np.hypot(a, b))
    hue = float(np.degrees(np.arctan2(b, a))) % 360
    if lightness < 18 or (chroma < 12 and lightness < 30):
        return "black"
    if chroma < 12:
        return "white" if lightness > 78 else "grey"
    if hue < 45 or hue >= 345:
        return "pink" if lightness > 65 else "red"
    if hue < 75:
        return "brown" if lightness < 50 else "orange"
    if hue < 108:
        return "yellow" if lightness > 55 else "brown"
    if hue < 170:
        return "green"
    if hue < 225:
        return "cyan"
    if hue < 300:
        return "blue"
    return "purple" if hue < 325 or lightness < 50 else "pink"


def person_colours(crop: Picture) -> tuple[list[str], list[str]]:
    """(upper, lower): up to two names each, strongest first."""
    scaled = cv2.resize(crop, SIZE, interpolation=cv2.INTER_AREA)
    names = _table()[tuple((scaled // 8)[..., i] for i in range(3))]
    column = np.exp(-(((np.arange(SIZE[0]) - SIZE[0] / 2 + 0.5) / (SIZE[0] * 0.18)) ** 2))
    return _strongest(names, column, TORSO), _strongest(names, column, LEGS)


def vehicle_colour(crop: Picture) -> list[str]:
    """Names of the central upper-middle part."""
    scaled = cv2.resize(crop, SIZE, interpolation=cv2.INTER_AREA)
    names = _table()[tuple((scaled // 8)[..., i] for i in range(3))]
    return _strongest(names, np.ones(SIZE[0]), (0.25, 0.7))


def _strongest(names: npt.NDArray[np.uint8], column: npt.NDArray[np.float64], rows: tuple[float, float]) -> list[str]:
    part = names[int(rows[0] * SIZE[1]) : int(rows[1] * SIZE[1])]
    weights = np.bincount(part.ravel(), weights=np.tile(column, len(part)), minlength=len(NAMES))
    weights = weights / weights.sum()
    return [NAMES[i] for i in np.argsort(-weights)[:2] if weights[i] >= MIN_SHARE]


def is_monochrome(picture: Picture) -> bool:
    small = cv2.resize(picture, (80, 45), interpolation=cv2.INTER_AREA).astype(np.int16)
    chroma = np.abs(small[..., 0] - small[..., 1]) + np.abs(small[..., 2] - small[..., 1])
    return bool(np.percentile(chroma, 95) < MONO_CHROMA)
