"""Commands that do one piece of the station's work in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera, Village
from core.audit import audit_trail
from core.clock import SystemClock, from_microseconds, to_microseconds
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from core.host import station_lock, system_user
from core.ids import StreamId
from core.settings import Settings
from health.faults.descriptions import describe
from health.faults.state_machine import OPEN_STATES
from health.patrol.counter_watch import CounterWatch
from health.patrol.patrol import Patrol
from health.patrol.rounds import request
from health.tables import Fault, Inspection, PatrolRound
from health.vocabulary import FaultFamily
from nvr.archive import segment_index
from nvr.archive.reader import ArchiveReader
from nvr.playback import bundle as write_bundle
from nvr.playback import clip as write_clip
from nvr.playback import mp4_writer
from nvr.playback.decode_pool import DecodePool
from nvr.recorder.reconcile import recorders_alive
from search.analysis import pipeline
from search.analysis.detectors.load import load
from search.indexing.indexer import Indexer, ReindexRange
from search.models import ModelRegistry
from search.query import phrases
from search.query.filters import Filter, filter_of, query_of
from search.query.find import find
from search.query.unseen import abilities, unseen
from search.store import Sighting, camera_numbers, upkeep, verify
from search.store.rows import BOX_UNITS
from search.vocabulary import Cls, Colour, Direction
from station.cli.base import parse_time_us
from station.runtime import probes_of

ROUND_POLL_S = 0.5
TESTED_FAMILY = FaultFamily.BLACK  # a fault family that is evaluated for every picture that could be judged


async def patrol(database: Database, settings: Settings) -> dict[str, Any]:
    """Run one round now; returns the open faults and how many cameras had a picture that could be judged.

    A camera without a judged picture is listed as `not_judged`, not as good.
    """
    clock = SystemClock()
    return await _round_facts(database, clock, await _patrol_here(database, settings, clock))


async def patrol_by_station(database: Database, settings: Settings) -> dict[str, Any]:
    """Do as `patrol` through the running station: two patrols at once would count each inspection twice."""
    clock = SystemClock()
    async with database.session() as session:
        number = (await request(session, clock.now(), system_user.actor())).id
    while not await _is_finished(database, number):
        if await asyncio.to_thread(station_lock.holder, settings.data.dir) is None:
            raise ConflictError(f"the station ended before it finished round {number}; the next start continues it")
        await clock.sleep(ROUND_POLL_S)
    return await _round_facts(database, clock, number)


async def _is_finished(database: Database, number: int) -> bool:
    async with database.reading() as session:
        return (await session.get_one(PatrolRound, number)).finished_at is not None


async def _patrol_here(database: Database, settings: Settings, clock: SystemClock) -> int:
    pool = DecodePool(settings.patrol.workers)
    zone = await asyncio.to_thread(ZoneInfo, settings.station.timezone)
    try:
        async with database.session() as session:
            number = (await request(session, clock.now(), system_user.actor())).id
        await CounterWatch(database, clock, settings.patrol, settings.retention).run_once()
        visiting = await probes_of(settings, database, clock)
        await Patrol(database, clock, settings.patrol, settings.data.dir.absolute(), pool, zone, visiting).run_round(
            number
        )
    finally:
        await pool.close()
    return number


async def _round_facts(database: Database, clock: SystemClock, number: int) -> dict[str, Any]:
    async with database.reading() as session:
        rows = await session.scalars(select(Fault).where(Fault.state.in_(OPEN_STATES)).order_by(Fault.camera))
        faults = [
            {
                "camera": f.camera,
                "family": f.family,
                "state": f.state,
                "detail": describe(f.family, f.figures),
                "since": f.first_seen,
            }
            for f in rows
        ]
        inspections = list(await session.scalars(select(Inspection).where(Inspection.round == number)))
        cameras = [c.id for c in await registry.cameras(session)]
        recorded = await segment_index.first_start(session) is not None
    judged = {inspection.camera for inspection in inspections if TESTED_FAMILY not in inspection.unknown}
    return {
        "cameras": len(cameras), "judged": len(judged), "not_judged": [c for c in cameras if c not in judged],
        "recorder_running": await recorders_alive(database, clock), "recordings": recorded, "faults": faults,
    }  # fmt: skip


async def index(database: Database, settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    """Index new footage, or reindex a range (`start`, `end`)."""
    clock, packs = SystemClock(), upkeep.model_dir_of(settings)
    if options["pack"]:
        settings = settings.with_values({"search.detector": options["pack"]})
    detector = await asyncio.to_thread(load, settings.search, ModelRegistry(packs))
    days = await asyncio.to_thread(upkeep.sighting_store_of, settings)
    pool = DecodePool(settings.search.processes, 30.0, pipeline.prepare, (settings.search, packs))
    try:
        if options["start"]:
            again = ReindexRange(
                parse_time_us(options["start"]),
                parse_time_us(options["end"]) if options["end"] else to_microseconds(clock.now()),
                detector.name,
            )
            if again.start_us >= again.end_us:
                raise UsageError("--to must lie after --from")
            cameras = await _cameras(database, options["camera"])
            total = await Indexer(database, clock, days, pool, settings.search, again).reindex(cameras)
        else:
            total = await _index_new(database, Indexer(database, clock, days, pool, settings.search))
        wrong = await asyncio.to_thread(verify.problems, days)
        return {"sightings": total, "detector": detector.name, "wrong": wrong}
    finally:
        await pool.close()
        await asyncio.to_thread(days.close)


async def _index_new(database: Database, indexer: Indexer) -> int:
    async with database.reading() as session:
        earliest = await segment_index.first_start(session)
    total = 0
    while True:
        before = indexer.positions()
        total += await indexer.run_once((earliest or 0) - 1_000_000, urgent=None)
        if indexer.positions() == before:
            return total


async def _cameras(database: Database, wanted: Sequence[str]) -> list[Camera]:
    async with database.reading() as session:
        found = await registry.cameras(session)
    names = {name for w in wanted for name in w.split(",")}
    if missing := names - {c.id for c in found}:
        raise NotFoundError(f"there is no camera {', '.join(sorted(missing))}")
    return [c for c in found if not names or c.id in names]


async def search(database: Database, settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    zone = await asyncio.to_thread(ZoneInfo, settings.station.timezone)
    clock, days = SystemClock(), await asyncio.to_thread(upkeep.sighting_store_of, settings)
    asked, unknown = Filter(), list[str]()
    async with database.session() as session:
        if options["words"]:
            villages = {v.name: v.code for v in await session.scalars(select(Village))}
            understood = await asyncio.to_thread(
                phrases.parse, " ".join(options["words"]), clock.now(), zone, villages, {}
            )
            asked, unknown = filter_of(understood.chips), list(understood.unknown)
        for name, into in (("camera", asked.cameras), ("village", asked.villages), ("cls", asked.cls)):
            into += options[name]
        asked.upper = [options["upper"]] if options["upper"] else asked.upper
        asked.lower = [options["lower"]] if options["lower"] else asked.lower
        asked.heading = options["heading"] or asked.heading
        for name in ("start", "end"):
            setattr(
                asked, name, from_microseconds(parse_time_us(options[name])) if options[name] else getattr(asked, name)
            )
        query = await query_of(session, asked, zone, None)
        known = await asyncio.to_thread(abilities, settings.search, ModelRegistry(upkeep.model_dir_of(settings)))
        what = asked.model_dump(mode="json", exclude_defaults=True)
        await audit_trail.record(
            session, clock.now(), system_user.actor(), "search.run", "sightings", reason=options["reason"], query=what
        )
        places = await camera_numbers.places(session)
    before = int(options["after"]) if options["after"] else None
    rows = await asyncio.to_thread(find, days, query, options["limit"] + 1, before)
    await asyncio.to_thread(days.close)
    shown = rows[: options["limit"]]
    return {
        "asked": what,
        "unknown": unknown,
        "unseen": [] if known is None else [asdict(u) for u in unseen(asked, known)],
        "rows": [_row(s, places) for s in shown],
        "next": str(shown[-1].id) if len(rows) > len(shown) else None,
    }


def _row(s: Sighting, places: dict[int, camera_numbers.CameraPlace]) -> dict[str, Any]:
    place = places.get(s.camera)
    return {
        "id": s.id,
        "at": from_microseconds(s.start_ms * 1000).isoformat(timespec="milliseconds"),
        "end": from_microseconds(s.end_ms * 1000).isoformat(timespec="milliseconds"),
        "camera": place.camera if place else "?",
        "cls": Cls(s.cls).name,
        "score": s.score / 1000,
        "looks": s.looks,
        "box": [v / BOX_UNITS for v in (s.x, s.y, s.w, s.h)],
        "upper": [Colour(v).name for v in (s.upper, s.upper2) if v],
        "lower": [Colour(v).name for v in (s.lower, s.lower2) if v],
        "direction": Direction(s.direction).name,
    }


async def _record_export(
    database: Database, streams: list[str], start_us: int, end_us: int, target: Path, reason: str
) -> None:
    """Record in the audit trail that footage leaves the archive, before it is written."""
    async with database.session() as session:
        cameras = [StreamId(s).camera for s in streams]
        villages = sorted(set(await session.scalars(select(Camera.village).where(Camera.id.in_(cameras)))))
        await audit_trail.record(
            session, SystemClock().now(), system_user.actor(), "footage.export", ",".join(streams), reason=reason,
            start=from_microseconds(start_us).isoformat(), end=from_microseconds(end_us).isoformat(), streams=streams,
            village=",".join(villages), file=str(target),
        )  # fmt: skip


async def clip(database: Database, stream: str, start: str, end: str, target: Path, reason: str) -> dict[str, Any]:
    """Write a clip. In the result, `files` are the written files, several if codec or sound change.

    `unreadable` spans were recorded but are not in the files; `gaps` were not recorded.
    """
    start_us, end_us = parse_time_us(start), parse_time_us(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops(stream, start_us, end_us, write_clip.MAX_GOPS)
    lost = await write_clip.unreadable_ranges(reader, stream, start_us, end_us, gops)
    if not gops:
        write_clip.raise_nothing_to_export(lost, f"nothing of {stream} is recorded in this range")
    await _record_export(database, [stream], start_us, end_us, target, reason)
    made = await asyncio.to_thread(write_clip.plan_files, gops)
    names = mp4_writer.output_paths(target, len(made))
    sizes = [await asyncio.to_thread(mp4_writer.write, part, name) for part, name in zip(made, names, strict=True)]
    spans = await reader.coverage(stream, gops[0].start_us, gops[-1].end_us)
    return {
        "file": str(target),
        "pictures": sum(p.pictures for p in made),
        "bytes": sum(sizes),
        "start": from_microseconds(made[0].start_us).isoformat(),
        "end": from_microseconds(made[-1].end_us).isoformat(),
        "files": [
            {
                "file": str(name),
                "pictures": part.pictures,
                "bytes": size,
                "formats": part.formats,
                "start": from_microseconds(part.start_us).isoformat(),
                "end": from_microseconds(part.end_us).isoformat(),
            }
            for part, name, size in zip(made, names, sizes, strict=True)
        ],
        "gaps": [_span(s.start_us, s.end_us) | {"cause": s.cause} for s in spans if s.cause],
        "unreadable": [_span(u.start_us, u.end_us) | {"file": str(u.path)} for u in [*lost, *made[0].unreadable]],
    }


def _span(start_us: int, end_us: int) -> dict[str, Any]:
    return {
        "start": from_microseconds(start_us).isoformat(timespec="milliseconds"),
        "end": from_microseconds(end_us).isoformat(timespec="milliseconds"),
        "seconds": round((end_us - start_us) / 1e6, 1),
    }


async def bundle(
    database: Database, streams: list[str], start: str, end: str, target: Path, reason: str
) -> dict[str, Any]:
    start_us, end_us = parse_time_us(start), parse_time_us(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    await _record_export(database, streams, start_us, end_us, target, reason)
    return await write_bundle.write(ArchiveReader(database, SystemClock()), streams, start_us, end_us, target)
