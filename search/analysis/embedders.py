"""Appearance vectors for re-identification: 256 values of norm 1; their dot product is the cosine similarity.

A pack's network computes them for people. For other classes, and without a pack, they are colour histograms in
horizontal stripes (CIELAB), multiplied by a fixed random matrix so that the signs of the values carry information too.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from nvr.playback.pictures import Picture
from search.analysis.networks import Network
from search.models.registry import InstalledModel
from search.vocabulary import Cls

DIMENSION = 256
Vector = npt.NDArray[np.float32]
STRIPES, BINS = 6, (6, 6, 6)
HISTOGRAM = "lab-stripes@1"
HISTOGRAM_SAME = 0.72


class PackEmbedder:
    """Computes vectors with a pack's network. `same`: cosine above which two vectors are likely of one object."""

    def __init__(self, installed: InstalledModel):
        """Load the pack's network. Raises DetectorError."""
        self.name, self.same = installed.pack.name, installed.pack.same
        self.applies_to = frozenset(int(Cls[c]) for c in installed.pack.applies_to)
        self._network = Network(installed)

    def of(self, crop: Picture) -> Vector:
        """Return the vector of a crop."""
        values = next(iter(self._network.run(crop).values())).ravel()[:DIMENSION]
        return _unit(np.pad(values, (0, DIMENSION - len(values))))


class HistogramEmbedder:
    """Computes vectors from colour histograms."""

    name, same = HISTOGRAM, HISTOGRAM_SAME

    def of(self, crop: Picture) -> Vector:
        """Return the vector of joint histograms of L, a and b in STRIPES horizontal stripes."""
        small = cv2.resize(crop, (24, 48), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_BGR2Lab)[:, 3:-3].astype(np.int32)
        # Few clothes have vivid colours: the middle of the a and b axes is divided finely, the ends are one bin each.
        lightness = lab[..., 0] * BINS[0] // 256
        a, b = (np.digitize(lab[..., i], (108, 120, 128, 136, 150)) for i in (1, 2))
        cell = (lightness * BINS[1] + a) * BINS[2] + b
        rows = np.repeat(np.arange(STRIPES), 48 // STRIPES)[:, None]
        size = BINS[0] * BINS[1] * BINS[2]
        counts = np.bincount((rows * size + cell).ravel(), minlength=STRIPES * size)
        return _unit(_rotation() @ np.sqrt(counts.astype(np.float32)))


@lru_cache(maxsize=1)
def _rotation() -> npt.NDArray[np.float32]:
    size = STRIPES * BINS[0] * BINS[1] * BINS[2]
    return np.random.default_rng(20_26).standard_normal((DIMENSION, size)).astype(np.float32) / np.float32(
        np.sqrt(DIMENSION)
    )


def _unit(values: npt.NDArray[np.float32]) -> Vector:
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, np.float32)
