"""A station under random faults, and at the end an account of every second of every camera.

    ./minwang bench soak [--minutes M] [--cameras N] [--seed S]

Real recorder processes under the real supervisor, with two disks, record virtual cameras, half of which have edge
storage. At random: cameras die, stall, send garbage, lose packets, refuse the password, jump in time; a whole village
disconnects; a recorder is killed or stopped for a while; a disk is full or out of inodes; the station's clock steps by
days and back (if libfaketime is installed). Bars: no second is unaccounted for, none is recorded twice, no gap has a
cause that was not injected, the archive is complete.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from sqlalchemy import select, update

from bench.common import Figure, report
from bench.parts.accounting import Account, account
from bench.parts.faults import Faults, Station, fake_clock, small_disk
from cameras.registry.inventory import load
from cameras.registry.registry import apply
from cameras.tables import Camera, Credential
from cameras.virtual.__main__ import load_clip
from cameras.virtual.device import Device
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SECOND, SystemClock, to_microseconds
from core.host.process_role import ProcessRole
from core.settings import load as load_settings
from nvr.archive.integrity.verify import verify
from nvr.tables import StreamStatus
from station import database as station_database
from station.runtime import open_vault_of_station
from station.supervision.supervisor import Supervisor, roles

LOGIN = ("minwang", "geheim-123")
PORT = 18790
SETTLE_SECONDS = 80.0  # after the last fault: the longest reconnect delay, and backfill
CONFIG = """[data]
dir = '{folder}/data'
volumes = ['{folder}/disk1', '{folder}/disk2']
[recorder]
workers = 2
segment_seconds = 20
connect_rate = 50
[retention]
min_free_bytes = 1000000
"""


@contextlib.asynccontextmanager
async def cameras(count: int, folder: Path) -> AsyncIterator[Station]:
    """Run virtual cameras and a station with their inventory and an empty archive."""
    clip = load_clip("h264", 500_000, (640, 360), 12.5, 4.0)
    hosts = [f"127.0.{1 + i % 4}.{i + 1}" for i in range(count)]
    mounts = [Mount(f"/cam{i}", {"healthy": clip}, phase=i % 4, login=LOGIN, host=h) for i, h in enumerate(hosts)]
    server = RtspServer(mounts)
    await server.start(hosts, PORT)
    runners, devices = [], []
    for i, mount in enumerate(mounts):
        device = Device(
            f"c{i}",
            f"{0xD0000 + i:06x}",
            mount.host,
            PORT + 1,
            PORT,
            {f"cam{i}": mount},
            {f"cam{i}": (640, 360)},
            LOGIN,
        )
        device.card = i % 2 == 0
        runner = web.AppRunner(OnvifService(device).application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, mount.host, PORT + 1).start()
        runners.append(runner)
        devices.append(device)
    for disk in ("disk1", "disk2"):
        (folder / disk).mkdir(exist_ok=True)
    (folder / "minwang.toml").write_text(CONFIG.format(folder=folder))
    settings = await asyncio.to_thread(load_settings, folder / "minwang.toml")
    database = await station_database.ready(settings)
    rows = "".join(
        f"- {{id: c{i}, name: c, village: v, credential: all, address: '{m.host}:{PORT + 1}', "
        f"streams: {{main: {{url: 'rtsp://{m.host}:{PORT}{m.path}', engine: native}}}}}}\n"
        for i, m in enumerate(mounts)
    )
    plan = folder / "town.yaml"
    plan.write_text(
        f"town: t\ncredentials: [{{name: all, username: {LOGIN[0]}}}]\nvillages: [{{code: v, name: "
        f"v}}]\ncameras:\n{rows}"
    )
    vault = await open_vault_of_station(settings, database)
    async with database.session() as session:
        await apply(session, await asyncio.to_thread(load, plan), SystemClock().now(), "soak")
        await session.execute(update(Credential).values(sealed=vault.seal(LOGIN[1], "credential:all")))
    supervisor = Supervisor(
        [r for r in roles(settings) if r.name is ProcessRole.RECORDER],
        folder / "minwang.toml",
        SystemClock(),
        folder / "log",
    )
    clock = folder / "clock"
    if (faked := fake_clock(clock)) is not None:
        os.environ |= faked  # inherited by the recorders that it starts
    await supervisor.start()
    streams = {f"c{i}/main": m for i, m in enumerate(mounts)}
    yield Station(folder, server, streams, devices, database, supervisor, clock if faked else None)
    await supervisor.stop()
    for runner in runners:
        await runner.cleanup()
    await server.stop()


async def _all_record(station: Station, seconds: float) -> int:
    """Wait until every stream has written pictures, at most `seconds`; returns how many have not."""
    until = SystemClock().monotonic() + seconds
    while True:
        async with station.database.reading() as session:
            rows = (await session.scalars(select(StreamStatus))).all()
        missing = len(station.mounts) - sum(r.state == "recording" and r.last_picture is not None for r in rows)
        if missing == 0 or SystemClock().monotonic() > until:
            return missing
        await asyncio.sleep(0.5)


async def run(minutes: float, count: int, seed: int, folder: Path) -> tuple[list[Figure], Account]:
    clock = SystemClock()
    async with cameras(count, folder) as station:
        await _all_record(station, 90)
        began = to_microseconds(clock.now())
        faults = Faults(station, seed)
        await faults.run(minutes * 60)
        _say(f"{sum(faults.count.values())} faults injected; waiting until everything is mended")
        await _forgive(station)
        missing = await _all_record(station, 150)
        await asyncio.sleep(SETTLE_SECONDS)
        ended = to_microseconds(clock.now()) - 5 * SECOND
    result = await account(
        station.database, dict.fromkeys(station.mounts, (began, ended)), faults.injected, faults.elsewhere
    )
    findings = await verify(station.database, hash_files=True)
    if not findings.clean:
        _say(json.dumps(findings.as_dict())[:2000])
    await station.database.close()
    figures = _figures(result, faults.count, findings.clean, findings.rows, count, minutes)
    return [*figures, Figure("cameras that do not record at the end", missing, "", "0", missing == 0)], result


async def _forgive(station: Station) -> None:
    """Allow new attempts for refused cameras, as an officer would."""
    async with station.database.session() as session:
        await session.execute(update(Camera).values(refused_at=None))


def _figures(
    result: Account, count: Counter[str], clean: bool, files: int, streams: int, minutes: float
) -> list[Figure]:
    gaps = [Figure(f"in gaps: {cause}", round(s, 1), "camera-seconds") for cause, s in sorted(result.gaps.items())]
    return [
        Figure("cameras", streams, f"for {minutes:g} minutes"),
        *(Figure(f"injected: {name}", n, "times") for name, n in sorted(count.items())),
        Figure("all", round(result.total, 1), "camera-seconds"),
        Figure("recorded", round(result.recorded, 1), "camera-seconds"),
        Figure("fetched from cards", round(result.backfilled, 1), "camera-seconds"),
        *gaps,
        Figure(
            "neither recorded nor in a gap",
            round(result.unaccounted_s, 1),
            "camera-seconds",
            "0",
            result.unaccounted_s == 0,
        ),
        Figure(
            "recorded twice",
            round(result.recorded_twice_s, 1),
            "camera-seconds",
            "0",
            round(result.recorded_twice_s, 1) == 0,
        ),
        Figure(
            "in gaps without such a fault",
            round(result.unexplained_s, 1),
            "camera-seconds",
            "0",
            result.unexplained_s == 0,
        ),
        Figure("files, all whole by size and hash", files, "", "whole", clean),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--keep", type=Path, help="an empty folder in which everything is left for a look")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minwang-soak-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(small_disk(folder / "disk2"))
        figures, result = asyncio.run(run(2 if args.quick else args.minutes, args.cameras, args.seed, folder))
    for line in result.oddities[:40]:
        _say(line)
    _say(json.dumps(dict(result.gaps)))
    return report("soak", figures)


if __name__ == "__main__":
    sys.exit(main())
