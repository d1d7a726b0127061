"""The watch list as arrays: comparing a sighting with all subjects takes under 1 ms, with 10,000 of them.

Class, colours and place are tables of masks, one row per class, colour, village and camera: a sighting takes a few rows
and combines them. What they leave is little, and is compared subject by subject with the rest of its words, then with
its examples. A subject with examples needs its words *and* a likeness to one of the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from cases.tables import WatchSubject
from cases.watch.sighting_words import fits
from cases.watch.watched import WatchedSubject
from search.query.find import Query
from search.store import Sighting
from search.store.camera_numbers import CameraPlace
from search.store.vectors import DIMENSION, Floats, dequantise
from search.vocabulary import Cls, Colour

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


class WatchList:
    """The active subjects in a form that compares fast with a sighting."""

    def __init__(self, watched: Sequence[WatchedSubject]):
        """`watched`: those that are active now."""
        self.watched = list(watched)
        self.subjects = [w.subject for w in watched]
        queries = [w.query for w in watched]
        self._classes = _table(len(Cls), [q.classes for q in queries])
        self._upper = _table(len(Colour), [q.upper for q in queries])
        self._lower = _table(len(Colour), [q.lower for q in queries])
        self._infrared = np.array([q.infrared for q in queries], bool)
        self._everywhere = np.array([s.villages is None for s in self.subjects], bool)
        self._any_camera = np.array([q.cameras is None for q in queries], bool)
        self._further = np.array([_has_further_words(q) for q in queries], bool)
        self._by_village: dict[str, Mask] = {}
        self._by_camera: dict[int, Mask] = {}
        self._examples = _Examples(watched)
        self.needs_places = any(q.cameras is not None or q.headings for q in queries)

    def __len__(self) -> int:
        return len(self.subjects)

    def fitting(
        self, s: Sighting, village: str, embedder: str, vector: Callable[[], Floats | None] = lambda: None
    ) -> list[WatchSubject]:
        """Return the subjects that match a sighting.

        `vector` is called only if a matching subject has examples; one of them must be of the same model pack.
        """
        fitting = self._classes[s.cls] & self._of_village(village) & self._of_camera(s.camera) & self._coloured(s)
        found = np.flatnonzero(fitting)
        further = self._further[found]
        if further.any():
            keep = [not f or fits(s, self.watched[i].query) for i, f in zip(found, further, strict=True)]
            found = found[np.array(keep, bool)]
        return [self.subjects[i] for i in self._examples.alike(found, embedder, vector)]

    def _coloured(self, s: Sighting) -> Mask:
        """As in search: strongest or second colour, but not both parts by their second."""
        upper, lower = self._upper[s.upper], self._lower[s.lower]
        both: Mask = (upper | self._upper[s.upper2]) & (lower | self._lower[s.lower2]) & (upper | lower)
        return both | self._infrared if s.tone else both

    def _of_village(self, village: str) -> Mask:
        if village not in self._by_village:
            here = np.array([s.villages is not None and village in s.villages for s in self.subjects], bool)
            self._by_village[village] = self._everywhere | here
        return self._by_village[village]

    def _of_camera(self, number: int) -> Mask:
        if number not in self._by_camera:
            if self._any_camera.all():
                return self._any_camera
            here = [w.query.cameras is None or number in w.query.cameras for w in self.watched]
            self._by_camera[number] = np.array(here, bool)
        return self._by_camera[number]


class _Examples:
    """The vectors of all subjects, one after the other; subject i has those from `_first[i]` to `_first[i + 1]`."""

    def __init__(self, watched: Sequence[WatchedSubject]):
        usable = [[e for e in w.examples if len(e.vector) == DIMENSION] for w in watched]
        every = [e for some in usable for e in some]
        self._first = np.concatenate(([0], np.cumsum([len(some) for some in usable], dtype=np.intp))).astype(np.intp)
        self._wanted = np.array([bool(w.examples) for w in watched], bool)
        # Numbers, because comparing thousands of texts takes longer than all the rest.
        self._packs = {name: n for n, name in enumerate(sorted({e.embedder for e in every}), start=1)}
        self._pack = np.array([self._packs[e.embedder] for e in every], np.int16)
        self._vectors = np.frombuffer(b"".join(e.vector for e in every), np.int8).reshape(-1, DIMENSION)
        self._likeness = np.array([w.subject.likeness or 0.0 for w in watched], np.float32)

    def alike(self, found: Indices, embedder: str, vector: Callable[[], Floats | None]) -> Indices:
        """Return those of some subjects that have no examples, or one that looks like the sighting."""
        pictured = self._wanted[found]
        if not pictured.any():
            return found
        asked = found[pictured]
        counts = self._first[asked + 1] - self._first[asked]
        owner = np.repeat(asked, counts)
        offsets = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(self._first[asked], counts) + offsets
        same = self._pack[rows] == self._packs.get(embedder, -1)
        mine = vector() if embedder and same.any() else None
        alike = np.zeros(len(self._wanted), bool)
        if mine is not None:
            owner, rows = owner[same], rows[same]
            alike[owner[dequantise(self._vectors[rows]) @ mine >= self._likeness[owner]]] = True
        kept: Indices = found[~pictured | alike[found]]
        return kept


def matches(
    watched: WatchList,
    seen: Sequence[Sighting],
    places: Mapping[int, CameraPlace],
    packs: Mapping[int, str],
    vector: Callable[[Sighting], Floats | None],
) -> list[tuple[WatchSubject, Sighting]]:
    """Return the matches of sightings with subjects, the oldest sighting first. `packs`: model packs by number."""
    return [
        (subject, s)
        for s in sorted(seen, key=lambda s: s.id)
        if s.camera in places
        for subject in watched.fitting(s, places[s.camera].village, packs.get(s.embedder, ""), partial(vector, s))
    ]


def _table(codes: int, asked: Sequence[Sequence[int]]) -> Mask:
    """Return a mask per code: the subjects that ask for it, or for none."""
    table = np.zeros((codes, len(asked)), bool)
    for i, some in enumerate(asked):
        table[list(some) if some else slice(None), i] = True
    return table


def _has_further_words(query: Query) -> bool:
    """Return whether a query restricts more than class, colours and cameras."""
    plain = Query(
        zone=query.zone, cameras=query.cameras, classes=query.classes, upper=query.upper, lower=query.lower,
        infrared=query.infrared,
    )  # fmt: skip
    return query != plain
