"""Converts filters from the console, the command line or a phrase to queries of the sighting store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from shapely import Point as ShapelyPoint
from shapely import Polygon
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import CameraProfile
from core.clock import to_microseconds
from core.error_codes import ErrorCode
from core.errors import UsageError
from search import vocabulary
from search.query.areas import polygon_of
from search.query.chips import Chip, ChipKind
from search.query.find import Query
from search.query.words.times import MAX_DWELL_S, ends_of
from search.store import camera_numbers
from search.store.ids import MAX_CAMERAS
from search.vocabulary import (
    AttributeWord,
    ClassWord,
    Cls,
    ColourWord,
    Direction,
    DirectionWord,
    HeadingWord,
    SpeedWord,
)

_Coordinate = Annotated[float, Field(ge=-1000, le=1000)]
Corner = tuple[_Coordinate, _Coordinate]
_COMPASS = tuple(HeadingWord)
_HEADING_TOLERANCE_DEG = 60  # degrees on either side of a heading

_LIST_FIELDS = {
    ChipKind.CLS: "cls",
    ChipKind.NOT_CLS: "not_cls",
    ChipKind.UPPER: "upper",
    ChipKind.NOT_UPPER: "not_upper",
    ChipKind.LOWER: "lower",
    ChipKind.NOT_LOWER: "not_lower",
    ChipKind.ATTRIBUTE: "attributes",
    ChipKind.LACKING: "lacking",
    ChipKind.DIRECTION: "directions",
    ChipKind.SPEED: "speeds",
    ChipKind.VILLAGE: "villages",
    ChipKind.CAMERA: "cameras",
}  # chips that may occur several times → field of Filter


def _as_list(value: object) -> object:
    """Accept one colour instead of a list of them."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else value


Colours = Annotated[list[ColourWord], BeforeValidator(_as_list), Field(max_length=len(ColourWord))]


class Filter(BaseModel):
    """All restrictions of a search; empty fields do not restrict."""

    model_config = ConfigDict(extra="forbid")
    start: datetime | None = None
    end: datetime | None = None
    nightly: str | None = Field(None, pattern=r"^\d\d:\d\d-\d\d:\d\d$", description="Every night from-to, local time")
    cameras: list[str] = Field(default_factory=list, description="Camera ids")
    villages: list[str] = Field(default_factory=list, description="Village codes")
    map_area: list[Corner] = Field(
        default_factory=list, max_length=200, description="Polygon on the map: lon, lat; cameras in it"
    )
    area: list[Corner] = Field(
        default_factory=list, max_length=200, description="Polygon in the picture, 0…1: where it stood"
    )
    cls: list[ClassWord] = Field(default_factory=list, max_length=20)
    not_cls: list[ClassWord] = Field(default_factory=list, max_length=20, description="Classes that are left out")
    upper: Colours = Field(default_factory=list, description="Any of these colours; one may stand without a list")
    lower: Colours = Field(default_factory=list)
    not_upper: Colours = Field(
        default_factory=list, description="None of these as the strongest colour; what has no colour is left out too"
    )
    not_lower: Colours = Field(default_factory=list)
    infrared: bool = Field(False, description="With a colour: also what was seen without colours at night")
    attributes: list[AttributeWord] = Field(default_factory=list, max_length=20)
    lacking: list[AttributeWord] = Field(default_factory=list, max_length=20)
    directions: list[DirectionWord] = Field(default_factory=list, max_length=9, description="In the picture")
    heading: HeadingWord | None = Field(None, description="On the compass; cameras whose azimuth is known")
    speeds: list[SpeedWord] = Field(default_factory=list, max_length=4)
    min_dwell: float = Field(0, ge=0, le=MAX_DWELL_S, description="Seconds")
    min_height: float = Field(0, ge=0, le=1, description="Of the picture")
    max_height: float = Field(1, ge=0, le=1)
    min_score: float = Field(0, ge=0, le=1)
    plate: str = Field(
        "", max_length=13, description="A part of it; with * at the end its beginning, at the start its end"
    )


@dataclass(frozen=True, slots=True)
class CameraScope:
    """The camera numbers that exist, with the profiles of their cameras if needed."""

    places: Mapping[int, camera_numbers.CameraPlace]
    profiles: Mapping[str, CameraProfile]

    @classmethod
    async def of(cls, session: AsyncSession, filter_: Filter) -> CameraScope:
        """Load the numbers, and the profiles only for map areas and headings, because profiles are large."""
        profiles = await camera_numbers.profiles(session) if filter_.map_area or filter_.heading else {}
        return cls(await camera_numbers.places(session), profiles)


async def query_of(session: AsyncSession, filter_: Filter, zone: tzinfo, scope: Iterable[str] | None) -> Query:
    """Return the query of a filter within a scope of villages (None: the town).

    Raises UsageError for invalid words, times or areas.
    """
    for moment in (filter_.start, filter_.end):
        if moment is not None and moment.tzinfo is None:
            raise UsageError("times need a UTC offset, like 2026-11-21T08:00:00+08:00", ErrorCode.TIME_ZONE_REQUIRED)
    if len(filter_.cameras) > MAX_CAMERAS:
        raise UsageError(
            f"{len(filter_.cameras)} cameras are named; the maximum is {MAX_CAMERAS}; name villages, or none for all",
            ErrorCode.TOO_MANY_CAMERAS,
            count=len(filter_.cameras),
            limit=MAX_CAMERAS,
        )
    return query_in(await CameraScope.of(session, filter_), filter_, zone, scope)


def query_in(where: CameraScope, filter_: Filter, zone: tzinfo, scope: Iterable[str] | None) -> Query:
    """Return the query of a filter among cameras that are loaded already. Raises UsageError as `query_of` does."""
    return Query(
        start_us=to_microseconds(filter_.start) if filter_.start else None,
        end_us=to_microseconds(filter_.end) if filter_.end else None,
        nightly=_nightly(filter_.nightly) if filter_.nightly else None,
        zone=zone,
        cameras=_cameras(where, filter_, scope),
        classes=_classes(filter_),
        upper=vocabulary.colours(filter_.upper),
        lower=vocabulary.colours(filter_.lower),
        not_upper=vocabulary.colours(filter_.not_upper),
        not_lower=vocabulary.colours(filter_.not_lower),
        infrared=filter_.infrared,
        attributes=vocabulary.attributes(filter_.attributes),
        lacking=vocabulary.attributes(filter_.lacking),
        directions=tuple(vocabulary.direction(d) for d in filter_.directions),
        headings=_headings(where, filter_.heading),
        speeds=tuple(vocabulary.speed(s) for s in filter_.speeds),
        min_dwell_ms=round(filter_.min_dwell * 1000),
        min_height=filter_.min_height,
        max_height=filter_.max_height,
        area=_check_area(filter_.area),
        plate=filter_.plate.upper(),
        min_score=filter_.min_score,
    )


def _classes(filter_: Filter) -> tuple[int, ...]:
    """Return the codes of the classes that are asked for and not excluded. Raises UsageError if none is left."""
    wanted = vocabulary.classes(filter_.cls)
    excluded = set(vocabulary.excluded_classes(filter_.not_cls))
    if not excluded:
        return wanted
    left = tuple(c for c in wanted or map(int, Cls) if c not in excluded)
    if not left:
        raise UsageError(
            "every class that is asked for is also excluded; take one of them back", ErrorCode.ALL_CLASSES_EXCLUDED
        )
    return left


def _nightly(text: str) -> tuple[time, time]:
    try:
        begin, end = (time.fromisoformat(t) for t in text.split("-"))
    except ValueError as e:
        raise UsageError(
            f"'{text}' is not a time range; write them like 22:00-05:00", ErrorCode.TIME_RANGE_INVALID, value=text[:40]
        ) from e
    if begin == end:
        raise UsageError("start and end of the time range must differ", ErrorCode.TIME_RANGE_EMPTY)
    return begin, end


def _cameras(where: CameraScope, filter_: Filter, scope: Iterable[str] | None) -> frozenset[int] | None:
    allowed = None if scope is None else set(scope)
    if allowed is None and not (filter_.cameras or filter_.villages or filter_.map_area):
        return None
    cameras, villages = set(filter_.cameras), set(filter_.villages)
    polygon = polygon_of(filter_.map_area) if filter_.map_area else None
    return frozenset(
        number
        for number, place in where.places.items()
        if (allowed is None or place.village in allowed)
        and (not cameras or place.camera in cameras)
        and (not villages or place.village in villages)
        and (polygon is None or _is_in(where.profiles.get(place.camera), polygon))
    )


def _is_in(profile: CameraProfile | None, polygon: Polygon) -> bool:
    position = None if profile is None else profile.get("position")
    return position is not None and polygon.intersects(ShapelyPoint(float(position[0]), float(position[1])))


def _check_area(corners: list[Corner]) -> tuple[Corner, ...]:
    if corners:
        polygon_of(corners)
    return tuple(corners)


def heading_of(text: str) -> HeadingWord:
    """Return the heading that a person typed. Raises UsageError."""
    if text not in _COMPASS:
        raise UsageError(
            f"unknown heading '{text[:20]}'; valid values: {', '.join(_COMPASS)}",
            ErrorCode.HEADING_UNKNOWN,
            value=text[:20],
            allowed=list(_COMPASS),
        )
    return HeadingWord(text)


def _headings(where: CameraScope, heading: HeadingWord | None) -> tuple[tuple[frozenset[int], tuple[int, ...]], ...]:
    """Return which directions in each camera's picture lie in a compass heading.

    Up in the picture is the camera's azimuth, right is 90° further.
    """
    if heading is None:
        return ()
    wanted = _COMPASS.index(heading) * 45
    groups: dict[tuple[int, ...], set[int]] = {}
    for number, place in where.places.items():
        azimuth = where.profiles.get(place.camera, {}).get("azimuth")
        if azimuth is None:
            continue
        ways = tuple(
            int(d)
            for d in Direction
            if d and abs((map_bearing(d, float(azimuth)) - wanted + 180) % 360 - 180) <= _HEADING_TOLERANCE_DEG
        )
        groups.setdefault(ways, set()).add(number)
    if not groups:
        raise UsageError(
            "no camera's azimuth is known; enter it in the camera's file, or ask for a direction in the picture",
            ErrorCode.NO_AZIMUTH,
        )
    return tuple((frozenset(cameras), ways) for ways, cameras in groups.items())


def map_bearing(way: Direction, azimuth: float) -> float:
    """Return the compass bearing of a movement in the picture of a camera with this azimuth, degrees."""
    turned = {
        Direction.up: 0,
        Direction.right_up: 45,
        Direction.right: 90,
        Direction.right_down: 135,
        Direction.down: 180,
        Direction.left_down: 225,
        Direction.left: 270,
        Direction.left_up: 315,
    }
    return (azimuth + turned[way]) % 360


def filter_of(chips: Iterable[Chip]) -> Filter:
    """Convert the chips of a phrase to a filter; of two that exclude each other the later one counts."""
    values: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for chip in chips:
        if chip.kind in _LIST_FIELDS:
            into = lists.setdefault(_LIST_FIELDS[chip.kind], [])
            if chip.value not in into:
                into.append(chip.value)
        elif chip.kind is ChipKind.BETWEEN:
            values |= ends_of(chip.value)._asdict()
        elif chip.kind is ChipKind.DWELL:
            values["min_dwell"] = float(chip.value)
        elif chip.kind is not ChipKind.NOTE:
            values[chip.kind.value] = chip.value
    return Filter.model_validate(values | lists)
