"""A full patrol round of a town from its archive, while 200 streams are being recorded."""

from __future__ import annotations

import asyncio
import fractions
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
import cv2
import numpy as np
from sqlalchemy import func, insert, select, update

from bench.common import ENVIRONMENT, BenchContext, Figure, virtual_farm
from bench.parts import in_process
from cameras.registry import inventory, registry
from cameras.tables import Stream
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.migrate import upgrade
from core.settings import PatrolSettings
from health.patrol.patrol import Patrol
from health.patrol.rounds import request
from health.picture.view_pattern import ViewPattern
from health.tables import CameraBaseline, Inspection, PatrolRound, ReferenceScene
from nvr.archive import segment_index
from nvr.archive.reader import Keyframe
from nvr.archive.segment_index import Segment
from nvr.engine_choice import EngineKind
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import fmp4, gop_index
from nvr.playback.decode_pool import DecodePool
from nvr.rtsp.sdp import VideoCodec
from nvr.storage.volumes import prepare
from nvr.streams import StreamSpec
from nvr.tables import StreamStatus

CAMERAS, RECORDED = 2252, 200
LOOKS, SCENES = 100, 24
SECOND_US = 1_000_000
VILLAGES = 22


def keyframe_1080p(
    footage_dir: Path | None, size: tuple[int, int] = (1920, 1080), bitrate: int = 2_000_000, pictures: int = 60
) -> Keyframe:
    """Return a keyframe as a camera with 2 Mb/s sends it: the second one of a real scene, or of a drawn street.

    `pictures`: encoded in all, the second keyframe among them.
    """
    from tests.health import simulated_views

    if footage_dir is not None:
        with av.open(str(footage_dir / "person-bicycle-car-detection.mp4")) as source:
            decoded = zip(range(pictures), source.decode(video=0), strict=False)
            shown = [p.to_ndarray(format="bgr24") for _, p in decoded]
    else:
        shown = [np.asarray(simulated_views.drawn(1)[0] ** (1 / 2.2) * 255, np.uint8)] * pictures
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, "yuv420p", fractions.Fraction(1, 25)
    encoder.bit_rate, encoder.gop_size = bitrate, pictures * 5 // 6
    encoder.options = {"preset": "veryfast", "x264-params": "bframes=0:rc-lookahead=0:repeat-headers=1"}
    rng, packets = np.random.default_rng(1), []
    for picture in shown:
        large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(large + rng.normal(0, 2.0, large.shape), 0, 255).astype(np.uint8)
        packets += encoder.encode(av.VideoFrame.from_ndarray(noisy, "bgr24"))
    packets += encoder.encode(None)
    key = [p for p in packets if p.is_keyframe][-1]
    # PyAV writes Annex B (ITU-T H.264): convert start codes to lengths, separate the parameter sets.
    sets, slices = {}, []
    for nal in _nals(bytes(key)):
        kind = nal[0] & 31
        if kind in (7, 8):
            sets[kind] = nal
        elif kind == 5:
            slices.append(nal)
    video = VideoFormat.from_sets(VideoCodec.H264, [sets[7], sets[8]])
    return Keyframe("c/main", 0, "h264", video.configuration(), b"".join(len(n).to_bytes(4, "big") + n for n in slices))


def _nals(data: bytes) -> list[bytes]:
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [p for p in parts if p]


def known_past(frame: Keyframe, looks: int = 120) -> tuple[list[bytes], list[float], list[bytes], ViewPattern]:
    """Return a history of slightly different inspections of one view: features, hours, scenes, view pattern."""
    from health.picture import view_pattern
    from health.picture.measurement import measure_keyframe

    sight, rng = measure_keyframe(frame), np.random.default_rng(3)
    vectors = [(sight.vector + rng.normal(0, 0.05, sight.vector.shape)).astype("<f2").tobytes() for _ in range(looks)]
    scenes = [sight.thumb.tobytes()] * SCENES
    return (
        vectors,
        [float(i % 24) for i in range(looks)],
        scenes,
        view_pattern.ViewPattern(view_pattern.signature(sight.thumb), looks),
    )


async def _town(database: Database, cameras: int) -> None:
    rows = "".join(
        f"- {{id: c{i}, name: c, village: v{i % VILLAGES}, streams: {{main: {{url: 'rtsp://127.0.0.1/{i}'}}, sub: "
        f"{{url: 'rtsp://127.0.0.1/{i}s'}}}}}}\n"
        for i in range(cameras)
    )
    villages = "".join(f"- {{code: v{i}, name: v{i}}}\n" for i in range(VILLAGES))
    text = f"town: bench\nvillages:\n{villages}cameras:\n{rows}"
    async with database.session() as session:
        await registry.apply(session, inventory.parse(text), SystemClock().now(), "bench")
        await session.execute(update(Stream).values(fps=12.5))


def files_of(cameras: int, video: Path, start_us: int, clips: list[bytes]) -> None:
    """Create hard links to a few files, one for each camera's sub-stream."""
    sources = []
    for i, data in enumerate(clips):
        source = video / f"source-{i}"
        source.write_bytes(data)
        sources.append(source)
    for i in range(cameras):
        path = video / f"c{i}/sub" / segment_index.name_of(start_us)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(sources[i % len(sources)], path)


def clip_file(seed: int, gops: int = 8) -> tuple[bytes, Keyframe]:
    """Return a closed segment with a D1 keyframe every two seconds, and its newest keyframe."""
    from cameras.virtual import scene
    from cameras.virtual.clip import encode
    from tests.health.frames import keyframes

    view = scene.Street(seed, (704, 576))
    clip = encode([view.frame(i / 40, i) for i in range(gops)], fps=1, gop=1, crf=24)
    frames = keyframes(clip)
    video = VideoFormat.from_sets(VideoCodec(clip.codec), clip.parameter_sets)
    out, index = fmp4.init_segment(video), []
    for i, frame in enumerate(frames):
        fragment = fmp4.moof(i + 1, i * 180_000, [180_000], [len(frame.data)], True) + frame.data
        index.append(gop_index.Gop(i * 2 * SECOND_US, 2 * SECOND_US, len(out), len(fragment)))
        out += fragment
    return out + gop_index.box(index), frames[-1]


async def remember(database: Database, cameras: int, frames: list[Keyframe], now: Any) -> None:
    """Write hourly inspections of every camera for four days."""
    pasts = [known_past(f, LOOKS) for f in frames]
    async with database.session() as session:
        session.add(
            PatrolRound(
                id=1,
                asked_at=now,
                asked_by="bench",
                scope={},
                started_at=now,
                finished_at=now,
                cameras=0,
                inspected=0,
                faulty=0,
            )
        )
    for first in range(0, cameras, 100):
        looks: list[dict[str, Any]] = []
        scenes: list[dict[str, Any]] = []
        for i in range(first, min(cameras, first + 100)):
            vectors, _, thumbs, _ = pasts[i % len(pasts)]
            looks += [
                {
                    "round": 1,
                    "camera": f"c{i}",
                    "at": now - timedelta(hours=k + 1),
                    "findings": {},
                    "unknown": [],
                    "figures": {"fps": 12.5, "bitrate": 4e5, "change": 3.0},
                    "light": "day",
                    "accepted": True,
                    "features": v,
                }
                for k, v in enumerate(vectors)
            ]
            scenes += [
                {"camera": f"c{i}", "hour": h, "view": 1, "at": now, "thumbnail": t} for h, t in enumerate(thumbs)
            ]
        sights = [
            {
                "camera": f"c{i}", "view": 1, "since": now - timedelta(days=30), "fps": 12.5, "bitrate": 4e5,
                "pattern": pasts[i % len(pasts)][3].pack(), "pattern_pictures": LOOKS,
            }
            for i in range(first, min(cameras, first + 100))
        ]  # fmt: skip
        async with database.session() as session:
            await session.execute(insert(Inspection), looks)
            await session.execute(insert(ReferenceScene), scenes)
            await session.execute(insert(CameraBaseline), sights)
            for i in range(first, min(cameras, first + 100)):
                for kind in ("main", "sub"):
                    session.add(
                        StreamStatus(
                            stream=f"c{i}/{kind}",
                            worker="r",
                            engine="native",
                            state="recording",
                            cause="",
                            detail="",
                            at=now,
                            since=now - timedelta(hours=5),
                            last_picture=now,
                            fps=12.5,
                            bitrate=4e5,
                            loss=0.0,
                        )
                    )


async def measure(c: BenchContext, cameras: int) -> tuple[float, float, int, float]:
    """Return (wall seconds, CPU seconds of workers and event loop, result rows, share judged with a history)."""
    folder, clock = c.folder / "round", SystemClock()
    database = Database(f"sqlite+aiosqlite:///{folder / 'station.db'}", bytes(32))
    await upgrade(database)
    await prepare(database, [folder / "video"], folder)
    await _town(database, cameras)
    made = [await asyncio.to_thread(clip_file, seed) for seed in range(4)]
    now = clock.now()
    start_us = to_microseconds(now) - 8 * 2 * SECOND_US
    await asyncio.to_thread(files_of, cameras, folder / "video", start_us, [data for data, _ in made])
    await remember(database, cameras, [f for _, f in made], now)
    async with database.session() as session:
        await segment_index.append(
            session,
            [
                Segment(f"c{i}/sub", 1, start_us, start_us + 16 * SECOND_US, 16 * SECOND_US, len(made[i % 4][0]), 8)
                for i in range(cameras)
            ],
        )  # fmt: skip
    pool = DecodePool(2)

    class Then(SystemClock):
        """A clock that starts when the files end, because creating a town takes a while."""

        def now(self) -> Any:
            return now

    patrol = Patrol(database, Then(), PatrolSettings(at_once=8), folder, pool, ZoneInfo("Asia/Shanghai"))
    async with database.session() as session:
        number = (await request(session, now, "schedule")).id
    cpu, began = os.times(), time.monotonic()
    await patrol.run_round(number)
    wall = time.monotonic() - began
    async with database.reading() as session:
        looks = (
            await session.scalar(select(func.count()).select_from(Inspection).where(Inspection.round == number)) or 0
        )
        judged = (
            await session.scalar(
                select(func.count()).select_from(Inspection).where(Inspection.round == number, Inspection.accepted)
            )
            or 0
        )
    await pool.close()
    ended = os.times()
    spent = sum(ended[:4]) - sum(cpu[:4])
    await database.close()
    return wall, spent, looks, judged / max(1, looks)


def run(c: BenchContext) -> list[Figure]:
    cameras, streams = (40, 4) if c.quick else (CAMERAS, RECORDED)
    (c.folder / "round").mkdir()
    with virtual_farm(streams, c.port, loop=2.0 if c.quick else 10.0):
        command = [
            sys.executable,
            "-m",
            "bench.parts.patrol_round",
            str(c.folder / "recorder"),
            str(c.port),
            str(streams),
        ]
        recorder = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert recorder.stdout and recorder.stdin
        assert recorder.stdout.readline().startswith("ready")
        wall, spent, looks, judged = asyncio.run(measure(c, cameras))
        recorder.stdin.close()
        told = json.loads(recorder.stdout.readline())
        recorder.wait()
    return [
        Figure("cameras", cameras, ""),
        Figure(f"round while {streams} streams are recorded, wall", round(wall, 1), "s", "≤ 60", c.quick or wall <= 60),
        Figure("round, CPU", round(spent, 1), "CPU-s"),
        Figure("result rows", looks, "", f"{cameras}", looks == cameras),
        Figure("judged against their past and accepted", round(judged, 3), "", "≥ 0.99", judged >= 0.99),
        Figure("packets lost by the recorder meanwhile", told["lost"], "", "0", told["lost"] == 0),
        Figure("streams that recorded to the end", told["recording"], "", f"{streams}", told["recording"] == streams),
    ]


async def record(folder: Path, port: int, streams: int) -> None:
    """Run a recorder until its input ends; then print one line with the state of its streams."""
    async with in_process.recorder(folder, "recorder") as (recorder, _):
        await recorder.want(
            [
                StreamSpec(f"c{i}/main", f"rtsp://127.0.0.1:{port}/cam{i}", None, EngineKind.NATIVE)
                for i in range(streams)
            ]
        )
        while not all(s.counters.frames > 25 for s in recorder.streams.values()):
            await asyncio.sleep(0.2)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        told = {
            "lost": sum(s.counters.lost_packets for s in recorder.streams.values()),
            "recording": sum(s.state == "recording" for s in recorder.streams.values()),
        }
        print(json.dumps(told), flush=True)
        await recorder.stop()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    asyncio.run(record(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
