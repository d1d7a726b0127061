"""Answers about sightings."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from core.clock import from_microseconds
from search.store import Sighting
from search.store.camera_numbers import CameraPlace
from search.store.rows import BOX_UNITS, unpack_path
from search.tables import SightingVerdict
from search.vocabulary import (
    Attribute,
    AttributeWord,
    ClassWord,
    Cls,
    Colour,
    ColourWord,
    Direction,
    DirectionWord,
    Speed,
    SpeedWord,
    Tone,
    ToneWord,
)


class SightingView(BaseModel):
    id: str = Field(description="A 64-bit integer as text, because JavaScript numbers cannot hold it")
    at: datetime
    end: datetime
    best_at: datetime
    camera: str
    village: str
    cls: ClassWord
    score: float
    keyframes: int = Field(description="Keyframes on which it was seen")
    box: tuple[float, float, float, float]
    upper: list[ColourWord]
    lower: list[ColourWord]
    tone: list[ToneWord] = Field(description="Infra-red: how dark the upper and the lower part were")
    attributes: list[AttributeWord]
    direction: DirectionWord
    speed: SpeedWord
    plate: str
    has_picture: bool = Field(description="False: deleted because it was not used (search.unmatched_days)")
    likeness: float | None = None
    verdict: SightingVerdict | None = None
    metres: float | None = None
    seconds: float | None = None
    plausible: bool | None = None


class SightingPage(BaseModel):
    rows: list[SightingView]
    next: str | None


class PathPoint(BaseModel):
    at: datetime
    x: float
    y: float
    h: float


class SightingFile(SightingView):
    path: list[PathPoint]
    detector: str


def sighting_view(s: Sighting, place: CameraPlace, verdict: SightingVerdict | None = None) -> SightingView:
    return SightingView(
        id=str(s.id),
        at=from_microseconds(s.start_ms * 1000),
        end=from_microseconds(s.end_ms * 1000),
        best_at=from_microseconds(s.best_ms * 1000),
        camera=place.camera,
        village=place.village,
        cls=ClassWord(Cls(s.cls).name),
        score=s.score / 1000,
        keyframes=s.detections,
        box=(s.x / BOX_UNITS, s.y / BOX_UNITS, s.w / BOX_UNITS, s.h / BOX_UNITS),
        upper=_colours(s.upper, s.upper2),
        lower=_colours(s.lower, s.lower2),
        tone=[ToneWord(Tone(t).name) for t in divmod(s.tone, 4)] if s.tone else [],
        attributes=[AttributeWord(a.name) for a in Attribute if a.name and s.attributes & a],
        direction=DirectionWord(Direction(s.direction).name),
        speed=SpeedWord(Speed(s.speed).name),
        plate=s.plate,
        verdict=verdict,
        has_picture=s.thumb >= 0,
    )


def path_points(s: Sighting) -> list[PathPoint]:
    """Return the path of a sighting through the picture, in fractions of it."""
    return [
        PathPoint(at=from_microseconds(p.at_ms * 1000), x=p.x / BOX_UNITS, y=p.y / BOX_UNITS, h=p.h / BOX_UNITS)
        for p in unpack_path(s.start_ms, s.path)
    ]


def _colours(*codes: int) -> list[ColourWord]:
    return [ColourWord(Colour(code).name) for code in codes if code]
