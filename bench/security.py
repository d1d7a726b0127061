"""What strangers, users and cameras that attack the station cost everybody else.

    ./minwang bench security [--quick] [--only parsers|web|tls|flood|pdf|cameras] [--cameras N] [--seconds S]

- parsers: CPU time of the worst input of each parser (the cases of tests/test_parsers.py).
- web: 1,000 anonymous half-open connections, 200 bodies of one byte every 0.3 s and 700 event sockets of one person,
  each reopened when it is closed, for 60 s (--quick: 20 s): the latency of `/api/me` for others, whether their event
  feeds still deliver, and what the recording of 20 cameras loses.
- tls: the same over HTTPS, with the station's own certificate; half of the half-open connections never begin a
  handshake.
- flood: 50 connections that try to sign in as fast as they are answered, from the address of a signed-in user.
- pdf: one person requests thirty registers as PDF at once while the crowd is connected: the latency of `/api/me` for
  others until all are printed.
- cameras: 10 hostile cameras (bench/parts/hostile_cameras.py) beside 200 good ones (--quick: 40) for 5 min (--quick: 40
  s): seconds in gaps of the good ones, and packets lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.common import ENVIRONMENT, Figure, report, virtual_farm
from bench.parts import web_load
from bench.parts.hostile_cameras import KINDS
from bench.parts.strangers import GREEDY, PASSWORD, Console
from bench.startup import recording

FARM_PORT, CONSOLE_PORT, HOSTILE_PORT = 18990, 18991, 18992
OFFICERS = ("probe", "listener", "speaker", "printer")
PERSONS = {GREEDY: "patrol_officer", **dict.fromkeys(OFFICERS, "video_officer")}
PARTS = ("parsers", "web", "tls", "flood", "pdf", "cameras")
STREAMS_A_HOST = 10


def parsers() -> list[Figure]:
    from tests.test_parsers import CASES, LIMIT_S, cost

    costs = {name: cost(parse) for name, parse in CASES.items()}
    worst = max(costs, key=lambda n: costs[n])
    ok = costs[worst] < LIMIT_S
    return [
        Figure("parsers", len(costs), ""),
        Figure(f"slowest parser ({worst})", round(costs[worst] * 1e3, 1), "ms CPU", f"< {LIMIT_S * 1e3:.0f}", ok),
    ]


def write_station(folder: Path, cameras: int, hostile: int, *, tls: bool = False) -> None:
    rows = [f"rtsp://127.0.{i // STREAMS_A_HOST}.1:{FARM_PORT}/cam{i}" for i in range(cameras)]
    good = "".join(
        f"- {{id: c{i}, name: c, village: v, streams: {{main: {{url: '{u}', engine: native}}}}}}\n"
        for i, u in enumerate(rows)
    )
    bad = "".join(
        f"- {{id: h{i}, name: h, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{HOSTILE_PORT + i}/a', engine: "
        f"native}}}}}}\n"
        for i in range(hostile)
    )
    (folder / "town.yaml").write_text(f"town: t\nvillages: [{{code: v, name: v}}]\ncameras:\n{good}{bad}")
    tls_mode = "own" if tls else "off"
    (folder / "minwang.toml").write_text(
        f'inventory = "town.yaml"\n[data]\ndir = "data"\n[web]\nport = {CONSOLE_PORT}\ntls = "{tls_mode}"\n'
        "[retention]\nmin_free_bytes = 1000000\n"
    )
    if tls:
        command = [sys.executable, "-m", "station", "cert", "--host", "127.0.0.1"]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        made = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=log)
    try:
        yield made
    finally:
        made.send_signal(signal.SIGTERM)
        made.wait(timeout=60)
        assert made.stdout is not None
        made.stdout.close()


@contextlib.contextmanager
def station(folder: Path, cameras: int) -> Iterator[None]:
    """Run a station; the block begins when all good cameras are recorded."""
    since_us, until = int(time.time() * 1e6), time.monotonic() + 120
    with process([sys.executable, "-m", "station", "serve"], folder):
        while recording(folder / "data" / "minwang.db", since_us) < cameras:
            if time.monotonic() > until:
                raise RuntimeError(f"the station does not record: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        time.sleep(2)
        yield


def add_persons(folder: Path) -> None:
    for name, role in PERSONS.items():
        command = [
            sys.executable,
            "-m",
            "station",
            "user",
            "add",
            name,
            "--role",
            role,
            "--password-file",
            "-",
            "--own",
            "--reason",
            "bench",
        ]
        subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, input=PASSWORD.encode(), check=True, stdout=subprocess.DEVNULL
        )


def query(folder: Path, text: str, *values: object) -> float:
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'data' / 'minwang.db'}?mode=ro", uri=True)) as connection:
        return float(connection.execute(text, values).fetchone()[0] or 0)


def lost(folder: Path, since_us: int, cameras: int) -> list[Figure]:
    """Return the figures: seconds in gaps of the good cameras, packets lost, streams that do not record now."""
    now_us = int(time.time() * 1e6)
    gaps = query(
        folder,
        "SELECT sum(min(coalesce(end_us, ?), ?) - max(start_us, ?)) / 1e6 FROM gap WHERE stream LIKE 'c%' AND "
        "coalesce(end_us, ?) > ?",
        now_us,
        now_us,
        since_us,
        now_us,
        since_us,
    )
    packets = query(folder, "SELECT sum(lost_packets) FROM stream_status WHERE stream LIKE 'c%'")
    recorded = query(folder, "SELECT count(*) FROM stream_status WHERE stream LIKE 'c%' AND state = 'recording'")
    return [
        Figure("good cameras: seconds in gaps", round(gaps, 2), "s", "0", gaps == 0),
        Figure("good cameras: packets lost", packets, "", "0", packets == 0),
        Figure("good cameras recorded at the end", recorded, "", f"{cameras}", recorded == cameras),
    ]


def web(part: Callable[[Console], Awaitable[list[Figure]]], *, tls: bool = False, cameras: int = 20) -> list[Figure]:
    """Run a part (bench/parts/web_load.py) against a station with cameras; adds what their recording loses."""
    with tempfile.TemporaryDirectory() as name, virtual_farm(cameras, FARM_PORT, bitrate=300_000, host="0.0.0.0"):
        folder = Path(name)
        write_station(folder, cameras, 0, tls=tls)
        with station(folder, cameras):
            add_persons(folder)
            since_us = int(time.time() * 1e6)
            console = Console(f"{'https' if tls else 'http'}://127.0.0.1:{CONSOLE_PORT}")
            figures = asyncio.run(_within(part(console)))
            return figures + lost(folder, since_us, cameras)


async def _within(part: Awaitable[list[Figure]]) -> list[Figure]:
    return await part


def hostile(seconds: float, cameras: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, virtual_farm(cameras, FARM_PORT, bitrate=300_000, host="0.0.0.0"):
        folder = Path(name)
        write_station(folder, cameras, len(KINDS))
        with process([sys.executable, "-m", "bench.parts.hostile_cameras", str(HOSTILE_PORT)], folder) as attackers:
            assert attackers.stdout is not None
            attackers.stdout.readline()
            with station(folder, cameras):
                since_us = int(time.time() * 1e6)
                time.sleep(seconds)
                told = query(folder, "SELECT count(*) FROM stream_status WHERE stream LIKE 'h%' AND detail <> ''")
                deaths = query(folder, "SELECT count(*) FROM event WHERE kind = 'stream.killed_recorder'")
                figures = lost(folder, since_us, cameras)
    return [
        Figure("hostile cameras beside", cameras, ""),
        *figures,
        Figure("hostile cameras whose state says why", told, f"of {len(KINDS)}"),
        Figure("recorders that died", deaths, "", "0", deaths == 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="web, tls: 20 s; flood: 10 s; cameras: 40 good ones, 40 s")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--cameras", type=int)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    crowd_s, flood_s, hostile_s = (20.0, 10.0, 40.0) if args.quick else (60.0, 30.0, 300.0)
    parts: dict[str, Callable[[], list[Figure]]] = {
        "parsers": parsers,
        "web": lambda: web(lambda c: web_load.crowd(c, args.seconds or crowd_s)),
        "tls": lambda: web(lambda c: web_load.crowd(c, args.seconds or crowd_s), tls=True),
        "flood": lambda: web(lambda c: web_load.flood(c, args.seconds or flood_s)),
        "pdf": lambda: web(lambda c: web_load.print_registers(c, args.seconds or crowd_s)),
        "cameras": lambda: hostile(args.seconds or hostile_s, args.cameras or (40 if args.quick else 200)),
    }
    figures: list[Figure] = []
    for name in [args.only] if args.only else PARTS:
        figures += [replace(f, name=f"{name}: {f.name}") for f in parts[name]()]
    return report("security", figures)


if __name__ == "__main__":
    sys.exit(main())
