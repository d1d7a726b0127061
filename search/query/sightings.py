"""Converts tracks in memory to sightings in the store, and back."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from search.analysis.colours import ColourNames, Floats, strongest
from search.analysis.embedders import HISTOGRAM, Vector
from search.analysis.place_map import HALF_LIFE_MS, PlaceMap
from search.analysis.tracking import ENDED_STILL_MS, Track
from search.models.definition import MIN_CONFIDENCE
from search.store import ids
from search.store.rows import BOX_UNITS, SIGHTING, Sighting, pack_path, signed, unpack_path
from search.store.sighting_store import SightingStore
from search.vocabulary import Attribute, Colour

MAX_PLACE_SIGHTINGS = 300  # read to learn a camera's places again
MAX_RESTORED_MS = 6 * 3_600_000  # an older track is not restored; it continues as a new one


def sighting_of(track: Track, pack: int, embedder: int) -> Sighting:
    """Return the row of a track; the caller fills in the fields `vector` and `thumb` when it stores them."""
    upper = strongest(track.upper) if track.coloured else ColourNames()
    lower = strongest(track.lower) if track.coloured else ColourNames()
    x, y, w, h = track.best_box
    present, known = _attributes(track)
    return Sighting(
        id=track.id,
        end_ms=track.last_ms,
        best_ms=track.best_ms or track.first_ms,
        camera=ids.camera_of(track.id),
        cls=track.cls,
        score=round(track.score * 1000),
        detections=min(track.detections, 32_000),
        upper=upper.first,
        upper2=upper.second,
        lower=lower.first,
        lower2=lower.second,
        upper_share=upper.share,
        lower_share=lower.share,
        tone=0 if track.coloured else _most_frequent(track.tones),
        attributes=present,
        known=known,
        direction=int(track.direction()),
        speed=int(track.speed()),
        x=round(x * BOX_UNITS),
        y=round(y * BOX_UNITS),
        w=round(w * BOX_UNITS),
        h=round(h * BOX_UNITS),
        cells=signed(track.cells),
        path=pack_path(track.points),
        plate=track.plate[:12],
        pack=pack,
        embedder=embedder,
        vector=track.vector_index,
        thumb=track.thumbnail_place[0],
        thumb_size=track.thumbnail_place[1],
    )


def _attributes(track: Track) -> tuple[int, int]:
    """Return the attributes that are present, and those of which presence or absence is known well enough."""
    present = known = 0
    for attribute, (total, count) in track.attributes.items():
        probability = total / count
        known |= int(attribute) if max(probability, 1 - probability) >= MIN_CONFIDENCE else 0
        present |= int(attribute) if probability >= MIN_CONFIDENCE else 0
    return present, known


def _most_frequent(tones: list[int]) -> int:
    return max(set(tones), key=tones.count) if tones else 0


def fingerprint(sighting: Sighting) -> tuple[int, ...]:
    """Return the fields that the watch list compares; when they change, it checks the sighting again."""
    s = sighting
    return s.cls, s.upper, s.upper2, s.lower, s.lower2, s.attributes, s.tone


def restore_tracks(store: SightingStore, camera: int, at_ms: int, packs: dict[int, str]) -> list[Track]:
    """Return the tracks that a camera had when its reader stopped at `at_ms`.

    They continue as the same sightings. Blocking; call it from a thread.
    """
    found = []
    for day in store.days(at_ms - MAX_RESTORED_MS, at_ms + 1):
        query = sa.select(SIGHTING).where(
            SIGHTING.c.camera == camera,
            SIGHTING.c.id >= ids.first_at(at_ms - MAX_RESTORED_MS),
            SIGHTING.c.end_ms >= at_ms - ENDED_STILL_MS,
        )
        rows = store.sightings(day, query)
        vectors = store.vectors(rows)
        for s in rows:
            track = _track_of(s, vectors.get(s.id), packs.get(s.embedder, HISTOGRAM))
            if not track.has_ended(at_ms):
                found.append(track)
    return found


def restore_places(store: SightingStore, camera: int, at_ms: int) -> PlaceMap:
    """Return where the camera saw objects before `at_ms`, and how tall, from the paths of its newest sightings.

    Blocking; call it from a thread.
    """
    places = PlaceMap()
    found: list[Sighting] = []
    for day in store.days(at_ms - HALF_LIFE_MS, at_ms + 1):
        if len(found) < MAX_PLACE_SIGHTINGS:
            after, before = ids.first_at(at_ms - HALF_LIFE_MS), ids.first_at(at_ms + 1)
            query = sa.select(SIGHTING).where(
                SIGHTING.c.camera == camera, SIGHTING.c.id >= after, SIGHTING.c.id < before
            )
            newest = query.order_by(SIGHTING.c.id.desc()).limit(MAX_PLACE_SIGHTINGS - len(found))
            found += store.sightings(day, newest)
    for s in reversed(found):
        places.decay(s.start_ms)
        for p in unpack_path(s.start_ms, s.path):
            places.learn(p.x / BOX_UNITS, p.y / BOX_UNITS, p.h / BOX_UNITS, s.score / 1000)
    places.decay(at_ms)
    return places


def _track_of(s: Sighting, vector: Vector | None, embedder: str) -> Track:
    points = unpack_path(s.start_ms, s.path)
    track = Track(
        s.id,
        s.end_ms,
        points,
        {s.cls: float(s.detections)},
        np.zeros(256, np.float32) if vector is None else vector,
        embedder,
        detections=s.detections,
        score=s.score / 1000,
        plate=s.plate,
        best_ms=s.best_ms,
        best_box=(s.x / BOX_UNITS, s.y / BOX_UNITS, s.w / BOX_UNITS, s.h / BOX_UNITS),
        best_quality=s.score / 1000,
        cells=s.cells & 2**64 - 1,
        stored=True,
        changed=False,
        last_fingerprint=fingerprint(s),
        vector_index=s.vector,
        thumbnail_place=(s.thumb, s.thumb_size),
    )
    if s.upper or s.lower:
        track.coloured = s.detections
        track.upper = _restored_weights(s.upper, s.upper2, s.upper_share) * s.detections
        track.lower = _restored_weights(s.lower, s.lower2, s.lower_share) * s.detections
    elif s.tone:
        track.tones = [s.tone]
    for attribute in Attribute:
        if s.known & attribute:
            track.attributes[attribute] = (float(bool(s.attributes & attribute)) * s.detections, s.detections)
    return track


def _restored_weights(first: int, second: int, share: int) -> Floats:
    sums = np.zeros(len(Colour))
    sums[first], rest = share / 100, 1 - share / 100
    if second:
        sums[second] += rest * 0.6
        rest *= 0.4
    return np.asarray(sums + rest / len(Colour))
