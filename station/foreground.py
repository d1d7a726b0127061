"""Commands that do one piece of the station's work in the foreground."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core.clock import SystemClock, from_microseconds, parse_time, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from core.settings import Settings
from health.faults import OPEN, RECOVERING
from health.patrol import Patrol, ask
from health.tables import Fault
from health.watch import Watch
from health.words import sentence
from nvr import bundle as write_bundle
from nvr import clip as write_clip
from nvr import footage
from nvr.decode_pool import DecodePool
from nvr.reader import ArchiveReader
from search import worker
from search.indexer import Indexer
from search.indexer import rewind as rewind_index
from search.query import Query, find
from station.processes import visits_of


async def patrol(database: Database, settings: Settings) -> list[dict[str, Any]]:
    clock = SystemClock()
    pool = DecodePool(settings.patrol.workers)
    zone = await asyncio.to_thread(ZoneInfo, settings.station.timezone)
    try:
        async with database.session() as session:
            number = (await ask(session, clock.now(), "command line")).id
        await Watch(database, clock, settings.patrol).run_once()
        visiting = await asyncio.to_thread(visits_of, settings, database, clock)
        await Patrol(database, clock, settings.patrol, settings.data.dir.absolute(), pool, zone, visiting).run_round(number)
    finally:
        await pool.close()
    async with database.reading() as session:
        rows = await session.scalars(select(Fault).where(Fault.state.in_((OPEN, RECOVERING))).order_by(Fault.camera))
        return [
            {
                "camera": f.camera,
                "family": f.family,
                "state": f.state,
                "detail": sentence(f.family, f.figures),
                "since": f.first_seen,
            }
            for f in rows
        ]


async def index(database: Database, settings: Settings, since: str | None) -> dict[str, Any]:
    clock = SystemClock()
    start_us = _time(since) if since else None
    if start_us is not None:
        await rewind_index(database, start_us)
    pool = DecodePool(1, 60.0, worker.prepare, (settings.search,))
    indexer = Indexer(database, clock, settings.data.dir.absolute(), pool)
    async with database.reading() as session:
        earliest = await footage.first_start(session)
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
    made = await asyncio.to_thread(write_clip.plan, gops)
    size = await asyncio.to_thread(write_clip.write, made, target)
    return {
        "file": str(target), "pictures": made.pictures, "bytes": size,
        "start": from_microseconds(made.start_us).isoformat(), "end": from_microseconds(made.end_us).isoformat(),
    }  # fmt: skip


async def bundle(database: Database, streams: list[str], start: str, end: str, target: Path) -> dict[str, Any]:
    start_us, end_us = _time(start), _time(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    return await write_bundle.write(ArchiveReader(database, SystemClock()), streams, start_us, end_us, target)


def _time(text: str) -> int:
    try:
        return to_microseconds(parse_time(text))
    except ValueError as e:
        raise UsageError(f"'{text}' is not a time; write it like 2026-11-21T08:00:00+08:00") from e
