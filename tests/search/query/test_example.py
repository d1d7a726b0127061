"""Examples for "find one like this": described with their camera's colour balance, an upload as it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cameras.virtual.clip import encode
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Picture, decode_frame
from search.analysis import pipeline
from search.analysis.camera_light import CameraLight
from search.analysis.colours import WhiteBalance
from search.analysis.description import Models
from search.analysis.detectors.base import Detection
from search.analysis.embedders import Vector
from search.analysis.riders import DetectedObject
from search.query import example
from search.vocabulary import Cls
from tests.health.frames import keyframes, street

WARM = (0.6, 0.85, 1.1)  # gains of B, G and R: a lamp with little blue
BOX = (0.3, 0.55, 0.3, 0.25)


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    loaded = Models(SearchSettings(), tmp_path)
    monkeypatch.setattr(pipeline, "_models", loaded)
    return loaded


def with_car(scene: Picture) -> Picture:
    picture = scene.copy()
    height, width = picture.shape[:2]
    x, y, w, h = BOX
    corner = int((x + w) * width), int((y + h) * height)
    cv2.rectangle(picture, (int(x * width), int(y * height)), corner, (225, 225, 225), -1)
    return picture


def lit(picture: Picture, gains: tuple[float, float, float]) -> Picture:
    return np.clip(picture * np.array(gains), 0, 255).astype(np.uint8)


def recorded(gains: tuple[float, float, float]) -> list[Keyframe]:
    """Six keyframes of the street and one with a car."""
    scenes = street(7, seed=3)
    return keyframes(encode([lit(p, gains) for p in [*scenes[:-1], with_car(scenes[-1])]], fps=1, gop=1))


def indexed(models: Models, frames: list[Keyframe]) -> Vector:
    """The vector that the index has of the car: with the balance that was learned from all pictures."""
    balance = WhiteBalance()
    for frame in frames:
        small = cv2.resize(pipeline.bgr_of(decode_frame(frame)), (160, 90), interpolation=cv2.INTER_AREA)
        balance.learn(np.asarray(small, np.uint8))
    car = Detection(Cls.vehicle, 1.0, *BOX)
    picture = pipeline.bgr_of(decode_frame(frames[-1]))
    return models.describe(picture, DetectedObject(car, car), balance, infrared=False).vector


def upload(frame: Keyframe) -> bytes:
    _, jpeg = cv2.imencode(".png", pipeline.bgr_of(decode_frame(frame)))
    return jpeg.tobytes()


def test_a_box_of_a_camera_is_described_with_the_camera_s_balance(models: Models) -> None:
    frames = recorded(WARM)
    same = indexed(models, frames)
    from_camera = example.from_frame(frames[-1], BOX, frames[:-1])
    from_elsewhere = example.from_picture(upload(frames[-1]), BOX)
    assert from_camera.cls == Cls.vehicle and from_camera.embedder == models.others.name
    assert float(from_camera.vector @ same) > 0.99
    assert float(from_elsewhere.vector @ same) < float(from_camera.vector @ same) - 0.1


def test_an_upload_is_not_balanced(models: Models) -> None:
    frames = recorded(WARM)
    picture = pipeline.bgr_of(decode_frame(frames[-1]))
    car = Detection(Cls.vehicle, 1.0, *BOX)
    neutral = models.describe(picture, DetectedObject(car, car), WhiteBalance(), infrared=False).vector
    assert float(example.from_picture(upload(frames[-1]), BOX).vector @ neutral) > 0.99


def test_a_damaged_earlier_keyframe_does_not_spoil_the_example() -> None:
    frames = recorded(WARM)
    broken = Keyframe("cam/main", 0, frames[0].codec, b"", b"\0\0\0\1\x65", 0)
    vectors = [example.from_frame(frames[-1], BOX, [*b, *frames[:-1]]).vector for b in ([], [broken])]
    assert float(vectors[0] @ vectors[1]) > 0.999


def test_an_infrared_camera_teaches_no_balance() -> None:
    light = CameraLight()
    for picture in street(3, seed=3):
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        light.learn(np.asarray(grey, np.uint8))
    assert light.infrared.active and light.balance.pictures == 0
