"""The directions of a camera's traffic: how vehicles at each place of the picture move on.

From keyframes alone a car that drives off cannot be told from the next one that enters by its place. But all cars of a
lane move alike, and those that are easily told apart (a red one, a lorry) show how. Bounded: a grid of cells with at
most four directions each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.analysis.place_map import COLUMNS, ROWS, cell_of

MODES = 4  # directions of a cell
SURE_MARGIN = 2.0  # of a join that counts fully
UNSURE_WEIGHT = 0.35  # of others, also of those that were not made: only what is right repeats itself
MIN_MOVES = 2.0  # weight of joins in a cell and around it before its direction is used
MIN_MOVES_WHOLE = 4.0
MAX_LEARNED = 30  # weight of the past
_WHOLE = ROWS, 0  # the directions of the whole picture; on the ground they hold wherever the road is straight
Floats = npt.NDArray[np.float32]
MAX_DIFFERENCE = 0.35  # between a move and a mode that it belongs to, as a share of the mode's pace


@dataclass(frozen=True, slots=True)
class FlowMode:
    """One direction: heights per second in x and y, and the share of the moves that go this way."""

    x: float
    y: float
    share: float


class TrafficFlow:
    """Directions and paces of vehicles by cell of the picture."""

    def __init__(self, pace: Floats | None = None, count: Floats | None = None) -> None:
        """`pace`, `count`: what `learned` returned before; copied."""
        self._pace: Floats = np.zeros((ROWS + 1, COLUMNS, MODES, 2), np.float32)
        self._count: Floats = np.zeros((ROWS + 1, COLUMNS, MODES), np.float32)
        if pace is not None and count is not None:
            self._pace[:], self._count[:] = pace, count

    def learned(self) -> tuple[Floats, Floats]:
        """Return paces ((ROWS + 1) × COLUMNS × MODES × 2, heights per second in x and y) and their weights."""
        return self._pace, self._count

    def learn(self, x: float, y: float, velocity: tuple[float, float], margin: float) -> None:
        """Learn a step that began at a foot (shares of the picture)."""
        weight = 1.0 if margin >= SURE_MARGIN else UNSURE_WEIGHT
        for cell in (cell_of(x, y), _WHOLE):
            self._add(cell, np.array(velocity, np.float32), weight)

    def _add(self, cell: tuple[int, int], pace: npt.NDArray[np.float32], weight: float) -> None:
        counts, paces = self._count[cell], self._pace[cell]
        apart = np.hypot(*(paces - pace).T) / np.maximum(1e-6, np.hypot(*paces.T))
        mode = int(np.argmin(np.where(counts > 0, apart, np.inf)))
        if counts[mode] == 0 or apart[mode] > MAX_DIFFERENCE:
            mode = int(np.argmin(counts))  # forget the rarest
            counts[mode] = 0
        counts[mode] = min(MAX_LEARNED, counts[mode] + weight)
        paces[mode] += (pace - paces[mode]) * weight / counts[mode]

    def at(self, x: float, y: float) -> list[FlowMode]:
        """Return the directions at a foot (shares of the picture): of its cell, the eight around it, or of all."""
        row, column = cell_of(x, y)
        if self._count[row, column].max() >= MIN_MOVES:
            return self._modes((row, column))
        rows, columns = range(max(0, row - 1), min(ROWS, row + 2)), range(max(0, column - 1), min(COLUMNS, column + 2))
        best = max(((r, c) for r in rows for c in columns), key=lambda cell: float(self._count[cell].max()))
        if self._count[best].max() >= MIN_MOVES:
            return self._modes(best)
        return self._modes(_WHOLE) if self._count[_WHOLE].max() >= MIN_MOVES_WHOLE else []

    def _modes(self, cell: tuple[int, int]) -> list[FlowMode]:
        counts, paces = self._count[cell], self._pace[cell]
        used = [(p, float(n)) for p, n in zip(paces, counts, strict=True) if n >= MIN_MOVES]
        total = sum(n for _, n in used)
        return [FlowMode(float(p[0]), float(p[1]), n / total) for p, n in used]
