"""The squares of the villages: paved places beside the main street, where people park and meet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from station.demo.geography.roads import RoadGraph, street_through
from station.demo.geography.terrain import Xy
from station.demo.geography.villages import MapVillage

WIDTH_M, DEPTH_M, SETBACK_M = 34.0, 24.0, 3.0


@dataclass(frozen=True, slots=True)
class Square:
    """A rectangle; its first side lies along the street. `across`: unit vector from the street into the square."""

    village: str
    street: Xy  # point of the street before the middle of the square
    along: Xy
    across: Xy
    corners: list[Xy]

    def place(self, along: float, across: float) -> Xy:
        """Return a place of the square, metres along the street from its middle and from the street's middle line."""
        return (
            round(self.street[0] + self.along[0] * along + self.across[0] * across, 1),
            round(self.street[1] + self.along[1] * along + self.across[1] * across, 1),
        )


def make_squares(random: np.random.Generator, villages: list[MapVillage], graph: RoadGraph) -> list[Square]:
    return [_square(v, graph, 1 if random.random() < 0.5 else -1) for v in villages]


def _square(village: MapVillage, graph: RoadGraph, side: int) -> Square:
    """Return the square nearest to the centre at which no lane begins."""
    street = street_through(graph.nearest(village.centre), graph)
    inner = range(1, len(street) - 1)
    free = [i for i in inner if len(graph.links[street[i]]) == 2] or list(inner)
    at = min(free, key=lambda i: math.dist(street[i], village.centre))
    (ax, ay), (bx, by) = street[at - 1], street[at + 1]
    length = math.hypot(bx - ax, by - ay) or 1.0
    along = ((bx - ax) / length, (by - ay) / length)
    across = (-along[1] * side, along[0] * side)
    plain = Square(village.code, street[at], along, across, [])
    near, far = SETBACK_M, SETBACK_M + DEPTH_M
    corners = [
        plain.place(u, v)
        for u, v in ((-WIDTH_M / 2, near), (WIDTH_M / 2, near), (WIDTH_M / 2, far), (-WIDTH_M / 2, far))
    ]
    return Square(village.code, street[at], along, across, corners)
