"""Who was here and there: co-occurrence and the collision of areas (区域碰撞), and how somebody may have come from one to the other.

Two or more questions are asked; a sighting of the first counts where each of the others has one that looks like it and,
where that is asked, lies near enough in time. Likeness by vectors of the same pack only. Clothes, not faces: a lead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import UsageError
from search.analysis.riders import VEHICLES
from search.query.find import Query, find
from search.store.rows import Sighting
from search.store.sighting_store import SightingStore
from search.store.vectors import Floats
from search.vocabulary import Cls

MOST = 2000  # sightings of each question that are compared, the newest
EARTH_M = 6_371_000
# Metres a second that nobody exceeds for long in a village: on foot, on two wheels, in a vehicle.
ON_FOOT, ON_TWO_WHEELS, IN_VEHICLE = 2.5, 12.0, 25.0


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """One sighting of each question; `likeness`: the smallest cosine to the first of them."""

    sightings: tuple[Sighting, ...]
    likeness: float


def co_occurrences(
    days: SightingStore, questions: Sequence[Query], *, within_ms: int | None = None, same: float = 0.6, limit: int = 50
) -> list[CoOccurrence]:
    """Meetings, the most alike first. Blocks. Raises UsageError for fewer than two or more than five questions."""
    if not 2 <= len(questions) <= 5:
        raise UsageError("two to five places or times can be compared")
    groups = [_with_vectors(days, find(days, q, MOST)) for q in questions]
    first, vectors = groups[0]
    best = [_best(first, vectors, other, theirs, within_ms) for other, theirs in groups[1:]]
    found: list[CoOccurrence] = []
    for i, sighting in enumerate(first):
        partners = [(likeness[i], int(partner[i])) for likeness, partner in best]
        worst = min(likeness for likeness, _ in partners)
        if worst >= same:
            others = tuple(groups[n + 1][0][p] for n, (_, p) in enumerate(partners))
            found.append(CoOccurrence((sighting, *others), float(worst)))
    return sorted(found, key=lambda m: -m.likeness)[:limit]


def _with_vectors(days: SightingStore, found: Sequence[Sighting]) -> tuple[list[Sighting], Floats]:
    vectors = days.vectors(found)
    kept = [s for s in found if s.id in vectors]
    return kept, np.stack([vectors[s.id] for s in kept]) if kept else np.zeros((0, 256), np.float32)


def _best(
    mine: Sequence[Sighting], vectors: Floats, others: Sequence[Sighting], theirs: Floats, within_ms: int | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """For each of mine the likeness and position of its best partner; -1 where it has none."""
    if not mine or not others:
        return np.full(len(mine), -1, np.float32), np.zeros(len(mine), np.int64)
    likeness = vectors @ theirs.T
    packs = np.array([s.embedder for s in mine])[:, None] == np.array([s.embedder for s in others])[None]
    possible = packs & (np.array([s.id for s in mine])[:, None] != np.array([s.id for s in others])[None])
    if within_ms is not None:
        starts, ends = (np.array([getattr(s, n) for s in mine])[:, None] for n in ("start_ms", "end_ms"))
        their_starts, their_ends = (np.array([getattr(s, n) for s in others])[None] for n in ("start_ms", "end_ms"))
        possible &= np.maximum(their_starts - ends, starts - their_ends) <= within_ms
    likeness = np.where(possible, likeness, -1).astype(np.float32)
    partner = likeness.argmax(axis=1)
    return likeness[np.arange(len(mine)), partner], partner


@dataclass(frozen=True, slots=True)
class TravelEstimate:
    """From one sighting to another: metres as the crow flies, seconds between them, and whether anybody can do that."""

    metres: float
    seconds: float
    plausible: bool


def travel(
    a: Sighting, b: Sighting, at_a: Sequence[float] | None, at_b: Sequence[float] | None
) -> TravelEstimate | None:
    """`at_a`, `at_b`: longitude and latitude of the cameras; None where one is not known."""
    if at_a is None or at_b is None:
        return None
    metres = _metres(at_a, at_b)
    seconds = max(b.start_ms - a.end_ms, a.start_ms - b.end_ms, 0) / 1000
    fastest = (
        IN_VEHICLE if b.cls in VEHICLES else ON_FOOT if b.cls == Cls.person and a.cls == Cls.person else ON_TWO_WHEELS
    )
    # Cameras see some way, and clocks differ by seconds.
    return TravelEstimate(round(metres, 1), round(seconds, 1), max(0.0, metres - 50) <= fastest * (seconds + 10))


def _metres(a: Sequence[float], b: Sequence[float]) -> float:
    """On the sphere (haversine)."""
    lon1, lat1, lon2, lat2 = (math.radians(v) for v in (*a[:2], *b[:2]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(h))
