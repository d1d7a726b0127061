"""Commands that do one piece of the station's work in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from sqlalchemy import select

from cameras import inventory, registry
from cameras.onboarding import Onboarding
from core.clock import SystemClock, from_microseconds, parse_time, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from core.settings import Settings
from health.faults import OPEN, RECOVERING
from health.patrol import Patrol, ask
from health.tables import Fault
from nvr import playback, recovery
from nvr.archive import ArchiveDatabase
from nvr.decode_pool import DecodePool
from nvr.reader import ArchiveReader
from nvr.reconcile import desired
from nvr.recorder import Recorder
from nvr.tables import Gap, Segment
from search import worker
from search.indexer import Indexer
from search.indexer import rewind as rewind_index
from search.query import Query, find
from station import database as station_database
from station.processes import vault_of


async def record(
    settings: Settings, file: Path, seconds: float, data: Path, engine: str | None, segment_seconds: float | None
) -> dict[str, Any]:
    """Record an inventory's cameras without web or database server; returns the summary."""
    settings = settings.model_copy(deep=True)
    settings.data.dir, settings.data.database = data, ""
    if engine:
        settings.recorder.engine = engine  # type: ignore[assignment]
    if segment_seconds:
        settings.recorder.segment_seconds = segment_seconds
    wanted = inventory.load(file)
    clock = SystemClock()
    database = await station_database.ready(settings)
    vault = vault_of(settings)
    async with database.session() as session:
        await registry.apply(session, wanted, clock.now(), "record")
    await _onboard(database, vault, clock)
    async with database.reading() as session:
        specs = await desired(session, vault, settings.recorder.engine)
    volumes = [v.absolute() for v in settings.volumes]
    await recovery.recover(database, volumes, streams={s.id for s in specs})
    archive = ArchiveDatabase(database, clock)
    machine = Recorder(settings.recorder, volumes[0], archive, clock)
    began_us = to_microseconds(clock.now())
    cpu_before = _cpu_seconds()
    await machine.start()
    await machine.want(specs, await recovery.last_covered(database, [s.id for s in specs]))
    peak = await _watch_memory(seconds)
    cpu = _cpu_seconds() - cpu_before
    states = dict(machine.streams)
    await machine.stop()
    ended_us = to_microseconds(clock.now())
    streams = {key: await _stream_summary(database, key, state, began_us, ended_us) for key, state in states.items()}
    await database.close()
    return {
        "seconds": seconds,
        "streams": streams,
        "segments": sum(s["segments"] for s in streams.values()),
        "bytes": sum(s["bytes"] for s in streams.values()),
        "frames": sum(s["frames"] for s in streams.values()),
        "lost_packets": sum(s["lost_packets"] for s in streams.values()),
        "cpu_seconds": round(cpu, 3),
        "peak_memory_bytes": peak,
    }


async def _onboard(database: Database, vault: Any, clock: SystemClock) -> None:
    async with database.reading() as session:
        unknown = [c for c in await registry.cameras(session) if c.address and not all(s.url for s in c.streams)]
    if unknown:
        async with aiohttp.ClientSession() as http:
            await Onboarding(database, vault, clock, http).run(unknown)


async def _stream_summary(database: Database, stream: str, state: Any, began_us: int, ended_us: int) -> dict[str, Any]:
    async with database.reading() as session:
        segments = (await session.scalars(select(Segment).where(Segment.stream == stream, Segment.end_us > began_us))).all()
        gaps = (
            await session.scalars(select(Gap).where(Gap.stream == stream, Gap.end_us.is_(None) | (Gap.end_us > began_us)))
        ).all()
    return {
        "segments": len(segments),
        "bytes": sum(s.size_bytes for s in segments),
        "frames": sum(s.frames for s in segments),
        "recorded_seconds": round(sum(s.end_us - s.start_us for s in segments) / 1e6, 3),
        "lost_packets": state.counters.lost_packets,
        "engine": state.engine,
        "reconnects": max(state.reconnects, 0),
        "gaps": [
            {"seconds": round(((g.end_us or ended_us) - g.start_us) / 1e6, 3), "cause": g.cause, "detail": g.detail}
            for g in gaps
        ],
    }


def _tree() -> list[psutil.Process]:
    me = psutil.Process(os.getpid())
    return [me, *me.children(recursive=True)]


def _cpu_seconds() -> float:
    total = 0.0
    for process in _tree():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    own = psutil.Process().cpu_times()
    return total + own.children_user + own.children_system


async def _watch_memory(seconds: float) -> int:
    """Wait; returns the largest proportional memory (PSS) of the process tree seen meanwhile, bytes."""
    peak, left = 0, seconds
    while left > 0:
        step = min(2.0, left)
        await asyncio.sleep(step)
        left -= step
        peak = max(peak, await asyncio.to_thread(_memory))
    return peak


def _memory() -> int:
    total = 0
    for process in _tree():
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


async def patrol(database: Database, settings: Settings) -> list[dict[str, Any]]:
    clock = SystemClock()
    pool = DecodePool(1)
    try:
        async with database.session() as session:
            await ask(session, clock.now(), "command line")
        while await Patrol(database, clock, settings.patrol, settings.data.dir.absolute(), pool).run_waiting():
            pass
    finally:
        await pool.close()
    async with database.reading() as session:
        rows = await session.scalars(select(Fault).where(Fault.state.in_((OPEN, RECOVERING))).order_by(Fault.camera))
        return [
            {"camera": f.camera, "family": f.family, "state": f.state, "detail": f.detail, "since": f.first_seen} for f in rows
        ]


async def index(database: Database, settings: Settings, since: str | None) -> dict[str, Any]:
    clock = SystemClock()
    start_us = _time(since) if since else None
    if start_us is not None:
        await rewind_index(database, start_us)
    pool = DecodePool(1, 60.0, worker.prepare, (settings.search,))
    indexer = Indexer(database, clock, settings.data.dir.absolute(), pool)
    async with database.reading() as session:
        earliest = await session.scalar(select(Segment.start_us).order_by(Segment.start_us).limit(1))
    total = 0
    try:
        while True:
            before = await _positions(database)
            total += await indexer.run_once(start_us if start_us is not None else (earliest or 0) - 1_000_000)
            if await _positions(database) == before:
                return {"sightings": total}
    finally:
        await pool.close()


async def _positions(database: Database) -> dict[str, int]:
    from search.tables import IndexPosition

    async with database.reading() as session:
        rows = await session.execute(select(IndexPosition.stream, IndexPosition.position_us))
        return {row.stream: row.position_us for row in rows}


async def search(database: Database, options: dict[str, Any]) -> dict[str, Any]:
    query = Query(
        start_us=_time(options["start"]) if options["start"] else None, end_us=_time(options["end"]) if options["end"] else None,
        cameras=list(options["camera"]) or None, villages=list(options["village"]) or None,
        cls=options["cls"], upper=options["upper"], lower=options["lower"],
    )  # fmt: skip
    async with database.reading() as session:
        rows, key = await find(session, query, options["limit"], options["after"])
    return {
        "rows": [
            {
                "id": r.id, "at": from_microseconds(r.at_us).isoformat(timespec="milliseconds"), "camera": r.camera, "cls": r.cls, "score": r.score,
                "box": [round(v, 4) for v in (r.x, r.y, r.w, r.h)], "upper": [n for n in r.upper.split(",") if n],
                "lower": [n for n in r.lower.split(",") if n], "thumbnail": r.thumbnail,
            }
            for r in rows
        ],
        "next": key,
    }  # fmt: skip


async def clip(database: Database, stream: str, start: str, end: str, target: Path) -> dict[str, Any]:
    start_us, end_us = _time(start), _time(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    gops = await ArchiveReader(database, SystemClock()).gops(stream, start_us, end_us, 200_000)
    if not gops:
        raise NotFoundError(f"nothing of {stream} is recorded in this range")
    pictures = await asyncio.to_thread(playback.write_clip, gops, target)
    return {
        "file": str(target), "pictures": pictures,
        "start": from_microseconds(gops[0].start_us).isoformat(), "end": from_microseconds(gops[-1].end_us).isoformat(),
    }  # fmt: skip


def _time(text: str) -> int:
    try:
        return to_microseconds(parse_time(text))
    except ValueError as e:
        raise UsageError(f"'{text}' is not a time; write it like 2026-11-21T08:00:00+08:00") from e
