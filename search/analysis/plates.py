"""Registration plates, if a pack reads them and the settings enable it.

Searches the lower part of a vehicle's crop for regions with the colours (blue, green, yellow) and proportions of
plates; the pack's network reads them. Readings of another length than a plate's are discarded.
"""

from __future__ import annotations

import cv2
import numpy as np

from nvr.playback.pictures import Picture
from search.analysis.networks import Network
from search.models.registry import InstalledModel

PROPORTIONS = (2.2, 5.0)  # width / height: 440 × 140 mm, seen from the side
MIN_WIDTH = 40  # pixels; below, characters cannot be distinguished
LENGTHS = (7, 8)
# Hue ranges (0…179, OpenCV): blue, green (new energy), yellow.
HUES = ((100, 126), (45, 85), (18, 33))


class PlateReader:
    """Reads plates with a pack's network."""

    def __init__(self, installed: InstalledModel):
        self._network, self._letters = Network(installed), installed.pack.letters

    def read(self, vehicle: Picture) -> str:
        """Return the registration, or an empty string."""
        for candidate in candidates(vehicle):
            numbers = next(iter(self._network.run(candidate).values())).ravel().astype(int)
            characters = [self._letters[n] for n in numbers if 0 <= n < len(self._letters)]
            if len(characters) in LENGTHS:
                return "".join(characters)
        return ""


def candidates(vehicle: Picture) -> list[Picture]:
    """Return up to two parts of a vehicle's crop that may be its plate, largest first."""
    height = vehicle.shape[0]
    part = vehicle[height // 3 :]
    if part.shape[1] < MIN_WIDTH or part.shape[0] < MIN_WIDTH // 5:
        return []
    hsv = cv2.cvtColor(part, cv2.COLOR_BGR2HSV)
    found: list[tuple[int, Picture]] = []
    for low, high in HUES:
        mask = cv2.inRange(hsv, np.array([low, 70, 50]), np.array([high, 255, 255]))
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 17), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
        for x, y, w, h, area in stats[1:count]:
            if (
                w >= MIN_WIDTH
                and PROPORTIONS[0] <= w / h <= PROPORTIONS[1]
                and area >= 0.55 * w * h
                and w < 0.6 * part.shape[1]
            ):
                found.append((int(area), part[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2]))
    return [picture for _, picture in sorted(found, key=lambda f: -f[0])[:2]]
