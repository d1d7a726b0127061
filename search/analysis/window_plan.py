"""Chooses the windows of a keyframe that are searched besides the whole picture, for small objects.

An object is found where it is at least WANTED_PIXELS tall in the network's input, and windows are as large as that
permits. In order: what moves, then learned places by the time since their last visit, then, if asked, the
next windows of an exploration of the whole picture. Among moving things the one longest not searched comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from search.analysis.detectors.base import Pixels, Region
from search.analysis.place_map import END_MARGIN, SIDE_MARGIN, Cell, Floats, PlaceMap, cell_of, cell_region

# Recall of people by their height in the input of person-vehicle-bike-2004: 20 pixels .53, 27 .70, 35 .93, 45 1.00.
WANTED_PIXELS = 48
MIN_PIXELS = 42  # in a window that also serves smaller or wider things
# People of 20 pixels enlarged to 45: recall .93 to 1.00; of 14 pixels: .63 to .87.
MAX_ENLARGEMENT = 2.6
MIN_SIZE = 0.14  # height of a window, share of the picture: a cell of the place map fits in
MAX_SIZE = 0.7  # what needs no smaller window is found in the whole picture: recall .9 at 34 pixels
MAX_WINDOWS = 8  # in one keyframe
CREDIT_PER_RUN, MAX_CREDIT = 4.0, 24.0  # windows: the average in a busy place, and the reserve of a quiet one
RESERVED = 1  # windows for learned places while much moves
SWEPT_AT_ONCE = 2  # learned places searched at least where the caller explores
REVISIT_RUNS = 2  # a learned place is due again after so many runs
EXPLORED_FIRST, EXPLORED_LATER = 4, 1  # windows explored at once: by a new camera; once it has seen everything
FRAGMENT = 0.75  # share of a moving region that the object may be, where nothing is learned
MAX_UNKNOWN_HEIGHT = 0.25  # taller moving regions are searched in the whole picture, where nothing is learned
MAX_PIECES = 6  # of one moving region
LEVELS = (2, 4, 8)  # rows of windows in the exploration
OVERLAP = 0.35  # of neighbouring windows, share of their size


@dataclass(slots=True)
class _Window:
    """`core`: what must lie inside; `size`: the largest height, share of the picture."""

    core: Region
    size: float


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes (width, height) of the picture and of the network's input, in pixels."""

    picture: tuple[int, int]
    network: tuple[int, int]

    @property
    def aspect(self) -> float:
        return self.picture[0] / self.picture[1]

    @property
    def min_size(self) -> float:
        return max(MIN_SIZE, self.network[1] / MAX_ENLARGEMENT / self.picture[1])

    def width(self, size: float) -> float:
        """Return the width of a window of this height, both in shares of the picture."""
        return min(1.0, size * self.network[0] / self.network[1] / self.aspect)

    def size_for(self, height: float) -> float:
        """Return the height of the window for objects of this height."""
        return max(self.min_size, height * self.network[1] / WANTED_PIXELS)

    def max_sizes(self, heights: Floats) -> Floats:
        """Return the height of the largest window that searches for objects of these heights."""
        sizes = np.maximum(self.min_size, heights * (self.network[1] / WANTED_PIXELS))
        return np.asarray(sizes * (WANTED_PIXELS / MIN_PIXELS), np.float32)


def plan(places: PlaceMap, moving: Sequence[Region], shape: Shape, *, explore: bool) -> list[Pixels]:
    """Return the windows (left, top, right, bottom, in pixels) and count them in the map."""
    places.runs += 1
    places.credit = min(MAX_CREDIT, places.credit + CREDIT_PER_RUN)
    budget = min(MAX_WINDOWS, int(places.credit))
    stops = _stops(places, shape)
    found: list[_Window] = []
    for cell, wanted in _moving(places, moving, shape):
        if _add(found, wanted, shape, budget - min(RESERVED, len(stops))):
            places.followed[cell] = places.runs
    # Whoever arrives at a learned place moves, so that places are searched as much as motion is, not all of them.
    limit = min(budget, len(found) + max(SWEPT_AT_ONCE if explore else RESERVED, len(found)))
    for wanted in stops:
        _add(found, wanted, shape, limit)
    windows = [_region(w, shape) for w in found]
    if explore:
        windows += _explored(places, shape, budget - len(windows))
    places.credit -= len(windows)
    places.mark_visited(windows, shape.max_sizes(places.height), shape.aspect)
    return [_pixels(w, shape.picture) for w in windows]


def _moving(places: PlaceMap, moving: Sequence[Region], shape: Shape) -> list[tuple[Cell, _Window]]:
    """Return what is wanted around moving regions with the cell of each, the one longest not followed first."""
    wanted: list[tuple[Cell, _Window]] = []
    for region in sorted(moving, key=lambda r: -(r[2] - r[0]) * (r[3] - r[1])):
        tall = region[3] - region[1]
        learned = places.height_at((region[0] + region[2]) / 2, region[3])
        if learned is None and tall > MAX_UNKNOWN_HEIGHT:
            continue
        height = min(learned, tall * 1.5) if learned is not None else tall * FRAGMENT
        size = shape.size_for(height)
        if size <= MAX_SIZE:
            pieces = _pieces(region, height, size, shape)
            wanted += [(cell_of((p[0] + p[2]) / 2, p[3]), _Window(p, size)) for p in pieces]
    return sorted(wanted, key=lambda entry: int(places.followed[entry[0]]))


def _pieces(region: Region, height: float, size: float, shape: Shape) -> Iterator[Region]:
    """Add the margins of an object to a region; cut what is larger than a window into overlapping pieces."""
    x1, y1, x2, y2 = region
    side, end = SIDE_MARGIN * height / shape.aspect, END_MARGIN * height
    missing = max(0.0, height - (y2 - y1))  # a part may move: the rest is above or below
    x1, y1, x2, y2 = (
        max(0.0, x1 - side),
        max(0.0, y1 - end - missing),
        min(1.0, x2 + side),
        min(1.0, y2 + end + missing),
    )
    width = shape.width(size)
    columns, rows = _count(x2 - x1, width), _count(y2 - y1, size)
    if columns * rows > MAX_PIECES:
        return
    for row in range(rows):
        for column in range(columns):
            left, top = _place(x1, x2, width, column, columns), _place(y1, y2, size, row, rows)
            yield left, top, min(x2, left + width), min(y2, top + size)


def _count(length: float, window: float) -> int:
    return 1 if length <= window else 1 + ceil((length - window) / (window * (1 - OVERLAP)) - 1e-9)


def _place(start: float, end: float, window: float, i: int, count: int) -> float:
    return start if count == 1 else start + (end - start - window) * i / (count - 1)


def _stops(places: PlaceMap, shape: Shape) -> list[_Window]:
    """Return what is wanted around learned places of objects too small for the whole picture."""
    small = places.learned(WANTED_PIXELS / shape.network[1] * MAX_SIZE)
    cells = [cell for cell in small if places.visited[cell] < 0 or places.runs - places.visited[cell] >= REVISIT_RUNS]
    heights = [float(places.height[cell]) for cell in cells]
    return [
        _Window(cell_region(cell, height, shape.aspect), shape.size_for(height))
        for cell, height in zip(cells, heights, strict=True)
    ]


def _add(found: list[_Window], wanted: _Window, shape: Shape, budget: int) -> bool:
    """Widen a window by what is wanted, or add one if the budget has room. Return whether it could."""
    for window in found:
        union = _union(window.core, wanted.core)
        size = min(window.size, wanted.size)
        # A window may show things a little smaller than wanted, otherwise each height needs one of its own.
        limit = max(size, min(max(window.size, wanted.size), size * WANTED_PIXELS / MIN_PIXELS))
        if union[2] - union[0] <= shape.width(limit) and union[3] - union[1] <= limit:
            window.core, window.size = union, size
            return True
    if len(found) < budget:
        found.append(_Window(wanted.core, wanted.size))
        return True
    return False


def _region(window: _Window, shape: Shape) -> Region:
    """Return the window around its core, moved into the picture."""
    x1, y1, x2, y2 = window.core
    height = max(window.size, y2 - y1, (x2 - x1) * window.size / shape.width(window.size))
    width, height = shape.width(height), min(1.0, height)
    left = min(max(0.0, (x1 + x2 - width) / 2), 1 - width)
    top = min(max(0.0, (y1 + y2 - height) / 2), 1 - height)
    return left, top, left + width, top + height


def exploration(shape: Shape) -> list[Region]:
    """Return overlapping windows that cover the picture at each useful scale, coarse ones first."""
    found: list[Region] = []
    for rows in LEVELS:
        size = 1 / (rows - (rows - 1) * OVERLAP)
        if size < shape.min_size:
            break
        width = shape.width(size)
        columns = _count(1.0, width)
        found += [
            (left, top, left + width, top + size)
            for top in (_place(0.0, 1.0, size, r, rows) for r in range(rows))
            for left in (_place(0.0, 1.0, width, c, columns) for c in range(columns))
        ]
    return found


def _explored(places: PlaceMap, shape: Shape, budget: int) -> list[Region]:
    every = exploration(shape)
    count = min(budget, len(every), EXPLORED_FIRST if places.explored < len(every) else EXPLORED_LATER)
    if count <= 0:
        return []
    chosen = [every[(places.explored + i) % len(every)] for i in range(count)]
    places.explored += count
    return chosen


def _union(a: Region, b: Region) -> Region:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _pixels(window: Region, picture: tuple[int, int]) -> Pixels:
    """Return whole pixels inside the picture, at least one wide and high."""
    left, top = (min(int(window[i] * picture[i]), picture[i] - 1) for i in (0, 1))
    right, bottom = (min(picture[i], max((left, top)[i] + 1, ceil(window[i + 2] * picture[i]))) for i in (0, 1))
    return left, top, right, bottom
