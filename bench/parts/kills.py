"""What a crash costs.

`run`: kills recorders with SIGKILL at random pictures; reads and decodes their files. `run_power`: simulates a power
cut: of every file only what had been flushed to the disk (syncfs) survives; everything younger is cut off at an
arbitrary byte, as a journalling file system leaves it, and the station starts again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.common import ENVIRONMENT, BenchContext, Figure, inventory, virtual_farm
from cameras.virtual.__main__ import load_clip
from cameras.virtual.clip import LoopClip
from cameras.virtual.paced import PacedServer
from cameras.virtual.rtsp_server import Mount
from nvr.archive.segment_index import start_of
from nvr.media.mp4 import fmp4

KILL_STREAMS = 4
AT_ONCE = 3


def kill_once(folder: Path, seed: int, streams: int = KILL_STREAMS, clip: LoopClip | None = None) -> float:
    """Kill a recorder at a random picture; returns the seconds of pictures received but not on disk, of the worst
    stream.

    Needs no clock: the cameras send no faster than the recorder reads (cameras.virtual.paced).
    """
    return asyncio.run(_kill_once(folder, seed, streams, clip or load_clip("h264", 500_000, (640, 360), 25.0, 4.0)))


async def _kill_once(folder: Path, seed: int, streams: int, clip: LoopClip) -> float:
    mounts = [Mount(f"/cam{i}", {"healthy": clip}, phase=i * 0.7) for i in range(streams)]
    server = PacedServer(mounts)
    port = await server.start("127.0.0.1", 0)
    data, plan = folder / f"kill-{seed}", folder / f"kill-{seed}.yaml"
    await asyncio.to_thread(inventory, plan, streams, port, "native")
    command = ["-m", "station", "record", "--inventory", str(plan), "--seconds", "600", "--data", str(data)]
    recorder = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--segment-seconds", "4", env=ENVIRONMENT, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        wanted = int(clip.fps * (2 + random.Random(seed).random() * 4))
        async with asyncio.timeout(120):
            while min(m.sent_pictures for m in mounts) < wanted and recorder.returncode is None:
                await asyncio.sleep(0.01)
        recorder.send_signal(signal.SIGSTOP)  # from here on it receives nothing
        given = [m.sent_pictures - await server.unread(m) for m in mounts]
    finally:
        recorder.kill()
        await recorder.wait()
        await server.stop()
    stored = [await asyncio.to_thread(stored_pictures, data / "video" / f"c{i}") for i in range(streams)]
    await asyncio.to_thread(shutil.rmtree, data)
    assert all(stored), "a stream left no file"
    return max(g - s for g, s in zip(given, stored, strict=True)) / clip.fps


def stored_pictures(camera: Path) -> int:
    """Return the number of complete pictures in a camera's files; each must be readable."""
    paths = sorted(camera.rglob("*.mp4"))
    for path in paths:
        check_reads_back(path)
    return sum(f.samples for path in paths for f in fmp4.scan(path))


def check_reads_back(path: Path) -> None:
    """Check that every complete fragment decodes without an error."""
    fragments = list(fmp4.scan(path))
    if not fragments:
        return
    whole = path.read_bytes()[: fragments[-1].offset + fragments[-1].size]
    as_filed = [
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "-1",
    ]  # pictures of a busy machine are closer than 1/25 s
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", *as_filed, "-f", "null", "-"],
        input=whole,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, f"{path}: {done.stderr.decode()}"


def run(c: BenchContext) -> list[Figure]:
    kills = 1 if c.quick else c.count or 100
    clip = load_clip("h264", 500_000, (640, 360), 25.0, 4.0)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        losses = list(pool.map(lambda seed: kill_once(c.folder, seed, clip=clip), range(kills)))
    worst = max(losses)
    return [
        Figure("kills", kills, "", "100", c.quick or kills >= 100),
        Figure("worst loss after SIGKILL", round(worst, 3), "s", "≤ 0.5", worst <= 0.5),
        Figure("median loss after SIGKILL", round(sorted(losses)[len(losses) // 2], 3), "s"),
    ]


def cut_once(c: BenchContext, seed: int) -> tuple[float, int]:
    """Simulate one power cut; returns (seconds lost of the worst stream, older files that were damaged)."""
    rng = random.Random(seed)
    data, plan = c.folder / f"power-{seed}", c.folder / f"power-{seed}.yaml"
    inventory(plan, KILL_STREAMS, c.port, "native")
    trace = c.folder / f"power-{seed}.trace"
    command = [
        sys.executable,
        "-m",
        "bench.parts.traced_record",
        str(plan),
        str(data),
        str(trace),
        "4" if c.quick else "10",
    ]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120  # a busy machine starts three recorders slowly
    while (not trace.exists() or "flushed" not in trace.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(rng.random() * (4 if c.quick else 12))
    process.send_signal(signal.SIGKILL)
    cut = time.time()
    process.wait()
    flushed = json.loads(trace.read_text().splitlines()[-1])["flushed"]
    for path in data.rglob("*.mp4"):  # what was not flushed is gone, from an arbitrary byte on
        safe = min(flushed.get(str(path), 0), path.stat().st_size)
        with path.open("r+b") as f:
            f.truncate(rng.randint(safe, path.stat().st_size))
    command = [
        sys.executable,
        "-m",
        "station",
        "archive",
        "verify",
        "--repair",
        "--hash",
        "--reason",
        "bench",
        "--json",
    ]
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
        [*command[:5], "archive", "verify", "--hash", "--json"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    lost = max(cut - end for end in ends.values()) if len(ends) == KILL_STREAMS else float("inf")
    shutil.rmtree(data)
    return lost, 0 if json.loads(again.stdout)["clean"] else 1


def run_power(c: BenchContext) -> list[Figure]:
    cuts = 1 if c.quick else c.count or 20
    with virtual_farm(KILL_STREAMS, c.port, 4.0), concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda seed: cut_once(c, seed), range(cuts)))
    worst = max(lost for lost, _ in results)
    return [
        Figure("power cuts", cuts, "", "20", c.quick or cuts >= 20),
        Figure(
            "worst loss after a power cut", round(worst, 2), "s", "≤ 10.5 (sync_interval and a kill)", worst <= 10.5
        ),
        Figure(
            "archives not whole after repair",
            sum(bad for _, bad in results),
            "",
            "0",
            not any(bad for _, bad in results),
        ),
    ]
