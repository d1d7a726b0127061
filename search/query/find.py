"""Finds sightings by time, place, class, colour, path and other filters: newest first, day by day, with keyset paging.

Each day is queried through the index that fits the query; the search ends at the day that fills the page. The user's
scope is part of the query (`cameras` are numbers within the scope), never applied to the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo

import sqlalchemy as sa
from shapely import Point as ShapelyPoint
from shapely import Polygon, box

from search.query.areas import polygon_of
from search.store import ids
from search.store.rows import (
    BOX_UNITS,
    BY_CAMERA,
    BY_CLASS,
    BY_LOWER,
    BY_LOWER2,
    BY_UPPER,
    BY_UPPER2,
    GRID_CELLS,
    SIGHTING,
    Sighting,
    signed,
    unpack_path,
)  # fmt: skip
from search.store.sighting_store import SightingStore
from search.vocabulary import Cls, Colour

HOUR_MS = 3_600_000
NO_LIMIT = 2**62  # effectively no limit
ALL_COLOURS = [int(c) for c in Colour]
MAX_INDEXED_CAMERAS = 400  # up to this number the query uses the index by camera; for more, those by class and colour
_c = SIGHTING.c
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A query; None or empty does not restrict. Times are µs UTC, [start, end); codes as in search.vocabulary."""

    start_us: int | None = None
    end_us: int | None = None
    nightly: tuple[time, time] | None = None  # local times; spans midnight if the second is earlier
    zone: tzinfo = timezone.utc  # of the station, for `nightly`
    cameras: frozenset[int] | None = None
    classes: tuple[int, ...] = ()
    upper: tuple[int, ...] = ()  # any of these colours
    lower: tuple[int, ...] = ()
    not_upper: tuple[int, ...] = ()  # none of these as the strongest colour; what has no colour is left out too
    not_lower: tuple[int, ...] = ()
    infrared: bool = False  # with a colour: also sightings without colours
    attributes: int = 0
    lacking: int = 0  # attributes that were judged and are absent
    directions: tuple[int, ...] = ()
    headings: tuple[
        tuple[frozenset[int], tuple[int, ...]], ...
    ] = ()  # (cameras, directions in their pictures); any of these
    speeds: tuple[int, ...] = ()
    min_dwell_ms: int = 0
    min_height: float = 0.0  # shares of the picture
    max_height: float = 1.0
    area: tuple[tuple[float, float], ...] = ()  # polygon in shares of the picture
    plate: str = ""  # a part of it; "668*" is its beginning, "*668" its end
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class TimeRange:
    """[start, end) in ms UTC."""

    start_ms: int
    end_ms: int


def find(store: SightingStore, query: Query, limit: int = 50, before: int | None = None) -> list[Sighting]:
    """Return at most `limit` sightings with ids below `before`, newest first. Blocking; call it from a thread."""
    prepared, found = PreparedQuery(store, query), list[Sighting]()
    for i, day in enumerate(store.days(*bounds(query, before))):
        # Frequent matches fill the page from the newest hour; only rare ones need the whole day.
        for spans in _slices(query, day, before) if i == 0 else [list(spans_of(query, day))]:
            found += prepared.sightings(day, spans, limit - len(found), before)
            if len(found) >= limit:
                return found
    return found


def find_ids(store: SightingStore, query: Query, limit: int | None = None) -> list[int]:
    """Return the ids of all matches (at most `limit`), newest first, for counting and ranking. Blocking."""
    prepared, found = PreparedQuery(store, query), list[int]()
    for day in store.days(*bounds(query)):
        found += prepared.find_ids(day)
        if limit is not None and len(found) >= limit:
            return found[:limit]
    return found


def by_place_and_time(query: Query) -> bool:
    """Return whether the query restricts only cameras and times, which are part of the ids."""
    rest = Query(query.start_us, query.end_us, query.nightly, query.zone, query.cameras)
    return query == rest


class PreparedQuery:
    """A query as SQL, the same text for every day and time range."""

    def __init__(self, store: SightingStore, query: Query):
        self._store, self._query = store, query
        self._polygon = polygon_of(query.area) if query.area else None
        self._prepared = store.prepare(_statement(query))

    def find_ids(self, day: str) -> list[int]:
        """Return the ids of all matches of a UTC day, newest first."""
        spans = list(spans_of(self._query, day))
        if self._polygon is not None:
            return [s.id for s in self.sightings(day, spans, NO_LIMIT, None)]
        return self._ids_between(day, spans, NO_LIMIT, None)

    def sightings(self, day: str, spans: list[TimeRange], limit: int, before: int | None) -> list[Sighting]:
        """Return the day's matches. Checks an area exactly, page by page, because the index knows only 8×8 cells."""
        found: list[Sighting] = []
        while True:
            rows = _rows(self._store, day, self._ids_between(day, spans, limit, before))
            found += rows if self._polygon is None else [s for s in rows if _enters(s, self._polygon)]
            if self._polygon is None or len(rows) < limit or len(found) >= limit:
                return found[:limit]
            before = rows[-1].id

    def _ids_between(self, day: str, spans: list[TimeRange], limit: int, before: int | None) -> list[int]:
        """Return the ids of a day's matches, newest first: most queries need no rows."""
        found: list[int] = []
        for span in sorted(spans, key=lambda s: -s.start_ms):
            low, high = ids.first_at(span.start_ms), ids.first_at(span.end_ms)
            high = high if before is None else min(before, high)
            if low < high and len(found) < limit:
                found += self._prepared.run(day, low=low, high=high, row_limit=limit - len(found))
        return found


def _statement(query: Query) -> sa.Select[tuple[int]]:
    """Return the statement: ids between `low` and `high`, newest first, at most `row_limit`."""
    row_limit = sa.bindparam("row_limit", 0, sa.BigInteger)
    branches = []
    for condition, index in _conditions(query):
        between = (_c.id >= sa.bindparam("low", 0, sa.BigInteger), _c.id < sa.bindparam("high", 0, sa.BigInteger))
        branch = sa.select(_c.id).where(*between, *condition)
        if index is not None:
            branch = branch.with_hint(SIGHTING, f"INDEXED BY {index.name}", "sqlite")
        branches.append(branch.order_by(_c.id.desc()).limit(row_limit))
    if len(branches) == 1:
        return branches[0]
    union = sa.union_all(*(sa.select(b.subquery()) for b in branches)).subquery()
    return sa.select(union).order_by(union.c.id.desc()).limit(row_limit)


def bounds(query: Query, before: int | None = None) -> tuple[int | None, int | None]:
    """Return [start, end) in ms of the query; None where open."""
    start = query.start_us // 1000 if query.start_us is not None else None
    ends = [-(-query.end_us // 1000)] if query.end_us is not None else []
    ends += [ids.milliseconds(before) + 1] if before is not None else []
    return start, min(ends, default=None)


def _slices(query: Query, day: str, before: int | None) -> Iterator[list[TimeRange]]:
    """Return the day's time ranges in three steps: the newest hour, the four hours before, the rest."""
    spans = list(spans_of(query, day))
    end = max((s.end_ms for s in spans), default=0)
    end = min(end, ids.milliseconds(before) + 1) if before is not None else end
    for start, until in ((end - HOUR_MS, end), (end - 5 * HOUR_MS, end - HOUR_MS), (0, end - 5 * HOUR_MS)):
        yield [
            TimeRange(max(s.start_ms, start), min(s.end_ms, until))
            for s in spans
            if s.start_ms < until and s.end_ms > start
        ]


def _rows(store: SightingStore, day: str, wanted: list[int]) -> list[Sighting]:
    """Return whole rows, newest first."""
    found = [
        s
        for at in range(0, len(wanted), 5000)
        for s in store.sightings(day, sa.select(SIGHTING).where(_c.id.in_(wanted[at : at + 5000])))
    ]
    return sorted(found, key=lambda s: -s.id)


def _conditions(query: Query) -> Iterator[tuple[list[Condition], sa.Index | None]]:
    """Return one or more disjoint conditions, each with the index that delivers its matches in order of time."""
    common = _unindexed_conditions(query)
    cameras = query.cameras
    if cameras is not None and len(cameras) <= MAX_INDEXED_CAMERAS:
        some = [_c.cls.in_(query.classes or tuple(Cls))]
        yield [_c.camera.in_(sorted(cameras)), *some, *_colour_conditions(query), *common], BY_CAMERA
        return
    if cameras is not None:
        # Answered from the index alone: the camera is part of the id.
        common = [sa.literal_column("(id >> 9) & 4095").in_(sorted(cameras)), *common]
    classes = query.classes or (tuple(Cls) if query.upper or query.lower else ())
    if not classes:
        yield common, None
    for cls in classes:
        for condition, index in _colours_by_index(query):
            yield [_c.cls == cls, *condition, *common], index


def _colours_by_index(query: Query) -> Iterator[tuple[list[Condition], sa.Index]]:
    """Return the colour conditions of a class, disjoint, each with its index.

    They list every colour of the part that is not asked for, so that the index is read between the times and not from
    end to end.
    """
    second_upper: list[Condition] = [_is_any(_c.upper2, query.upper), sa.not_(_is_any(_c.upper, query.upper))]
    second_lower: list[Condition] = [_is_any(_c.lower2, query.lower), sa.not_(_is_any(_c.lower, query.lower))]
    if query.infrared or not (query.upper or query.lower):
        yield _colour_conditions(query), BY_CLASS
    elif query.upper:
        lower: Condition = _is_any(_c.lower, query.lower or ALL_COLOURS)
        yield [_is_any(_c.upper, query.upper), lower], BY_UPPER
        yield [*second_upper, lower], BY_UPPER2
        if query.lower:
            yield [*second_lower, _is_any(_c.upper, query.upper)], BY_LOWER2
    else:
        yield [_is_any(_c.lower, query.lower)], BY_LOWER
        yield [_c.upper.in_(ALL_COLOURS), *second_lower], BY_LOWER2


def _is_any(column: sa.Column[int], codes: Sequence[int]) -> Condition:
    return column == codes[0] if len(codes) == 1 else column.in_(codes)


def _colour_conditions(query: Query) -> list[Condition]:
    """Return the colour conditions: strongest or second colour, but not both parts by their second colour."""
    conditions: list[Condition] = []
    if query.upper:
        conditions.append(sa.or_(_is_any(_c.upper, query.upper), _is_any(_c.upper2, query.upper)))
    if query.lower:
        conditions.append(sa.or_(_is_any(_c.lower, query.lower), _is_any(_c.lower2, query.lower)))
    if query.upper and query.lower:
        conditions.append(sa.or_(_is_any(_c.upper, query.upper), _is_any(_c.lower, query.lower)))
    if conditions and query.infrared:
        return [sa.or_(_c.tone > 0, sa.and_(*conditions))]
    return conditions


def _unindexed_conditions(query: Query) -> list[Condition]:
    """Return the conditions without an index, which are checked row by row."""
    found: list[Condition] = []
    for column, excluded in ((_c.upper, query.not_upper), (_c.lower, query.not_lower)):
        if excluded:
            other = column.not_in((Colour.none, *excluded))
            found.append(sa.or_(_c.tone > 0, other) if query.infrared else other)
    if query.attributes:
        found.append(_c.attributes.op("&")(query.attributes) == query.attributes)
    if query.lacking:
        found.append(_c.known.op("&")(query.lacking) == query.lacking)
        found.append(_c.attributes.op("&")(query.lacking) == 0)
    if query.headings:
        some = [sa.and_(_c.camera.in_(sorted(cameras)), _c.direction.in_(ways)) for cameras, ways in query.headings]
        found.append(sa.or_(*some))
    if query.directions:
        found.append(_c.direction.in_(query.directions))
    if query.speeds:
        found.append(_c.speed.in_(query.speeds))
    if query.min_dwell_ms:
        found.append(sa.literal_column("end_ms - (id >> 21)") >= query.min_dwell_ms)
    if query.min_height > 0:
        found.append(_c.h >= round(query.min_height * BOX_UNITS))
    if query.max_height < 1:
        found.append(_c.h <= round(query.max_height * BOX_UNITS))
    if query.min_score > 0:
        found.append(_c.score >= round(query.min_score * 1000))
    if query.plate.strip("*"):
        found.append(_plate_condition(query.plate))
    if query.area:
        found.append(_c.cells.op("&")(cells_of(polygon_of(query.area))) != 0)
    return found


def _plate_condition(pattern: str) -> Condition:
    if pattern.startswith("*"):
        return _c.plate.endswith(pattern.strip("*"), autoescape=True)
    if pattern.endswith("*"):
        return _c.plate.startswith(pattern.strip("*"), autoescape=True)
    return _c.plate.contains(pattern, autoescape=True)


def cells_of(polygon: Polygon) -> int:
    """Return the cells (8×8) that the polygon touches, as a signed mask."""
    mask = 0
    for row in range(GRID_CELLS):
        for column in range(GRID_CELLS):
            if polygon.intersects(
                box(column / GRID_CELLS, row / GRID_CELLS, (column + 1) / GRID_CELLS, (row + 1) / GRID_CELLS)
            ):
                mask |= 1 << row * GRID_CELLS + column
    return signed(mask)


def _enters(sighting: Sighting, polygon: Polygon) -> bool:
    path = unpack_path(sighting.start_ms, sighting.path)
    return any(polygon.intersects(ShapelyPoint(p.x / BOX_UNITS, p.y / BOX_UNITS)) for p in path)


def spans_of(query: Query, day: str) -> Iterator[TimeRange]:
    """Return the query's time ranges within a UTC day; `nightly` follows the zone across clock changes."""
    start = ids.day_start(day)
    whole = TimeRange(
        max(start, query.start_us // 1000) if query.start_us is not None else start,
        min(start + ids.DAY_MS, -(-query.end_us // 1000)) if query.end_us is not None else start + ids.DAY_MS,
    )
    if query.nightly is None:
        if whole.start_ms < whole.end_ms:
            yield whole
        return
    first = datetime.fromtimestamp(start / 1000, timezone.utc).astimezone(query.zone).date() - timedelta(days=1)
    for offset in range(3):
        night = _night(first + timedelta(days=offset), query.nightly, query.zone)
        cut = TimeRange(max(whole.start_ms, night.start_ms), min(whole.end_ms, night.end_ms))
        if cut.start_ms < cut.end_ms:
            yield cut


def _night(evening: date, nightly: tuple[time, time], zone: tzinfo) -> TimeRange:
    begin, end = nightly
    morning = evening + timedelta(days=1) if end <= begin else evening
    moments = [datetime.combine(evening, begin, zone), datetime.combine(morning, end, zone)]
    return TimeRange(*(int(m.timestamp() * 1000) for m in moments))
