"""Creates search examples from a box in a recorded picture or from an uploaded picture. Runs in a disposable worker."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.error_codes import ErrorCode
from core.errors import ProtocolError, UsageError
from nvr.archive.reader import Keyframe
from nvr.playback import uploads
from nvr.playback.pictures import Picture, decode_frame
from search.analysis import pipeline
from search.analysis.camera_light import CameraLight
from search.analysis.description import thumbnail
from search.analysis.detectors.base import Detection, iou
from search.analysis.pipeline import bgr_of
from search.analysis.riders import DetectedObject, objects_of
from search.vocabulary import Cls

MIN_BOX_SHARE = 0.004  # minimum share of the picture's width and height
MAX_PIXELS = 2560  # pixels; pictures with a longer side are scaled down first
LEARN_US, LEARN_KEYFRAMES = 120_000_000, 8  # before a recorded picture, from which its camera's balance is learned
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class AppearanceExample:
    """The appearance of an object. `box` in shares of the picture; `thumbnail` is a JPEG."""

    vector: np.ndarray[tuple[int], np.dtype[np.float32]]
    embedder: str
    same: float  # cosine above which another vector is likely of the same object
    cls: int
    box: Box
    thumbnail: bytes


def from_frame(frame: Keyframe, box: Box, before: Sequence[Keyframe] = ()) -> AppearanceExample:
    """Describe the content of a box (x, y, w, h) of a recorded picture. Raises ProtocolError, UsageError.

    `before`: keyframes of the same camera, oldest first, from which its colour balance is learned as the indexer does;
    the index describes what the camera sees with that balance.
    """
    light = CameraLight()
    for earlier in before:
        with contextlib.suppress(ProtocolError):  # one damaged keyframe of several
            light.learn(bgr_of(decode_frame(earlier, quick=True)))
    picture = bgr_of(decode_frame(frame))
    light.learn(picture)
    return _describe(picture, box, light)


def from_picture(content: bytes, box: Box | None = None) -> AppearanceExample:
    """Describe an uploaded picture: the box, or else the largest object found, or else the whole picture.

    Its camera is not known, so its colours stay as they are. Raises UsageError.
    """
    return _describe(read_picture(content), box, CameraLight())


def read_picture(content: bytes) -> Picture:
    """Decode an uploaded picture to BGR; its type is checked before decoding. Raises UsageError."""
    return uploads.decode_upload(content, MAX_PIXELS)


def _describe(picture: Picture, box: Box | None, light: CameraLight) -> AppearanceExample:
    models = pipeline.models()
    found = objects_of(models.detector.detect(picture, []))
    object_ = (
        _object_in_box(found, box)
        if box is not None
        else max(found, key=lambda t: t.whole.w * t.whole.h, default=_whole())
    )
    detection = models.describe(picture, object_, light.balance, infrared=light.infrared.active)
    embedder = (
        models.people if models.people is not None and detection.embedder == models.people.name else models.others
    )
    d = object_.whole
    return AppearanceExample(
        detection.vector, detection.embedder, embedder.same, int(d.cls), (d.x, d.y, d.w, d.h), thumbnail(picture, d)
    )


def _object_in_box(found: Sequence[DetectedObject], box: Box) -> DetectedObject:
    """Return the object that fills the drawn box, or else the box as a person or vehicle. Raises UsageError."""
    x, y, w, h = box
    if not (
        0 <= x < 1 and 0 <= y < 1 and w >= MIN_BOX_SHARE and h >= MIN_BOX_SHARE and x + w <= 1.001 and y + h <= 1.001
    ):
        raise UsageError(
            "the box lies outside the picture or is too small; draw it around the person or vehicle",
            ErrorCode.BOX_INVALID,
        )
    drawn = Detection(Cls.person, 1.0, x, y, w, h)
    best = max(found, key=lambda t: iou(t.whole, drawn), default=None)
    if best is not None and iou(best.whole, drawn) > 0.4:
        return best
    tall = h * 9 > w * 16  # assumes a 16:9 picture; people are taller than wide
    cls = Cls.person if tall else Cls.vehicle
    return DetectedObject(Detection(cls, 1.0, x, y, w, h), Detection(cls, 1.0, x, y, w, h))


def _whole() -> DetectedObject:
    everything = Detection(Cls.person, 1.0, 0.0, 0.0, 1.0, 1.0)
    return DetectedObject(everything, everything)
