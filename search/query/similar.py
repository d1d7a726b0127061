"""Similarity search: ranks the sightings that match the query, and only these, by a vector.

Few candidates are compared exactly. Among many, the signs of all vectors are compared first (Hamming distance, 32 bytes
per vector) and the best of each day exactly. Filters apply before the ranking, never after it, so a filter never
removes a sighting that belongs in the result.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from search.query import find as asking
from search.query.find import Query
from search.store import ids
from search.store.rows import Sighting
from search.store.sighting_store import SightingStore
from search.store.vectors import Bits, Floats, Numbers, VectorShard, open_shard, signs

EXACT = 5_000  # candidates of a day up to which all are compared exactly
RERANK, RERANK_DAY = 6000, 300  # candidates kept after comparing signs: of all days together, minimum per day
BLOCK = 1 << 20
THREADS = 2  # days compared concurrently
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SimilarityMatch:
    """A sighting; `likeness`: cosine, −1…1."""

    sighting: Sighting
    likeness: float


def similar(days: SightingStore, vector: Floats, pack: int, query: Query, limit: int = 50) -> list[SimilarityMatch]:
    """Return the `limit` sightings most similar to a unit vector of that pack, best first. Blocking."""
    best: list[tuple[float, int, int]] = []  # likeness, sighting id, place in the shard
    kept = days.days(*asking.bounds(query))
    nearest = max(RERANK_DAY, RERANK // max(1, len(kept)), limit * 3)

    asked = None if asking.by_place_and_time(query) else asking.PreparedQuery(days, query)

    def of(day: str) -> list[tuple[float, int, int]]:
        shard = open_shard(days.place(day), pack)
        return [] if shard is None else list(_of_day(day, shard, vector, query, asked, nearest))

    with ThreadPoolExecutor(THREADS) as pool:
        for found_there in pool.map(of, kept):
            best = heapq.nlargest(limit * 3, best + found_there)
    rows = days.many({number for _, number, _ in best})
    found = [
        SimilarityMatch(rows[number], likeness)
        for likeness, number, place in best
        # An entry that its sighting does not refer to belongs to an earlier, worse picture.
        if number in rows and rows[number].vector == place and rows[number].embedder == pack
    ]
    return found[:limit]


def _of_day(
    day: str, shard: VectorShard, vector: Floats, query: Query, asked: asking.PreparedQuery | None, nearest: int
) -> Iterator[tuple[float, int, int]]:
    chosen = _places(day, shard, query, asked)
    if chosen is None:
        places = _nearest(shard.bits, vector, nearest)
    elif len(chosen) <= EXACT:
        places = chosen
    else:
        places = chosen[_nearest(shard.bits, vector, nearest, chosen)]
    if len(places):
        likeness = shard.vectors(places) @ vector
        order = np.argsort(-likeness)[:nearest]
        numbers = shard.ids_at(places[order])
        yield from ((float(likeness[i]), int(n), int(places[i])) for i, n in zip(order, numbers, strict=True))


def _places(day: str, shard: VectorShard, query: Query, asked: asking.PreparedQuery | None) -> Numbers | None:
    """Return the places in the shard that match the query; None: all.

    `asked`: None if the query restricts only cameras and times.
    """
    spans = list(asking.spans_of(query, day))
    start = ids.day_start(day)
    whole = spans == [asking.TimeRange(start, start + ids.DAY_MS)]
    if asked is None:
        if whole and query.cameras is None:
            return None
        return np.flatnonzero(_within(shard.ids, spans, query.cameras)).astype(np.int64)
    wanted = np.sort(np.asarray(asked.numbers(day), np.int64))
    return np.flatnonzero(np.isin(shard.ids, wanted)).astype(np.int64)


def _within(numbers: Numbers, spans: Sequence[asking.TimeRange], cameras: frozenset[int] | None) -> Mask:
    """Return a mask of the ids within the time ranges and cameras, which are part of the ids."""
    mask = np.zeros(len(numbers), bool)
    for span in spans:
        mask |= (numbers >= ids.first_at(span.start_ms)) & (numbers < ids.first_at(span.end_ms))
    if cameras is not None:
        allowed = np.zeros(ids.MAX_CAMERAS, bool)
        allowed[list(cameras)] = True
        mask &= allowed[numbers >> ids.CAMERA_SHIFT & ids.MAX_CAMERAS - 1]
    return mask


def _nearest(bits: Bits, vector: Floats, count: int, among: Numbers | None = None) -> Numbers:
    """Return the positions (within `among`, if given) of the `count` entries with the fewest differing signs."""
    wanted = signs(vector[None])
    total = len(bits) if among is None else len(among)
    kept: list[tuple[npt.NDArray[np.int32], Numbers]] = []
    for at in range(0, total, BLOCK):
        block = bits[at : at + BLOCK] if among is None else bits[among[at : at + BLOCK]]
        distances, positions = _HAMMING(np.ascontiguousarray(block), wanted, min(count, len(block)))
        kept.append((distances, positions + at))
    if not kept:
        return np.zeros(0, np.int64)
    distances = np.concatenate([d for d, _ in kept])
    positions = np.concatenate([p for _, p in kept])
    return positions[np.argsort(distances, kind="stable")[:count]]


Hamming = Callable[[Bits, Bits, int], tuple[npt.NDArray[np.int32], Numbers]]


def by_faiss(block: Bits, wanted: Bits, count: int) -> tuple[npt.NDArray[np.int32], Numbers]:
    """Return distances and positions of the `count` nearest entries, by faiss."""
    import faiss  # imported here: the console starts a quarter of a second faster without it

    distances, positions = faiss.knn_hamming(wanted, block, count)
    return distances[0], positions[0].astype(np.int64)


def by_numpy(block: Bits, wanted: Bits, count: int) -> tuple[npt.NDArray[np.int32], Numbers]:
    """Return distances and positions of the `count` nearest entries, by NumPy; five times slower than faiss."""
    differing = np.bitwise_count(block.view(np.uint64) ^ wanted.view(np.uint64)).sum(axis=1, dtype=np.int32)
    positions = np.argpartition(differing, count - 1)[:count] if count < len(differing) else np.arange(len(differing))
    return differing[positions], positions.astype(np.int64)


# Without faiss, NumPy does the same five times slower.
_HAMMING: Hamming = by_numpy if find_spec("faiss") is None else by_faiss
