"""`minwang status`: whether a station runs on this data folder, and its state."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

import click
from sqlalchemy import func, select

from cameras.tables import Camera, Stream
from core import migrate
from core.clock import SystemClock
from core.database import Database
from core.errors import MinwangError
from core.host import station_lock
from core.host.process_role import ProcessRole
from core.host.station_lock import LockHolder
from core.settings import Settings
from nvr.recording_state import RecordingState
from nvr.tables import StreamStatus, Worker
from station import schema
from station.cli.base import as_json, cli, print_result, run, settings_of
from station.supervision import status_reporter
from station.supervision.status_reporter import StationStatus, WorkerStatus
from web.doctor.data import backlog
from web.doctor.facts import CheckedStation

assert schema.TABLE_MODULES  # imports the mappers of all tables
MAX_STATUS_AGE = timedelta(seconds=15)  # a recorder writes its state every 4 s
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """Streams that must record, those that do, and the number of streams in each state."""

    wanted: int
    recording: int
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What the recorders and the analyst wrote last; None if unknown, and `database` then says why, else it is 'ok'."""

    streams: StreamCounts | None = None
    recorder_seen: str | None = None  # ISO 8601; also None if no recorder ever wrote
    backlog: dict[str, str] | None = None
    database: str = "ok"


@dataclass(frozen=True, slots=True)
class StationFacts:
    """The holder of the data folder, what its supervisor reports, and what the database says."""

    holder: LockHolder | None
    status: StationStatus | None
    observed: DatabaseFacts

    @property
    def workers(self) -> list[WorkerStatus]:
        return self.status.workers if self.status else []

    @property
    def is_ready(self) -> bool:
        return self.status is not None and all(worker.ready for worker in self.workers)

    def as_dict(self) -> dict[str, object]:
        return {
            "running": self.holder is not None,
            "ready": self.is_ready,
            "holder": asdict(self.holder) if self.holder else None,
            "ready_since": self.status.ready_since if self.status else None,
            "workers": [asdict(worker) for worker in self.workers],
        } | asdict(self.observed)


@cli.command()
@as_json
@click.pass_context
def status(ctx: click.Context, json_output: bool) -> None:
    """Show whether a station runs on this data folder, since when, its workers, and how many streams record.

    Exit status 0 if it runs and is ready, 1 otherwise.
    """
    settings = settings_of(ctx)
    facts = run(_facts(settings))
    print_result(facts.as_dict(), json_output, lambda: "\n".join(_lines(facts, settings)))
    sys.exit(0 if facts.is_ready else 1)


async def _facts(settings: Settings) -> StationFacts:
    holder = await asyncio.to_thread(station_lock.holder, settings.data.dir)
    status = await asyncio.to_thread(status_reporter.read, settings.data.dir) if holder else None
    if status is not None and holder is not None and status.pid != holder.pid:
        status = None  # left by an earlier station
    return StationFacts(holder, status, await _database_facts(settings))


async def _database_facts(settings: Settings) -> DatabaseFacts:
    if not settings.data.database and not (settings.data.dir / "minwang.db").is_file():
        return DatabaseFacts(database="there is none yet")
    database = Database(settings.database_url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            if await migrate.version(database) != migrate.newest():
                return DatabaseFacts(
                    database="of another version than this program; start the station, which migrates it"
                )
            waiting = await backlog(CheckedStation(settings, SystemClock(), database))
            streams, recorder_seen = await _streams(database)
            return DatabaseFacts(streams, recorder_seen, {result.subject: result.value for result in waiting})
    except TimeoutError:
        return DatabaseFacts(database=f"no answer within {ANSWER_SECONDS:.0f} s")
    except MinwangError as e:
        return DatabaseFacts(database=str(e))
    finally:
        await database.close()


async def _streams(database: Database) -> tuple[StreamCounts, str | None]:
    """Return the states of the streams, and when a recorder last wrote (ISO 8601; None: never)."""
    now = datetime.now(timezone.utc)
    async with database.reading() as session:
        cameras_streams = select(func.count()).select_from(Stream).join(Camera, Camera.id == Stream.camera)
        wanted = await session.scalar(
            cameras_streams.where(Stream.record, Stream.url.is_not(None), Camera.retired.is_(False))
        )
        rows = await session.execute(
            select(StreamStatus.state, func.count())
            .where(StreamStatus.at > now - MAX_STATUS_AGE)
            .group_by(StreamStatus.state)
        )
        states = {str(state): int(count) for state, count in rows}
        seen_at = await session.scalar(select(func.max(Worker.seen_at)).where(Worker.role == ProcessRole.RECORDER))
    counts = StreamCounts(wanted or 0, states.get(RecordingState.RECORDING, 0), states)
    return counts, seen_at.isoformat(timespec="seconds") if seen_at else None


def _lines(facts: StationFacts, settings: Settings) -> list[str]:
    lines = _process_lines(facts, settings)
    observed = facts.observed
    if observed.streams is None or observed.backlog is None:
        return [*lines, f"streams: unknown; the database: {observed.database}"]
    lines += [f"{name}: {value}" for name, value in observed.backlog.items()]
    return [*lines, _streams_line(observed.streams, observed.recorder_seen)]


def _process_lines(facts: StationFacts, settings: Settings) -> list[str]:
    holder, status = facts.holder, facts.status
    if holder is None:
        return [f"no station runs on {settings.data.dir.absolute()}"]
    lines = [
        f"'minwang {holder.command}' runs: process {holder.pid} of user {holder.user} on {holder.host}, "
        f"since {holder.since}",
        f"ready since {status.ready_since}" if status and status.ready_since else "not ready yet",
    ]
    for worker in facts.workers:
        state = "ready" if worker.ready else "starting" if worker.pid else "waiting to be started again"
        restarts = f", {worker.restarts} restarts, last end: {worker.last_end}" if worker.restarts else ""
        lines.append(f"  {worker.name:12} process {worker.pid or '-':>7}  {state}{restarts}")
    return lines


def _streams_line(streams: StreamCounts, recorder_seen: str | None) -> str:
    others = ", ".join(
        f"{count} {state}" for state, count in sorted(streams.states.items()) if state != RecordingState.RECORDING
    )
    seen = f"a recorder wrote last at {recorder_seen}" if recorder_seen else "no recorder wrote yet"
    return f"streams: {streams.recording} of {streams.wanted} record{f' ({others})' if others else ''}; {seen}"
