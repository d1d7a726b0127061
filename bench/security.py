"""What strangers, persons and cameras that attack the station cost everybody else.

    ./minwang bench security [--quick] [--only parsers|web|cameras] [--cameras N] [--seconds S]

- parsers: CPU time of the worst input of each parser (the cases of tests/test_parsers.py).
- web: 1,000 anonymous half-open connections, 200 bodies of one byte every 0.3 s and 700 event sockets of one person, each opened
  again when it is closed, for 60 s (--quick: 20 s): how long `/api/me` takes for others, whether their event feeds still hear,
  and what the recording of 20 cameras loses.
- cameras: 10 hostile cameras (bench/parts/hostile_cameras.py) beside 200 good ones (--quick: 40) for 5 min (--quick: 40 s):
  seconds in gaps of the good ones, and packets lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.common import ENVIRONMENT, Figure, farm, report
from bench.parts.hostile_cameras import KINDS
from bench.parts.strangers import GREEDY, HEADERS, PASSWORD, signed_in, waits
from bench.startup import recording

FARM_PORT, CONSOLE_PORT, HOSTILE_PORT = 18990, 18991, 18992
PERSONS = {GREEDY: "patrol_officer", "probe": "video_officer", "listener": "video_officer", "speaker": "video_officer"}
FEEDS = 6
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


def write_station(folder: Path, cameras: int, hostile: int) -> None:
    rows = [f"rtsp://127.0.{i // STREAMS_A_HOST}.1:{FARM_PORT}/cam{i}" for i in range(cameras)]
    good = "".join(
        f"- {{id: c{i}, name: c, village: v, streams: {{main: {{url: '{u}', engine: native}}}}}}\n" for i, u in enumerate(rows)
    )
    bad = "".join(
        f"- {{id: h{i}, name: h, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{HOSTILE_PORT + i}/a', engine: native}}}}}}\n"
        for i in range(hostile)
    )
    (folder / "town.yaml").write_text(f"town: t\nvillages: [{{code: v, name: v}}]\ncameras:\n{good}{bad}")
    (folder / "minwang.toml").write_text(
        f'inventory = "town.yaml"\n[data]\ndir = "data"\n[web]\nport = {CONSOLE_PORT}\n[retention]\nmin_free_bytes = 1000000\n'
    )


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
    """Returns when all good cameras are recorded."""
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
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, input=PASSWORD.encode(), check=True, stdout=subprocess.DEVNULL)


def query(folder: Path, text: str, *values: object) -> float:
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'data' / 'minwang.db'}?mode=ro", uri=True)) as connection:
        return float(connection.execute(text, values).fetchone()[0] or 0)


def lost(folder: Path, since_us: int, cameras: int) -> list[Figure]:
    """Seconds in gaps of the good cameras, packets lost, streams that do not record now."""
    now_us = int(time.time() * 1e6)
    gaps = query(
        folder,
        "SELECT sum(min(coalesce(end_us, ?), ?) - max(start_us, ?)) / 1e6 FROM gap WHERE stream LIKE 'c%' AND coalesce(end_us, ?) > ?",
        now_us, now_us, since_us, now_us, since_us,
    )  # fmt: skip
    packets = query(folder, "SELECT sum(lost_packets) FROM stream_status WHERE stream LIKE 'c%'")
    recorded = query(folder, "SELECT count(*) FROM stream_status WHERE stream LIKE 'c%' AND state = 'recording'")
    return [
        Figure("good cameras: seconds in gaps", round(gaps, 2), "s", "0", gaps == 0),
        Figure("good cameras: packets lost", packets, "", "0", packets == 0),
        Figure("good cameras recorded at the end", recorded, "", f"{cameras}", recorded == cameras),
    ]


async def hears(feed: aiohttp.ClientWebSocketResponse, title: str, seconds: float) -> bool:
    """Whether an event of this kind comes within the time; meanwhile the socket answers the pings, as a browser does."""
    with contextlib.suppress(TimeoutError, TypeError, aiohttp.ClientError):
        async with asyncio.timeout(seconds):
            while title not in json.dumps(await feed.receive_json()):
                pass
            return True
    return False


async def besieged(seconds: float) -> list[Figure]:
    probe, listener, speaker = [await signed_in(CONSOLE_PORT, n, PASSWORD) for n in ("probe", "listener", "speaker")]
    feeds = [await listener.ws_connect("/api/events") for _ in range(FEEDS)]
    listening = [asyncio.ensure_future(hears(f, "patrol.", seconds + 30)) for f in feeds]
    calm = await waits(probe, 5)
    crowd = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.parts.strangers",
        str(CONSOLE_PORT),
        str(seconds + 2),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )
    took = await waits(probe, seconds)
    async with speaker.post("/api/patrol/rounds", headers=HEADERS) as reply:
        asked = reply.status
    heard = [*(t.result() for t in (await asyncio.wait(listening, timeout=10))[0])]
    for task in listening:
        task.cancel()
    output, _ = await crowd.communicate()
    for session in (probe, listener, speaker):
        await session.close()
    held = json.loads(output)
    p95 = sorted(took)[int(len(took) * 0.95)]
    return [
        Figure("connections and sockets of the crowd at the end", sum(held["held"].values()), "", json.dumps(held)),
        Figure("/api/me of others before, p95", round(sorted(calm)[int(len(calm) * 0.95)] * 1e3), "ms"),
        Figure("/api/me of others meanwhile, p95", round(p95 * 1e3), "ms", "≤ 300", p95 <= 0.3),
        Figure("/api/me of others meanwhile, worst", round(max(took) * 1e3), "ms"),
        Figure("others' feeds that still hear", sum(heard), f"of {FEEDS} (asked: {asked})", f"{FEEDS}", sum(heard) == FEEDS),
    ]


def web(seconds: float, cameras: int = 20) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, farm(cameras, FARM_PORT, bitrate=300_000, host="0.0.0.0"):
        folder = Path(name)
        write_station(folder, cameras, 0)
        with station(folder, cameras):
            add_persons(folder)
            since_us = int(time.time() * 1e6)
            figures = asyncio.run(besieged(seconds))
            return figures + lost(folder, since_us, cameras)


def hostile(seconds: float, cameras: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, farm(cameras, FARM_PORT, bitrate=300_000, host="0.0.0.0"):
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
    parser.add_argument("--quick", action="store_true", help="web: 20 s; cameras: 40 good ones, 40 s")
    parser.add_argument("--only", choices=("parsers", "web", "cameras"))
    parser.add_argument("--cameras", type=int)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    figures: list[Figure] = []
    if args.only in (None, "parsers"):
        figures += parsers()
    if args.only in (None, "web"):
        figures += web(args.seconds or (20.0 if args.quick else 60.0))
    if args.only in (None, "cameras"):
        figures += hostile(args.seconds or (40.0 if args.quick else 300.0), args.cameras or (40 if args.quick else 200))
    return report("security", figures)


if __name__ == "__main__":
    sys.exit(main())
