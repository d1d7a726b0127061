"""What recording costs: native against one `ffmpeg -c copy` per camera, and against plain receive-and-write.

All read the same virtual farm (1280×720, 25 fps, GOP 50, about 2 Mb/s, RTSP over TCP). Native and ffmpeg run as in the
product (`minwang record`, whole process tree; including hashing, index and database rows). Against the plain loop the
native engine is measured with and without hashing: the loop does not hash.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import ENVIRONMENT, BenchContext, Figure, cpu_seconds, inventory, pss, virtual_farm

WARM_UP = 5.0


@dataclass(frozen=True, slots=True)
class Cost:
    cpu: float  # CPU seconds per camera-minute
    memory: float  # PSS bytes per camera
    lost: int
    rate: float  # bits per second per stream
    farm: float  # CPU seconds of the virtual farm per stream-minute
    gaps: dict[str, float] = field(default_factory=dict)  # seconds of gaps of all streams, by cause
    unhashed: int = 0


def measure(seconds: float, *pids: int) -> list[float]:
    """Return the CPU seconds per minute of each process tree, measured over `seconds`."""
    before, started = [cpu_seconds(p) for p in pids], time.monotonic()
    time.sleep(seconds)
    after, minutes = [cpu_seconds(p) for p in pids], (time.monotonic() - started) / 60
    return [(b - a) / minutes for a, b in zip(before, after, strict=True)]


def sweep(folder: Path, stop: threading.Event) -> None:
    """Remove files closed long ago: ten minutes of a town are 150 GB, and no figure needs them."""
    while not stop.wait(10):
        old = time.time() - 75
        for path in folder.rglob("*.mp4"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()


def record(
    engine: str,
    streams: int,
    seconds: float,
    folder: Path,
    port: int,
    farm_pid: int,
    *,
    warm_up: float = WARM_UP,
    hashing: bool = True,
) -> Cost:
    """Measure the product with one engine after a warm-up."""
    inventory(folder / f"{engine}.yaml", streams, port, engine)
    (folder / "minwang.toml").write_text(
        f"[recorder]\nhashing = {str(hashing).lower()}\n[retention]\nmin_free_bytes = 0\n"
    )
    warm = warm_up + (streams * 0.12 if engine == "ffmpeg" else streams * 0.06)
    command = [
        sys.executable,
        "-m",
        "station",
        "--config",
        str(folder / "minwang.toml"),
        "record",
        "--inventory",
        str(folder / f"{engine}.yaml"),
        "--data",
        str(folder / engine),
    ]
    process = subprocess.Popen(
        [*command, "--seconds", str(warm + seconds + 1)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    sweeping = threading.Event()
    sweeper = threading.Thread(target=sweep, args=(folder / engine, sweeping))
    sweeper.start()
    time.sleep(warm)
    used, farm_used = measure(seconds, process.pid, farm_pid)
    memory = pss(process.pid)
    out, _ = process.communicate()
    sweeping.set()
    sweeper.join()
    summary = json.loads(out)
    assert len(summary["streams"]) == streams and all(s["segments"] for s in summary["streams"].values()), (
        "not every stream was recorded"
    )
    rate = summary["bytes"] * 8 / sum(s["recorded_seconds"] for s in summary["streams"].values())
    shutil.rmtree(folder / engine)
    gaps = defaultdict[str, float](float)
    for gap in (g for s in summary["streams"].values() for g in s["gaps"]):
        gaps[gap["cause"]] += gap["seconds"]
    return Cost(
        used / streams,
        memory / streams,
        summary["lost_packets"],
        rate,
        farm_used / streams,
        gaps,
        summary["unhashed_files"],
    )


def plain(streams: int, seconds: float, folder: Path, port: int) -> float:
    """Return the CPU seconds per camera-minute of receive-and-write."""
    (folder / "plain").mkdir()
    command = [
        sys.executable,
        "-m",
        "bench.plain_writer",
        str(streams),
        str(port),
        str(seconds + 1.5),
        str(folder / "plain"),
    ]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1)
    (used,) = measure(seconds, process.pid)
    process.wait()
    process.stdout.close()
    shutil.rmtree(folder / "plain")
    return used / streams


def run(c: BenchContext) -> list[Figure]:
    """50 streams: native and ffmpeg."""
    streams, seconds, warm_up = (10, 3.0, 2.5) if c.quick else (c.streams or 50, c.seconds or 60.0, WARM_UP)
    with virtual_farm(streams, c.port, 4.0 if c.quick else 10.0) as source:
        native = record("native", streams, seconds, c.folder, c.port, source.pid, warm_up=warm_up)
        ffmpeg = record("ffmpeg", streams, seconds, c.folder, c.port, source.pid, warm_up=warm_up)
    full = streams >= 50  # the bars are for 50 streams; with fewer, the process's fixed cost dominates
    cores = native.farm * 100 / 60
    cpu, memory = native.cpu / ffmpeg.cpu, native.memory / ffmpeg.memory
    return [
        Figure("streams", streams, ""),
        Figure("rate a stream", round(native.rate / 1e6, 2), "Mb/s"),
        Figure("native CPU", round(native.cpu, 4), "CPU-s/camera-min"),
        Figure("ffmpeg CPU", round(ffmpeg.cpu, 4), "CPU-s/camera-min"),
        Figure("native / ffmpeg CPU", round(cpu, 3), "", "≤ 0.25 at 50 streams", not full or cpu <= 0.25),
        Figure("native memory", round(native.memory / 1e6, 2), "MB PSS/camera"),
        Figure("ffmpeg memory", round(ffmpeg.memory / 1e6, 2), "MB PSS/camera"),
        Figure("native / ffmpeg memory", round(memory, 3), "", "≤ 0.10 at 50 streams", not full or memory <= 0.10),
        Figure("native packets lost", native.lost, "", "0", native.lost == 0),
        Figure(
            "virtual farm, cores for 100 streams",
            round(cores, 3),
            "cores",
            "< 0.5 at 50 streams",
            not full or cores < 0.5,
        ),
    ]


def run_limit(c: BenchContext) -> list[Figure]:
    """200 streams: native, without and with hashing, and the plain loop before and after."""
    streams, seconds, warm_up = (20, 3.0, 2.5) if c.quick else (c.streams or 200, c.seconds or 40.0, WARM_UP)
    with virtual_farm(streams, c.port, 4.0 if c.quick else 10.0) as source:
        before = plain(streams, seconds, c.folder, c.port)
        bare = record("native", streams, seconds, c.folder, c.port, source.pid, warm_up=warm_up, hashing=False)
        between = plain(streams, seconds, c.folder, c.port)
        hashed = record("native", streams, seconds, c.folder, c.port, source.pid, warm_up=warm_up)
        after = plain(streams, seconds, c.folder, c.port)
    limit = (before + between + after) / 3
    ratio = bare.cpu / limit if limit else 0.0
    return [
        Figure("streams", streams, ""),
        Figure("plain receive-and-write CPU", round(limit, 4), "CPU-s/camera-min"),
        Figure("native CPU without hashing", round(bare.cpu, 4), "CPU-s/camera-min"),
        Figure("native CPU with hashing", round(hashed.cpu, 4), "CPU-s/camera-min"),
        Figure(
            "native / plain CPU, without hashing", round(ratio, 2), "", "≤ 2.5 at 200 streams", c.quick or ratio <= 2.5
        ),
        *([Figure("native / plain CPU, with hashing", round(hashed.cpu / limit, 2), "")] if limit else []),
        Figure("packets lost", bare.lost + hashed.lost, "", "0", bare.lost + hashed.lost == 0),
    ]


def run_town(c: BenchContext) -> list[Figure]:
    """1,000 streams, H.264 and H.265 mixed, on this machine, including the source."""
    streams, seconds = (40, 6.0) if c.quick else (c.streams or 1000, c.seconds or 600.0)
    with virtual_farm(streams, c.port, 4.0 if c.quick else 10.0, codec="mixed") as source:
        cost = record("native", streams, seconds, c.folder, c.port, source.pid, warm_up=4.0 if c.quick else 20.0)
    return [
        Figure("streams", streams, "", "1000", c.quick or streams >= 1000),
        Figure("seconds", seconds, "s"),
        Figure("rate a stream", round(cost.rate / 1e6, 2), "Mb/s"),
        Figure("recorder, cores", round(cost.cpu * streams / 60, 3), "cores"),
        Figure("source, cores", round(cost.farm * streams / 60, 3), "cores"),
        Figure("memory", round(cost.memory / 1e6, 3), "MB PSS/camera"),
        Figure("files left unhashed under load", cost.unhashed, ""),
        Figure("packets lost", cost.lost, "", "0", cost.lost == 0),
        Figure("seconds in gaps", round(sum(cost.gaps.values()), 1), "s", "0", not cost.gaps),
        *(Figure(f"in gaps: {cause}", round(s, 1), "s") for cause, s in cost.gaps.items()),
    ]
