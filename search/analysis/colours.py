"""Names of colours on people and vehicles.

Twelve names (as in Chinese police practice) by rules on lightness, chroma and hue (CIELAB, LCh), through a 32³ lookup
table; the two strongest names of torso and legs are kept with their weights. Before that the picture is white-balanced
by what the camera usually shows: the colour space matters little, the balance much (0.72 → 0.90, research 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from nvr.playback.pictures import Picture
from search.models.definition import MIN_CONFIDENCE, Reliability
from search.vocabulary import Colour, Tone

CROP_SIZE = (32, 64)  # width, height to which a crop is scaled, pixels
TORSO_ROWS, LEGS_ROWS = (0.17, 0.5), (0.56, 0.9)
VEHICLE_ROWS = (0.25, 0.7)  # rows of a vehicle's body, shares of the crop's height
MIN_SHARE = 0.2
MAX_DARK_LEVEL, MIN_LIGHT_LEVEL = 70, 150  # grey levels between which a tone is `mid`
MINKOWSKI_NORM = 6  # Minkowski norm of the shades-of-grey estimate (Finlayson and Trezzi, 2004)
WELL_EXPOSED_LEVEL = 165.0  # level of this norm in a well-exposed picture of a street
GAIN_RANGE = (0.72, 1.4)
EXPOSURE_RANGE = (0.8, 1.7)
MIN_LEARN_WEIGHT = 0.1
ANY_COLOUR = "any"  # the curve of the names that were given to too few objects to have one of their own
# Read once at import, because sightings are made in the event loop.
RELIABILITY = TypeAdapter(dict[str, Reliability]).validate_json(
    Path(__file__).with_name("colour_reliability.json").read_bytes()
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ColourNames:
    """Codes of search.vocabulary.Colour, strongest first, 0 for none; `share`: weight of the strongest in per cent."""

    first: int = 0
    second: int = 0
    share: int = 0


@dataclass(slots=True)
class WhiteBalance:
    """A camera's running estimate of its illuminant, by the shades-of-grey method on the background."""

    grey: tuple[float, float, float] = (0.0, 0.0, 0.0)  # norms of B, G and R
    pictures: int = 0

    def learn(self, background: Picture) -> None:
        """Update the estimate from a small BGR picture in which moving objects cover little."""
        values = background.reshape(-1, 3).astype(np.float64)
        norms = np.power(np.mean(np.power(values, MINKOWSKI_NORM), axis=0), 1 / MINKOWSKI_NORM)
        share = max(MIN_LEARN_WEIGHT, 1 / (self.pictures + 1))
        self.grey = tuple(float(g + (n - g) * share) for g, n in zip(self.grey, norms, strict=True))  # type: ignore[assignment]
        self.pictures += 1

    def apply(self, picture: Picture) -> Picture:
        """Return the picture balanced to white light and good exposure."""
        if self.pictures == 0 or min(self.grey) < 8:
            return picture
        level = sum(self.grey) / 3
        exposure = min(max(WELL_EXPOSED_LEVEL / level, EXPOSURE_RANGE[0]), EXPOSURE_RANGE[1])
        gains = [min(max(level / g, GAIN_RANGE[0]), GAIN_RANGE[1]) * exposure for g in self.grey]
        table = np.clip(np.arange(256)[:, None] * np.array(gains)[None, :], 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(picture, table[None]), np.uint8)


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.uint8]:
    steps = (np.arange(32, dtype=np.float32) * 8 + 4) / 255
    b, g, r = np.meshgrid(steps, steps, steps, indexing="ij")
    lab = cv2.cvtColor(np.stack([b, g, r], axis=-1).reshape(1, -1, 3), cv2.COLOR_BGR2Lab)[0]
    return np.array([_name(*(float(v) for v in row)) for row in lab], np.uint8).reshape(32, 32, 32)


def _name(lightness: float, a: float, b: float) -> Colour:
    chroma = float(np.hypot(a, b))
    hue = float(np.degrees(np.arctan2(b, a))) % 360
    if lightness < 18 or (chroma < 12 and lightness < 30):
        return Colour.black
    if chroma < 12:
        return Colour.white if lightness > 78 else Colour.grey
    if hue < 45 or hue >= 345:
        return Colour.pink if lightness > 65 else Colour.red
    if hue < 75:
        return Colour.brown if lightness < 50 else Colour.orange
    if hue < 108:
        return Colour.yellow if lightness > 55 else Colour.brown
    if hue < 170:
        return Colour.green
    if hue < 225:
        return Colour.cyan
    if hue < 300:
        return Colour.blue
    return Colour.purple if hue < 325 or lightness < 50 else Colour.pink


def weights(crop: Picture, *, vehicle: bool) -> tuple[Floats, Floats]:
    """Return the weight of each colour (13 sums, by code) of the upper and the lower part.

    For a vehicle the upper part is its body and the lower part is zero.
    """
    names = _named(crop)
    if vehicle:
        return _sums(names, np.ones(CROP_SIZE[0]), VEHICLE_ROWS), np.zeros(len(Colour))
    column = np.exp(-(((np.arange(CROP_SIZE[0]) - CROP_SIZE[0] / 2 + 0.5) / (CROP_SIZE[0] * 0.18)) ** 2))
    return _sums(names, column, TORSO_ROWS), _sums(names, column, LEGS_ROWS)


def strongest(sums: Floats) -> ColourNames:
    """Return the two strongest colour names; none if the strongest is not known to be right often enough.

    How often a name is right depends on its share (`colour_reliability.json`).
    """
    names = strongest_unjudged(sums)
    curve = RELIABILITY.get(Colour(names.first).name, RELIABILITY[ANY_COLOUR])
    return names if curve.probability(names.share) >= MIN_CONFIDENCE else ColourNames()


def strongest_unjudged(sums: Floats) -> ColourNames:
    """Return the two strongest colour names; none if the strongest has less than MIN_SHARE."""
    total = float(sums.sum())
    if total <= 0:
        return ColourNames()
    first, second = (int(i) for i in np.argsort(-sums)[:2])
    shares = sums / total
    if shares[first] < MIN_SHARE:
        return ColourNames()
    return ColourNames(first, second if shares[second] >= MIN_SHARE else 0, round(float(shares[first]) * 100))


def tones(crop: Picture) -> tuple[Tone, Tone]:
    """Return the tones of the upper and the lower part, the only clothing information of an infra-red picture."""
    grey = cv2.cvtColor(cv2.resize(crop, CROP_SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    middle = grey[:, CROP_SIZE[0] // 4 : -CROP_SIZE[0] // 4]
    levels = (
        float(np.median(middle[int(a * CROP_SIZE[1]) : int(b * CROP_SIZE[1])])) for a, b in (TORSO_ROWS, LEGS_ROWS)
    )
    upper, lower = (
        Tone.dark if v < MAX_DARK_LEVEL else Tone.light if v > MIN_LIGHT_LEVEL else Tone.mid for v in levels
    )
    return upper, lower


def _named(crop: Picture) -> npt.NDArray[np.uint8]:
    scaled = cv2.resize(crop, CROP_SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(_table()[tuple((scaled // 8)[..., i] for i in range(3))], np.uint8)


def _sums(names: npt.NDArray[np.uint8], column: Floats, rows: tuple[float, float]) -> Floats:
    part = names[int(rows[0] * CROP_SIZE[1]) : int(rows[1] * CROP_SIZE[1])]
    sums = np.bincount(part.ravel(), weights=np.tile(column, len(part)), minlength=len(Colour)).astype(np.float64)
    return np.asarray(sums / sums.sum(), np.float64)
