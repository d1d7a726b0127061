"""Where objects stand in a camera's picture and how tall they are there, learned from detections.

Perspective makes the height of a person depend on the place of the feet, so the map keeps a height for each cell of a
grid. Counts decay, so that a place at which nobody is seen any more is forgotten. The map has a fixed size, about
2 kB, and travels with the AnalysisState; after a restart it is learned again from the paths of stored sightings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from search.analysis.detectors.base import Region

COLUMNS, ROWS = 16, 12
HALF_LIFE_MS = 24 * 3_600_000  # of the weight of a detection
MIN_WEIGHT = 0.5  # sum of scores from which a cell counts as learned
MAX_WEIGHT = 8.0  # a busy place is forgotten after four half-lives at most
SHRINK_RATE, GROW_RATE = 0.3, 0.1  # of the height: windows have to suit the smaller objects of a place
SIDE_MARGIN = 0.5  # width beside the cell, in heights of the object
END_MARGIN = 0.25  # above the head and below the feet, in heights
SLACK = 1e-5  # share of the picture
Floats = npt.NDArray[np.float32]
Cell = tuple[int, int]  # row, column
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int_]


def _zeros() -> Floats:
    return np.zeros((ROWS, COLUMNS), np.float32)


def _never() -> npt.NDArray[np.int32]:
    return np.full((ROWS, COLUMNS), -1, np.int32)


@dataclass(slots=True)
class PlaceMap:
    """What is known of one camera's places. Arrays are ROWS × COLUMNS, by the place of the feet.

    `weight`: decayed sum of scores; `height`: of the objects, share of the picture; `visited`: number of the run in
    which the whole cell was last searched at a suitable scale; `followed`: in which something that moved there was.
    """

    weight: Floats = field(default_factory=_zeros)
    height: Floats = field(default_factory=_zeros)
    visited: npt.NDArray[np.int32] = field(default_factory=_never)
    followed: npt.NDArray[np.int32] = field(default_factory=_never)
    runs: int = 0
    decayed_ms: int = 0
    explored: int = 0  # windows of the exploration that were searched
    credit: float = 0.0  # windows that may still be used (window_plan)

    def decay(self, at_ms: int) -> None:
        if self.decayed_ms and at_ms > self.decayed_ms:
            self.weight *= np.float32(0.5 ** ((at_ms - self.decayed_ms) / HALF_LIFE_MS))
        self.decayed_ms = max(self.decayed_ms, at_ms)

    def learn(self, foot_x: float, foot_y: float, height: float, score: float) -> None:
        """Add a detection. `foot_x`, `foot_y`, `height`: shares of the picture."""
        cell = cell_of(foot_x, foot_y)
        known = float(self.height[cell])
        if self.weight[cell] < MIN_WEIGHT / 4 or known <= 0:
            self.height[cell] = height
        else:
            self.height[cell] = known + (height - known) * (SHRINK_RATE if height < known else GROW_RATE)
        self.weight[cell] = min(MAX_WEIGHT, float(self.weight[cell]) + score)

    def height_at(self, foot_x: float, foot_y: float) -> float | None:
        """Return the height learned at a place: of its cell, its neighbours or its row; None if nothing is known."""
        row, column = cell_of(foot_x, foot_y)
        for reach in (0, 1, COLUMNS):
            rows = slice(max(0, row - min(reach, 1)), row + min(reach, 1) + 1)
            columns = slice(max(0, column - reach), column + reach + 1)
            weight = np.where(self.weight[rows, columns] >= MIN_WEIGHT, self.weight[rows, columns], 0)
            if weight.sum() > 0:
                return float((weight * self.height[rows, columns]).sum() / weight.sum())
        return None

    def learned(self, max_height: float) -> list[Cell]:
        """Return the cells (row, column) with objects below a height, the one longest not visited first."""
        rows, columns = np.nonzero((self.weight >= MIN_WEIGHT) & (self.height < max_height))
        cells = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True)]
        return sorted(cells, key=lambda cell: int(self.visited[cell]))

    def mark_visited(self, windows: Sequence[Region], max_sizes: Floats, aspect: float) -> None:
        """Note the cells of which a window contains the region. Windows higher than `max_sizes` do not count."""
        rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
        left, top, right, bottom = _regions(rows, columns, self.height, aspect)
        for x1, y1, x2, y2 in windows:
            inside = (left >= x1 - SLACK) & (top >= y1 - SLACK) & (right <= x2 + SLACK) & (bottom <= y2 + SLACK)
            self.visited[inside & (y2 - y1 <= max_sizes + SLACK)] = self.runs


def cell_of(x: float, y: float) -> Cell:
    """Return (row, column) of a place in shares of the picture."""
    return min(ROWS - 1, max(0, int(y * ROWS))), min(COLUMNS - 1, max(0, int(x * COLUMNS)))


def cell_region(cell: Cell, height: float, aspect: float) -> Region:
    """Return the region that objects with their feet in the cell fill. `aspect`: width / height of the picture."""
    row, column = np.array(cell[0]), np.array(cell[1])
    x1, y1, x2, y2 = (float(v) for v in _regions(row, column, np.array(height, np.float32), aspect))
    return x1, y1, x2, y2


def _regions(rows: Ints, columns: Ints, height: Floats, aspect: float) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    side, end = SIDE_MARGIN * height / aspect, END_MARGIN * height
    return (
        np.maximum(0.0, columns / COLUMNS - side), np.maximum(0.0, rows / ROWS - height - end),
        np.minimum(1.0, (columns + 1) / COLUMNS + side), np.minimum(1.0, (rows + 1) / ROWS + end),
    )  # fmt: skip
