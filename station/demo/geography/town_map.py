"""Generates the fictional town's map from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from station.demo.geography.houses import House, make_houses
from station.demo.geography.roads import Road, RoadGraph, make_roads
from station.demo.geography.squares import Square, make_squares
from station.demo.geography.terrain import Water, make_water
from station.demo.geography.villages import MapVillage, make_villages

SEED = 22


@dataclass(frozen=True, slots=True)
class TownMap:
    water: Water
    villages: list[MapVillage]
    roads: list[Road]
    squares: list[Square]
    houses: list[House]
    graph: RoadGraph = field(repr=False)

    def village(self, code: str) -> MapVillage:
        return next(v for v in self.villages if v.code == code)


def generate(seed: int = SEED) -> TownMap:
    """Return the town of a seed. Takes about a second; call it from a thread."""
    random = np.random.default_rng(seed)
    water = make_water(random)
    villages = make_villages(random, water)
    roads = make_roads(random, water, villages)
    graph = RoadGraph.of(roads)
    squares = make_squares(random, villages, graph)
    houses = make_houses(random, water, villages, roads, squares)
    return TownMap(water, villages, roads, squares, houses, graph)
