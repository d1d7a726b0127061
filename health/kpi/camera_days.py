"""One row per camera and local day: seconds in use, offline, unknown, required and recorded.

A row is written once, after its day is over, from facts: segments, gaps, faults, planned work, inspections. It is the
only source of figures about past days: retention deletes footage and, later, gaps, and must not change past figures.
The same rows are computed for the running day and not written. Formulae: docs/health.md, Figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import acceptance, periods_in_use
from cameras.states import StreamKind
from cameras.tables import Camera, ClockSample
from core.clock import HOUR_US, SECOND, from_microseconds, to_microseconds
from core.intervals import Interval, intersect, length, merge, subtract
from health.checks import presence
from health.checks.presence import OFFLINE_CAUSES, SENDING_CAUSES
from health.checks.stream import CLOCK_SECONDS
from health.faults import topology
from health.faults.families import NO_VIDEO_FAMILIES
from health.tables import CameraDay, Fault, Inspection, Maintenance
from health.vocabulary import FaultStatus
from nvr.archive import gaps, segment_index
from nvr.archive.coverage import short_gaps
from nvr.tables import StreamStatus

CAMERAS_PER_QUERY = 200  # a day of them is 300,000 segments at most in memory; each group takes eleven queries
INSPECTION_VALID_US = int(presence.INSPECTION_VALID / timedelta(microseconds=1))
FRESH_US = 15 * SECOND  # a stream with a newer picture than this is being recorded now
RECONSTRUCTED_AFTER = timedelta(days=7)  # rows written later rely more on gap rows than on footage


@dataclass(slots=True)
class _Facts:
    """Facts about one camera in an interval. Times are µs UTC."""

    recorded: list[Interval] = field(default_factory=list)
    gaps: dict[str, list[Interval]] = field(default_factory=dict)  # by cause
    inspections: list[int] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)  # inspections that judged a picture
    down: list[Interval] = field(default_factory=list)  # from faults of the camera or its parents
    planned: list[Interval] = field(default_factory=list)
    first_recording: int | None = None  # or start of the first gap
    first_inspection: int | None = None
    last_fact: int = 0  # end of the last segment or gap
    bad: bool = False  # a fault of severity 1 or 2 is open at the end
    clock_offset: float | None = None
    accepted: datetime | None = None  # time of the first acceptance
    unused: list[Interval] = field(default_factory=list)  # while the camera was retired
    holes: short_gaps.Count = (0, 0)  # (number, µs) of holes shorter than a second


async def of_interval(
    session: AsyncSession, cameras: Sequence[Camera], start: datetime, end: datetime
) -> list[CameraDay]:
    """Return the rows of [start, end), not added to the session. Cameras that were not in use have no row."""
    begin, finish = to_microseconds(start), to_microseconds(end)
    faults = await faults_between(session, start, end)
    work = (await session.scalars(select(Maintenance).where(Maintenance.start < end, Maintenance.until > start))).all()
    oldest = await segment_index.oldest(session)
    rows: list[CameraDay] = []
    for n in range(0, len(cameras), CAMERAS_PER_QUERY):
        some = cameras[n : n + CAMERAS_PER_QUERY]
        found = {c.id: _Facts() for c in some}
        await _read_recording(session, some, found, begin, finish, oldest)
        await _read_inspections(session, found, start, end)
        await _read_clocks(session, some, found, start, end)
        for number, spans in (await periods_in_use.retired_periods(session, some, finish)).items():
            found[number].unused.extend(spans)
        for number, at in (await acceptance.first_accepted(session, some)).items():
            found[number].accepted = at
        for camera in some:
            facts = found[camera.id]
            _add_faults(camera, facts, faults, finish)
            facts.planned = [
                _span(m.start, m.until) for m in work if m.camera == camera.id or m.village == camera.village
            ]
            row = _row(camera, facts, begin, finish, start.tzinfo)
            if row is not None:
                row.day = f"{start:%Y-%m-%d}"
                rows.append(row)
    return rows


def _row(camera: Camera, facts: _Facts, begin: int, finish: int, zone: tzinfo | None) -> CameraDay | None:
    first = _in_use_from(camera, facts, zone)
    in_use = subtract([(max(begin, first), finish)], facts.unused) if first is not None else []
    if not in_use:
        return None
    service = subtract(in_use, facts.planned)
    recorded = merge([*facts.recorded, *facts.gaps.get("retention", ())])
    wanted = subtract(_required_intervals(camera, facts, service), facts.gaps.get("schedule", ()))
    offline = subtract([*facts.down, *_gaps_caused_by(facts, OFFLINE_CAUSES)], recorded)
    vouched = subtract(_online_by_inspection(facts.judged, finish), wanted)
    known = [*recorded, *offline, *_gaps_caused_by(facts, SENDING_CAUSES), *vouched]
    missing = _missing_by_cause(subtract(wanted, recorded), facts.gaps)
    required = length(wanted)
    # An inspection without a picture (unreachable, learning nothing) finds no fault, and says nothing.
    judged = any(begin <= at < finish for at in facts.judged)
    return CameraDay(
        camera=camera.id, village=camera.village, vendor=str(camera.profile.get("maintainer") or "")[:80],
        sponsor=str(camera.profile.get("sponsor") or "")[:80], service=length(service) / SECOND,
        offline=length(intersect(service, offline)) / SECOND, unknown=length(subtract(service, known)) / SECOND,
        required=required / SECOND, recorded=(required - sum(missing.values())) / SECOND,
        missing={cause: round(us / SECOND, 3) for cause, us in missing.items()},
        inspected=any(begin <= at < finish for at in facts.inspections),
        intact=False if facts.bad else True if judged else None,
        clock_right=None if facts.clock_offset is None else abs(facts.clock_offset) <= CLOCK_SECONDS,
        short_holes=facts.holes[0], short_hole_seconds=round(facts.holes[1] / SECOND, 3), reconstructed=False,
    )  # fmt: skip


def _in_use_from(camera: Camera, facts: _Facts, zone: tzinfo | None) -> int | None:
    """Return the time (µs) from which the camera counts as in use; None if there is no fact about it.

    It is the stated start, else the first acceptance, else the first fact, and never earlier than the first fact.
    """
    known = [
        at for at in (facts.first_recording, facts.first_inspection, *(int(d[0]) for d in facts.down)) if at is not None
    ]
    if not known:
        return None
    stated = camera.profile.get("in_use_since")
    if stated:
        since = to_microseconds(datetime.combine(date.fromisoformat(str(stated)), time(), zone))
    elif facts.accepted is not None:
        since = to_microseconds(facts.accepted)
    else:
        since = min(known)
    return max(since, min(known))


def _required_intervals(camera: Camera, facts: _Facts, service: list[Interval]) -> list[Interval]:
    """Return the intervals in which the camera was to be recorded.

    They begin with its first recording or gap and end with the last one if the camera is no longer recorded.
    """
    if facts.first_recording is None:
        return []
    recording = any(s.kind == StreamKind.MAIN and s.record for s in camera.streams)
    last = service[-1][1] if recording and service else facts.last_fact
    return intersect(service, [(facts.first_recording, last)])


def _gaps_caused_by(facts: _Facts, causes: Iterable[str]) -> list[Interval]:
    return [gap for cause in causes for gap in facts.gaps.get(cause, ())]


def _online_by_inspection(inspections: Sequence[int], finish: int) -> list[Interval]:
    """Return the intervals in which inspections with a picture prove that the camera was online.

    Each reaches to the next inspection, at most INSPECTION_VALID_US.
    """
    return [(at, min(after, at + INSPECTION_VALID_US)) for at, after in pairwise([*sorted(inspections), finish])]


def _missing_by_cause(holes: list[Interval], causes: Mapping[str, list[Interval]]) -> dict[str, float]:
    """Return the µs that were required and not recorded, by cause. Each instant counts once."""
    found: dict[str, float] = {}
    for cause in sorted(causes.keys() - {"schedule", "retention"}):
        if share := length(intersect(holes, causes[cause])):
            found[cause] = share
            holes = subtract(holes, causes[cause])
    if rest := length(holes):
        found["unaccounted"] = rest
    return found


async def faults_between(session: AsyncSession, start: datetime, end: datetime) -> list[Fault]:
    """Return the faults that were open between start and end, by id.

    Two queries: with OR between the conditions, SQLite reads every fault that ever was.
    """
    opened = select(Fault).where(Fault.opened_at < end, Fault.state != FaultStatus.DISMISSED)
    found = [f for over in (Fault.closed_at.is_(None), Fault.closed_at > start)
             for f in await session.scalars(opened.where(over))]  # fmt: skip
    return sorted(found, key=lambda f: f.id)


def _add_faults(camera: Camera, facts: _Facts, faults: Sequence[Fault], finish: int) -> None:
    for fault in faults:
        own, parent = fault.camera == camera.id, not fault.camera and topology.is_below(camera, fault)
        closed = to_microseconds(fault.closed_at) if fault.closed_at else None
        if (own and fault.family in NO_VIDEO_FAMILIES) or parent:
            # An outage begins with the first inspection that found it, not when the fault opened.
            facts.down.append((to_microseconds(fault.first_seen), finish if closed is None else closed))
        if (own or parent) and fault.severity <= 2 and (closed is None or closed >= finish):
            facts.bad = True


def _span(start: datetime, end: datetime) -> Interval:
    return to_microseconds(start), to_microseconds(end)


async def _read_recording(
    session: AsyncSession,
    cameras: Sequence[Camera],
    found: dict[str, _Facts],
    begin: int,
    finish: int,
    oldest: dict[str, int],
) -> None:
    streams = {f"{c.id}/{StreamKind.MAIN}": found[c.id] for c in cameras}
    closed = await segment_index.spans(session, streams, begin, finish)
    first_gaps = await gaps.first_starts(session, streams)
    for stream, facts in streams.items():
        facts.recorded = [*segment_index.merge_spans(closed[stream])]
        first = oldest.get(stream)
        if (
            first is not None and first > begin - HOUR_US
        ):  # `oldest` is exact to the hour only; if the exact start lies in this day, it is read from the segments
            first = min((start for start, _ in closed[stream]), default=None)
        starts = [at for at in (first, first_gaps.get(stream)) if at is not None]
        facts.first_recording = min(starts, default=None)
    for stream, count in (await short_gaps.between(session, streams, begin, finish)).items():
        streams[stream].holes = count
    for gap in await gaps.touching(session, streams, begin, finish):
        span = (gap.start_us, finish if gap.end_us is None else gap.end_us)
        streams[gap.stream].gaps.setdefault(gap.cause, []).append(span)
    await _read_open_segments(session, streams, finish)
    for facts in streams.values():
        spans = [*facts.recorded, *(g for gaps_of in facts.gaps.values() for g in gaps_of)]
        facts.last_fact = int(max((end for _, end in spans), default=0))


async def _read_open_segments(session: AsyncSession, streams: Mapping[str, _Facts], finish: int) -> None:
    """Count open segments as recorded up to their last picture."""
    opened = await segment_index.open_segments(session, [*streams], finish)
    if not opened:
        return
    query = select(StreamStatus.stream, StreamStatus.last_picture).where(StreamStatus.stream.in_(streams))
    pictures = {stream: to_microseconds(at) for stream, at in await session.execute(query) if at is not None}
    for segment in opened:
        until = pictures.get(segment.stream, 0)
        until = finish if until > finish - FRESH_US else until
        facts = streams[segment.stream]
        if until > segment.start_us:
            facts.recorded.append((segment.start_us, until))
            facts.first_recording = min(facts.first_recording or segment.start_us, segment.start_us)


async def _read_inspections(session: AsyncSession, found: dict[str, _Facts], start: datetime, end: datetime) -> None:
    before = start - timedelta(microseconds=INSPECTION_VALID_US)
    query = select(Inspection.camera, Inspection.at, Inspection.unknown).where(
        Inspection.camera.in_(found), Inspection.at >= before, Inspection.at < end
    )
    for camera, at, unknown in await session.execute(query):
        moment = to_microseconds(at)
        found[camera].inspections.append(moment)
        if presence.judged_a_picture(unknown):
            found[camera].judged.append(moment)
    first = select(func.min(Inspection.at)).where(Inspection.camera == Camera.id).scalar_subquery()
    for camera, at in await session.execute(select(Camera.id, first).where(Camera.id.in_(found))):
        found[camera].first_inspection = to_microseconds(at) if at is not None else None


async def _read_clocks(
    session: AsyncSession, cameras: Sequence[Camera], found: dict[str, _Facts], start: datetime, end: datetime
) -> None:
    """Read the last clock sample before `end`; without one, the camera's last measured offset unless it is too new.

    Samples are written when the clock changes. Of a camera that has not answered since `start`, nobody knows the clock.
    """
    last = select(ClockSample.camera, func.max(ClockSample.at).label("at")).where(
        ClockSample.camera.in_(found), ClockSample.at < end
    )
    newest = last.group_by(ClockSample.camera).subquery()
    query = select(ClockSample).join(newest, (ClockSample.camera == newest.c.camera) & (ClockSample.at == newest.c.at))
    samples = {s.camera: 0.0 if s.corrected else s.offset for s in await session.scalars(query)}
    for camera in cameras:
        if camera.seen_at is None or camera.seen_at < start:
            continue
        facts = found[camera.id]
        fresh = camera.seen_at < end + timedelta(days=1)
        facts.clock_offset = samples.get(camera.id, camera.clock_offset if fresh else None)


async def first_fact(session: AsyncSession) -> datetime | None:
    """Return the time of the station's first fact: footage, gap or inspection."""
    starts = [
        at for at in (await gaps.first_start(session), await segment_index.first_start(session)) if at is not None
    ]
    inspection = await session.scalar(select(Inspection.at).order_by(Inspection.id).limit(1))
    if inspection is not None:
        starts.append(to_microseconds(inspection))
    return from_microseconds(min(starts)) if starts else None


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return start and end of a local day; they are 23 or 25 hours apart on days of a clock change."""
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)
