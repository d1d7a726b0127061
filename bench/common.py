"""Shared by the benchmarks: the virtual farm, process accounting, the JSON line."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from core.host.child_environment import child_environment

ROOT = Path(__file__).parent.parent
ENVIRONMENT = child_environment()


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `bar` says what it must reach, `ok` whether it did (None: no bar)."""

    name: str
    value: float | str
    unit: str
    bar: str = ""
    ok: bool = True


@dataclass(frozen=True, slots=True)
class BenchContext:
    """The input of a part of a benchmark."""

    folder: Path
    port: int
    quick: bool
    streams: int | None = None
    seconds: float | None = None
    count: int | None = None


def report(bench: str, figures: list[Figure]) -> int:
    """Print the JSON line; returns the exit status."""
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}"
    )
    print(json.dumps({"bench": bench, "machine": machine, "figures": [asdict(f) for f in figures]}, ensure_ascii=False))
    return 0 if all(f.ok for f in figures) else 1


@contextlib.contextmanager
def virtual_farm(
    streams: int,
    port: int,
    loop: float = 10.0,
    codec: str = "h264",
    bitrate: int = 2_000_000,
    host: str = "127.0.0.1",
    size: tuple[int, int] = (1280, 720),
    fps: float = 25.0,
) -> Iterator[subprocess.Popen[str]]:
    """Run `streams` virtual cameras on one port in a separate process. `size` in pixels, `fps` in pictures a second."""
    command = [
        sys.executable,
        "-m",
        "cameras.virtual",
        "--streams",
        str(streams),
        "--port",
        str(port),
        "--loop",
        str(loop),
        "--codec",
        codec,
        "--bitrate",
        str(bitrate),
        "--host",
        host,
        "--size",
        f"{size[0]}x{size[1]}",
        "--fps",
        str(fps),
    ]
    process = subprocess.Popen(
        command, env={**ENVIRONMENT, "MINWANG_DIE_WITH_PARENT": "1"}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("ready"):
            raise RuntimeError("the virtual farm did not start")
        yield process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        me = psutil.Process(pid)
        return [me, *me.children(recursive=True)]
    return []


def cpu_seconds(pid: int) -> float:
    """Return the user and system CPU seconds of a process tree, including its ended children."""
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.Error):
            t = process.cpu_times()
            total += t.user + t.system + t.children_user + t.children_system
    return total


def pss(pid: int) -> int:
    """Return the proportional memory (PSS) of a process tree in bytes."""
    total = 0
    for process in tree(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def inventory(path: Path, streams: int, port: int, engine: str) -> None:
    rows = "".join(
        f"- {{id: c{i}, name: c, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{port}/cam{i}', engine: "
        f"{engine}}}}}}}\n"
        for i in range(streams)
    )
    path.write_text(f"town: bench\nvillages:\n- {{code: v, name: v}}\ncameras:\n{rows}")
