"""Small and distant objects: what windows at learned places find, and what they cost in passes of the network.

Clips are shrunk until their objects are small and pasted into larger pictures, or are a small stream by themselves.
The reference is the same detector on the clip in full size, the whole picture and overlapping tiles, and for vtest its
ground truth. Objects of which the reference is not sure (score below SURE) count neither as found nor as false.
Heights are in pixels of the shrunk clip. The parameters of search.analysis.window_plan were set on vtest; the two
scenes of person-bicycle-car had been seen before they last changed, so only one-by-one and car-detection are blind.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bench.common import Figure
from bench.parts import search_sight
from nvr.playback.pictures import Picture
from search.analysis import pipeline
from search.analysis.detectors import Detection, Detector
from search.analysis.detectors.base import Pixels, Region, iou
from search.analysis.pipeline import AnalysisState
from search.analysis.riders import TWO_WHEELERS, objects_of
from search.vocabulary import Cls

SURE = 0.4  # score of the reference from which an object must be found
MATCH, NEAR = 0.4, 0.25  # intersection over union of a hit; below NEAR with everything in the reference it is false
SKIPPED = 5  # keyframes at the start of a scene, in which the motion gate and the map learn
JPEG_QUALITY = 80  # of the scenes, as a keyframe of a camera loses detail
LABELLED = ("vtest_480x360.avi",)  # with boxes, of people only
RECALL = {"person": 0.85, "vehicle": 0.8, "rider": 0.6}
PRECISION = 0.95


@dataclass(frozen=True)
class Scene:
    """A clip shrunk by `scale` at (left, top) of a picture of `size`; `step`: pictures of the clip a keyframe."""

    clip: str
    step: int
    scale: float
    size: tuple[int, int]
    at: tuple[int, int]
    judge: bool  # False: parameters were set on it


SCENES = (
    Scene("vtest_480x360.avi", 19, 0.5, (704, 576), (200, 120), judge=False),
    Scene("one-by-one-person-detection.mp4", 20, 0.3, (1280, 720), (500, 200), judge=True),
    Scene("person-bicycle-car-detection.mp4", 6, 0.42, (704, 576), (150, 120), judge=True),
    Scene("person-bicycle-car-detection.mp4", 6, 0.42, (322, 182), (0, 0), judge=True),
    Scene("car-detection.mp4", 6, 0.16, (704, 576), (300, 150), judge=True),
)
QUICK = (Scene("person-bicycle-car-detection.mp4", 18, 0.42, (322, 182), (0, 0), judge=True),)


class CountingDetector:
    """A detector that counts the passes of its network."""

    def __init__(self, detector: Detector):
        self.name, self.input_size, self.passes = detector.name, detector.input_size, 0
        self._detector = detector

    def detect(self, picture: Picture, moving: Sequence[Region], windows: Sequence[Pixels] = ()) -> list[Detection]:
        self.passes += 1 + len(windows)
        return self._detector.detect(picture, moving, windows)


@dataclass
class Score:
    wanted: dict[str, int] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    alone: dict[str, int] = field(default_factory=dict)  # found in the whole picture without windows
    found: int = 0
    false: int = 0
    heights: list[float] = field(default_factory=list)
    keyframes: int = 0
    passes: int = 0
    seconds: float = 0.0
    seconds_whole: float = 0.0

    def add(self, other: Score) -> None:
        for mine, its in ((self.wanted, other.wanted), (self.hits, other.hits), (self.alone, other.alone)):
            for kind, count in its.items():
                mine[kind] = mine.get(kind, 0) + count
        self.found, self.false = self.found + other.found, self.false + other.false


def run(footage: Path, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for judge in (False, True):
        total = Score()
        for scene in (s for s in (QUICK if quick else SCENES) if s.judge == judge):
            score = _scored(footage, scene)
            total.add(score)
            figures += _figures(scene, score)
        figures += _summary("judged" if judge else "set", total, judge=judge and not quick) if total.wanted else []
    return figures + _village(footage, 40 if quick else 300)


def _figures(scene: Scene, score: Score) -> list[Figure]:
    name = f"small: {scene.clip.split('.')[0]} in {scene.size[0]}×{scene.size[1]}"
    low, high = (round(float(v)) for v in np.percentile(score.heights or [0], (5, 95)))
    return [
        Figure(f"{name}, 90 % of the heights", f"{low}–{high}", "px"),
        *(
            Figure(f"{name}, recall of {kind}", _share(score.hits.get(kind, 0), n), f"of {n}") for kind, n in
            sorted(score.wanted.items())
        ),
        Figure(f"{name}, false", score.false, f"of {score.found}"),
        Figure(f"{name}, passes a keyframe", round(score.passes / max(1, score.keyframes), 2), ""),
        Figure(f"{name}, CPU / whole picture alone", round(score.seconds / max(1e-9, score.seconds_whole), 2), "×"),
    ]  # fmt: skip


def _summary(name: str, score: Score, *, judge: bool) -> list[Figure]:
    figures = []
    for kind, n in sorted(score.wanted.items()):
        recall, bar = _share(score.hits.get(kind, 0), n), RECALL[kind]
        figures.append(Figure(f"small, {name}: whole picture alone, {kind}", _share(score.alone.get(kind, 0), n), ""))
        figures.append(
            Figure(f"small, {name}: recall of {kind}", recall, f"of {n}", f"≥ {bar}" if judge else "",
                   not judge or recall >= bar)
        )  # fmt: skip
    precision = _share(score.found - score.false, score.found)
    passed = not judge or precision >= PRECISION
    return [*figures, Figure(f"small, {name}: precision", precision, "", f"≥ {PRECISION}" if judge else "", passed)]


def _share(part: int, whole: int) -> float:
    return round(part / max(1, whole), 3)


def _scored(footage: Path, scene: Scene) -> Score:
    labelled = _labelled(footage, scene)
    source = _chosen(footage / scene.clip, scene.step, labelled)
    truth = labelled or {i: _reference(picture) for i, picture in source.items()}
    return score_of(scene, source, truth)


def score_of(scene: Scene, source: Mapping[int, Picture], truth: Mapping[int, list[Detection]]) -> Score:
    """Analyse the scene as the pipeline does. `source`: pictures of the clip by number; `truth`: boxes in them."""
    canvas = _background(list(source.values()), scene.size)
    counted = CountingDetector(pipeline.models().detector)
    state, score = AnalysisState.new(1), Score()
    for number, (i, original) in enumerate(sorted(source.items())):
        picture = _picture(original, canvas, scene)
        at_ms = search_sight.START_US // 1000 + i * 100
        before, began = counted.passes, time.process_time()
        inspected = pipeline.inspect(state, at_ms, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        objects = []
        if inspected is not None:
            moving, sweep = inspected
            objects = pipeline.find_objects(counted, state.places, at_ms, picture, moving, sweep=sweep)
        if number < SKIPPED or i not in truth:
            continue
        middle = time.process_time()
        alone = objects_of(pipeline.models().detector.detect(picture, [])) if inspected is not None else []
        score.seconds += middle - began
        score.seconds_whole += time.process_time() - middle
        score.keyframes, score.passes = score.keyframes + 1, score.passes + counted.passes - before
        wanted = [_placed(d, original, scene) for d in truth[i]]
        people_only = scene.clip in LABELLED
        seen, whole = (
            [o.whole for o in group if not people_only or kind_of(o.whole) == "person"] for group in (objects, alone)
        )
        _count(score, wanted, seen, whole, scene)
    return score


def _count(
    score: Score, reference: Sequence[Detection], seen: Sequence[Detection], alone: Sequence[Detection], scene: Scene
) -> None:
    for d in (d for d in reference if d.score >= SURE):
        kind = kind_of(d)
        score.heights.append(d.h * scene.size[1])
        score.wanted[kind] = score.wanted.get(kind, 0) + 1
        for counts, found in ((score.hits, seen), (score.alone, alone)):
            hit = any(kind_of(f) == kind and iou(f, d) >= MATCH for f in found)
            counts[kind] = counts.get(kind, 0) + hit
    score.found += len(seen)
    score.false += sum(all(iou(f, d) < NEAR for d in reference) for f in seen)


def kind_of(d: Detection) -> str:
    if d.cls == Cls.person:
        return "person"
    return "rider" if d.cls == Cls.rider or d.cls in TWO_WHEELERS else "vehicle"


def _labelled(footage: Path, scene: Scene) -> dict[int, list[Detection]]:
    """Return the ground truth of vtest; nothing for other clips."""
    if scene.clip not in LABELLED:
        return {}
    return {
        i: [Detection(Cls.person, 1.0, x / 480, y / 360, w / 480, h / 360) for x, y, w, h in boxes]
        for i, boxes in search_sight.truth(footage).items()
    }


def _chosen(path: Path, step: int, also: Container[int]) -> dict[int, Picture]:
    """Decode every `step`th picture of a clip, and those in `also`."""
    found, video, i = dict[int, Picture](), cv2.VideoCapture(str(path)), 0
    while video.grab():
        if i % step == 0 or i in also:
            found[i] = np.asarray(video.retrieve()[1], np.uint8)
        i += 1
    video.release()
    return found


def _reference(picture: Picture) -> list[Detection]:
    """Return the objects of the clip in full size: whole picture and overlapping tiles."""
    height, width = picture.shape[:2]
    wide, high = round(width * 0.62), round(height * 0.62)
    tiles = [(x, y, x + wide, y + high) for y in (0, height - high) for x in (0, width - wide)]
    found = pipeline.models().detector.detect(picture, [], tiles)
    return [o.whole for o in objects_of(found)]


def _placed(d: Detection, source: Picture, scene: Scene) -> Detection:
    """Move a box of the clip to where it is in the scene."""
    wide, high = _small_size(source, scene)
    (left, top), (width, height) = scene.at, scene.size
    x, y = (left + d.x * wide) / width, (top + d.y * high) / height
    return Detection(d.cls, d.score, x, y, d.w * wide / width, d.h * high / height)


def _small_size(source: Picture, scene: Scene) -> tuple[int, int]:
    return round(source.shape[1] * scene.scale), round(source.shape[0] * scene.scale)


def _background(source: Sequence[Picture], size: tuple[int, int]) -> Picture:
    """Return the clip's empty scene, enlarged and out of focus."""
    empty = np.median(np.stack(source[:: max(1, len(source) // 7)]), axis=0).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(cv2.resize(empty, size), (0, 0), 6), np.uint8)


def _picture(source: Picture, canvas: Picture, scene: Scene) -> Picture:
    small = cv2.resize(source, _small_size(source, scene), interpolation=cv2.INTER_AREA)
    picture, (left, top) = canvas.copy(), scene.at
    part = picture[top : top + small.shape[0], left : left + small.shape[1]]
    part[:] = small[: part.shape[0], : part.shape[1]]
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _village(footage: Path, count: int) -> list[Figure]:
    """Count passes in the village's mix of D1 sub-streams, without the gate of sizes: an upper bound."""
    counted = CountingDetector(pipeline.models().detector)
    state = AnalysisState.new(1)
    for i, picture in enumerate(search_sight.village_pictures(footage, count)):
        at_ms = search_sight.START_US // 1000 + i * 2000
        inspected = pipeline.inspect(state, at_ms, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        if inspected is not None:
            pipeline.find_objects(counted, state.places, at_ms, picture, inspected[0], sweep=inspected[1])
    runs = state.places.runs
    return [
        Figure("small: village mix, keyframes with detection", round(runs / count, 3), f"of {count}"),
        Figure("small: village mix, passes a keyframe", round(counted.passes / count, 2), ""),
        Figure("small: village mix, passes a detection", round(counted.passes / max(1, runs), 2), ""),
    ]
