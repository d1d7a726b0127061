"""Windows of a picture in native size, for small objects.

They are lost when the whole picture is scaled to the network's input. People in a 1080p picture: recall 0.16 with the
whole picture alone, 0.88 with motion regions (research, 4 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence

from search.analysis.detectors.base import Region

MAX_REGIONS = 4
MAX_WINDOW = (2.0, 2.0)  # largest region as a multiple of the network's input, in native pixels
MAX_SMALL_PIXELS = 64  # network pixels: taller objects are detected in the whole picture
MOTION_MARGIN = 0.6  # margin around a moving object, share of its size
Pixels = tuple[int, int, int, int]  # left, top, right, bottom


def windows(moving: Sequence[Region], picture: tuple[int, int], network: tuple[int, int]) -> list[Pixels]:
    """Return native-size windows around small motion regions, largest motion first. Sizes are (width, height).

    Regions near each other share a window. Each window has the proportions of the network's input.
    """
    if picture[0] <= network[0] * 1.25 and picture[1] <= network[1] * 1.25:
        return []
    found: list[Pixels] = []
    for region in sorted(moving, key=lambda r: -(r[2] - r[0]) * (r[3] - r[1])):
        if (region[3] - region[1]) * network[1] > MAX_SMALL_PIXELS:
            continue
        around = _with_margin(region, picture)
        merged = next((i for i, w in enumerate(found) if _fits(_union(w, around), network)), None)
        if merged is not None:
            found[merged] = _union(found[merged], around)
        elif len(found) < MAX_REGIONS:
            found.append(around)
    return [_fit_proportions(w, picture, network) for w in found]


def tiles(picture: tuple[int, int], network: tuple[int, int], overlap: float = 0.15) -> list[Pixels]:
    """Return overlapping windows that cover the picture, each up to twice the network's size.

    Returns none if the picture is not larger than the network's input by more than 25 %.
    """
    if picture[0] <= network[0] * 1.25 and picture[1] <= network[1] * 1.25:
        return []
    columns, rows = (max(1, round(picture[i] / (network[i] * 1.6))) for i in (0, 1))
    width, height = (picture[i] / (n - (n - 1) * overlap) for i, n in ((0, columns), (1, rows)))
    return [
        (
            int(c * width * (1 - overlap)),
            int(r * height * (1 - overlap)),
            min(picture[0], int(c * width * (1 - overlap) + width + 1)),
            min(picture[1], int(r * height * (1 - overlap) + height + 1)),
        )
        for r in range(rows)
        for c in range(columns)
    ]


def _with_margin(region: Region, picture: tuple[int, int]) -> Pixels:
    w, h = region[2] - region[0], region[3] - region[1]
    mx, my = max(w * MOTION_MARGIN, h * MOTION_MARGIN * 0.6), h * MOTION_MARGIN
    return (
        int(max(0.0, region[0] - mx) * picture[0]), int(max(0.0, region[1] - my) * picture[1]),
        int(min(1.0, region[2] + mx) * picture[0] + 1), int(min(1.0, region[3] + my) * picture[1] + 1),
    )  # fmt: skip


def _union(a: Pixels, b: Pixels) -> Pixels:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _fits(w: Pixels, network: tuple[int, int]) -> bool:
    return w[2] - w[0] <= network[0] * MAX_WINDOW[0] and w[3] - w[1] <= network[1] * MAX_WINDOW[1]


def _fit_proportions(w: Pixels, picture: tuple[int, int], network: tuple[int, int]) -> Pixels:
    """Grow a window to the network's proportions and at least its size, and move it into the picture."""
    width, height = max(w[2] - w[0], network[0]), max(w[3] - w[1], network[1])
    width, height = max(width, height * network[0] // network[1]), max(height, width * network[1] // network[0])
    width, height = min(width, picture[0]), min(height, picture[1])
    left = min(max(0, (w[0] + w[2] - width) // 2), picture[0] - width)
    top = min(max(0, (w[1] + w[3] - height) // 2), picture[1] - height)
    return left, top, left + width, top + height
