from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras import inventory, registry
from cameras.tables import Stream
from cameras.virtual import scene
from cameras.virtual.clip import Clip, Frame, encode
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ProtocolError
from core.settings import PatrolSettings
from health import faults, picture, stream
from health.patrol import Patrol, ask
from health.picture import Figures
from health.tables import Fault, Look, PatrolRound
from nvr.decode_pool import DecodePool
from nvr.parameter_sets import VideoFormat
from nvr.reader import Keyframe
from nvr.tables import StreamStatus

TOWN = """
town: t
villages: [{code: v, name: v}]
cameras: [{id: cam, name: c, village: v, streams: {main: {url: "rtsp://127.0.0.1/x"}}}]
"""


def keyframes(clip: Clip, step_seconds: float = 2.0) -> list[Keyframe]:
    """The clip's keyframes as the archive gives them."""
    configuration = VideoFormat.from_sets(clip.codec, clip.parameter_sets).configuration()
    frames = []
    for i, index in enumerate(clip.keyframes):
        nals: dict[int, bytearray] = {}
        for raw in clip.packet_slices(index, 0, 0):
            payload = bytes(raw[16:])
            kind = payload[0] & 31
            if kind == 28:
                if payload[1] & 0x80:
                    nals[len(nals)] = bytearray([payload[0] & 0xE0 | payload[1] & 31])
                nals[len(nals) - 1] += payload[2:]
            elif kind == 5:
                nals[len(nals)] = bytearray(payload)
        data = b"".join(len(n).to_bytes(4, "big") + bytes(n) for n in nals.values())
        frames.append(Keyframe("cam/main", int(i * step_seconds * 1e6), clip.codec, configuration, data))
    return frames


def coded(pictures: list[Frame]) -> list[Keyframe]:
    return keyframes(encode(pictures, fps=1, gop=1, crf=23))


def street(count: int = 8, seed: int = 4) -> list[Frame]:
    view = scene.Street(seed, (640, 360))
    return [view.frame(i / 40, i) for i in range(count)]


NO_HISTORY: list[dict[str, float]] = []


def test_a_healthy_street_has_no_findings() -> None:
    figures, jpeg = picture.examine(coded(street()))
    found, unknown = picture.findings(figures, NO_HISTORY, 10)
    assert found == {}
    assert unknown == {"blurred"}  # still learning
    assert jpeg[:2] == b"\xff\xd8"


def test_black_is_found_and_an_unlit_night_is_not() -> None:
    figures, _ = picture.examine(coded([scene.blackened(p) for p in street()]))
    assert "black" in picture.findings(figures, NO_HISTORY, 10)[0]
    rng = np.random.default_rng(1)
    night = [np.clip(p.astype(np.float32) * 0.2 + rng.normal(0, 4, p.shape), 0, 255).astype(np.uint8) for p in street()]
    figures, _ = picture.examine(coded(night))
    assert picture.findings(figures, NO_HISTORY, 10)[0] == {}


def test_frozen_is_the_same_picture_for_long_enough() -> None:
    frozen = coded(street(1))[:1] * 8
    frames = [Keyframe(f.stream, i * 2_000_000, f.codec, f.configuration, f.data) for i, f in enumerate(frozen)]
    figures, _ = picture.examine(frames)
    assert figures.still_seconds == 14
    assert "frozen" in picture.findings(figures, NO_HISTORY, 10)[0]
    short, _ = picture.examine(frames[:3])
    found, unknown = picture.findings(short, NO_HISTORY, 10)
    assert found == {}
    assert "frozen" in unknown  # too short a span to judge


def test_a_still_scene_with_sensor_noise_is_not_frozen() -> None:
    view = scene.Street(4, (640, 360), walkers=[])
    rng = np.random.default_rng(2)
    pictures = [
        np.clip(view.frame(0, 0).astype(np.float32) + rng.normal(0, 2.5, (360, 640, 3)), 0, 255).astype(np.uint8)
        for _ in range(8)
    ]
    figures, _ = picture.examine(coded(pictures))
    assert figures.still_seconds < 10


def test_blur_is_found_against_the_camera_s_own_looks() -> None:
    history = [picture.examine(coded([p]))[0].as_dict() for p in street(8)]
    blurred, _ = picture.examine(coded([scene.blurred(street(12)[11])]))
    assert "blurred" in picture.findings(blurred, history, 10)[0]
    sharp, _ = picture.examine(coded([street(12)[11]]))
    assert picture.findings(sharp, history, 10)[0] == {}


def test_a_soft_camera_is_not_blurred_by_its_own_measure() -> None:
    soft = [np.asarray(cv2.GaussianBlur(p, (0, 0), 2), np.uint8) for p in street(9)]
    history = [picture.examine(coded([p]))[0].as_dict() for p in soft[:8]]
    assert picture.findings(picture.examine(coded([soft[8]]))[0], history, 10)[0] == {}


@given(st.lists(st.sampled_from([True, False, None]), max_size=40))
def test_one_look_never_opens_and_never_closes(looks: list[bool | None]) -> None:
    state: str | None = None
    count = 0
    previous: list[bool] = []
    for found in looks:
        old = state
        state, count, step = faults.advance(state, count, found)
        if found is not None:
            previous.append(found)
        if step == "opened":
            assert previous[-2:] == [True, True]
        if step == "closed":
            assert previous[-2:] == [False, False]
        if found is None:
            assert (state, step) == (old, "none")
        if state in (faults.CLOSED, faults.DISMISSED):
            state, count = None, 0
            previous.clear()


def test_a_cause_explains_its_consequences() -> None:
    verdict = faults.judge({"no_stream": "x", "low_fps": "y"}, set())
    assert verdict["no_stream"] is True
    assert verdict["low_fps"] is None
    assert faults.judge({}, {"blurred"})["blurred"] is None
    assert faults.judge({}, set())["black"] is False


def status(clock: ManualClock, **changes: Any) -> StreamStatus:
    now = clock.now()
    values = {
        "state": "recording",
        "cause": "",
        "detail": "",
        "at": now,
        "since": now - timedelta(minutes=5),
        "last_picture": now,
    }
    values |= {"fps": 25.0, "bitrate": 2e6, "loss": 0.0}
    return StreamStatus(stream="cam/main", worker="r", engine="native", **{**values, **changes})


HABIT = [{"fps": 25.0, "bitrate": 2e6}] * 6


@pytest.mark.parametrize(
    ("changes", "family"),
    [
        ({"state": "waiting", "detail": "no connection", "last_picture": None}, "no_stream"),
        ({"state": "refused"}, "auth"),
        ({"fps": 9.0}, "low_fps"),
        ({"bitrate": 1e5}, "low_bitrate"),
        ({"loss": 0.02}, "loss"),
    ],
)
def test_stream_findings(changes: dict[str, Any], family: str, clock: ManualClock) -> None:
    found, _ = stream.findings(status(clock, **changes), clock.now(), 25.0, HABIT)
    assert set(found) == {family}


def test_a_silent_recorder_is_not_the_camera_s_fault(clock: ManualClock) -> None:
    old = status(clock, at=clock.now() - timedelta(minutes=5), state="waiting")
    found, unknown = stream.findings(old, clock.now(), 25.0, HABIT)
    assert found == {}
    assert "no_stream" in unknown


class FakeReader:
    def __init__(self) -> None:
        self.frames: list[Keyframe] = []

    async def latest_keyframes(self, stream: str, seconds: float, limit: int) -> list[Keyframe]:
        return self.frames


async def patrol_with(database: Database, clock: ManualClock, tmp_path: Path) -> tuple[Patrol, FakeReader]:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        (await session.get_one(Stream, "cam/main")).fps = 25.0
        session.add(status(clock))

    class Inline(DecodePool):
        async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:  # the pool itself has its own test
            return await asyncio.to_thread(function, *args, **kwargs)

    patrol = Patrol(database, clock, PatrolSettings(look_again_seconds=0.0), tmp_path, Inline())
    reader = FakeReader()
    patrol._reader = reader  # type: ignore[assignment]
    return patrol, reader


async def round_of(patrol: Patrol, database: Database, clock: ManualClock, **changes: Any) -> None:
    clock.advance(3600)
    async with database.session() as session:
        await session.merge(status(clock, **changes))
        await ask(session, clock.now(), "test")
    working = asyncio.create_task(patrol.run_waiting())
    while not working.done():
        await asyncio.sleep(0.01)
        clock.advance(0.001)
    assert await working


async def test_a_black_camera_is_opened_with_evidence_and_closed_again(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    patrol, reader = await patrol_with(database, clock, tmp_path)
    reader.frames = coded(street())
    await round_of(patrol, database, clock)
    reader.frames = coded([scene.blackened(p) for p in street()])
    await round_of(patrol, database, clock)
    async with database.reading() as session:
        (fault,) = (await session.scalars(select(Fault))).all()
        assert (fault.family, fault.state, fault.severity) == ("black", "open", 1)
        assert fault.picture and fault.reference and fault.picture != fault.reference
        assert (await session.scalars(select(PatrolRound).order_by(PatrolRound.id.desc()))).first().faulty == 1  # type: ignore[union-attr]
    assert await asyncio.to_thread((tmp_path / fault.picture).is_file)
    reader.frames = coded(street())
    await round_of(patrol, database, clock)
    async with database.reading() as session:
        assert (await session.scalars(select(Fault))).one().state == "closed"


async def test_a_dead_camera_is_opened(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    patrol, _ = await patrol_with(database, clock, tmp_path)
    await round_of(patrol, database, clock, state="waiting", detail="no connection", last_picture=None)
    async with database.reading() as session:
        (fault,) = (await session.scalars(select(Fault))).all()
        looks = (await session.scalars(select(Look))).all()
    assert (fault.family, fault.state) == ("no_stream", "open")
    assert len(looks) == 2  # two confirmations, not one
    assert to_microseconds(looks[1].at) > to_microseconds(looks[0].at)


def crash() -> None:
    import os

    os.abort()


def hang() -> None:
    import time

    time.sleep(60)


def fine() -> int:
    return 42


async def test_a_picture_that_crashes_its_decoder_harms_nobody() -> None:
    pool = DecodePool(1, timeout=3.0)
    try:
        with pytest.raises(ProtocolError, match="crashed"):
            await pool.run(crash)
        assert await pool.run(fine) == 42
        with pytest.raises(ProtocolError, match="busy"):
            await pool.run(hang)
        assert await pool.run(fine) == 42
    finally:
        await pool.close()


def test_robust_z() -> None:
    assert picture.robust_z(5, [1, 1, 1, 1], 1.0) == 4
    assert isinstance(Figures(0, 1, 2, 3, 4, 5).as_dict(), dict)
