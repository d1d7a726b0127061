"""The station under the console: a town of 2,252 cameras of which some stream, with recordings and search results.

Everything in it comes from the product's own functions: the inventory through the registry, accounts, the store of
sightings, and a station that records virtual cameras of 640×360 at 12 pictures a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import ENVIRONMENT, virtual_farm
from cameras.registry import inventory, registry
from cameras.registry.inventory_entries import CameraEntry, Inventory, StreamEntry, Streams, VillageEntry
from core import settings as core_settings
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import Clock, SystemClock, to_microseconds
from core.database import Database
from core.settings import Settings
from search.store import Sighting, camera_numbers, ids
from search.store.sighting_store import Batch
from search.store.upkeep import sighting_store_of
from search.vocabulary import Cls, Colour
from station import database as station_database

CAMERAS, VILLAGES, STREAMING = 2252, 22, 25
SIZE, FPS, BITRATE = (640, 360), 12.0, 300_000
SIGHTINGS = 200
FARM_PORT, CONSOLE_PORT = 18994, 18995
PASSWORD = "minwang-demo"  # as tests/web/browser/pages.py types it
OFFICER, PATROL = "investigator", "patrol"
ACCOUNTS = {OFFICER: Role.INVESTIGATOR, PATROL: Role.PATROL_OFFICER}
CENTRE = (121.35, 29.53)  # degrees east and north
VILLAGE_STEP, CAMERA_STEP = 0.012, 0.0009  # degrees
READY_S = 300.0


@dataclass(frozen=True, slots=True)
class RunningStation:
    """`url` of the console; `streaming`: ids of the cameras that stream; `since`: when recording began (Unix s)."""

    url: str
    folder: Path
    streaming: list[str]
    since: float

    def count_audit_rows(self, action: str, after: int = 0) -> int:
        """Return the number of audit rows of an action beyond the row number `after`."""
        return int(self._query("SELECT count(*) FROM audit WHERE action = ? AND id > ?", action, after))

    def last_audit_row(self) -> int:
        return int(self._query("SELECT max(id) FROM audit"))

    def recorded_streams(self) -> int:
        with contextlib.suppress(sqlite3.Error):
            return int(self._query("SELECT count(*) FROM stream_status WHERE state = 'recording'"))
        return 0

    def _query(self, text: str, *values: str | int) -> float:
        address = f"file:{self.folder / 'data' / 'minwang.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            return float(connection.execute(text, values).fetchone()[0] or 0)


def town(cameras: int, streaming: int) -> Inventory:
    """Return an inventory with positions and viewing directions; the first `streaming` cameras have addresses."""
    villages = [VillageEntry(code=f"v{i}", name=f"第{i + 1}村") for i in range(VILLAGES)]
    return Inventory(town="西店", villages=villages, cameras=[_camera(i, i < streaming) for i in range(cameras)])


def _camera(i: int, streams: bool) -> CameraEntry:
    village, number = i % VILLAGES, i // VILLAGES
    east, north = CENTRE
    east += (village % 5) * VILLAGE_STEP + (number % 10) * CAMERA_STEP
    north += (village // 5) * VILLAGE_STEP + (number // 10) * CAMERA_STEP
    # One clip for both streams: a wall shows the sub-stream, playback may show either.
    entry = StreamEntry(url=f"rtsp://127.0.0.1:{FARM_PORT}/cam{i}", engine="native") if streams else StreamEntry()
    return CameraEntry(
        id=f"c{i:04}", name=f"第{village + 1}村路口{number + 1}号", village=f"v{village}", position=(east, north),
        site=f"{number + 1} 号杆", azimuth=float(i * 37 % 360), field_of_view=70.0, range_m=40.0,
        streams=Streams(main=entry, sub=entry),
    )  # fmt: skip


async def _fill(settings: Settings, planned: Inventory) -> None:
    clock = SystemClock()
    database = await station_database.ready(settings)
    try:
        async with database.session() as session:
            await registry.apply(session, planned, clock.now(), "bench")
        accounts = Accounts(database, clock)
        for name, role in ACCOUNTS.items():
            await accounts.create(name, PASSWORD, role, display_name=name, actor="bench")
        await _fill_sightings(settings, database, clock, planned.cameras[0])
    finally:
        await database.close()


async def _fill_sightings(settings: Settings, database: Database, clock: Clock, camera: CameraEntry) -> None:
    """Write people of one camera, five seconds apart, who are the results of a search."""
    async with database.session() as session:
        number = await camera_numbers.of_camera(session, camera.id, camera.village)
    now_ms = to_microseconds(clock.now()) // 1000
    by_day: dict[str, list[Sighting]] = {}
    for n in range(SIGHTINGS):
        at = now_ms - 600_000 - n * 5_000
        colour = (Colour.red, Colour.blue, Colour.black)[n % 3]
        made = Sighting(
            ids.compose(at, number, 0), at + 4_000, at + 2_000, number, int(Cls.person), 800, upper=int(colour)
        )
        by_day.setdefault(ids.day_of(at), []).append(made)
    store = sighting_store_of(settings)
    try:
        for day, new in by_day.items():
            batch = Batch(f"{camera.id}/sub", now_ms * 1000, new=new)
            await asyncio.to_thread(store.write, day, [batch])
    finally:
        store.close()


def _write_settings(folder: Path) -> Path:
    path = folder / "minwang.toml"
    path.write_text(
        f'inventory = "town.yaml"\n[data]\ndir = "{folder / "data"}"\n[web]\nport = {CONSOLE_PORT}\n'
        '[accounts]\nsecond_factor = "off"\n'
        "[recorder]\nsegment_seconds = 20.0\n[retention]\nmin_free_bytes = 1000000\n"
    )
    return path


@contextlib.contextmanager
def running_station(folder: Path) -> Iterator[RunningStation]:
    """Run the town; the block begins when its streams are recorded and the console answers. Raises RuntimeError."""
    planned = town(CAMERAS, STREAMING)
    (folder / "town.yaml").write_text(inventory.dump(planned), encoding="utf-8")
    asyncio.run(_fill(core_settings.load(_write_settings(folder)), planned))
    streaming = [c.id for c in planned.cameras[:STREAMING]]
    with virtual_farm(STREAMING, FARM_PORT, bitrate=BITRATE, size=SIZE, fps=FPS), (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "station", "serve"], cwd=folder, env=ENVIRONMENT, stderr=log)
        try:
            station = RunningStation(f"http://127.0.0.1:{CONSOLE_PORT}", folder, streaming, time.time())
            _wait_until_recording(station, process)
            yield RunningStation(station.url, folder, streaming, time.time())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _answers() -> bool:
    """Return whether the console's server listens; it starts beside the recorders."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", CONSOLE_PORT), timeout=2):
        return True
    return False


def _wait_until_recording(station: RunningStation, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_S
    while station.recorded_streams() < 2 * STREAMING or not _answers():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the station does not record: {(station.folder / 'log').read_text()[-2000:]}")
        time.sleep(0.5)
