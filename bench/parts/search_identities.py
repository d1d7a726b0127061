"""Whether a sighting is one person or vehicle, and a person or vehicle one sighting: both errors, side by side.

Generated streets (`generated_streets.py`) carry the truth of every detection. The thresholds of the tracker were set on
the scenes of `set_scenes`; `judged_scenes` have other cameras, roads, speeds and seeds. On real footage the reference
is a tracker on five pictures a second that joins boxes only where they overlap without a rival.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bench.common import Figure
from bench.parts.generated_streets import Scene, View, corridor, keyframes, plaza, road
from search.analysis.detectors.base import iou
from search.analysis.tracking import TrackedDetection, Tracker

START_MS = 1_780_000_000_000
LEARNING_MS = 120_000  # of a road, before things are counted: a camera learns its traffic once
INTERVALS_S = (1.0, 2.0)
MAX_THINGS, MAX_SIGHTINGS = 1.15, 1.5
REFERENCE_OVERLAP, RIVAL_OVERLAP, REFERENCE_GAP_MS, MIN_REFERENCE = 0.3, 0.2, 450, 4
Labelled = tuple[int, list[TrackedDetection], list[int]]  # ms, detections, number of the thing of each


def set_scenes(seeds: Iterable[int]) -> Iterator[tuple[str, Scene]]:
    """Yield (kind, scene) on which the thresholds were set."""
    for seed in seeds:
        yield "road", road("avenue", seed, View(6, 10, 1.2), angle=8, headway_s=3.2, speed=11)
        yield "road", road("side", seed, View(6, 14, 1.0), angle=60, headway_s=4, speed=10)
        yield "infra-red road", road("ir", seed, View(6, 10, 1.2), angle=8, headway_s=3.2, speed=11, monochrome=True)
        yield "plaza", plaza("plaza", seed, View(6, 12, 1.1), people=45, area=(-11, 9, 11, 32))
        yield "corridor", corridor("corridor", seed, View(2.8, 14, 0.9), people=16)


def judged_scenes(seeds: Iterable[int]) -> Iterator[tuple[str, Scene]]:
    """Yield (kind, scene) that judge."""
    for seed in seeds:
        yield "road", road("lane", 100 + seed, View(5, 8, 1.5), angle=15, headway_s=2.6, speed=13)
        yield "road", road("across", 100 + seed, View(7, 16, 0.9), angle=40, headway_s=3.5, speed=9)
        yield (
            "infra-red road",
            road("ir", 100 + seed, View(5, 8, 1.5), angle=15, headway_s=2.6, speed=13, monochrome=True),
        )
        yield "plaza", plaza("square", 100 + seed, View(5, 14, 1.0), people=55, area=(-9, 7, 9, 26))
        yield "corridor", corridor("hall", 100 + seed, View(3.0, 18, 0.8), people=20)


@dataclass(slots=True)
class Score:
    """The two errors: things of each sighting, sightings of each thing."""

    things: list[int] = field(default_factory=list)
    of_several: list[int] = field(default_factory=list)  # of the sightings of more than one keyframe
    sightings: list[int] = field(default_factory=list)
    cpu_s: float = 0.0
    keyframes: int = 0

    def add(self, frames: Iterable[Labelled], aspect: float, after_ms: int = 0) -> None:
        """Track labelled keyframes and count what began at or after `after_ms`."""
        tracker = Tracker(1, aspect)
        things, looks, sightings = (
            defaultdict[int, set[int]](set),
            defaultdict[int, int](int),
            defaultdict[int, set[int]](set),
        )
        first: dict[int, int] = {}
        for at_ms, detections, truth in frames:
            began = time.process_time()
            tracks = tracker.update(START_MS + at_ms, detections)
            self.cpu_s, self.keyframes = self.cpu_s + time.process_time() - began, self.keyframes + 1
            for track, thing in zip(tracks, truth, strict=True):
                first.setdefault(thing, at_ms)
                things[track.id].add(thing)
                sightings[thing].add(track.id)
                looks[track.id] += 1
        late = {t for t, at in first.items() if at >= after_ms}
        counted = {number: len(v) for number, v in things.items() if v & late}
        self.things += counted.values()
        self.of_several += [n for number, n in counted.items() if looks[number] > 1]
        self.sightings += [len(v) for thing, v in sightings.items() if thing in late]

    def figures(self, name: str, bar: bool) -> list[Figure]:
        """Return the figures, with bars if the scenes judge."""
        things, sightings = float(np.mean(self.things)), float(np.mean(self.sightings))
        return [
            Figure(
                f"things a sighting, {name}", round(things, 3), "", f"≤ {MAX_THINGS}" if bar else "",
                things <= MAX_THINGS or not bar,
            ),
            Figure(f"of several keyframes, {name}", round(float(np.mean(self.of_several or [1])), 3), ""),
            Figure(
                f"sightings a thing, {name}", round(sightings, 3), "", f"≤ {MAX_SIGHTINGS}" if bar else "",
                sightings <= MAX_SIGHTINGS or not bar,
            ),
        ]  # fmt: skip


def generated(quick: bool) -> list[Figure]:
    """Score the tracker on generated streets."""
    figures: list[Figure] = []
    cpu_s, count = 0.0, 0
    for group, scenes in (("judged", judged_scenes), ("set", set_scenes)):
        if quick and group == "set":
            continue
        scores = defaultdict[tuple[str, float], Score](Score)
        for kind, scene in scenes(range(1 if quick else 3)):
            for interval in INTERVALS_S[1:] if quick else INTERVALS_S:
                after = LEARNING_MS if "road" in kind else 0
                scores[kind, interval].add(keyframes(scene, interval, 7), scene.view.aspect, after)
        for (kind, interval), score in scores.items():
            figures += score.figures(
                f"{kind}, {interval:g} s, {group}", group == "judged" and not quick
            )  # one street is no judgement
            cpu_s, count = cpu_s + score.cpu_s, count + score.keyframes
    return [*figures, Figure("tracking, CPU a keyframe", round(cpu_s / count * 1e6), "µs")]


def on_footage(path: Path, interval_s: float) -> list[Figure]:
    """Score the tracker on a clip with the real detector. `search_sight.prepare` runs first.

    A person whom something hides has several reference tracks: only two that exist at one time are certainly two
    people, so the first figure is a lower bound.
    """
    pictures = _described(path)
    aspect = pictures[0][2]
    reference = _reference([(at, found) for at, found, _ in pictures])
    labels = {id(d): n for n, way in enumerate(reference) for _, d in way}
    spans = [(way[0][0], way[-1][0]) for way in reference]
    tracker, things, sightings, due = (
        Tracker(1, aspect),
        defaultdict[int, set[int]](set),
        defaultdict[int, set[int]](set),
        0.0,
    )
    for at_ms, found, _ in pictures:
        if at_ms < due:
            continue
        due += interval_s * 1000
        for track, detection in zip(tracker.update(START_MS + at_ms, found), found, strict=True):
            if (thing := labels.get(id(detection))) is not None:
                things[track.id].add(thing)
                sightings[thing].add(track.id)
    mixed = sum(any(_together(spans[a], spans[b]) for a in v for b in v if a < b) for v in things.values())
    name = f"{path.stem}, {interval_s:g} s"
    return [
        Figure(f"sightings, {name}", len(things), ""),
        Figure(f"share with two things of one time, {name}", round(mixed / max(1, len(things)), 3), ""),
        Figure(
            f"sightings an unbroken reference track, {name}",
            round(float(np.mean([len(v) for v in sightings.values()] or [0])), 3), "",
        ),
    ]  # fmt: skip


def _described(path: Path) -> list[tuple[int, list[TrackedDetection], float]]:
    """Detect and describe five pictures a second; return (ms, detections, aspect of the picture)."""
    import av

    from search.analysis import pipeline
    from search.analysis.pipeline import AnalysisState
    from search.analysis.riders import objects_of

    models, balance, found = pipeline.models(), AnalysisState.new(1).light.balance, []
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 10)
        for i, video in enumerate(container.decode(video=0)):
            if i % max(1, round(rate / 5)):
                continue
            picture = pipeline.bgr_of(video)
            balance.learn(np.asarray(cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA), np.uint8))
            objects = objects_of(models.detector.detect(picture, []))
            described = [models.describe(picture, o, balance, infrared=False) for o in objects]
            found.append((round(i / rate * 1000), described, picture.shape[1] / picture.shape[0]))
    return found


def _reference(pictures: Sequence[tuple[int, list[TrackedDetection]]]) -> list[list[tuple[int, TrackedDetection]]]:
    """Join boxes that overlap from picture to picture and have no rival on either side."""
    ways: list[list[tuple[int, TrackedDetection]]] = []
    for at_ms, found in pictures:
        live = [w for w in ways if at_ms - w[-1][0] <= REFERENCE_GAP_MS]
        overlaps = np.array([[iou(w[-1][1].whole, d.whole) for d in found] for w in live]).reshape(
            len(live), len(found)
        )
        joined = set()
        for i, j in zip(*np.nonzero(overlaps >= REFERENCE_OVERLAP), strict=True):
            if (overlaps[i] > RIVAL_OVERLAP).sum() == 1 and (overlaps[:, j] > RIVAL_OVERLAP).sum() == 1:
                live[i].append((at_ms, found[j]))
                joined.add(int(j))
        ways += [[(at_ms, d)] for j, d in enumerate(found) if j not in joined]
    return [w for w in ways if len(w) >= MIN_REFERENCE]


def _together(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def run(quick: bool, footage: Path | None) -> list[Figure]:
    """Return the figures; `footage`: folder of the clips, if the detector is prepared."""
    figures = generated(quick)
    if footage is not None and not quick:
        for name in ("vtest_480x360.avi", "person-bicycle-car-detection.mp4", "car-detection.mp4"):
            for interval in INTERVALS_S:
                figures += on_footage(footage / name, interval)
    return figures
