"""`minwang record`: recording in the foreground, without web or database server.

It imports only what recording needs, because the benchmarks measure a recorder's memory (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.registry import inventory, registry
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.errors import TaskFailed
from core.network.connect_limiter import ConnectLimiter
from core.settings import Settings
from nvr.archive import recovery, segment_index, unreported_gaps
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.recorder.reconcile import desired
from nvr.recorder.recorder import Recorder
from nvr.storage.volumes import check_not_foreign, prepare
from nvr.tables import Gap
from station import database as station_database
from station.roles.stream_check import StreamCheck
from station.runtime import open_vault_of_station, tune_interpreter, volume_set


async def record(
    settings: Settings, file: Path, seconds: float, data: Path, engine: str | None, segment_seconds: float | None
) -> dict[str, Any]:
    """Record an inventory's cameras without web or database server; returns the summary."""
    tune_interpreter()
    values: dict[str, object] = {"data.dir": data, "data.database": ""}
    if engine:
        values["recorder.engine"] = engine
    if segment_seconds:
        values["recorder.segment_seconds"] = segment_seconds
    settings = settings.with_values(values)
    wanted = inventory.load(file)
    clock = SystemClock()
    database = await station_database.ready(settings)
    vault = await open_vault_of_station(settings, database)
    async with database.session() as session:
        await registry.apply(
            session, wanted, clock.now(), "record", file=str(file), prefer=registry.ConflictPreference.FILE
        )
    await _onboard(database, vault, clock, settings)
    async with database.reading() as session:
        wanted_now = await desired(
            session, vault, settings.recorder.engine, now=clock.now(), zone=ZoneInfo(settings.station.timezone)
        )
    await asyncio.to_thread(
        check_not_foreign, await prepare(database, settings.volumes, settings.data.dir), settings.data.dir
    )
    volumes = await volume_set(settings, database, clock)
    recovered = await recovery.recover(database, wanted_now.streams, clock.now())
    archive = ArchiveLogWriter(database, clock)
    recorder = Recorder(settings.recorder, volumes, archive, clock)
    began_us = to_microseconds(clock.now())
    cpu_before = _cpu_seconds()
    await recorder.start()
    covered = await unreported_gaps.timeline_ends(database, wanted_now.streams)
    await recorder.want(wanted_now.specs, covered, wanted_now.facts)
    try:
        peak = await recorder.tasks.guard(_watch_memory(seconds))
    except TaskFailed:
        await recorder.stop()
        await database.close()
        raise
    cpu = _cpu_seconds() - cpu_before
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
        **{
            name: sum(s[name] for s in streams.values())
            for name in ("lost_packets", "foreign_packets", "skipped_units", "damaged_pictures")
        },
        "recovery": {} if recovered.clean else recovered.as_dict(),
        "cpu_seconds": round(cpu, 3),
        "peak_memory_bytes": peak,
    }


async def _onboard(database: Database, vault: Any, clock: SystemClock, settings: Settings) -> None:
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


async def _stream_summary(database: Database, stream: str, state: Any, began_us: int, ended_us: int) -> dict[str, Any]:
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
        "short_holes": state.sink.timeline.short_holes,  # below a second: not counted as gaps
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
