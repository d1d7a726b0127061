"""`minwang record`: recording in the foreground, without web or database server.

It imports only what recording needs, because the benchmarks measure a recorder's memory (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.registry.inventory_entries import Inventory
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.errors import TaskFailed
from core.network.connect_limiter import ConnectLimiter
from core.secrets import Vault
from core.settings import Settings
from nvr.archive import segment_index
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage import unreported_gaps
from nvr.archive.integrity import recovery
from nvr.archive.integrity.recovery import RecoveryReport
from nvr.engine_choice import EngineKind
from nvr.recorder.reconcile import DesiredStreams, desired
from nvr.recorder.recorder import Recorder
from nvr.storage.volumes import check_not_foreign, prepare
from nvr.streams import StreamState
from nvr.tables import Gap, GapCause
from station import database as station_database
from station.roles.stream_check import StreamCheck
from station.runtime import open_vault_of_station, tune_interpreter, volume_set


class GapSummary(TypedDict):
    seconds: float
    cause: GapCause
    detail: str


class StreamSummary(TypedDict):
    """What was recorded of one stream, and what was lost."""

    segments: int
    bytes: int
    frames: int
    recorded_seconds: float
    lost_packets: int
    foreign_packets: int
    skipped_units: int
    damaged_pictures: int
    duplicate_packets: int
    start_points: int
    held_back: int
    short_holes: int  # below a second: not counted as gaps
    short_hole_seconds: float
    engine: EngineKind
    reconnects: int
    gaps: list[GapSummary]


class RecordSummary(TypedDict):
    """The recording as a whole; `streams` by their ids, `recovery` empty if there was nothing to repair."""

    seconds: float
    streams: dict[str, StreamSummary]
    segments: int
    bytes: int
    frames: int
    unhashed_files: int
    late_ticks: int
    lost_packets: int
    foreign_packets: int
    skipped_units: int
    damaged_pictures: int
    recovery: dict[str, object]
    cpu_seconds: float
    peak_memory_bytes: int


async def record(
    settings: Settings, file: Path, seconds: float, data: Path, engine: str | None, segment_seconds: float | None
) -> RecordSummary:
    """Record an inventory's cameras without web or database server; returns the summary."""
    tune_interpreter()
    settings = _with_options(settings, data, engine, segment_seconds)
    town = inventory.load(file)
    clock = SystemClock()
    database = await station_database.ready(settings)
    wanted = await _wanted_streams(database, settings, clock, town, file)
    recorder, recovered = await _recorder_of(database, settings, clock, wanted)
    began_us = to_microseconds(clock.now())
    try:
        cpu_seconds, peak_bytes = await _run(recorder, database, wanted, seconds)
    except TaskFailed:
        await recorder.stop()
        await database.close()
        raise
    states = dict(recorder.streams)
    unhashed = sum(d.writer.unhashed_files for d in recorder.volumes.disks)
    await recorder.stop()
    ended_us = to_microseconds(clock.now())
    streams = {key: await _stream_summary(database, key, state, began_us, ended_us) for key, state in states.items()}
    await database.close()
    return {
        "seconds": seconds,
        "streams": streams,
        "segments": sum(s["segments"] for s in streams.values()),
        "bytes": sum(s["bytes"] for s in streams.values()),
        "frames": sum(s["frames"] for s in streams.values()),
        "unhashed_files": unhashed,
        "late_ticks": recorder.poll_loop.late_ticks,
        "lost_packets": sum(s["lost_packets"] for s in streams.values()),
        "foreign_packets": sum(s["foreign_packets"] for s in streams.values()),
        "skipped_units": sum(s["skipped_units"] for s in streams.values()),
        "damaged_pictures": sum(s["damaged_pictures"] for s in streams.values()),
        "recovery": {} if recovered.clean else recovered.as_dict(),
        "cpu_seconds": round(cpu_seconds, 3),
        "peak_memory_bytes": peak_bytes,
    }


def _with_options(settings: Settings, data: Path, engine: str | None, segment_seconds: float | None) -> Settings:
    values: dict[str, object] = {"data.dir": data, "data.database": ""}
    if engine:
        values["recorder.engine"] = engine
    if segment_seconds:
        values["recorder.segment_seconds"] = segment_seconds
    return settings.with_values(values)


async def _wanted_streams(
    database: Database, settings: Settings, clock: SystemClock, town: Inventory, file: Path
) -> DesiredStreams:
    """Apply the inventory, identify cameras whose streams are unknown; returns the streams to record."""
    vault = await open_vault_of_station(settings, database)
    async with database.session() as session:
        await registry.apply(
            session, town, clock.now(), "record", file=str(file), prefer=registry.ConflictPreference.FILE
        )
    await _onboard(database, vault, clock, settings)
    async with database.reading() as session:
        return await desired(
            session, vault, settings.recorder.engine, now=clock.now(), zone=ZoneInfo(settings.station.timezone)
        )


async def _recorder_of(
    database: Database, settings: Settings, clock: SystemClock, wanted: DesiredStreams
) -> tuple[Recorder, RecoveryReport]:
    """Recover what earlier recorders left; returns a recorder that is not started yet, and what was recovered."""
    rows = await prepare(database, settings.volumes, settings.data.dir)
    await asyncio.to_thread(check_not_foreign, rows, settings.data.dir)
    volumes = await volume_set(settings, database, clock)
    recovered = await recovery.recover(database, wanted.streams, clock.now())
    return Recorder(settings.recorder, volumes, ArchiveLogWriter(database, clock), clock), recovered


async def _run(recorder: Recorder, database: Database, wanted: DesiredStreams, seconds: float) -> tuple[float, int]:
    """Record for `seconds`; returns the CPU seconds and the peak memory in bytes. The recorder still runs then."""
    cpu_before = _cpu_seconds()
    await recorder.start()
    covered = await unreported_gaps.timeline_ends(database, wanted.streams)
    await recorder.want(wanted.specs, covered, wanted.facts)
    peak_bytes = await recorder.tasks.guard(_watch_memory(seconds))
    return _cpu_seconds() - cpu_before, peak_bytes


async def _onboard(database: Database, vault: Vault, clock: SystemClock, settings: Settings) -> None:
    async with database.reading() as session:
        unknown = [c for c in await registry.cameras(session) if c.address and not all(s.url for s in c.streams)]
    if unknown:
        from cameras.onboarding.onboarding import Onboarding
        from cameras.onvif.client import http_session
        from cameras.upkeep.credential_rotation import CredentialRotation

        async with http_session(ConnectLimiter.of_station(settings, clock)) as http:
            onboarding = Onboarding(database, vault, clock, http)
            folder, check = settings.data.dir.absolute(), StreamCheck(settings, clock)
            onboarding.on_identified = CredentialRotation(
                database, vault, clock, onboarding, http, folder, check
            ).create_first_account
            await onboarding.run(unknown)


async def _stream_summary(
    database: Database, stream: str, state: StreamState, began_us: int, ended_us: int
) -> StreamSummary:
    async with database.reading() as session:
        segments = await segment_index.between(session, [stream], began_us, ended_us + 1)
        gaps = (
            await session.scalars(
                select(Gap).where(Gap.stream == stream, Gap.end_us.is_(None) | (Gap.end_us > began_us))
            )
        ).all()
    return {
        "segments": len(segments),
        "bytes": sum(s.size for s in segments),
        "frames": sum(s.frames for s in segments),
        "recorded_seconds": round(sum(s.end_us - s.start_us for s in segments) / 1e6, 3),
        "lost_packets": state.counters.lost_packets,
        "foreign_packets": state.counters.foreign_packets,
        "skipped_units": state.counters.skipped_units,
        "damaged_pictures": state.counters.damaged_units,
        "duplicate_packets": state.counters.duplicate_packets,
        "start_points": state.counters.start_points,
        "held_back": state.counters.held_back,
        "short_holes": state.sink.timeline.short_holes,
        "short_hole_seconds": round(state.sink.timeline.short_holes_us / 1e6, 3),
        "engine": state.engine,
        "reconnects": max(state.reconnects, 0),
        "gaps": [
            {"seconds": round(((g.end_us or ended_us) - g.start_us) / 1e6, 3), "cause": g.cause, "detail": g.detail}
            for g in gaps
        ],
    }


def _tree() -> list[Path]:
    """Return the /proc folders of this process and all below it. (psutil would add 3 MB to the measured memory.)"""
    found, waiting = list[Path](), [Path("/proc/self")]
    while waiting:
        process = waiting.pop()
        found.append(process)
        with contextlib.suppress(OSError):
            for task in (process / "task").iterdir():
                waiting += [Path("/proc", child) for child in (task / "children").read_text().split()]
    return found


def _cpu_seconds() -> float:
    """Return the user and system CPU seconds of the process tree, including ended children."""
    total = 0
    for process in _tree():
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            total += sum(int(f) for f in fields[11:15])  # utime, stime, cutime, cstime
    return total / os.sysconf("SC_CLK_TCK")


async def _watch_memory(seconds: float) -> int:
    """Wait; returns the largest proportional memory (PSS) of the process tree meanwhile, in bytes."""
    loop = asyncio.get_running_loop()
    peak, end = 0, loop.time() + seconds
    while (left := end - loop.time()) > 0:  # on a machine that is too slow, reading the memory takes a while itself
        await asyncio.sleep(min(2.0, left))
        peak = max(peak, await asyncio.to_thread(_memory))
    return peak


def _memory() -> int:
    """Return the proportional memory (PSS) of the process tree in bytes."""
    total = 0
    for process in _tree():
        with contextlib.suppress(OSError):
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
