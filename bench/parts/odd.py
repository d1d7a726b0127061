"""Odd cameras among ordinary ones: what they lose, what the others lose, and what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from bench.common import ENVIRONMENT, BenchContext, Figure, cpu_seconds, inventory
from nvr.archive import segment_index
from nvr.media.mp4 import fmp4
from nvr.media.mp4.fmp4 import TIMESCALE

WARM_UP = 5.0


@dataclass(slots=True)
class Run:
    cpu: float  # CPU seconds per camera-minute
    streams: dict[str, Any]  # from the recorder's summary
    sent: dict[str, Any]  # by stream: oddity, send times
    recorded: dict[str, list[float]]  # by stream: the time that the recorder gives each picture


def recorded_times(folder: Path) -> list[float]:
    """Return the time of each picture in a stream's files, in decoding order, in seconds since 1970."""
    found: list[float] = []
    for path in sorted(folder.glob("*/*.mp4")):
        start, data = (segment_index.start_of(path) or 0) / 1e6, path.read_bytes()
        for fragment in fmp4.scan(path):
            parsed = fmp4.parse_moof(data[fragment.offset : fragment.offset + fragment.size])
            if parsed is not None:
                time_, samples, _ = parsed
                places = accumulate((s.duration for s in samples), initial=time_)
                found += [
                    start + (at + s.composition_offset) / TIMESCALE for at, s in zip(places, samples, strict=False)
                ]
    return found


def measure(c: BenchContext, name: str, streams: int, odd: int, seconds: float) -> Run:
    folder = c.folder / name
    folder.mkdir()
    out = folder / "sent.json"
    loop = "4" if c.quick else "10"
    farm = [sys.executable, "-m", "bench.odd_farm", str(streams), str(odd), str(c.port), loop, str(out)]
    cameras = subprocess.Popen(
        farm, env={**ENVIRONMENT, "MINWANG_DIE_WITH_PARENT": "1"}, stdout=subprocess.PIPE, text=True
    )
    assert cameras.stdout is not None and cameras.stdout.readline().startswith("ready")
    inventory(folder / "cameras.yaml", streams, c.port, "native")
    (folder / "minwang.toml").write_text("[retention]\nmin_free_bytes = 0\n[recorder]\nconnects_per_subnet = 20\n")
    warm = WARM_UP + streams * 0.06
    command = [
        sys.executable, "-m", "station", "--config", str(folder / "minwang.toml"), "record", "--inventory",
        str(folder / "cameras.yaml"), "--data", str(folder / "data"), "--seconds", str(warm + seconds + 1),
    ]  # fmt: skip
    recorder = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    time.sleep(warm)
    before, began = cpu_seconds(recorder.pid), time.monotonic()
    time.sleep(seconds)
    cpu = (cpu_seconds(recorder.pid) - before) * 60 / (time.monotonic() - began) / streams
    summary = json.loads(recorder.communicate()[0])
    cameras.terminate()
    cameras.wait()
    cameras.stdout.close()
    videos = {f"cam{i}": folder / "data" / "video" / f"c{i}" / "main" for i in range(streams)}
    recorded = {name: recorded_times(path) for name, path in videos.items()}
    sent = json.loads(out.read_text())
    return Run(cpu, {k.split("/")[0].replace("c", "cam", 1): v for k, v in summary["streams"].items()}, sent, recorded)


def share(sent: list[float], recorded: list[float]) -> float:
    """Return the share of recorded pictures among those sent while the stream was recorded."""
    if not recorded:
        return 0.0
    return len(recorded) / max(1, sum(t <= recorded[-1] for t in sent))


def worst_error(sent: list[float], recorded: list[float]) -> float:
    """Return the largest difference in seconds between a picture's recorded time and its send time."""
    return max((abs(a - b) for a, b in zip(recorded, sent, strict=False)), default=99.0)


def run(c: BenchContext) -> list[Figure]:
    """The same number of streams, first all clean, then a quarter odd."""
    streams, seconds = (15 * 4, 8.0) if c.quick else (c.streams or 200, c.seconds or 60.0)
    clean = measure(c, "clean", streams, 0, seconds)
    mixed = measure(c, "odd", streams, streams // 4, seconds)
    odd = {name: facts["oddity"] for name, facts in mixed.sent.items() if facts["oddity"]}
    others = [mixed.streams[name] for name in mixed.sent if name not in odd]
    lost = sum(s["lost_packets"] + s["damaged_pictures"] + s["short_holes"] + len(s["gaps"]) for s in others)
    shares, errors = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for name, kind in odd.items():
        sent, recorded = mixed.sent[name]["sent"], mixed.recorded[name]
        shares[kind].append(share(sent, recorded))
        errors[kind].append(worst_error(sent, recorded))
    least, worst = min(min(v) for v in shares.values()), max(max(v) for v in errors.values())
    theirs = max(worst_error(mixed.sent[n]["sent"], mixed.recorded[n]) for n in mixed.sent if n not in odd)
    ratio = mixed.cpu / clean.cpu if clean.cpu else 99.0
    return [
        Figure("streams", streams, "", "200", c.quick or streams >= 200),
        Figure("odd streams", len(odd), ""),
        Figure("kinds of oddity", len(shares), ""),
        Figure("losses of the others (packets, pictures, holes, gaps)", lost, "", "0", lost == 0),
        Figure("pictures of an odd stream, least", round(100 * least, 2), "%", "≥ 99", least >= 0.99),
        Figure("time of a picture of an odd stream, worst", round(worst, 2), "s", "≤ 1", worst <= 1.0),
        Figure("time of a picture of the others, worst", round(theirs, 2), "s", "≤ 1", theirs <= 1.0),
        Figure("CPU, all clean", round(clean.cpu, 4), "CPU-s/camera-min"),
        Figure("CPU, a quarter odd", round(mixed.cpu, 4), "CPU-s/camera-min"),
        Figure("CPU, odd / clean", round(ratio, 2), "", "≤ 1.5", ratio <= 1.5),
        *(Figure(f"{kind}: pictures, least", round(100 * min(v), 2), "%") for kind, v in sorted(shares.items())),
        *(Figure(f"{kind}: time, worst", round(max(v), 2), "s") for kind, v in sorted(errors.items())),
    ]
