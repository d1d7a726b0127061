"""Where a foot in the picture stands on the ground, learned from how high vehicles look at each row.

On level ground an object's height in the picture is proportional to the distance of its foot from the horizon, and its
depth to the inverse (Hoiem, Efros and Hebert, "Putting objects in perspective", 2008). A car that drives evenly moves
evenly on the ground and not in the picture: it takes as long for the far half of a road as for the last tenth of the
picture. The horizon is that of a regression of heights on rows; until it is known, places are compared in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from search.analysis.detectors.base import Detection

MIN_DETECTIONS = 25
MIN_CORRELATION = 0.75  # of heights with rows
MAX_WEIGHT = 600  # detections that count; older ones fade
FOCAL = 1.1  # focal length in picture heights; it only sets the scale of depth against width
MIN_BELOW_HORIZON = 0.03  # picture heights
EDGE = 0.01  # a box this near to the edge of the picture is cut
Floats = npt.NDArray[np.float64]


def is_cut(d: Detection) -> bool:
    """Return whether the edge of the picture cuts the box."""
    return d.x < EDGE or d.y < EDGE or d.x + d.w > 1 - EDGE or d.y + d.h > 1 - EDGE


@dataclass(slots=True)
class GroundPlane:
    """A running regression of heights on rows; `horizon` and `rise` (height per row) are set once it is trusted."""

    sums: Floats = field(default_factory=lambda: np.zeros(6))  # 1, y, h, yy, yh, hh
    horizon: float = 0.0
    rise: float = 0.0

    @property
    def is_known(self) -> bool:
        return self.rise > 0

    def learn(self, vehicles: Sequence[Detection]) -> bool:
        """Add whole boxes of vehicles; return whether the plane has become known now."""
        for d in vehicles:
            if not is_cut(d):
                y = d.y + d.h
                self.sums += (1, y, d.h, y * y, y * d.h, d.h * d.h)
        if self.sums[0] < MIN_DETECTIONS:
            return False
        self.sums *= min(1.0, MAX_WEIGHT / self.sums[0])
        return self._solve()

    def _solve(self) -> bool:
        n, y, h, yy, yh, hh = (float(v) for v in self.sums)
        spread_y, spread_h, both = yy / n - (y / n) ** 2, hh / n - (h / n) ** 2, yh / n - y * h / n**2
        if both <= 0 or both * both < MIN_CORRELATION**2 * spread_y * spread_h:
            return False
        first = not self.is_known
        self.rise = both / spread_y
        self.horizon = y / n - h / n / self.rise
        return first

    def below(self, y: Floats) -> Floats:
        """Return how far feet are below the horizon, in picture heights."""
        return np.asarray(np.maximum(MIN_BELOW_HORIZON, y - self.horizon))

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return places on the ground, in heights of a vehicle, of feet (picture heights, x from its middle)."""
        below = self.below(y)
        return np.asarray(x / (self.rise * below)), np.asarray(-FOCAL / (self.rise * below))
