"""A track: one object on one camera, from its first keyframe to its last. It is stored as a sighting."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from search.analysis.colours import Floats
from search.analysis.detectors.base import Detection
from search.analysis.embedders import Vector
from search.analysis.riders import TWO_WHEELERS, VEHICLES
from search.store import ids
from search.store.rows import BOX_UNITS, MAX_PATH_POINTS, Point, cell_bit
from search.vocabulary import Attribute, Cls, Colour, Direction, Speed

ENDED_MS, ENDED_SINGLE_MS, ENDED_STILL_MS = 12_000, 35_000, 95_000  # still objects are searched every 30 s only
MAX_AVERAGED = 8  # detections in the running mean vector
STILL_HEIGHTS = 0.6  # heights of displacement below which a track is still
FAST_HEIGHTS_PER_S, BRISK_HEIGHTS_PER_S = 2.6, 1.3  # heights per second


class ObjectKind(IntEnum):
    """Objects that move alike; only objects of one kind can be the same, and people and riders."""

    other = 0
    person = 1
    rider = 2
    vehicle = 3
    animal = 4


_KINDS = {
    int(Cls.person): ObjectKind.person,
    int(Cls.rider): ObjectKind.rider,
    **dict.fromkeys(TWO_WHEELERS, ObjectKind.rider),
    **dict.fromkeys(VEHICLES, ObjectKind.vehicle),
    int(Cls.dog): ObjectKind.animal,
    int(Cls.animal): ObjectKind.animal,
}


def kind_of(cls: int) -> ObjectKind:
    """Return the kind of a class; `other` for what may turn out to be anything."""
    return _KINDS.get(cls, ObjectKind.other)


@dataclass(slots=True)
class TrackedDetection:
    """One described object on one keyframe."""

    whole: Detection
    vector: Vector
    embedder: str
    upper: Floats | None  # 13 sums by colour; None in infra-red pictures
    lower: Floats | None
    tone: int = 0
    attributes: dict[Attribute, float] = field(default_factory=dict)
    cls: int | None = None  # a more specific class from an attribute pack
    colour: int | None = None
    quality: float = 0.0
    plate: str = ""


@dataclass(slots=True)
class Track:
    """The state of one object on one camera."""

    id: int
    last_ms: int
    points: list[Point]
    votes: dict[int, float]
    vector: Vector
    embedder: str
    detections: int = 1
    missed: int = 0  # keyframes analysed since the last detection
    score: float = 0.0
    upper: Floats = field(default_factory=lambda: np.zeros(len(Colour)))
    lower: Floats = field(default_factory=lambda: np.zeros(len(Colour)))
    coloured: int = 0
    tones: list[int] = field(default_factory=list)
    attributes: dict[Attribute, tuple[float, int]] = field(default_factory=dict)
    cells: int = 0  # cells of the whole path, as bits
    plate: str = ""
    best_quality: float = -1.0
    best_ms: int = 0
    best_box: tuple[float, float, float, float] = (0, 0, 0, 0)
    thumbnail: bytes | None = None  # a better picture than the stored one
    vector_index: int = -1  # of the vector in the day's shard
    thumbnail_place: tuple[int, int] = (-1, 0)  # offset and size of the picture in the day's pack file
    changed: bool = True
    stored: bool = False
    best_shot_vector: Vector | None = None
    best_shot_tried: bool = False  # a best shot was attempted
    last_fingerprint: tuple[int, ...] = ()  # fingerprint last given to the watch list

    def apply_best_shot(self, detection: TrackedDetection, thumbnail: bytes) -> None:
        """Apply a best shot: thumbnail, vector, colours, attributes, plate. Adds no track point."""
        self.thumbnail, self.best_quality, self.changed = (
            thumbnail,
            max(self.best_quality, detection.quality, 1.0),
            True,
        )
        self.best_shot_vector = detection.vector if detection.embedder == self.embedder else None
        if detection.upper is not None and detection.lower is not None:
            self.upper, self.lower = self.upper + detection.upper * 2, self.lower + detection.lower * 2
            self.coloured += 1
        for attribute, value in detection.attributes.items():
            self.attributes[attribute] = (value * 2, 2)
        self.plate = detection.plate or self.plate

    def search_vector(self) -> Vector:
        """Return the vector used for search: that of the best shot if there is one."""
        return self.vector if self.best_shot_vector is None else self.best_shot_vector

    @property
    def first_ms(self) -> int:
        return ids.milliseconds(self.id)

    @property
    def cls(self) -> int:
        """The class with the most votes; `unknown` counts only without other votes.

        A two-wheeler that moved is a rider.
        """
        best = max(self.votes, key=lambda c: (c != Cls.unknown, self.votes[c]))
        moved = self.detections > 1 and self.displacement()[0] > STILL_HEIGHTS * 1.5
        return int(Cls.rider) if best in TWO_WHEELERS and moved else best

    def leading_class(self) -> int:
        """Return the class with the most votes."""
        return max(self.votes, key=lambda c: self.votes[c])

    def displacement(self, aspect: float = 16 / 9) -> tuple[float, float, float]:
        """Return (distance in heights, x, y in picture heights) from the first point to the last."""
        first, last = self.points[0], self.points[-1]
        dx, dy = (last.x - first.x) / BOX_UNITS * aspect, (last.y - first.y) / BOX_UNITS
        height = max(1, (first.h + last.h) / 2) / BOX_UNITS
        return float(np.hypot(dx, dy)) / height, dx, dy

    def direction(self) -> Direction:
        distance, dx, dy = self.displacement()
        if distance < STILL_HEIGHTS:
            return Direction.still
        return Direction(1 + round(float(np.degrees(np.arctan2(dy, dx))) % 360 / 45) % 8)

    def speed(self) -> Speed:
        seconds = (self.points[-1].at_ms - self.points[0].at_ms) / 1000
        distance = self.displacement()[0]
        if distance < STILL_HEIGHTS or seconds <= 0:
            return Speed.still
        pace = distance / seconds
        return Speed.fast if pace > FAST_HEIGHTS_PER_S else Speed.brisk if pace > BRISK_HEIGHTS_PER_S else Speed.slow

    def has_ended(self, at_ms: int) -> bool:
        """Return whether the track has ended at this time."""
        away = at_ms - self.last_ms
        if self.detections == 1:  # it may stand still, and a sweep comes every 30 s
            return away > ENDED_SINGLE_MS
        return away > (ENDED_STILL_MS if self.speed() == Speed.still else ENDED_MS)


def point_of(at_ms: int, d: Detection) -> Point:
    """Return the point of a track for a box: its foot and height."""
    return Point(
        at_ms,
        round((d.x + d.w / 2) * BOX_UNITS),
        round(min(1.0, d.y + d.h) * BOX_UNITS),
        max(1, round(d.h * BOX_UNITS)),
    )


def start_track(number: int, at_ms: int, detection: TrackedDetection) -> Track:
    """Return a new track of one detection."""
    track = Track(number, at_ms, [], {}, detection.vector, detection.embedder, detections=0)
    _add_detection(track, at_ms, detection)
    return track


def extend_track(track: Track, at_ms: int, detection: TrackedDetection) -> None:
    """Add the next detection of the object."""
    _add_detection(track, at_ms, detection)
    if track.embedder == detection.embedder:
        mean = track.vector + (detection.vector - track.vector) / min(track.detections, MAX_AVERAGED)
        track.vector = np.asarray(mean / max(1e-9, float(np.linalg.norm(mean))), np.float32)
    if len(track.points) > 2 * MAX_PATH_POINTS:
        track.points = [*track.points[:-1:2], track.points[-1]]


def _add_detection(track: Track, at_ms: int, detection: TrackedDetection) -> None:
    d = detection.whole
    track.last_ms, track.detections, track.changed = at_ms, track.detections + 1, True
    track.missed = 0
    track.score = max(track.score, d.score)
    track.points.append(point_of(at_ms, d))
    track.cells |= cell_bit(d.x + d.w / 2, min(1.0, d.y + d.h)) & 2**64 - 1
    # An attribute pack knows the class better than the detector.
    cls = detection.cls if detection.cls is not None else d.cls
    track.votes[cls] = track.votes.get(cls, 0.0) + (1.5 if detection.cls is not None else d.score)
    if detection.upper is not None and detection.lower is not None:
        weight = 0.25 + detection.quality
        track.upper = track.upper + detection.upper * weight
        track.lower = track.lower + detection.lower * weight
        track.coloured += 1
    if detection.colour is not None:
        track.upper[detection.colour] += 1.0
    if detection.tone:
        track.tones = [*track.tones[-8:], detection.tone]
    for attribute, value in detection.attributes.items():
        total, count = track.attributes.get(attribute, (0.0, 0))
        track.attributes[attribute] = (total + value, count + 1)
    track.plate = detection.plate or track.plate
