"""`minwang demo`: the whole station over a small town of virtual cameras.

Nothing is staged: the cameras are discovered by WS-Discovery, queried over ONVIF and recorded from RTSP; then three of
them fail, and the patrol has to detect it. `town` runs the virtual cameras, `story` takes the steps, and `summary` says
which of them succeeded.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import socket
import sys
from dataclasses import asdict
from pathlib import Path

from cameras.registry import inventory
from cameras.virtual.rendering.drawn_before import STREETS
from core import settings as core_settings
from core.clock import SystemClock
from core.errors import StorageError
from core.host import station_lock
from core.host.station_lock import StationLock
from core.settings import SecondFactorPolicy
from core.tasks import end, spawn
from station import database as station_database
from station.demo import town
from station.demo.geography import layers
from station.demo.inventory import STREAMING, DemoTown, plan_town
from station.demo.progress import DemoProgress
from station.demo.settings import INVENTORY, ROOT, write_settings
from station.demo.story import DemoStory
from station.demo.summary import summarise
from station.runtime import until_stopped
from station.supervision.supervisor import Supervisor, roles


async def run(
    seconds: float | None,
    port: int,
    database: str = "",
    cameras: int = STREAMING,
    clips: Path | None = None,
    *,
    second_factor: bool = False,
) -> int:
    """Run the demo; returns the exit status: 0 if every promised step happened."""
    _check_port(port)
    rule = SecondFactorPolicy.REQUIRED if second_factor else SecondFactorPolicy.OFF
    footage = await asyncio.to_thread(town.find_clips, clips) if clips is not None else []
    lock = await asyncio.to_thread(
        station_lock.acquire, ROOT / ".demo", "demo", "one demo runs at a time in a checkout"
    )
    try:
        return await _run(seconds, port, database, rule, lock, cameras, footage)
    finally:
        await asyncio.to_thread(lock.release)


async def _run(
    seconds: float | None,
    port: int,
    database_address: str,
    second_factor: SecondFactorPolicy,
    lock: StationLock,
    streaming: int,
    footage: list[Path],
) -> int:
    progress, folder = DemoProgress(), lock.folder
    progress.report(f"starting {streaming} virtual cameras (they draw and encode their streets first)")
    planned = await asyncio.to_thread(plan_town, streaming)
    await asyncio.to_thread(town.check_addresses, planned.streaming)
    await asyncio.to_thread(_prepare_folder, folder, planned)
    config = write_settings(folder, port, database_address, second_factor)
    settings = core_settings.load(config)
    stopping = spawn(until_stopped(), "signals")
    camera_password = secrets.token_urlsafe(12)
    cameras = await town.start_cameras(folder, planned, footage, camera_password, stopping)
    database = await station_database.ready(settings)
    clock = SystemClock()
    supervisor = Supervisor(roles(settings), config, clock, folder / "station.log", lock)
    story = DemoStory(settings, database, planned, camera_password, progress)
    telling = spawn(story.run(supervisor, port), "story")
    failing = spawn(supervisor.until_failed())
    try:
        # Count the seconds from here: how long drawing takes depends on the machine and is not part of the demo.
        await asyncio.wait({stopping, telling, failing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()  # it never returns: if it ended, it failed
    finally:
        await end(failing, stopping, *(() if telling.done() else (telling,)))
        summary = await summarise(settings, database, clock, story, planned, is_story=not footage)
        progress.report("stopping")
        await supervisor.stop()
        await town.stop_cameras(cameras)
        await database.close()
    if supervisor.failed is not None:
        raise supervisor.failed
    if seconds is None:
        return 0
    sys.stdout.write(json.dumps(asdict(summary), ensure_ascii=False, indent=1) + "\n")
    return 0 if summary.complete else 1


def _prepare_folder(folder: Path, planned: DemoTown) -> None:
    """Remove what the last demo left, except drawn streets and the lock; write the map and the inventory.

    The folder may be older than the rule that strangers cannot read it.
    """
    folder.chmod(0o750)
    for entry in folder.iterdir():
        if entry.name == STREETS:
            continue  # what earlier demos have drawn
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != station_lock.LOCK_FILE:
            entry.unlink()
    layers.write(planned.map, folder / layers.FOLDER)
    (folder / INVENTORY).write_text(inventory.dump(planned.inventory), encoding="utf-8")


def _check_port(port: int) -> None:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as e:
            raise StorageError(f"port {port} cannot be used ({e.strerror}); choose another with --port") from e
