"""`minwang status`: whether a station runs on this data folder, and its state."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

import click
from sqlalchemy import func, select

from cameras.tables import Camera, Stream
from core import migrate
from core.clock import SystemClock
from core.database import Database
from core.errors import MinwangError
from core.host import station_lock
from core.host.process_role import ProcessRole
from core.settings import Settings
from nvr.tables import StreamStatus, Worker
from station import schema
from station.cli.base import as_json, cli, print_result, run, settings_of
from station.supervision import status_reporter
from web.doctor.data import backlog
from web.doctor.facts import CheckedStation

assert schema.TABLE_MODULES  # imports the mappers of all tables
MAX_STATUS_AGE = timedelta(seconds=15)  # a recorder writes its state every 4 s
ANSWER_SECONDS = 10.0


@cli.command()
@as_json
@click.pass_context
def status(ctx: click.Context, json_output: bool) -> None:
    """Show whether a station runs on this data folder, since when, its workers, and how many streams record.

    Exit status 0 if it runs and is ready, 1 otherwise.
    """
    settings = settings_of(ctx)
    facts = run(_facts(settings))
    print_result(facts, json_output, lambda: "\n".join(_lines(facts, settings)))
    sys.exit(0 if facts["ready"] else 1)


async def _facts(settings: Settings) -> dict[str, Any]:
    holder = await asyncio.to_thread(station_lock.holder, settings.data.dir)
    told = await asyncio.to_thread(status_reporter.read, settings.data.dir) if holder else None
    if told is not None and holder is not None and told.get("pid") != holder.pid:
        told = None  # left by an earlier station
    return {
        "running": holder is not None,
        "ready": bool(told and all(w["ready"] for w in told["workers"])),
        "holder": asdict(holder) if holder else None,
        "ready_since": told["ready_since"] if told else None,
        "workers": told["workers"] if told else [],
    } | await _of_database(settings)


async def _of_database(settings: Settings) -> dict[str, Any]:
    """Return what the recorders wrote last; `database` says why the values are unknown, or 'ok'."""
    unknown: dict[str, Any] = {"streams": None, "recorder_seen": None, "backlog": None}
    if not settings.data.database and not (settings.data.dir / "minwang.db").is_file():
        return unknown | {"database": "there is none yet"}
    database = Database(settings.database_url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            if await migrate.version(database) != migrate.newest():
                return unknown | {
                    "database": "of another version than this program; start the station, which migrates it"
                }
            waiting = await backlog(CheckedStation(settings, SystemClock(), database))
            facts = {"backlog": {f.subject: f.value for f in waiting}, "database": "ok"}
            return await _streams(database) | facts
    except TimeoutError:
        return unknown | {"database": f"no answer within {ANSWER_SECONDS:.0f} s"}
    except MinwangError as e:
        return unknown | {"database": str(e)}
    finally:
        await database.close()


async def _streams(database: Database) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    async with database.reading() as session:
        wanted = select(func.count()).select_from(Stream).join(Camera, Camera.id == Stream.camera)
        total = (
            await session.scalar(wanted.where(Stream.record, Stream.url.is_not(None), Camera.retired.is_(False))) or 0
        )
        rows = await session.execute(
            select(StreamStatus.state, func.count())
            .where(StreamStatus.at > now - MAX_STATUS_AGE)
            .group_by(StreamStatus.state)
        )
        states = {str(state): int(count) for state, count in rows}
        seen = await session.scalar(select(func.max(Worker.seen_at)).where(Worker.role == ProcessRole.RECORDER))
    return {
        "streams": {"wanted": total, "recording": states.get("recording", 0), "states": states},
        "recorder_seen": seen.isoformat(timespec="seconds") if seen else None,
    }


def _lines(facts: dict[str, Any], settings: Settings) -> list[str]:
    if facts["holder"] is None:
        lines = [f"no station runs on {settings.data.dir.absolute()}"]
    else:
        h = facts["holder"]
        lines = [
            f"'minwang {h['command']}' runs: process {h['pid']} of user {h['user']} on {h['host']}, since {h['since']}"
        ]
        lines.append("ready since " + facts["ready_since"] if facts["ready_since"] else "not ready yet")
    for w in facts["workers"]:
        state = "ready" if w["ready"] else "starting" if w["pid"] else "waiting to be started again"
        restarts = f", {w['restarts']} restarts, last end: {w['last_end']}" if w["restarts"] else ""
        lines.append(f"  {w['name']:12} process {w['pid'] or '-':>7}  {state}{restarts}")
    if facts["database"] != "ok":
        return [*lines, f"streams: unknown; the database: {facts['database']}"]
    s = facts["streams"]
    others = ", ".join(f"{n} {state}" for state, n in sorted(s["states"].items()) if state != "recording")
    seen = (
        f"; a recorder wrote last at {facts['recorder_seen']}" if facts["recorder_seen"] else "; no recorder wrote yet"
    )
    waiting = [f"{name}: {value}" for name, value in facts["backlog"].items()]
    return [
        *lines,
        *waiting,
        f"streams: {s['recording']} of {s['wanted']} record{' (' + others + ')' if others else ''}{seen}",
    ]
