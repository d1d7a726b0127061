from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from cameras.virtual import scene
from core.errors import DetectorError
from core.settings import SearchSettings
from nvr.playback.pictures import Picture
from search.analysis.detectors.base import Detection, Region, iou, suppress_overlaps
from search.analysis.detectors.builtin import BuiltinDetector
from search.analysis.detectors.decoders import end2end, ssd, yolo
from search.analysis.detectors.load import load
from search.analysis.motion_gate import MotionGate
from search.analysis.place_map import PlaceMap
from search.analysis.plates import PlateReader
from search.analysis.riders import objects_of
from search.analysis.window_plan import Shape, plan
from search.models import ModelRegistry, Pack
from search.models.definition import checksum
from search.vocabulary import Cls
from tests.conftest import FOOTAGE, MODELS, needs_footage, needs_models
from tests.health.frames import street
from tests.search import handmade_networks


def footage(name: str, step: int, count: int) -> list[Picture]:
    with av.open(str(FOOTAGE / name)) as container:
        frames = [f.to_ndarray(format="bgr24") for i, f in enumerate(container.decode(video=0)) if i % step == 0]
    return [np.asarray(f, np.uint8) for f in frames[:count]]


class GatedDetector:
    """A detector behind a motion gate, as in the pipeline."""

    def __init__(self, detector: Any):
        self.detector, self.gate = detector, MotionGate()

    def detect(self, picture: Picture) -> list[Detection]:
        moving = self.gate.detect_motion(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        found: list[Detection] = self.detector.detect(picture, moving or [])
        return found


def test_builtin_detector_finds_walkers_and_nothing_in_an_empty_street() -> None:
    gated, view = GatedDetector(BuiltinDetector()), scene.Street(3, (640, 360))
    found = [d for i in range(16) for d in gated.detect(view.frame(i / 12, i))]
    assert sum(d.cls == Cls.person for d in found) >= 5
    assert all(d.x >= 0 and d.x + d.w <= 1.0001 and d.h > 0.2 for d in found if d.cls == Cls.person)
    gated, empty = GatedDetector(BuiltinDetector()), scene.Street(3, (640, 360), walkers=[])
    assert [d for i in range(12) for d in gated.detect(empty.frame(i / 12, i))] == []


@needs_footage
def test_builtin_detector_finds_people_in_real_footage() -> None:
    gated = GatedDetector(BuiltinDetector())
    found = [d for p in footage("one-by-one-person-detection.mp4", 12, 90) for d in gated.detect(p)]
    assert len(found) > 10
    assert any(d.cls == Cls.person for d in found)
    assert {d.cls for d in found} <= {Cls.person, Cls.unknown}


def test_handmade_pack_detects_its_object(tmp_path: Path) -> None:
    handmade_networks.write_pack(tmp_path / "models" / "red-quarters@1", handmade_networks.red_quarters())
    detector = load(SearchSettings(), ModelRegistry(tmp_path / "models"))
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[45:, :80] = (0, 0, 255)
    (found,) = detector.detect(picture, [])
    assert (detector.name, found.cls, round(found.score, 2)) == ("red-quarters@1", Cls.person, 1.0)
    assert [round(v, 2) for v in found.corners] == [0, 0.5, 0.5, 1]
    assert detector.detect(np.zeros((90, 160, 3), np.uint8), []) == []


def test_without_a_pack_the_builtin_detector_is_loaded(tmp_path: Path) -> None:
    assert load(SearchSettings(), ModelRegistry(tmp_path)).name == BuiltinDetector.name
    assert load(SearchSettings(detector="builtin"), ModelRegistry(tmp_path)).name == BuiltinDetector.name
    with pytest.raises(DetectorError, match="minwang models list"):
        load(SearchSettings(detector="yolo-of-dreams"), ModelRegistry(tmp_path))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    registry = ModelRegistry(tmp_path_factory.mktemp("zoo"))
    registry.add(MODELS)
    return registry


def truth() -> dict[int, list[Detection]]:
    """Return the people of each frame, in pixels of the scaled footage."""
    found: dict[int, list[Detection]] = {}
    with (FOOTAGE / "vtest_480x360.boxes.csv").open() as f:
        for row in csv.DictReader(f):
            x, y, w, h = (float(row[k]) * 0.625 for k in ("x", "y", "w", "h"))
            found.setdefault(int(row["frame"]), []).append(Detection(Cls.person, 1.0, x, y, w, h))
    return found


@needs_models
@needs_footage
@pytest.mark.parametrize(
    ("name", "recall", "precision"),
    [
        ("person-vehicle-bike-2004", 0.85, 0.9),
        ("person-vehicle-bike-crossroad-1016", 0.8, 0.85),
        ("person-vehicle-bike-2000", 0.75, 0.85),
    ],
)
def test_known_packs_find_people_in_real_footage(
    zoo: ModelRegistry, name: str, recall: float, precision: float
) -> None:
    """Against the ground truth of PETS S2L1 at IoU 0.4, with the whole picture only."""
    detector, boxes = load(SearchSettings(detector=name), zoo), truth()
    hits = found = wanted = 0
    for i, picture in enumerate(footage("vtest_480x360.avi", 1, 10_000), 1):
        if i not in boxes:
            continue
        seen = [
            Detection(d.cls, d.score, d.x * 480, d.y * 360, d.w * 480, d.h * 360)
            for d in detector.detect(picture, [])
            if d.cls == Cls.person
        ]
        found, wanted = found + len(seen), wanted + len(boxes[i])
        hits += sum(any(iou(t, b) >= 0.4 for b in seen) for t in boxes[i])
    assert wanted == 73
    assert hits / wanted > recall
    assert hits / found > precision


@needs_models
@needs_footage
def test_motion_windows_find_distant_people(zoo: ModelRegistry) -> None:
    """The same people in a corner of a 1080p picture: lost in the whole picture, found in a window around them."""
    detector, boxes = load(SearchSettings(), zoo), truth()
    frames = footage("vtest_480x360.avi", 1, 10_000)
    canvas = np.asarray(
        cv2.GaussianBlur(np.random.default_rng(1).integers(90, 140, (1080, 1920, 3), np.uint8), (0, 0), 9), np.uint8
    )
    region: Region = (700 / 1920, 300 / 1080, 1180 / 1920, 660 / 1080)  # everybody, in one moving region
    shape = Shape((1920, 1080), (448, 256))
    places = PlaceMap()
    places.learn(0.5, region[3], 55 / 1080, 0.9)  # of that row: people of 55 pixels
    alone = with_window = 0
    for i in list(boxes)[:8]:
        canvas[300:660, 700:1180] = frames[i - 1]
        for moving in ([], [region]):
            found = detector.detect(canvas, moving, plan(places, moving, shape, explore=False))
            seen = [
                Detection(d.cls, d.score, d.x * 1920 - 700, d.y * 1080 - 300, d.w * 1920, d.h * 1080) for d in found
            ]
            hits = sum(any(iou(t, b) >= 0.4 for b in seen) for t in boxes[i])
            alone, with_window = alone + (0 if moving else hits), with_window + (hits if moving else 0)
    assert with_window >= 2 * alone and with_window >= 0.5 * sum(len(boxes[i]) for i in list(boxes)[:8])


@needs_models
@needs_footage
def test_pack_distinguishes_classes_and_joins_riders(zoo: ModelRegistry) -> None:
    detector = load(SearchSettings(), zoo)
    pictures = footage("person-bicycle-car-detection.mp4", 20, 40)
    seen = {t.whole.cls for p in pictures for t in objects_of(detector.detect(p, []))}
    assert {Cls.person, Cls.vehicle} <= seen and seen & {Cls.rider, Cls.two_wheeler}


@needs_models
def test_drawn_plate_is_read(zoo: ModelRegistry) -> None:
    fonts = sorted(Path("/usr/share/fonts").rglob("NotoSansCJK-Bold.ttc"))
    if not fonts:
        pytest.skip("the font of Chinese plates is not installed (fonts-noto-cjk)")
    plate = Image.new("RGB", (440, 140), (20, 60, 160))
    draw, font = ImageDraw.Draw(plate), ImageFont.truetype(str(fonts[0]), 85)
    for i, sign in enumerate("鲁S2T7U0"):
        draw.text((18 + 57 * i + (15 if i > 1 else 0), 12), sign, font=font, fill=(255, 255, 255))
    draw.rectangle((3, 3, 436, 136), outline=(255, 255, 255), width=3)
    small = cv2.resize(np.asarray(plate, np.uint8)[..., ::-1], (150, 48), interpolation=cv2.INTER_AREA)
    car = np.full((400, 500, 3), 130, np.uint8)
    car[300:348, 180:330] = small
    installed = zoo.choose_verified("plate")
    assert installed is not None
    read = PlateReader(installed).read(car)
    # the drawn province is sometimes confused with a similar character
    assert len(read) == 7 and read.endswith("S2T7U0")
    assert PlateReader(installed).read(np.full((400, 500, 3), 130, np.uint8)) == ""


def _pack(decoder: str) -> Pack:
    return Pack(
        id="x",
        version="1",
        task="detect",
        format="openvino",
        licence="x",
        files=[{"name": "m.xml", "bytes": 1, "sha256": "0" * 64}],
        input={"width": 100, "height": 50},
        decoder=decoder,
        classes={"0": "person"},
        threshold=0.4,
    )


def test_decoders_decode_their_layouts() -> None:
    rows = np.array(
        [[0, 1, 0.9, 0.1, 0.2, 0.3, 0.4], [0, 0, 0.3, 0, 0, 1, 1], [-1, 0, 0.9, 0, 0, 1, 1], [0, 0, 0.9, 0, 0, 1, 1]],
        np.float32,
    )
    assert [(r[0], round(r[1], 2)) for r in ssd({"o": rows[None, None]}, _pack("ssd"))] == [
        (1, 0.9)
    ]  # stops at the first -1
    values = np.zeros((1, 6, 3), np.float32)
    values[0, :, 1] = (50, 25, 20, 10, 0.1, 0.8)
    (found,) = yolo({"o": values}, _pack("yolo"))
    assert found[0] == 1 and np.allclose(found[2], (0.4, 0.4, 0.6, 0.6))
    (row,) = end2end({"o": np.array([[[10, 10, 20, 20, 0.5, 0], [0, 0, 1, 1, 0.1, 0]]], np.float32)}, _pack("end2end"))
    assert row[0] == 0 and np.allclose(row[2], (0.1, 0.2, 0.2, 0.4))


def test_box_inside_another_is_the_same_vehicle_but_another_person() -> None:
    outer, inner = (0.1, 0.1, 0.4, 0.4), (0.12, 0.12, 0.2, 0.3)
    for cls, count in ((Cls.vehicle, 1), (Cls.person, 2)):
        assert len(suppress_overlaps([Detection(cls, 0.9, *outer), Detection(cls, 0.8, *inner)])) == count


def test_person_over_a_two_wheeler_is_a_rider() -> None:
    wheels = Detection(Cls.two_wheeler, 0.6, 0.4, 0.5, 0.12, 0.2)
    riding, beside = Detection(Cls.person, 0.9, 0.43, 0.35, 0.06, 0.3), Detection(Cls.person, 0.9, 0.6, 0.4, 0.06, 0.3)
    (rider,) = objects_of([wheels, riding])
    assert rider.whole.cls == Cls.rider and rider.body == riding and rider.whole.h > riding.h
    assert sorted(t.whole.cls for t in objects_of([wheels, beside])) == [Cls.person, Cls.two_wheeler]


def test_ultralytics_adapter(tmp_path: Path) -> None:
    """Tests the adapter, not the weights, with an untrained network in the real library."""
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("the ultralytics extra is not installed (MINWANG_EXTRAS=ultralytics)")
    from search.analysis.detectors import ultralytics_yolo

    ultralytics_yolo.isolate_library()
    from ultralytics import YOLO

    weights = tmp_path / "tiny.pt"
    untrained = YOLO("yolo11n.yaml")
    named = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck", 16: "dog", 26: "handbag"}
    untrained.model.names = {i: named.get(i, f"toaster {i}") for i in range(80)}
    untrained.save(str(weights))
    registry = ModelRegistry(tmp_path / "models")
    pack = registry.install(ultralytics_yolo.pack_of(weights, "AGPL-3.0", checksum(weights)), {weights.name: weights})
    assert pack.classes["motorcycle"] == "ebike" and pack.classes["handbag"] == "bag" and len(pack.classes) == 8
    detector = load(SearchSettings(threshold=0.0001), registry)
    found = detector.detect(street(1)[0], [])
    assert detector.name == pack.name
    assert all(0 <= d.x <= 1 and d.w > 0 and d.cls in list(Cls) for d in found)
    (registry.folder / pack.name / "tiny.pt").write_bytes(b"not what was published")
    with pytest.raises(DetectorError, match="bytes"):
        load(SearchSettings(), registry)
