"""The camera's perspective: a pinhole that looks slightly downwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.uint8]  # 0 to 255
HORIZON = 0.21  # share of the picture's height at which the horizon lies
NEAREST = 0.4  # metres before the lens; nearer things are cut off


@dataclass(frozen=True, slots=True)
class Lens:
    width: int
    height: int  # pixels
    focal: float  # pixels
    tilt: float  # radians downwards
    above: float  # metres above the ground

    @classmethod
    def of(cls, size: tuple[int, int], field_of_view: float, above: float) -> Lens:
        focal = size[0] / 2 / math.tan(math.radians(field_of_view) / 2)
        return cls(*size, focal, math.atan((0.5 - HORIZON) * size[1] / focal), above)

    def depth(self, x: float, y: float, z: float) -> float:
        """Return the distance of a point along the optical axis."""
        return y * math.cos(self.tilt) - (z - self.above) * math.sin(self.tilt)

    def project(self, points: Floats) -> Floats:
        """Return the pixels (x, y) of points (…, 3) that lie before the lens."""
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        y, z = points[..., 1], points[..., 2] - self.above
        depth = np.maximum(y * cosine - z * sine, 1e-3)
        across = self.width / 2 + self.focal * points[..., 0] / depth
        down = self.height / 2 - self.focal * (y * sine + z * cosine) / depth
        return np.stack([across, down], axis=-1).astype(np.float32)

    def rays(self, box: tuple[int, int, int, int] | None = None) -> Floats:
        """Return the direction (x, y, z) of each pixel of a box (left, top, right, bottom), of depth 1."""
        left, top, right, bottom = box or (0, 0, self.width, self.height)
        across = (np.arange(left, right, dtype=np.float32) + 0.5 - self.width / 2) / self.focal
        up = (self.height / 2 - np.arange(top, bottom, dtype=np.float32) - 0.5) / self.focal
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        rays = np.empty((bottom - top, right - left, 3), np.float32)
        rays[..., 0] = across[None, :]
        rays[..., 1] = (cosine + up * sine)[:, None]
        rays[..., 2] = (up * cosine - sine)[:, None]
        return rays

    def cut(self, points: Floats) -> Floats:
        """Return the part of a polygon (n, 3) that lies before the lens; maybe empty."""
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        depths = points[:, 1] * cosine - (points[:, 2] - self.above) * sine
        kept = []
        for i in range(len(points)):
            a, b, da, db = points[i - 1], points[i], depths[i - 1], depths[i]
            if (da >= NEAREST) != (db >= NEAREST):
                kept.append(a + (b - a) * (NEAREST - da) / (db - da))
            if db >= NEAREST:
                kept.append(b)
        return np.asarray(kept, np.float32).reshape(-1, 3)

    def box(self, points: Floats) -> tuple[int, int, int, int] | None:
        """Return the pixels (left, top, right, bottom) that a polygon before the lens may cover; None: none."""
        if len(points) < 3:
            return None
        pixels = self.project(points)
        left, top = np.floor(pixels.min(axis=0)).astype(int)
        right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 1
        box = max(0, int(left)), max(0, int(top)), min(self.width, int(right)), min(self.height, int(bottom))
        return box if box[0] < box[2] and box[1] < box[3] else None
