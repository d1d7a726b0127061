"""A backup of a town's database while 200 streams are recorded, and its restore.

    ./minwang bench backup [--quick] [--streams N] [--cameras N] [--days D] [--seconds S]

The database holds the index of a month (2,252 cameras × 31 days of 60 s segments, 6.5 GB). `minwang record` writes the
streams of 200 virtual cameras into it; meanwhile `minwang backup` copies, archives, restores and checks it. The same
recording without a backup is the reference. Then `minwang restore` creates a new data folder from the archive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.archive import DAY_HOURS, fill
from bench.common import ENVIRONMENT, Figure, inventory, report, virtual_farm
from core.clock import HOUR_US, SystemClock, to_microseconds
from core.database import Database
from core.migrate import upgrade

PORT = 18760
RESTORE_LIMIT_S = 60.0


def minwang(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "station", "--config", str(folder / "minwang.toml"), *arguments]


async def prepare(folder: Path, cameras: int, days: int) -> None:
    """Create the data folder with a month's index."""
    (folder / "data").mkdir()
    database = Database(f"sqlite+aiosqlite:///{folder / 'data' / 'minwang.db'}", bytes(32))
    await upgrade(database)
    first_hour = to_microseconds(SystemClock().now()) // HOUR_US - days * DAY_HOURS
    await fill(database, cameras, days, first_hour)
    await database.close()


def recorded(folder: Path, seconds: float, warm_up: float, work: Any = None) -> tuple[dict[str, Any], Any]:
    """Record for `seconds` after the warm-up and call `work` meanwhile; returns (summary, result of `work`)."""
    command = minwang(folder, "record", "--inventory", str(folder / "town.yaml"), "--data", str(folder / "data"))
    process = subprocess.Popen(
        [*command, "--seconds", str(warm_up + seconds)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    time.sleep(warm_up)
    result = work() if work is not None else None
    running = process.poll() is None
    summary = json.loads(process.communicate()[0])
    summary["outlasted"] = running
    return summary, result


def run_json(command: list[str]) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout), time.monotonic() - began


def gaps_of(summary: dict[str, Any]) -> float:
    """Return the seconds without recording, except the time between the two recordings of this benchmark."""
    return sum(g["seconds"] for s in summary["streams"].values() for g in s["gaps"] if g["cause"] != "recorder_down")


def measure(folder: Path, streams: int, cameras: int, days: int, seconds: float) -> list[Figure]:
    (folder / "minwang.toml").write_text(f"[data]\ndir = '{folder}/data'\n[retention]\nmin_free_bytes = 0\n")
    (folder / "archives").mkdir()
    asyncio.run(prepare(folder, cameras, days))
    database = (folder / "data" / "minwang.db").stat().st_size
    print(f"{database / 1e9:.2f} GB of database made", file=sys.stderr, flush=True)
    inventory(folder / "town.yaml", streams, PORT, "native")
    warm_up = 5.0 + streams * 0.06
    with virtual_farm(streams, PORT, 4.0):
        alone, _ = recorded(folder, min(seconds, 30.0), warm_up)
        passphrase = folder / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text("four words nobody knows\n")
        keys = ("--passphrase-file", str(passphrase))
        command = minwang(folder, "backup", str(folder / "archives"), *keys, "--json")
        beside, (made, took) = recorded(folder, seconds, warm_up, lambda: run_json(command))
    (folder / "data" / "video").rename(folder / "disk")
    shutil.rmtree(folder / "data")
    (folder / "minwang.toml").write_text(f"[data]\ndir = '{folder}/new'\nvolumes = ['{folder}/disk']\n")
    restored, back = run_json(minwang(folder, "restore", made["archive"], "--to", str(folder / "new"), *keys, "--json"))
    return [
        Figure("streams", streams, ""),
        Figure("database", round(database / 1e9, 2), "GB"),
        Figure("rows of the index", made["tables"]["footage"], ""),
        Figure(
            "backup, with its restore and check", round(took, 1), "s", "shorter than the recording", beside["outlasted"]
        ),
        Figure("archive", round(made["bytes"] / 1e9, 2), "GB"),
        Figure("packets lost while recording without a backup", alone["lost_packets"], ""),
        Figure("packets lost while the backup was made", beside["lost_packets"], "", "0", beside["lost_packets"] == 0),
        Figure("seconds in gaps meanwhile", round(gaps_of(beside), 1), "s", "0", gaps_of(beside) == 0),
        Figure("files left unhashed under load", beside["unhashed_files"], ""),
        Figure("restore", round(back, 1), "s", f"≤ {RESTORE_LIMIT_S:.0f}", back <= RESTORE_LIMIT_S),
        Figure("newer files of footage taken in by the restore", (restored["adopted"] or {}).get("files", 0), ""),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--streams", type=int)
    parser.add_argument("--cameras", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--seconds", type=float, help="of recording beside the backup")
    args = parser.parse_args()
    streams, cameras = args.streams or (10 if args.quick else 200), args.cameras or (50 if args.quick else 2252)
    days, seconds = args.days or (2 if args.quick else 31), args.seconds or (15.0 if args.quick else 400.0)
    with tempfile.TemporaryDirectory(prefix="minwang-bench-") as name:
        figures = measure(Path(name), streams, cameras, days, seconds)
    return report("backup", figures)


if __name__ == "__main__":
    sys.exit(main())
