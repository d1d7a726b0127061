"""Routes for time lines: the calendar of days with footage, and the lanes of one camera."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.states import StreamKind
from cameras.tables import Camera
from cases.alerts import alerts
from cases.tables import AlertState
from core.accounts.permissions import Permission, Role
from core.audit.actions import AuditAction
from core.clock import DAY_US, SECOND, from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import UsageError
from nvr.archive import bookmarks
from nvr.archive.archive_log import TimelineSpan
from nvr.archive.coverage import activity, recorded_days
from nvr.archive.coverage.activity import Activity, ActivityProblem
from nvr.archive.reader import LocatedGop
from search.query.density import SightingDensity, indexed_until, sighting_density
from search.store import camera_numbers
from web.api.bookmarks import BookmarkView, bookmark_view
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.policy import VIDEO_OFFICER_LIMIT, visible_camera
from web.views.causes import CauseWord, cause_word

routes = RouteTable()

MAX_CAMERAS = 9
LIVE_EDGE_US = 30 * SECOND  # the newest footage is on disk after this long at the latest
COMPLETE_WITHIN_S = 1.0  # joints of files that are up to a second wide are no gaps
MAX_BUCKETS = 2_000
MAX_SPANS = 10_000
MAX_GOPS_RANGE_US = 7_200 * SECOND  # up to here the headers of the files are read for finer activity
MAX_GOPS = 20_000
MAX_LISTED = 500  # alerts, bookmarks
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class RecordedDayState(StrEnum):
    """How much of a day is recorded and still held."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NONE = "none"


class DaysQuery(BaseModel):
    camera: str = Field(max_length=400, description="Ids of one to nine cameras, with commas between them")
    month: str = Field(max_length=7, description="YYYY-MM, in the station's time zone")
    stream: StreamKind | None = Field(None, description="Absent: main, if it is recorded")


class RecordedDayView(BaseModel):
    day: date
    state: RecordedDayState
    recorded_seconds: float = Field(description="Footage that can be played now")
    seconds: float = Field(description="Length of the day; of today: up to now")


class CameraDaysView(BaseModel):
    camera: str
    stream: str
    days: list[RecordedDayView] = Field(description="The days of the month up to today")


class DaysReply(BaseModel):
    month: str
    zone: str
    playable_from: datetime | None = Field(description="The account may not play older footage; null: no such limit")
    cameras: list[CameraDaysView]


class LanesQuery(BaseModel):
    camera: str = Field(max_length=40)
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    buckets: int = Field(480, ge=1, le=MAX_BUCKETS)
    stream: StreamKind | None = Field(None, description="Absent: main, if it is recorded")


class LaneSpan(BaseModel):
    start: datetime
    end: datetime
    cause: CauseWord


class MotionLane(BaseModel):
    shares: list[float | None] = Field(
        description="Per bucket 0 (quiet) … 1 (busy), from the size of the recording; null: unknown"
    )
    unknown_because: ActivityProblem | None = Field(description="Why nothing is known; null: something is")


class SightingLane(BaseModel):
    counts: dict[str, list[int | None]] = Field(
        description="By class; per bucket, null: not analysed, or nothing recorded"
    )
    analysed: list[bool] = Field(description="Per bucket, whether the counts are known: also where no class is listed")
    indexed_until: datetime | None = Field(description="Null: the camera was never analysed")


class AlertMark(BaseModel):
    id: int
    at: datetime
    state: AlertState | str = Field(description="Text that is not listed comes from another release")


class LanesReply(BaseModel):
    camera: str
    stream: str
    start: datetime
    end: datetime
    bucket_seconds: float
    spans: list[LaneSpan]
    spans_until: datetime = Field(description="Earlier than `end`: there are more spans; ask again from here")
    motion: MotionLane
    sightings: SightingLane
    alerts: list[AlertMark] = Field(description=f"The newest {MAX_LISTED}")
    marks: list[BookmarkView] = Field(description=f"The first {MAX_LISTED}")
    playable_from: datetime | None = Field(description="The account may not play older footage; null: no such limit")


@routes.add("GET", "/api/playback/days", Permission.PLAYBACK_VIEW, query=DaysQuery, reply=DaysReply)
async def days(c: Context[DaysQuery]) -> DaysReply:
    """How much of each day of a month is recorded, for a calendar."""
    numbers = list(dict.fromkeys(filter(None, c.query.camera.split(","))))
    if not 1 <= len(numbers) <= MAX_CAMERAS:
        raise UsageError(
            f"name one to {MAX_CAMERAS} cameras, with commas between them",
            ErrorCode.CAMERAS_REQUIRED,
            limit=MAX_CAMERAS,
        )
    periods = _days_of(c, c.query.month)
    cameras = [await visible_camera(c, number, with_retired=True) for number in numbers]
    return DaysReply(
        month=c.query.month,
        zone=str(c.services.zone),
        playable_from=playable_from(c),
        cameras=[await _days_of_camera(c, camera, periods) for camera in cameras],
    )


def _days_of(c: AnyContext, month: str) -> list[tuple[date, int, int]]:
    """Return (day, start, end) of the month's days that have begun, µs UTC; today ends now. Raises UsageError."""
    found = _MONTH.fullmatch(month)
    if found is None:
        raise UsageError("write the month as YYYY-MM", ErrorCode.PERIOD_INVALID, value=month[:40])
    zone, now = c.services.zone, c.services.clock.now()
    day, periods = date(int(found[1]), int(found[2]), 1), list[tuple[date, int, int]]()
    while f"{day:%Y-%m}" == month:
        following = day + timedelta(days=1)
        begin, end = (to_microseconds(datetime.combine(d, time(), zone)) for d in (day, following))
        if begin < to_microseconds(now):
            periods.append((day, begin, min(end, to_microseconds(now))))
        day = following
    return periods


async def _days_of_camera(
    c: Context[DaysQuery], camera: Camera, periods: Sequence[tuple[date, int, int]]
) -> CameraDaysView:
    stream = _stream(camera, c.query.stream)
    if not periods:
        return CameraDaysView(camera=camera.id, stream=stream, days=[])
    start, end = periods[0][1], periods[-1][2]
    async with c.services.database.reading() as session:
        run = c.services.footage_executor.run
        spans = await recorded_days.recorded_spans(session, stream, start, end, run)
    now_us = to_microseconds(c.services.clock.now())
    if end == now_us:  # the file that is being written is in no index
        newest = await c.services.reader.coverage(stream, max(start, now_us - DAY_US // 24), end)
        spans = spans + [(s.start_us, s.end_us) for s in newest if not s.cause]
    recorded = recorded_days.seconds_within(spans, [(a, b) for _, a, b in periods])
    return CameraDaysView(
        camera=camera.id,
        stream=stream,
        days=[
            _day_view(day, (b - a) / SECOND, held, is_today=b == now_us)
            for (day, a, b), held in zip(periods, recorded, strict=True)
        ],
    )


def _day_view(day: date, seconds: float, recorded: float, *, is_today: bool) -> RecordedDayView:
    missing = seconds - recorded - (LIVE_EDGE_US / SECOND if is_today else 0)
    state = (
        RecordedDayState.NONE
        if recorded <= 0
        else RecordedDayState.COMPLETE
        if missing < COMPLETE_WITHIN_S
        else RecordedDayState.PARTIAL
    )
    return RecordedDayView(day=day, state=state, recorded_seconds=round(recorded, 1), seconds=round(seconds, 1))


def playable_from(c: AnyContext) -> datetime | None:
    """Return since when the account may play footage (R-VIEW-3); None: without limit."""
    return c.services.clock.now() - VIDEO_OFFICER_LIMIT if c.identity.role is Role.VIDEO_OFFICER else None


def _stream(camera: Camera, kind: StreamKind | None) -> str:
    return f"{camera.id}/{kind}" if kind is not None else lookup.full_stream(camera)


@routes.add("GET", "/api/playback/lanes", Permission.PLAYBACK_VIEW, query=LanesQuery, reply=LanesReply)
async def lanes(c: Context[LanesQuery]) -> LanesReply:
    """What a time line shows of one camera: recorded spans, gaps with causes, activity, sightings, alerts, bookmarks.

    Needs a stated purpose, because it says when persons were seen; one audit row per camera and half an hour.
    """
    reason, camera = c.purpose, await visible_camera(c, c.query.camera, with_retired=True)
    start, end = to_microseconds(c.query.start), to_microseconds(c.query.end)
    if not start < end <= start + 32 * DAY_US:
        raise UsageError("'to' must be after 'from', by at most 32 days", ErrorCode.RANGE_INVALID, days=32)
    stream = _stream(camera, c.query.stream)
    await c.audit_view(AuditAction.LANES_VIEW, stream, reason=reason, village=camera.village)
    spans = await c.services.reader.coverage(stream, start, end)
    recorded = [(s.start_us, s.end_us) for s in spans if not s.cause]
    motion = await _motion(c, stream, start, end)
    sightings = await _sightings(c, camera, start, end, recorded)
    async with c.services.database.reading() as session:
        found = await alerts.of_camera(session, camera.id, c.identity.villages, start, end, MAX_LISTED)
        marked = await bookmarks.between(session, [camera.id], start, end, c.identity.villages, MAX_LISTED)
    shown = spans[:MAX_SPANS]
    return LanesReply(
        camera=camera.id, stream=stream, start=c.query.start, end=c.query.end,
        bucket_seconds=(end - start) / SECOND / c.query.buckets,
        spans=[lane_span(s) for s in shown],
        spans_until=c.query.end if len(spans) <= MAX_SPANS else from_microseconds(shown[-1].end_us),
        motion=MotionLane(shares=motion.shares, unknown_because=motion.unknown_because), sightings=sightings,
        alerts=[AlertMark(id=a.id, at=from_microseconds(a.at_us), state=a.state) for a in found],
        marks=[bookmark_view(b) for b in marked], playable_from=playable_from(c),
    )  # fmt: skip


def lane_span(span: TimelineSpan) -> LaneSpan:
    return LaneSpan(
        start=from_microseconds(span.start_us), end=from_microseconds(span.end_us), cause=cause_word(span.cause)
    )


async def _motion(c: Context[LanesQuery], stream: str, start: int, end: int) -> Activity:
    run, gops = c.services.footage_executor.run, list[LocatedGop]()
    async with c.services.database.reading() as session:
        rows = await recorded_days.index_rows(session, stream, start - activity.REFERENCE_US, end)
    if end - start <= MAX_GOPS_RANGE_US:
        gops = await c.services.reader.gops(stream, start, end, MAX_GOPS)
    return await run(activity.of_entries, rows, start, end, c.query.buckets, gops)


async def _sightings(
    c: Context[LanesQuery], camera: Camera, start: int, end: int, recorded: Sequence[tuple[int, int]]
) -> SightingLane:
    async with c.services.database.reading() as session:
        until = await indexed_until(session, camera.id)
        numbers = await _numbers(c, session, camera)
    if until is None or not numbers:
        return SightingLane(counts={}, analysed=[False] * c.query.buckets, indexed_until=None)
    store, run = c.services.sighting_store, c.services.search_executor.run
    density = await run(sighting_density, store, numbers, start, end, c.query.buckets)
    analysed = _analysed(density, start, end, c.query.buckets, until, recorded)
    counts = {
        name: [n if known else None for n, known in zip(found, analysed, strict=True)]
        for name, found in density.counts.items()
    }
    return SightingLane(counts=counts, analysed=analysed, indexed_until=from_microseconds(until))


async def _numbers(c: AnyContext, session: AsyncSession, camera: Camera) -> frozenset[int]:
    """Return the camera's short numbers in the account's villages."""
    places = await camera_numbers.places(session)
    return frozenset(n for n, p in places.items() if p.camera == camera.id and c.identity.sees_village(p.village))


def _analysed(
    density: SightingDensity, start: int, end: int, buckets: int, until: int, recorded: Sequence[tuple[int, int]]
) -> list[bool]:
    """Return per bucket whether its counts are known: recorded, analysed, and not before the oldest sighting.

    When the analysis of a camera began is not recorded, so that earlier stretches are unknown and not empty.
    """
    if density.first_ms is None:
        return [False] * buckets
    first, width = max(density.first_ms, density.from_ms) * 1000, (end - start) / buckets
    edges = [start + round(i * width) for i in range(buckets + 1)]
    covered = recorded_days.seconds_within(recorded, list(pairwise(edges)))
    return [held > 0 and edge + width > first and edge < until for held, edge in zip(covered, edges[:-1], strict=True)]
