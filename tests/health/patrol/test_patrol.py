"""Rounds over an archive of generated pictures: rows, evidence, baselines, decisions of persons."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from sqlalchemy import func, select, update

from cameras.registry import inventory, registry
from cameras.tables import Camera, Stream
from cameras.virtual import scene
from core.clock import ManualClock
from core.database import Database
from core.errors import ProtocolError
from core.settings import PatrolSettings
from health.patrol import patrol, results
from health.patrol.inspection import InspectionInputs, InspectionResult
from health.patrol.patrol import Patrol
from health.patrol.rounds import request
from health.picture import baseline
from health.picture.inspection import InspectionRequest, inspect
from health.tables import CameraBaseline, Fault, Inspection, Maintenance, PatrolRound, ReferenceScene, RoundScope
from health.vocabulary import FaultFamily
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import Gap, StreamStatus
from tests.health.frames import coded, street

CAMERAS = [f"c-{i}" for i in range(1, 5)]
ZONE = ZoneInfo("Asia/Shanghai")
TOWN = """
town: t
villages: [{code: v, name: v}]
cameras:
""" + "\n".join(
    f'  - {{id: {c}, name: {c}, village: v, streams: {{main: {{url: "rtsp://127.0.0.1/{c}"}}}}}}' for c in CAMERAS
)


class InlinePool(DecodePool):
    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:  # the pool has tests of its own
        return await asyncio.to_thread(function, *args, **kwargs)


@dataclass
class Station:
    """Four cameras whose newest keyframes the test sets."""

    database: Database
    clock: ManualClock
    patrol: Patrol
    frames: dict[str, list[Keyframe]] = field(default_factory=dict)

    async def newest_keyframes(self, streams: list[str], seconds: float, limit: int) -> dict[str, list[Keyframe]]:
        return {s: self.frames.get(s.partition("/")[0], self.frames["all"]) for s in streams}

    async def round(self, *, hours: float = 1.0, scope: RoundScope | None = None) -> int:
        """Advance the time, report statuses, request a round and run it."""
        self.clock.advance(hours * 3600)
        await self.report()
        async with self.database.session() as session:
            number = (await request(session, self.clock.now(), "test", scope)).id
        assert await self.patrol.run_next()
        return number

    async def report(self) -> None:
        now = self.clock.now()
        async with self.database.session() as session:
            for c in CAMERAS:
                await session.merge(
                    StreamStatus(
                        stream=f"{c}/main", worker="r", engine="native", state="recording", cause="", detail="", at=now,
                        since=now - timedelta(hours=1), last_picture=now, fps=25.0, bitrate=2e6, loss=0.0,
                    )
                )  # fmt: skip

    async def faults(self, camera: str = "c-1") -> dict[str, str]:
        async with self.database.reading() as session:
            return {f.family: f.state for f in await session.scalars(select(Fault).where(Fault.camera == camera))}

    async def learn(self, rounds: int = 8) -> None:
        for i in range(rounds):
            self.frames["all"] = coded(street(seed=4)[i % 8 :][:1])
            await self.round()
        self.clock.advance(baseline.SETTLING_TIME.total_seconds())


@pytest.fixture
async def station(database: Database, clock: ManualClock, tmp_path: Path) -> Station:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        await session.execute(update(Stream).values(fps=25.0))
    made = Station(
        database, clock, Patrol(database, clock, PatrolSettings(learning_looks=6), tmp_path, InlinePool(), ZONE)
    )
    made.patrol._reader = made  # type: ignore[assignment]
    made.frames["all"] = coded(street(1))
    return made


def black() -> list[Keyframe]:
    return coded([scene.blackened(street(1)[0])])


async def test_black_is_opened_with_evidence_and_closed_again(station: Station, tmp_path: Path) -> None:
    await station.learn(2)
    station.frames["c-1"] = black()
    await station.round()
    assert (await station.faults())["black"] == "suspect"
    station.clock.advance(601)
    assert await station.patrol.run_next(), "suspicion asks for another look after ten minutes"
    assert (await station.faults())["black"] == "open" and "black" not in await station.faults("c-2")
    async with station.database.reading() as session:
        (fault,) = (await session.scalars(select(Fault).where(Fault.state == "open"))).all()
        assert fault.picture and fault.reference and fault.picture != fault.reference and fault.village == "v"
    assert await asyncio.to_thread((tmp_path / fault.picture).is_file)
    del station.frames["c-1"]
    await station.round()
    assert (await station.faults())["black"] == "recovering"
    await station.round()
    assert (await station.faults())["black"] == "closed"


async def test_blur_is_found_and_never_enters_the_baseline(station: Station) -> None:
    await station.learn()
    station.frames["c-1"] = coded([np.asarray(cv2.GaussianBlur(street(3)[2], (0, 0), 5), np.uint8)])
    for _ in range(6):
        await station.round()
    assert (await station.faults())["blurred"] == "open"
    async with station.database.reading() as session:
        inspections = (
            await session.scalars(select(Inspection).where(Inspection.camera == "c-1").order_by(Inspection.id))
        ).all()
        scenes = await session.scalar(
            select(func.count()).select_from(ReferenceScene).where(ReferenceScene.camera == "c-1")
        )
    assert [x.accepted for x in inspections[-6:]] == [False] * 6 and inspections[3].accepted and scenes


async def test_a_confirmed_new_view_is_learned(station: Station) -> None:
    await station.learn()
    turned = [scene.moved(p) for p in street(8)]
    for i in range(4):
        station.frames["c-1"] = coded(turned[i : i + 1])
        await station.round()
    assert (await station.faults())["moved"] == "open"
    async with station.database.session() as session:
        await baseline.new_view(session, "c-1", station.clock.now())
    for i in range(8):
        station.frames["c-1"] = coded(turned[i : i + 1])
        await station.round()
    assert (await station.faults())["moved"] == "closed"


async def test_the_view_pattern_is_kept_until_a_new_view_is_confirmed(station: Station) -> None:
    async def known() -> tuple[int, bytes | None]:
        async with station.database.reading() as session:
            stored = await session.get_one(CameraBaseline, "c-1")
            return stored.pattern_pictures, stored.pattern

    await station.learn()
    inspections, kept = await known()
    assert inspections == 8 and kept is not None
    station.frames["c-1"] = black()
    await station.round()
    assert await known() == (inspections, kept), "a faulty look teaches nothing"
    async with station.database.session() as session:
        await baseline.new_view(session, "c-1", station.clock.now())
    assert await known() == (0, None)


async def test_inspections_are_references_after_the_settling_time(station: Station) -> None:
    async def compared_with() -> int:
        async with station.database.reading() as session:
            return len((await baseline.load(session, ["c-1"], station.clock.now(), 5, ZONE))["c-1"].vectors)

    for expected in (0, 0, 0, 0, 0, 1, 2):
        await station.round()
        assert await compared_with() == expected


async def test_planned_work_opens_no_fault(station: Station) -> None:
    now = station.clock.now()
    async with station.database.session() as session:
        session.add(
            Maintenance(village="v", camera=None, start=now, until=now + timedelta(hours=6), reason="pole", by="x")
        )
    station.frames["c-1"] = black()
    for _ in range(3):
        await station.round()
    assert await station.faults() == {}
    for _ in range(5):
        await station.round()
    assert (await station.faults())["black"] == "open", "the plan has an end"


async def test_shared_weather_is_no_fault(station: Station) -> None:
    await station.learn()
    foggy = [np.asarray(p * 0.35 + 140, np.uint8) for p in street(8)]
    for i in range(5):
        station.frames["all"] = coded(foggy[i : i + 1])
        await station.round()
    states = [s for c in CAMERAS for s in (await station.faults(c)).values()]
    assert "open" not in states
    # A camera alone in fog has a dirty lens, unless the fog began together with the neighbours'.
    for i in range(18):
        station.frames["all"], station.frames["c-1"] = coded(street(8)[i % 8 :][:1]), coded(foggy[i % 8 :][:1])
        await station.round()
        assert i > 10 or "open" not in (await station.faults()).values()
    assert "open" in (await station.faults()).values() and "open" not in (await station.faults("c-2")).values()


async def test_an_interrupted_round_is_resumed(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    real, inspected = station.patrol.inspect_camera, list[str]()

    async def inspect_camera(number: int, camera: Camera, inputs: InspectionInputs) -> InspectionResult:
        if len(inspected) == 2:
            raise RuntimeError("the analyst dies")
        inspected.append(camera.id)
        return await real(number, camera, inputs)

    monkeypatch.setattr(patrol, "CHUNK_CAMERAS", 1)
    monkeypatch.setattr(station.patrol, "inspect_camera", inspect_camera)
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await station.round()
    monkeypatch.setattr(station.patrol, "inspect_camera", real)
    assert await station.patrol.run_next()
    async with station.database.reading() as session:
        row = (await session.scalars(select(PatrolRound))).one()
        cameras = sorted(await session.scalars(select(Inspection.camera)))
    assert cameras == CAMERAS and (row.cameras, row.inspected) == (4, 4) and row.finished_at is not None


async def test_a_round_of_selected_cameras(station: Station) -> None:
    number = await station.round(scope={"cameras": ["c-2", "c-3"]})
    async with station.database.reading() as session:
        assert sorted(await session.scalars(select(Inspection.camera).where(Inspection.round == number))) == [
            "c-2",
            "c-3",
        ]


async def test_a_gap_is_reported_with_its_cause(station: Station) -> None:
    end = int(station.clock.now().timestamp() * 1e6)
    async with station.database.session() as session:
        session.add(Gap(stream="c-1/main", start_us=end - 600_000_000, end_us=end, cause="no_packets"))
        session.add(Gap(stream="c-2/main", start_us=end - 600_000_000, end_us=end, cause="schedule"))
    await station.round()
    await station.round()
    async with station.database.reading() as session:
        (fault,) = (await session.scalars(select(Fault).where(Fault.family == "gaps"))).all()
    assert fault.camera == "c-1" and fault.state == "open" and fault.figures["cause"] == "no_packets"
    assert fault.figures["seconds"] == 600
    await station.round(hours=25)
    await station.round()
    assert (await station.faults())["gaps"] == "closed"


async def test_an_undecodable_picture_is_corrupt_and_all_else_unknown(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(DecodePool):
        async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
            raise ProtocolError("the picture crashed its decoder")

    monkeypatch.setattr(station.patrol._inspector, "pool", Broken())
    await station.round()
    async with station.database.reading() as session:
        look = (await session.scalars(select(Inspection))).first()
    assert look is not None and set(look.findings) == {"corrupt"} and "black" in look.unknown
    assert await station.faults() == {"corrupt": "suspect"}


async def test_old_features_are_deleted_except_anchors(station: Station) -> None:
    station.patrol._settings = PatrolSettings(learning_looks=6, keep_days=5)
    for i in range(30):
        station.frames["all"] = coded(street(8)[i % 8 :][:1])
        await station.round(hours=24, scope={"cameras": ["c-1"]})
    async with station.database.reading() as session:
        kept = (
            await session.scalars(select(Inspection.at).where(Inspection.features.is_not(None)).order_by(Inspection.at))
        ).all()
        loaded = (await baseline.load(session, ["c-1"], station.clock.now(), 5, ZONE))["c-1"]
    assert 8 <= len(kept) <= 12 and kept[0] < station.clock.now() - timedelta(days=25)
    assert len(loaded.anchors) >= 3 and len(loaded.vectors) <= 6


def test_frozen_is_the_same_picture_for_long_enough() -> None:
    frozen = coded(street(1))[:1] * 8
    frames = [Keyframe(f.stream, i * 2_000_000, f.codec, f.configuration, f.data) for i, f in enumerate(frozen)]
    answer = inspect(InspectionRequest(frames, 12.0))
    assert answer.findings.found[FaultFamily.FROZEN] == {"seconds": 14.0} and answer.jpeg[:2] == b"\xff\xd8"
    short = inspect(InspectionRequest(frames[:3], 12.0))
    assert "frozen" not in short.findings.found and "frozen" in short.findings.unknown  # the span is too short to judge


def test_a_still_scene_with_sensor_noise_is_not_frozen() -> None:
    view = scene.Street(4, (640, 360), walkers=[])
    rng = np.random.default_rng(2)
    pictures = [
        np.clip(view.frame(0, 0).astype(np.float32) + rng.normal(0, 2.5, (360, 640, 3)), 0, 255).astype(np.uint8)
        for _ in range(8)
    ]
    assert "frozen" not in inspect(InspectionRequest(coded(pictures), 12.0)).findings.found


def test_a_frozen_sensor_behind_a_running_encoder_is_found() -> None:
    """A scene changes between rounds; if it always did and does not now, by day, the picture is frozen."""
    frames = coded(street(8))
    first = inspect(InspectionRequest(frames, 12.0))
    again = inspect(
        InspectionRequest(frames, 13.0, previous_thumb=first.thumb, seconds_since_previous=3600.0, usual_change=4.0)
    )
    assert "frozen" in again.findings.found
    quiet = inspect(
        InspectionRequest(frames, 13.0, previous_thumb=first.thumb, seconds_since_previous=3600.0, usual_change=1.2)
    )
    assert "frozen" not in quiet.findings.found  # this scene never changes


def test_night_is_night_also_under_lamps_that_give_it_colours() -> None:
    frames = coded(street(1))
    lights = {hour: inspect(InspectionRequest(frames, hour)).light for hour in (12.0, 21.5, 22.0, 3.9, 4.0)}
    assert lights == {12.0: "day", 21.5: "day", 22.0: "night", 3.9: "night", 4.0: "day"}


def test_a_shaking_camera_differs_in_every_keyframe() -> None:
    pictures = street(8)
    past = [inspect(InspectionRequest(coded([p]), 12.0)) for p in street(8, seed=4)]
    shaken = []
    for i, p in enumerate(pictures):
        shift = np.array([[1, 0, 40 * (-1) ** i], [0, 1, 12 * (i % 3)]], np.float32)
        shaken.append(np.asarray(cv2.warpAffine(p, shift, (640, 360), borderMode=cv2.BORDER_REFLECT), np.uint8))
    question = InspectionRequest(
        coded(shaken), 12.0, [a.features for a in past] * 4, [12.0] * 32, [a.thumb for a in past[:3]]
    )
    assert "shaking" in inspect(question).findings.found
    still = InspectionRequest(
        coded([shaken[0]] * 1 + [scene.moved(p) for p in pictures]),
        12.0,
        question.vectors,
        question.hours,
        question.scenes,
    )
    assert "shaking" not in inspect(still).findings.found and "moved" in inspect(still).findings.found


async def test_habits_are_the_median_of_good_looks(station: Station) -> None:
    await station.learn(6)
    async with station.database.reading() as session:
        stored = await session.get_one(CameraBaseline, "c-1")
    assert stored.bitrate == 2e6 and stored.fps == 25.0 and results.USUAL_VALUES_FROM


@pytest.mark.long
async def test_slow_blur_is_found_against_the_first_days(station: Station) -> None:
    """Each day is nearly as sharp as the day before: the last five days contain the blur, the anchors do not."""
    opened = None
    for day in range(34):
        sigma = max(0.0, (day - 3) * 0.12)
        for look in range(12 if day < 2 else 4):
            pictures = street(8)[(day + look) % 8 :][:1]
            if sigma:
                pictures = [np.asarray(cv2.GaussianBlur(p, (0, 0), sigma), np.uint8) for p in pictures]
            station.frames["all"] = coded(pictures)
            await station.round(hours=2 if day < 2 else 6, scope={"cameras": ["c-1"]})
        if "open" in {s for f, s in (await station.faults()).items() if f.startswith("blurred")}:
            opened = day
            break
    assert opened is not None and opened > 5
