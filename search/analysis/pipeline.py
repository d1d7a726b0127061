"""The work of a worker on a stream's next keyframes: gates, detection, description, tracking.

A function of the stream's state and the keyframes only: any worker can run it, and a worker that crashes or hangs loses
only its answer. The answer contains the new state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from core.errors import ProtocolError
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Picture, decode_frame
from search.analysis.camera_light import CameraLight
from search.analysis.description import Models, thumbnail
from search.analysis.detectors import Detector
from search.analysis.detectors.base import Pixels, Region
from search.analysis.gop_size_gate import GopSizeGate
from search.analysis.motion_gate import MotionGate
from search.analysis.place_map import PlaceMap
from search.analysis.riders import DetectedObject, objects_of
from search.analysis.tracking import Track, TrackedDetection, Tracker
from search.analysis.window_plan import Shape, plan

SWEEP_MS, SWEEP_UNKNOWN_MS = 30_000, 4_000
MIN_QUALITY_GAIN = 1.15  # quality gain required to replace the thumbnail
MAX_WIDTH = 3840
_models: Models | None = None


@dataclass(slots=True)
class AnalysisState:
    """The state of a stream between two batches; small, and without pictures of people."""

    camera: int
    tracker: Tracker
    motion_gate: MotionGate = field(default_factory=MotionGate)
    gop_size_gate: GopSizeGate = field(default_factory=GopSizeGate)
    light: CameraLight = field(default_factory=CameraLight)
    places: PlaceMap = field(default_factory=PlaceMap)
    decoded: int = 0
    sweep_ms: int = 0
    decoded_ms: int = 0
    last_share: float = 0.0

    @classmethod
    def new(cls, camera: int) -> AnalysisState:
        return cls(camera, Tracker(camera))


@dataclass(slots=True)
class AnalysisCounts:
    """Numbers of keyframes by outcome."""

    keyframes: int = 0
    quiet: int = 0  # skipped by the GOP size gate, not decoded
    still: int = 0  # decoded, no motion
    detected: int = 0
    undecodable: int = 0


@dataclass(slots=True)
class Analysis:
    """The answer of a worker: the new state and the tracks of the batch."""

    state: AnalysisState
    detector: str
    tracks: list[Track]  # started or changed in this batch, including ended ones
    counts: AnalysisCounts


def prepare(settings: SearchSettings, folder: Path) -> None:
    """Initialise the worker process: load its models."""
    global _models
    cv2.setNumThreads(1)
    _models = Models(settings, folder)


def models() -> Models:
    """Return the models that `prepare` loaded."""
    assert _models is not None, "prepare() runs first"
    return _models


def analyse(state: AnalysisState, frames: Sequence[Keyframe]) -> Analysis:
    """Analyse keyframes of one stream, oldest first. Runs in a disposable worker."""
    counts, loaded = AnalysisCounts(), models()
    changed: dict[int, Track] = {}
    for frame in frames:
        counts.keyframes += 1
        for track in _analyse_keyframe(loaded, state, frame, counts):
            changed[track.id] = track
    return Analysis(state, loaded.detector.name, list(changed.values()), counts)


def _analyse_keyframe(models: Models, state: AnalysisState, frame: Keyframe, counts: AnalysisCounts) -> list[Track]:
    at_ms = frame.at_us // 1000
    share = max(0.0, frame.gop_bytes / max(1, len(frame.data)) - 1) if frame.gop_bytes else 0.0
    # Motion between two keyframes shows in the pictures before this keyframe or in those after it.
    around, state.last_share = max(share, state.last_share), share
    if at_ms - state.decoded_ms < SWEEP_MS and state.gop_size_gate.is_quiet(around):
        counts.quiet += 1
        return []
    try:
        video = decode_frame(frame, quick=True)
    except ProtocolError:
        counts.undecodable += 1
        return []
    state.decoded += 1
    state.decoded_ms = at_ms
    inspected = inspect(state, at_ms, luma_of(video), around)
    if inspected is None:
        counts.still += 1
        return []
    counts.detected += 1
    moving, sweep = inspected
    return detect(models, state, at_ms, bgr_of(video), moving, sweep=sweep)


def inspect(
    state: AnalysisState, at_ms: int, luma: Picture, around: float = 0.0
) -> tuple[Sequence[Region], bool] | None:
    """Return (moving regions, whether to explore) of a decoded keyframe; None if nothing has to be detected.

    `around`: bytes beside the keyframe, for the GOP-size gate; 0 if unknown.
    """
    moving = state.motion_gate.detect_motion(luma)
    if moving is not None and around > 0:
        state.gop_size_gate.learn(around, event=bool(moving))
    # Where motion is unknown (first pictures, change of light) more of the picture is explored.
    sweep = at_ms - state.sweep_ms >= (SWEEP_MS if moving is not None else SWEEP_UNKNOWN_MS)
    if moving == [] and not sweep:
        return None
    state.sweep_ms = at_ms if sweep else state.sweep_ms
    return moving or [], sweep


def detect(
    models: Models, state: AnalysisState, at_ms: int, picture: Picture, moving: Sequence[Region], *, sweep: bool
) -> list[Track]:
    """Detect objects in one decoded picture and add them to the camera's tracks; return these."""
    light = state.light
    light.learn(picture)
    state.tracker.aspect = picture.shape[1] / picture.shape[0]
    objects = find_objects(models.detector, state.places, at_ms, picture, moving, sweep=sweep)
    detections = [
        models.describe(picture, object_, light.balance, infrared=light.infrared.active) for object_ in objects
    ]
    tracks = state.tracker.update(at_ms, detections)
    for track, detection in zip(tracks, detections, strict=True):
        _keep_best(track, at_ms, picture, detection)
    return tracks


def find_objects(
    detector: Detector, places: PlaceMap, at_ms: int, picture: Picture, moving: Sequence[Region], *, sweep: bool
) -> list[DetectedObject]:
    """Detect objects in the whole picture and in windows, and learn where they stand.

    `sweep`: explore further places, in which nothing was found yet.
    """
    places.decay(at_ms)
    windows: Sequence[Pixels] = ()
    if detector.input_size is not None:
        shape = Shape((picture.shape[1], picture.shape[0]), detector.input_size)
        windows = plan(places, moving, shape, explore=sweep)
    objects = objects_of(detector.detect(picture, moving, windows))
    for d in (o.whole for o in objects):
        places.learn(d.x + d.w / 2, d.y + d.h, d.h, d.score)
    return objects


def _keep_best(track: Track, at_ms: int, picture: Picture, detection: TrackedDetection) -> None:
    if detection.quality <= track.best_quality * MIN_QUALITY_GAIN:
        return
    d = detection.whole
    track.best_quality, track.best_ms, track.best_box = detection.quality, at_ms, (d.x, d.y, d.w, d.h)
    track.thumbnail = thumbnail(picture, d)


def luma_of(video: av.VideoFrame) -> Picture:
    """Return the Y plane in the decoder's buffer, without a copy if the format is planar."""
    if not video.format.name.startswith(("yuv", "nv12", "gray")) or "10" in video.format.name:
        return np.asarray(video.reformat(format="gray").to_ndarray(), np.uint8)
    plane = video.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: video.height, : video.width]


def bgr_of(video: av.VideoFrame) -> Picture:
    """Return an H×W×3 BGR picture, at most 3840 wide."""
    if video.width > MAX_WIDTH:
        video = video.reformat(MAX_WIDTH, round(video.height * MAX_WIDTH / video.width / 2) * 2, format="bgr24")
    return np.asarray(video.to_ndarray(format="bgr24"), np.uint8)
