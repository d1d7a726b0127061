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

from search.query import find as finding
from search.query.find import Query
from search.store import ids
from search.store.rows import Sighting
from search.store.sighting_store import SightingStore
from search.store.vectors import Bits, Floats, Numbers, VectorShard, open_shard, signs

MAX_EXACT = 5_000  # candidates of a day up to which all are compared exactly
RERANK_TOTAL, RERANK_PER_DAY = 6000, 300  # candidates kept after comparing signs: of all days together, minimum per day
BLOCK_ENTRIES = 1 << 20
MAX_THREADS = 2  # days compared concurrently
MIN_EXAMPLE_SIMILARITY = 0.6  # cosine from which a sighting counts as similar to an example
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SimilarityMatch:
    """A sighting; `similarity`: cosine, −1…1."""

    sighting: Sighting
    similarity: float


def similar(store: SightingStore, vector: Floats, pack: int, query: Query, limit: int = 50) -> list[SimilarityMatch]:
    """Return the `limit` sightings most similar to a unit vector of that pack, best first. Blocking."""
    best: list[tuple[float, int, int]] = []  # similarity, sighting id, place in the shard
    days = store.days(*finding.bounds(query))
    nearest = max(RERANK_PER_DAY, RERANK_TOTAL // max(1, len(days)), limit * 3)

    prepared = None if finding.by_place_and_time(query) else finding.PreparedQuery(store, query)

    def of(day: str) -> list[tuple[float, int, int]]:
        shard = open_shard(store.day_dir(day), pack)
        return [] if shard is None else list(_of_day(day, shard, vector, query, prepared, nearest))

    with ThreadPoolExecutor(MAX_THREADS) as pool:
        for found_there in pool.map(of, days):
            best = heapq.nlargest(limit * 3, best + found_there)
    rows = store.many({number for _, number, _ in best})
    found = [
        SimilarityMatch(rows[number], similarity)
        for similarity, number, place in best
        # An entry that its sighting does not refer to belongs to an earlier, worse picture.
        if number in rows and rows[number].vector == place and rows[number].embedder == pack
    ]
    return found[:limit]


def _of_day(
    day: str, shard: VectorShard, vector: Floats, query: Query, prepared: finding.PreparedQuery | None, nearest: int
) -> Iterator[tuple[float, int, int]]:
    chosen = _places(day, shard, query, prepared)
    if chosen is None:
        places = _nearest(shard.bits, vector, nearest)
    elif len(chosen) <= MAX_EXACT:
        places = chosen
    else:
        places = chosen[_nearest(shard.bits, vector, nearest, chosen)]
    if len(places):
        similarity = shard.vectors(places) @ vector
        order = np.argsort(-similarity)[:nearest]
        numbers = shard.ids_at(places[order])
        yield from ((float(similarity[i]), int(n), int(places[i])) for i, n in zip(order, numbers, strict=True))


def _places(day: str, shard: VectorShard, query: Query, prepared: finding.PreparedQuery | None) -> Numbers | None:
    """Return the places in the shard that match the query; None: all.

    `prepared`: None if the query restricts only cameras and times.
    """
    spans = list(finding.spans_of(query, day))
    start = ids.day_start(day)
    whole = spans == [finding.TimeRange(start, start + ids.DAY_MS)]
    if prepared is None:
        if whole and query.cameras is None:
            return None
        return np.flatnonzero(_within(shard.ids, spans, query.cameras)).astype(np.int64)
    wanted = np.sort(np.asarray(prepared.find_ids(day), np.int64))
    return np.flatnonzero(np.isin(shard.ids, wanted)).astype(np.int64)


def _within(numbers: Numbers, spans: Sequence[finding.TimeRange], cameras: frozenset[int] | None) -> Mask:
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
    blocks: list[tuple[npt.NDArray[np.int32], Numbers]] = []
    for at in range(0, total, BLOCK_ENTRIES):
        block = bits[at : at + BLOCK_ENTRIES] if among is None else bits[among[at : at + BLOCK_ENTRIES]]
        distances, positions = _HAMMING(np.ascontiguousarray(block), wanted, min(count, len(block)))
        blocks.append((distances, positions + at))
    if not blocks:
        return np.zeros(0, np.int64)
    distances = np.concatenate([d for d, _ in blocks])
    positions = np.concatenate([p for _, p in blocks])
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
