"""The recorder against `ffmpeg -c copy` a camera and against plain receive-and-write, in one run.

    ./minwang bench recorder [--quick] [--streams N] [--seconds S] [--kills K]

All three read the same virtual farm (1280×720, 25 pictures a second, GOP 50, about 2 Mb/s, RTSP over
TCP). Native and ffmpeg run as the product runs them (`minwang record`, whole process tree, index and
database rows included). Then recorders are killed with SIGKILL at random instants and their files
read back.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.common import ENVIRONMENT, Figure, cpu_seconds, farm, inventory, pss, report
from nvr import fmp4
from nvr.footage import start_of

PORT = 18740
WARM_UP = 5.0
KILL_STREAMS = 4


@dataclass(frozen=True, slots=True)
class Cost:
    cpu: float  # CPU-seconds a camera-minute
    memory: float  # PSS bytes a camera
    lost: int
    rate: float  # bits a second a stream
    farm: float  # CPU-seconds of the virtual farm a stream-minute


def measure(seconds: float, *pids: int) -> list[float]:
    """CPU-seconds a minute of each process tree, over `seconds`."""
    before, started = [cpu_seconds(p) for p in pids], time.monotonic()
    time.sleep(seconds)
    after, minutes = [cpu_seconds(p) for p in pids], (time.monotonic() - started) / 60
    return [(b - a) / minutes for a, b in zip(before, after, strict=True)]


def record(engine: str, streams: int, seconds: float, folder: Path, farm_pid: int, warm_up: float = WARM_UP) -> Cost:
    """Measure the product with one engine after a warm-up."""
    inventory(folder / f"{engine}.yaml", streams, PORT, engine)
    warm = warm_up + (streams * 0.12 if engine == "ffmpeg" else streams * 0.06)
    command = [
        sys.executable,
        "-m",
        "station",
        "record",
        "--inventory",
        str(folder / f"{engine}.yaml"),
        "--data",
        str(folder / engine),
    ]
    process = subprocess.Popen(
        [*command, "--seconds", str(warm + seconds + 1)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    time.sleep(warm)
    used, farm_used = measure(seconds, process.pid, farm_pid)
    memory = pss(process.pid)
    out, _ = process.communicate()
    summary = json.loads(out)
    assert len(summary["streams"]) == streams and all(s["segments"] for s in summary["streams"].values()), (
        "not every stream was recorded"
    )
    rate = summary["bytes"] * 8 / sum(s["recorded_seconds"] for s in summary["streams"].values())
    shutil.rmtree(folder / engine)
    return Cost(used / streams, memory / streams, summary["lost_packets"], rate, farm_used / streams)


def plain(streams: int, seconds: float, folder: Path) -> float:
    """CPU-seconds a camera-minute of receive-and-write."""
    (folder / "plain").mkdir()
    command = [sys.executable, "-m", "bench.plain_writer", str(streams), str(PORT), str(seconds + 1.5), str(folder / "plain")]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1)
    (used,) = measure(seconds, process.pid)
    process.wait()
    process.stdout.close()
    shutil.rmtree(folder / "plain")
    return used / streams


def kill_once(folder: Path, seed: int) -> float:
    """Kill a recorder at a random instant; seconds between the kill and the last picture on disk, the worst stream's."""
    data = folder / f"kill-{seed}"
    inventory(folder / "kill.yaml", KILL_STREAMS, PORT, "native")
    command = [
        sys.executable,
        "-m",
        "station",
        "record",
        "--inventory",
        str(folder / "kill.yaml"),
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--streams", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--kills", type=int)
    args = parser.parse_args()
    streams = args.streams or (10 if args.quick else 50)
    seconds = args.seconds or (3.0 if args.quick else 60.0)
    warm_up = 2.5 if args.quick else WARM_UP
    kills = args.kills if args.kills is not None else (1 if args.quick else 20)
    with (
        tempfile.TemporaryDirectory(prefix="minwang-bench-") as name,
        farm(streams, PORT, 4.0 if args.quick else 10.0) as source,
    ):
        folder = Path(name)
        native = record("native", streams, seconds, folder, source.pid, warm_up)
        limit = plain(streams, seconds, folder)
        ffmpeg = record("ffmpeg", streams, seconds, folder, source.pid, warm_up)
        losses = [kill_once(folder, seed) for seed in range(kills)]
    full = streams >= 50  # the bars hold for 50 streams; with fewer the process's own share weighs more
    worst = max(losses, default=0.0)
    cores = native.farm * 100 / 60
    return report(
        "recorder",
        [
            Figure("streams", streams, ""),
            Figure("rate a stream", round(native.rate / 1e6, 2), "Mb/s"),
            Figure("native CPU", round(native.cpu, 4), "CPU-s/camera-min"),
            Figure("ffmpeg CPU", round(ffmpeg.cpu, 4), "CPU-s/camera-min"),
            Figure("plain receive-and-write CPU", round(limit, 4), "CPU-s/camera-min"),
            Figure("native / ffmpeg CPU", round(native.cpu / ffmpeg.cpu, 3), "", "≤ 0.30 at 50 streams", not full or native.cpu <= 0.30 * ffmpeg.cpu),
            # In a quick run the plain loop may use less than one clock tick: then there is nothing to divide by.
            *([Figure("native / plain CPU", round(native.cpu / limit, 2), "")] if limit else []),
            Figure("native memory", round(native.memory / 1e6, 2), "MB PSS/camera"),
            Figure("ffmpeg memory", round(ffmpeg.memory / 1e6, 2), "MB PSS/camera"),
            Figure(
                "native / ffmpeg memory", round(native.memory / ffmpeg.memory, 3), "", "≤ 0.15 at 50 streams",
                not full or native.memory <= 0.15 * ffmpeg.memory,
            ),
            Figure("native packets lost", native.lost, "", "0", native.lost == 0),
            Figure("virtual farm, cores for 100 streams", round(cores, 3), "cores", "< 0.5 at 50 streams", not full or cores < 0.5),
            Figure("kills", kills, ""),
            Figure("worst loss after SIGKILL", round(worst, 3), "s", "≤ 0.5", worst <= 0.5),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
