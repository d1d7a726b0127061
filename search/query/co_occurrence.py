"""Co-occurrence and area collision (区域碰撞): who was at several places.

Also estimates whether the journey between two sightings is possible. Takes two to five queries. A sighting of the first
query counts if each other query has a sighting that is similar and, if requested, near in time. Compares vectors of the
same pack only. Similarity is of clothes, not faces: a lead, no proof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.error_codes import ErrorCode
from core.errors import UsageError
from search.analysis.riders import VEHICLES
from search.query.find import Query, find
from search.store.rows import Sighting
from search.store.sighting_store import SightingStore
from search.store.vectors import Floats
from search.vocabulary import Cls

MAX_COMPARED = 2000  # newest sightings of each query that are compared
EARTH_RADIUS_M = 6_371_000
# Plausible maximum speeds in a village, m/s: on foot, on two wheels, in a vehicle.
MAX_SPEED_ON_FOOT, MAX_SPEED_ON_TWO_WHEELS, MAX_SPEED_IN_VEHICLE = 2.5, 12.0, 25.0


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """One sighting of each query; `similarity`: the smallest cosine to the first of them."""

    sightings: tuple[Sighting, ...]
    similarity: float


def co_occurrences(
    store: SightingStore,
    queries: Sequence[Query],
    *,
    within_ms: int | None = None,
    min_similarity: float = 0.6,
    limit: int = 50,
) -> list[CoOccurrence]:
    """Return co-occurrences, most similar first. Blocking; call it from a thread.

    `within_ms`: largest time between two sightings; None: any. `min_similarity`: minimum cosine. Raises
    UsageError for fewer than two or more than five queries.
    """
    if not 2 <= len(queries) <= 5:
        raise UsageError("two to five places or times can be compared", ErrorCode.COMPARED_SETS_COUNT)
    groups = [_with_vectors(store, find(store, q, MAX_COMPARED)) for q in queries]
    first, vectors = groups[0]
    best = [_best_partners(first, vectors, other, their_vectors, within_ms) for other, their_vectors in groups[1:]]
    found: list[CoOccurrence] = []
    for i, sighting in enumerate(first):
        partners = [(similarity[i], int(partner[i])) for similarity, partner in best]
        worst = min(similarity for similarity, _ in partners)
        if worst >= min_similarity:
            others = tuple(groups[n + 1][0][p] for n, (_, p) in enumerate(partners))
            found.append(CoOccurrence((sighting, *others), float(worst)))
    return sorted(found, key=lambda m: -m.similarity)[:limit]


def _with_vectors(store: SightingStore, found: Sequence[Sighting]) -> tuple[list[Sighting], Floats]:
    vectors = store.vectors(found)
    kept = [s for s in found if s.id in vectors]
    return kept, np.stack([vectors[s.id] for s in kept]) if kept else np.zeros((0, 256), np.float32)


def _best_partners(
    mine: Sequence[Sighting], vectors: Floats, others: Sequence[Sighting], their_vectors: Floats, within_ms: int | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return, for each of `mine`, similarity and position of its best partner; similarity -1 if it has none."""
    if not mine or not others:
        return np.full(len(mine), -1, np.float32), np.zeros(len(mine), np.int64)
    similarity = vectors @ their_vectors.T
    packs = np.array([s.embedder for s in mine])[:, None] == np.array([s.embedder for s in others])[None]
    possible = packs & (np.array([s.id for s in mine])[:, None] != np.array([s.id for s in others])[None])
    if within_ms is not None:
        starts, ends = (np.array([getattr(s, n) for s in mine])[:, None] for n in ("start_ms", "end_ms"))
        their_starts, their_ends = (np.array([getattr(s, n) for s in others])[None] for n in ("start_ms", "end_ms"))
        possible &= np.maximum(their_starts - ends, starts - their_ends) <= within_ms
    similarity = np.where(possible, similarity, -1).astype(np.float32)
    partner = similarity.argmax(axis=1)
    return similarity[np.arange(len(mine)), partner], partner


@dataclass(frozen=True, slots=True)
class TravelEstimate:
    """The journey between two sightings: straight-line distance, time, and whether it is possible."""

    metres: float
    seconds: float
    plausible: bool


def travel(
    a: Sighting, b: Sighting, at_a: Sequence[float] | None, at_b: Sequence[float] | None
) -> TravelEstimate | None:
    """Estimate the journey; None if a position is unknown. `at_a`, `at_b`: longitude and latitude of the cameras."""
    if at_a is None or at_b is None:
        return None
    metres = great_circle_m(at_a, at_b)
    seconds = max(b.start_ms - a.end_ms, a.start_ms - b.end_ms, 0) / 1000
    fastest = (
        MAX_SPEED_IN_VEHICLE
        if b.cls in VEHICLES
        else MAX_SPEED_ON_FOOT
        if b.cls == Cls.person and a.cls == Cls.person
        else MAX_SPEED_ON_TWO_WHEELS
    )
    # Allows 50 m for the range of the cameras and 10 s for their clocks.
    return TravelEstimate(round(metres, 1), round(seconds, 1), max(0.0, metres - 50) <= fastest * (seconds + 10))


def great_circle_m(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the great-circle distance in metres (haversine formula)."""
    lon1, lat1, lon2, lat2 = (math.radians(v) for v in (*a[:2], *b[:2]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(h))
