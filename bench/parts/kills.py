"""What a crash costs.

`run`: recorders are killed with SIGKILL at random instants and their files read back and decoded. `run_power`:
a power cut is simulated: of every file only what had been flushed to the platter (syncfs) survives; everything
younger is cut off at an arbitrary byte, as a journalling file system leaves it, and the station starts again.
"""

from __future__ import annotations

import concurrent.futures
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.common import ENVIRONMENT, Context, Figure, farm, inventory
from nvr import fmp4
from nvr.footage import start_of

KILL_STREAMS = 4
AT_ONCE = 3


def kill_once(folder: Path, port: int, seed: int) -> float:
    """Kill a recorder at a random instant; seconds between the kill and the last picture on disk, the worst stream's."""
    data = folder / f"kill-{seed}"
    inventory(folder / f"kill-{seed}.yaml", KILL_STREAMS, port, "native")
    command = [
        sys.executable,
        "-m",
        "station",
        "record",
        "--inventory",
        str(folder / f"kill-{seed}.yaml"),
        "--seconds",
        "120",
        "--data",
        str(data),
    ]
    process = subprocess.Popen([*command, "--segment-seconds", "4"], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while len({p.parents[2] for p in data.rglob("*.mp4")}) < KILL_STREAMS and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.5 + random.Random(seed).random() * 2)
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    process.wait()
    newest: dict[Path, float] = {}
    for path in data.rglob("*.mp4"):
        check_reads_back(path)
        fragments, start = list(fmp4.scan(path)), start_of(path)
        if fragments and start is not None:
            end = start / 1e6 + (fragments[-1].time + fragments[-1].duration) / fmp4.TIMESCALE
            newest[path.parents[1]] = max(newest.get(path.parents[1], 0.0), end)
    assert len(newest) == KILL_STREAMS, "a stream left no file"
    shutil.rmtree(data)
    return max(killed - end for end in newest.values())


def check_reads_back(path: Path) -> None:
    """Every whole fragment decodes without an error."""
    fragments = list(fmp4.scan(path))
    if not fragments:
        return
    whole = path.read_bytes()[: fragments[-1].offset + fragments[-1].size]
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "null", "-"], input=whole, capture_output=True, check=False
    )
    assert done.returncode == 0 and not done.stderr, f"{path}: {done.stderr.decode()}"


def run(c: Context) -> list[Figure]:
    kills = 1 if c.quick else c.count or 100
    with farm(KILL_STREAMS, c.port, 4.0) as _, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        losses = list(pool.map(lambda seed: kill_once(c.folder, c.port, seed), range(kills)))
    worst = max(losses)
    return [
        Figure("kills", kills, "", "100", c.quick or kills >= 100),
        Figure("worst loss after SIGKILL", round(worst, 3), "s", "≤ 0.5", worst <= 0.5),
        Figure("median loss after SIGKILL", round(sorted(losses)[len(losses) // 2], 3), "s"),
    ]


def cut_once(c: Context, seed: int) -> tuple[float, int]:
    """(seconds lost of the worst stream, files older than that which suffered) of one simulated power cut."""
    rng = random.Random(seed)
    data, plan = c.folder / f"power-{seed}", c.folder / f"power-{seed}.yaml"
    inventory(plan, KILL_STREAMS, c.port, "native")
    trace = c.folder / f"power-{seed}.trace"
    command = [sys.executable, "-m", "bench.parts.traced_record", str(plan), str(data), str(trace), "4" if c.quick else "10"]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while (not trace.exists() or "flushed" not in trace.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(rng.random() * (4 if c.quick else 12))
    process.send_signal(signal.SIGKILL)
    cut = time.time()
    process.wait()
    flushed = json.loads(trace.read_text().splitlines()[-1])["flushed"]
    for path in data.rglob("*.mp4"):  # what was not on the platter is gone, at any byte
        safe = min(flushed.get(str(path), 0), path.stat().st_size)
        with path.open("r+b") as f:
            f.truncate(rng.randint(safe, path.stat().st_size))
    command = [sys.executable, "-m", "station", "archive", "verify", "--repair", "--hash", "--json"]
    (c.folder / f"power-{seed}.toml").write_text(f"[data]\ndir = '{data}'\n")
    command[3:3] = ["--config", str(c.folder / f"power-{seed}.toml")]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
    lost, ends = 0.0, dict[str, float]()
    for path in data.rglob("*.mp4"):
        check_reads_back(path)
        start, fragments = start_of(path), list(fmp4.scan(path))
        if start is not None and fragments:
            end = start / 1e6 + (fragments[-1].time + fragments[-1].duration) / fmp4.TIMESCALE
            ends[path.parents[2].name] = max(end, ends.get(path.parents[2].name, 0.0))
    again = subprocess.run(
        [*command[:5], "archive", "verify", "--hash", "--json"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    lost = max(cut - end for end in ends.values()) if len(ends) == KILL_STREAMS else float("inf")
    shutil.rmtree(data)
    return lost, 0 if json.loads(again.stdout)["clean"] else 1


def run_power(c: Context) -> list[Figure]:
    cuts = 1 if c.quick else c.count or 20
    with farm(KILL_STREAMS, c.port, 4.0), concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda seed: cut_once(c, seed), range(cuts)))
    worst = max(lost for lost, _ in results)
    return [
        Figure("power cuts", cuts, "", "20", c.quick or cuts >= 20),
        Figure("worst loss after a power cut", round(worst, 2), "s", "≤ 10.5 (sync_interval and a kill)", worst <= 10.5),
        Figure("archives not whole after repair", sum(bad for _, bad in results), "", "0", not any(bad for _, bad in results)),
    ]
