"""The segment index of a town's month, `archive verify`, and clips.

    ./minwang bench archive [--quick] [--cameras N] [--days D] [--files N]

Index: writes 2,252 cameras × 31 days of 60 s segments (100 million entries) into a database, packed as the recorder
does; then queries what exists for nine cameras on one day at random places, and appends an hour of closed segments.
Verify: compares a million entries with their files (links to one small segment). Clip: writes a range of recorded files
as MP4.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from bench.common import Figure, report
from cameras.virtual.__main__ import load_clip
from core.clock import HOUR_US, SystemClock, to_microseconds
from core.database import Database
from core.migrate import upgrade
from nvr.archive import segment_index
from nvr.archive.integrity.verify import verify
from nvr.archive.reader import LocatedGop
from nvr.archive.segment_index import Segment
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import fmp4, gop_index
from nvr.playback import clip, mp4_writer
from nvr.rtsp.sdp import VideoCodec
from nvr.storage.volumes import prepare

MINUTE_US = 60_000_000
DAY_HOURS = 24
BATCH = 5000
LINKS = 30_000  # per file; ext4 allows 65,000


def hour_of(stream: str, hour: int, size: int = 15_000_000) -> bytes:
    """Return the 60 entries of one hour."""
    base = hour * HOUR_US
    entries = (
        Segment(stream, 1, base + i * MINUTE_US, base + (i + 1) * MINUTE_US, MINUTE_US, size, 1500, sha256=bytes(32))
        for i in range(60)
    )
    return b"".join(segment_index.pack(s) for s in entries)


async def fill(database: Database, cameras: int, days: int, first_hour: int) -> None:
    """Write the month's rows in the order of time, as a station would."""
    entries = {h: hour_of("x", h) for h in range(first_hour, first_hour + days * DAY_HOURS)}
    statement = text("INSERT INTO footage (stream, hour, volume, deleting, entries) VALUES (:s, :h, 1, false, :e)")
    rows = ({"s": f"c{c}/main", "h": h, "e": e} for h, e in entries.items() for c in range(cameras))
    while batch := [row for _, row in zip(range(BATCH), rows, strict=False)]:
        async with database.session() as session:
            await session.execute(statement, batch)
    async with database.session() as session:
        await session.execute(
            text("INSERT INTO stream_usage (stream, bytes_held, files) VALUES (:s, 0, 1)"),
            [{"s": f"c{c}/main"} for c in range(cameras)],
        )


async def ask(database: Database, cameras: int, days: int, first_hour: int, count: int) -> list[float]:
    """Return the seconds that each query for a day of nine cameras took, each time for other cameras."""
    rng, took = random.Random(1), list[float]()
    for _ in range(count):
        streams = [f"c{c}/main" for c in rng.sample(range(cameras), 9)]
        start = (first_hour + rng.randrange(days) * DAY_HOURS) * HOUR_US
        began = time.perf_counter()
        async with database.reading() as session:
            found = await segment_index.spans(session, streams, start, start + DAY_HOURS * HOUR_US)
        spans = {s: segment_index.merge_spans(pairs) for s, pairs in found.items()}
        took.append(time.perf_counter() - began)
        assert all(len(v) == 1 for v in spans.values())
    return sorted(took)


async def append(database: Database, cameras: int, hour: int, seconds: int) -> float:
    """Return the CPU seconds per second that appending costs: every camera closes one file a minute."""
    a_second = max(1, cameras // 60)
    before = time.process_time()
    for i in range(seconds):
        start = hour * HOUR_US + i * 1_000_000
        closed = [
            Segment(
                f"c{(i * a_second + k) % cameras}/main",
                1,
                start + k,
                start + k + MINUTE_US,
                MINUTE_US,
                15_000_000,
                1500,
            )
            for k in range(a_second)
        ]
        async with database.session() as session:
            await segment_index.append(session, closed)
    return (time.process_time() - before) / seconds


async def index(folder: Path, cameras: int, days: int, questions: int) -> list[Figure]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'index.db'}", bytes(32))
    await upgrade(database)
    first_hour = to_microseconds(SystemClock().now()) // HOUR_US - days * DAY_HOURS
    await fill(database, cameras, days, first_hour)
    took = await ask(database, cameras, days, first_hour, questions)
    share = await append(database, cameras, first_hour + days * DAY_HOURS, 30 if questions < 100 else 300)
    began = time.perf_counter()
    async with database.reading() as session:
        oldest = await segment_index.oldest(session)
    seek = time.perf_counter() - began
    await database.close()
    worst = took[int(len(took) * 0.95)]
    entries = cameras * days * DAY_HOURS * 60
    return [
        Figure("entries", entries, "", "100 million without --quick", questions < 100 or entries >= 100_000_000),
        Figure("database", round((folder / "index.db").stat().st_size / 1e9, 2), "GB"),
        Figure("nine cameras' day, 95th percentile", round(worst * 1000, 1), "ms", "< 50", worst < 0.05),
        Figure("nine cameras' day, median", round(took[len(took) // 2] * 1000, 1), "ms"),
        Figure("appending, a file a camera and minute", round(share * 100, 3), "% of a core", "< 1", share < 0.01),
        Figure(f"oldest footage of all {len(oldest)} streams", round(seek * 1000, 1), "ms"),
    ]


def small_segment() -> bytes:
    """Return a file with all parts of a closed segment, and one picture of 4 bytes."""
    made = load_clip("h264", 300_000, (320, 180), 12.5, 1.0)
    video = VideoFormat.from_sets(VideoCodec.H264, made.parameter_sets)
    init = fmp4.init_segment(video)
    fragment = fmp4.moof(1, 0, [90_000], [4], True) + b"\0\0\0\0"
    gop = gop_index.Gop(0, 1_000_000, len(init), len(fragment))
    return init + fragment + gop_index.box([gop])


def link_all(folder: Path, streams: list[str], first_hour: int, hours: int) -> int:
    data, made, source = small_segment(), 0, folder / "source"
    for stream in streams:
        for start in starts(first_hour, hours):
            if made % LINKS == 0:
                source = folder / f"source-{made}"
                source.write_bytes(data)
            path = folder / "video" / stream / segment_index.name_of(start)
            if start % (DAY_HOURS * HOUR_US) == 0 or start == first_hour * HOUR_US:
                path.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, path)
            made += 1
    return len(data)


def starts(first_hour: int, hours: int) -> Iterator[int]:
    return ((first_hour + h) * HOUR_US + i * MINUTE_US for h in range(hours) for i in range(60))


async def fsck(folder: Path, files: int) -> list[Figure]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'verify.db'}", bytes(32))
    await upgrade(database)
    await prepare(database, [folder / "video"], folder)
    hours = DAY_HOURS * 7
    streams = [f"c{i}/main" for i in range(max(1, files // (hours * 60)) + (files > hours * 60))]
    first_hour = to_microseconds(SystemClock().now()) // HOUR_US // DAY_HOURS * DAY_HOURS - hours
    size = await asyncio.to_thread(link_all, folder, streams, first_hour, hours)
    statement = text("INSERT INTO footage (stream, hour, volume, deleting, entries) VALUES (:s, :h, 1, false, :e)")
    async with database.session() as session:
        rows = [
            {"s": s, "h": h, "e": hour_of(s, h, size)} for s in streams for h in range(first_hour, first_hour + hours)
        ]
        await session.execute(statement, rows)
        await session.execute(
            text("INSERT INTO stream_usage (stream, bytes_held, files) VALUES (:s, 0, 1)"), [{"s": s} for s in streams]
        )
    began = time.perf_counter()
    findings = await verify(database)
    took = time.perf_counter() - began
    await database.close()
    assert findings.clean and findings.rows == findings.files, findings
    return [
        Figure(
            "entries and files compared",
            findings.rows,
            "",
            "1 million without --quick",
            files < 10**6 or findings.rows >= 10**6,
        ),
        Figure("archive verify", round(took, 1), "s", "< 60", took < 60),
    ]


def clip_speed(folder: Path, minutes: int) -> list[Figure]:
    made = load_clip("h264", 4_000_000, (1280, 720), 25.0, 4.0)
    video = VideoFormat.from_sets(VideoCodec.H264, made.parameter_sets)
    gops: list[LocatedGop] = []
    picture = random.Random(1).randbytes(20_000)
    for minute in range(minutes):
        path, places, data = folder / f"{minute}.mp4", list[gop_index.Gop](), bytearray(fmp4.init_segment(video))
        for number in range(150):
            key, begin = number % 5 == 0, len(data)
            data += fmp4.moof(number + 1, number * 36_000, [3600] * 10, [len(picture)] * 10, key) + picture * 10
            if key:
                places.append(gop_index.Gop(number * 400_000, 2_000_000, begin, 0))
            places[-1].size = len(data) - places[-1].offset
        path.write_bytes(data + gop_index.box(places))
        base = minute * MINUTE_US
        gops += [
            LocatedGop(base + g.time_us, base + g.time_us + g.duration_us, path, g.offset, g.size, base) for g in places
        ]
    began = time.perf_counter()
    size = mp4_writer.write(clip.plan(gops), folder / "clip.mp4")
    speed = size / (time.perf_counter() - began) / 1e6
    began = time.perf_counter()
    with (folder / "copy.mp4").open("wb") as out:
        for minute in range(minutes):
            with (folder / f"{minute}.mp4").open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)
    copy = size / (time.perf_counter() - began) / 1e6
    return [
        Figure("clip", round(size / 1e6), "MB"),
        Figure("clip written", round(speed), "MB/s", "≥ 200", speed >= 200),
        Figure("clip / plain copy of the same bytes", round(speed / copy, 2), ""),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cameras", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--files", type=int)
    args = parser.parse_args()
    cameras, days = args.cameras or (100 if args.quick else 2252), args.days or (3 if args.quick else 31)
    files = args.files or (20_000 if args.quick else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="minwang-bench-") as name:
        folder = Path(name)
        figures = asyncio.run(index(folder, cameras, days, 20 if args.quick else 200))
        figures += asyncio.run(fsck(folder, files))
        figures += clip_speed(folder, 2 if args.quick else 20)
    return report("archive", figures)


if __name__ == "__main__":
    sys.exit(main())
