"""How long a station takes to start: until its console answers, and until every camera records.

    ./minwang bench startup [--quick] [--cameras N]

Runs `minwang serve` with all its processes over a farm of virtual cameras (H.264, small, one separate process, on
loopback). The first start creates the database and applies the inventory; the second finds both. A camera records when
a segment that began after the start is in the index. Also measures the CPU time of all processes until then, because
with two cores and the farm on the same machine CPU is the bottleneck.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import ENVIRONMENT, Figure, cpu_seconds, report, virtual_farm

FARM_PORT, CONSOLE_PORT = 18890, 18891
LIMIT_SECONDS = 120.0
CONSOLE_BAR, RECORDING_BAR = 3.0, 15.0
STREAMS_A_HOST = 10  # number of cameras that share an address, each address in its own subnet


@dataclass(slots=True)
class Start:
    """Times in seconds since the command was started."""

    console: float = float("inf")
    recording: float = float("inf")
    cpu: float = 0.0


@contextlib.contextmanager
def station(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "station", "serve"], cwd=folder, env=ENVIRONMENT, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def console_answers() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", CONSOLE_PORT, timeout=2)
    try:
        connection.request("GET", "/login")
        return connection.getresponse().status in (200, 503)  # 503: the console is not built
    except OSError:
        return False
    finally:
        connection.close()


def recording(database: Path, since_us: int) -> int:
    """Return the number of streams whose newest segment began after the start."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            query = "SELECT count(DISTINCT stream) FROM open_segment WHERE start_us >= ?"
            return int(connection.execute(query, (since_us,)).fetchone()[0])
    except sqlite3.Error:
        return 0


def measure(folder: Path, cameras: int) -> Start:
    found, since_us, began = Start(), int(time.time() * 1e6), time.monotonic()
    with station(folder) as process:
        while time.monotonic() - began < LIMIT_SECONDS and process.poll() is None:
            if found.console == float("inf") and console_answers():
                found.console = time.monotonic() - began
            if recording(folder / "data" / "minwang.db", since_us) >= cameras:
                found.recording, found.cpu = time.monotonic() - began, cpu_seconds(process.pid)
                if found.console < float("inf"):
                    break
            time.sleep(0.05)
    return found


def write(folder: Path, cameras: int) -> None:
    streams = "".join(
        f"- {{id: c{i}, name: c, village: v, "
        f"streams: {{main: {{url: 'rtsp://127.0.{i // STREAMS_A_HOST}.1:{FARM_PORT}/cam{i}', engine: native}}}}}}\n"
        for i in range(cameras)
    )
    (folder / "town.yaml").write_text(f"town: t\nvillages: [{{code: v, name: v}}]\ncameras:\n{streams}")
    (folder / "minwang.toml").write_text(
        f'inventory = "town.yaml"\n[data]\ndir = "data"\n[web]\nport = {CONSOLE_PORT}\n[retention]\nmin_free_bytes = '
        f"1000000\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 cameras")
    parser.add_argument("--cameras", type=int)
    args = parser.parse_args()
    cameras = args.cameras or (40 if args.quick else 200)
    with tempfile.TemporaryDirectory() as name, virtual_farm(cameras, FARM_PORT, bitrate=300_000, host="0.0.0.0"):
        folder = Path(name)
        write(folder, cameras)
        first, second = measure(folder, cameras), measure(folder, cameras)
    return report(
        "startup",
        [
            Figure("cameras", cameras, ""),
            Figure("first start, console answers", round(first.console, 2), "s"),
            Figure("first start, all record", round(first.recording, 2), "s"),
            Figure(
                "second start, console answers",
                round(second.console, 2),
                "s",
                f"≤ {CONSOLE_BAR:.0f}",
                second.console <= CONSOLE_BAR,
            ),
            Figure(
                "second start, all record",
                round(second.recording, 2),
                "s",
                f"≤ {RECORDING_BAR:.0f}",
                second.recording <= RECORDING_BAR,
            ),
            Figure("second start, CPU until all record", round(second.cpu, 2), "CPU-s"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
