"""Quality and cost of the analysis: detection, gates, cameras per core, against analysing every picture."""

from __future__ import annotations

import csv
import pickle
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from bench.common import Figure
from cameras.virtual.clip import LoopClip, encode
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.playback.pictures import Picture
from nvr.rtsp.sdp import VideoCodec
from search.analysis import pipeline
from search.analysis.pipeline import AnalysisCounts, AnalysisState
from search.analysis.riders import DetectedObject, objects_of
from search.analysis.tracking import Track, Tracker
from search.models import ModelRegistry
from search.query.sightings import sighting_of
from search.store import ids
from search.store.sighting_store import Batch, SightingStore
from search.vocabulary import Cls

START_US = 1_780_000_000_000_000
D1 = (704, 576)
Box = tuple[float, float, float, float]


def prepare(models: Path) -> SearchSettings:
    """Load the default packs into this process."""
    settings = SearchSettings()
    folder = Path(tempfile.mkdtemp(prefix="minwang-packs-"))
    ModelRegistry(folder).add(models)
    pipeline.prepare(settings, folder)
    return settings


def pictures(path: Path, size: tuple[int, int] | None = None) -> list[Picture]:
    with av.open(str(path)) as container:
        found = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    return [np.asarray(cv2.resize(f, size) if size else f, np.uint8) for f in found]


def truth(footage: Path) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = {}
    with (footage / "vtest_480x360.boxes.csv").open() as f:
        for row in csv.DictReader(f):
            x, y, w, h = (float(row[k]) * 0.625 for k in ("x", "y", "w", "h"))
            found.setdefault(int(row["frame"]) - 1, []).append((x, y, w, h))
    return found


def detection(footage: Path) -> list[Figure]:
    frames, boxes = pictures(footage / "vtest_480x360.avi"), truth(footage)
    f1, recall, ms = _scored(frames, boxes, None)
    _, distant, distant_ms = _scored(frames, boxes, (700, 300))
    return [
        Figure("people of vtest, F1", round(f1, 3), "", "≥ 0.90", f1 >= 0.9),
        Figure("recall", round(recall, 3), ""),
        Figure("detection, CPU a frame", round(ms, 1), "ms", "≤ 20", ms <= 20),
        Figure("vtest pasted into 1080p, recall", round(distant, 3), "", "≥ 0.85", distant >= 0.85),
        Figure("CPU a frame of it", round(distant_ms, 1), "ms"),
    ]


def _scored(
    frames: Sequence[Picture], boxes: dict[int, list[Box]], at: tuple[int, int] | None
) -> tuple[float, float, float]:
    """Return (F1, recall, ms) behind the motion gate at 10 fps. `at`: position of the frames in a 1080p picture."""
    state, models = AnalysisState.new(1), pipeline.models()
    canvas = np.asarray(
        cv2.GaussianBlur(np.random.default_rng(1).integers(90, 140, (1080, 1920, 3), np.uint8), (0, 0), 9), np.uint8
    )
    hits = found = wanted = 0
    cpu = 0.0
    for i, frame in enumerate(frames):
        picture, (left, top) = frame, (0, 0)
        if at is not None:
            left, top = at
            canvas[top : top + 360, left : left + 480] = frame
            picture = canvas
        if i not in boxes and i % 10:
            continue
        began = time.process_time()
        at_ms, luma = START_US // 1000 + i * 100, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        inspected, seen = pipeline.inspect(state, at_ms, luma), list[DetectedObject]()
        if inspected is not None:
            moving, sweep = inspected
            seen = pipeline.find_objects(models.detector, state.places, at_ms, picture, moving, sweep=sweep)
        cpu += time.process_time() - began if i in boxes else 0
        if i not in boxes:
            continue
        height, width = picture.shape[:2]
        people = [
            (d.x * width - left, d.y * height - top, d.w * width, d.h * height)
            for d in (o.whole for o in seen)
            if d.cls == Cls.person
        ]
        found, wanted = found + len(people), wanted + len(boxes[i])
        hits += sum(any(_iou(t, p) >= 0.4 for p in people) for t in boxes[i])
    precision, recall = hits / max(1, found), hits / wanted
    return 2 * precision * recall / max(1e-9, precision + recall), recall, cpu / len(boxes) * 1000


def _iou(a: Box, b: Box) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, w) * max(0.0, h)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


@dataclass
class Village:
    """A day's mix in D1: a quarter of the keyframes contain somebody, 0.3 objects per keyframe on average."""

    frames: list[Keyframe]
    active: list[bool]


def village(footage: Path, count: int, seed: int = 1) -> Village:
    """Return people of vtest, one or two at a time, pasted on its empty courtyard, as a sub-stream with 5 fps."""
    shown, active = _village_days(footage, count, seed, 10)
    clip = encode(shown[: count * 10], fps=5, gop=10)
    made = coded(clip)
    return Village(made, active[: len(made)])


def village_pictures(footage: Path, count: int, seed: int = 1) -> list[Picture]:
    """Return the keyframes of the same mix as pictures, before coding."""
    return _village_days(footage, count, seed, 1)[0][:count]


def _village_days(footage: Path, count: int, seed: int, each: int) -> tuple[list[Picture], list[bool]]:
    """Return `each` pictures for each keyframe, and whether somebody is in it."""
    source = pictures(footage / "vtest_480x360.avi")
    empty = np.median(np.stack(source[::8]), axis=0).astype(np.uint8)
    ways = _ways(source if count > 200 else source[:120])
    rng = np.random.default_rng(seed)
    shown: list[Picture] = []
    active: list[bool] = []
    while len(active) < count:
        if active and not active[-1]:  # quiet and busy periods alternate
            run = int(rng.integers(4, 9))
            chosen = [ways[rng.integers(len(ways))] for _ in range(1 if rng.random() < 0.8 else 2)]
            for k in range(run):
                for j in range(each):
                    picture = empty.copy()
                    for way in chosen:
                        step = (k * 20 + j * 2) % len(way)
                        _paste(picture, source[way[step][0]], way[step][1])
                    shown.append(_d1(picture, rng))
                active.append(True)
        else:
            run = int(rng.integers(9, 28))
            for _ in range(run):
                shown += [_d1(empty, rng) for _ in range(each)]
                active.append(False)
    return shown, active


def _ways(source: Sequence[Picture]) -> list[list[tuple[int, Box]]]:
    """Return the tracks of one person each as (frame, box), found by running the detector on every second picture."""
    tracker, found = Tracker(1, 480 / 360), dict[int, list[tuple[int, Box]]]()
    models = pipeline.models()
    for i in range(0, len(source), 2):
        objects = objects_of(models.detector.detect(source[i], []))
        detections = [
            models.describe(source[i], t, AnalysisState.new(1).light.balance, infrared=False) for t in objects
        ]
        for track, one in zip(tracker.update(i * 100, detections), detections, strict=True):
            d = one.whole
            found.setdefault(track.id, []).append((i, (d.x, d.y, d.w, d.h)))
    return [w for w in found.values() if len(w) > min(20, len(source) // 8)]


def _paste(picture: Picture, source: Picture, box: Box) -> None:
    height, width = picture.shape[:2]
    x1, y1 = max(0, int((box[0] - 0.01) * width)), max(0, int((box[1] - 0.01) * height))
    x2, y2 = int((box[0] + box[2] + 0.01) * width), int((box[1] + box[3] + 0.01) * height)
    picture[y1:y2, x1:x2] = source[y1:y2, x1:x2]


def _d1(picture: Picture, rng: np.random.Generator) -> Picture:
    large = cv2.resize(picture, D1, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.asarray(np.clip(large + rng.integers(-1, 2, large.shape, np.int16), 0, 255), np.uint8)


def coded(clip: LoopClip) -> list[Keyframe]:
    """Return the clip's keyframes as the archive returns them, two seconds apart, each with the size of its GOP."""
    configuration = VideoFormat.from_sets(VideoCodec(clip.codec), clip.parameter_sets).configuration()
    sizes = [sum(len(n) + 4 for n in unit) for unit in clip.units]
    ends = [*clip.keyframes[1:], len(sizes)]
    return [
        Keyframe(
            "cam/sub", START_US + 2_000_000 * i, clip.codec, configuration,
            b"".join(len(n).to_bytes(4, "big") + n for n in clip.units[start]), sum(sizes[start:end]),
        )
        for i, (start, end) in enumerate(zip(clip.keyframes, ends, strict=True))
    ]  # fmt: skip


def cameras(footage: Path, quick: bool) -> list[Figure]:
    made = village(footage, 50 if quick else 900)
    with tempfile.TemporaryDirectory() as folder:
        cpu, counts, objects, _ = _indexed(made.frames, SightingStore(Path(folder)))
    per_keyframe = cpu / len(made.frames) * 1000
    by_core = 2000 / per_keyframe
    quiet = [i for i, a in enumerate(made.active) if not a]
    return [
        Figure("keyframes of the village mix", len(made.frames), ""),
        Figure("of them with somebody", round(sum(made.active) / len(made.active), 3), ""),
        Figure("detections a keyframe", round(objects / len(made.frames), 3), ""),
        Figure("passed over by their sizes, of those without anybody", round(counts.quiet / len(quiet), 3), ""),
        Figure("decoded and without motion, of all", round(counts.still / len(made.frames), 3), ""),
        Figure("CPU a keyframe, decoding to row", round(per_keyframe, 2), "ms"),
        # Fifty keyframes are barely what a camera's gates need to learn: they say nothing about its cost.
        Figure(
            "cameras a core, a keyframe in 2 s", round(by_core), "", "" if quick else "≥ 150", quick or by_core >= 150
        ),
        *_missed(made),
    ]


def _indexed(
    frames: Sequence[Keyframe], store: SightingStore, batch: int = 12
) -> tuple[float, AnalysisCounts, int, list[Track]]:
    """Return the CPU seconds of analysing and storing as the indexer does: state by pipe, rows to a day's file."""
    state, counts, tracks, detections = AnalysisState.new(1), AnalysisCounts(), dict[int, Track](), 0
    began = time.process_time()
    for at in range(0, len(frames), batch):
        part = frames[at : at + batch]
        analysis = pipeline.analyse(*pickle.loads(pickle.dumps((state, part))))
        analysis = pickle.loads(pickle.dumps(analysis))
        state = analysis.state
        rows = Batch("cam/sub", part[-1].at_us)
        for track in analysis.tracks:
            row = sighting_of(track, 1, 2)
            if track.id in tracks:
                rows.changed.append(row)
            else:
                rows.new.append(row)
            track.stored = True
            tracks[track.id] = track
        store.write(ids.day_of(part[-1].at_us // 1000), [rows])
        for name in ("keyframes", "quiet", "still", "detected", "undecodable"):
            setattr(counts, name, getattr(counts, name) + getattr(analysis.counts, name))
    cpu = time.process_time() - began
    detections = sum(t.detections for t in tracks.values())
    return cpu, counts, detections, list(tracks.values())


def _missed(made: Village) -> list[Figure]:
    """Return what each gate misses: keyframes with somebody that it would skip after learning."""
    from nvr.playback.pictures import decode_frame
    from search.analysis.pipeline import bgr_of, luma_of

    state, by_size, by_motion, after = AnalysisState.new(1), 0, 0, 0
    shares = [f.gop_bytes / len(f.data) - 1 for f in made.frames]
    for i, (frame, active) in enumerate(zip(made.frames, made.active, strict=True)):
        around, video = max(shares[i], shares[i - 1] if i else 0.0), decode_frame(frame, quick=True)
        limit, moving = state.gop_size_gate.limit, state.motion_gate.detect_motion(luma_of(video))
        if moving is not None:
            state.gop_size_gate.learn(around, event=bool(moving))
        if not active or i < len(made.frames) // 4:
            continue
        # Reference: the detector finds somebody in the whole picture.
        if any(d.cls == Cls.person for d in pipeline.models().detector.detect(bgr_of(video), [])):
            after, by_size, by_motion = after + 1, by_size + (0 < around < limit), by_motion + (moving == [])
    return [
        Figure("keyframes with somebody, after learning", after, ""),
        Figure("of them missed by the gate of sizes", round(by_size / max(1, after), 4), ""),
        Figure("of them missed by the gate of motion", round(by_motion / max(1, after), 4), ""),
    ]


def against_everything(footage: Path, quick: bool) -> list[Figure]:
    """Compare on the same clips with one detector: every picture decoded and analysed, and one keyframe per 2 s."""
    cpu_full = cpu_ours = 0.0
    long = found = 0
    clips = (
        ("vtest_480x360.avi", 10),
        ("person-bicycle-car-detection.mp4", 12),
        ("one-by-one-person-detection.mp4", 12),
    )
    for name, fps in clips[: 1 if quick else 3]:
        source = pictures(footage / name)
        source = source[: 100 if quick else 2000]
        clip = encode([f[: f.shape[0] // 2 * 2, : f.shape[1] // 2 * 2] for f in source], fps=fps, gop=fps * 2)
        frames = coded(clip)
        spent, reference = _every_picture(clip, fps)
        with tempfile.TemporaryDirectory() as folder:
            ours, _, _, tracks = _indexed(frames, SightingStore(Path(folder)))
        cpu_full, cpu_ours = cpu_full + spent, cpu_ours + ours
        lasting = [t for t in reference if t.last_ms - t.first_ms > 4000 and t.detections > 2 * fps]
        long += len(lasting)
        found += sum(any(_same(t, o) for o in tracks) for t in lasting)
    ratio, share = cpu_ours / cpu_full, found / max(1, long)
    return [
        Figure("CPU, keyframes / every picture", round(ratio, 3), "", "≤ 0.1", ratio <= 0.1),
        Figure("tracks longer than 4 s", long, ""),
        Figure("of them found from keyframes", round(share, 3), "", "≥ 0.95", share >= 0.95),
    ]


def _every_picture(clip: LoopClip, fps: int) -> tuple[float, list[Track]]:
    """The reference: decode, detect, describe and track every picture."""
    models, state, found = pipeline.models(), AnalysisState.new(1), dict[int, Track]()
    with tempfile.NamedTemporaryFile(suffix=".h264") as f:
        f.write(annex_b(clip))
        f.flush()
        began = time.process_time()
        with av.open(f.name, format="h264") as container:
            for i, video in enumerate(container.decode(video=0)):
                picture = pipeline.bgr_of(video)
                moving = state.motion_gate.detect_motion(pipeline.luma_of(video))
                state.tracker.aspect = picture.shape[1] / picture.shape[0]
                at_ms = START_US // 1000 + round(i * 1000 / fps)
                objects = pipeline.find_objects(
                    models.detector, state.places, at_ms, picture, moving or [], sweep=i == 0
                )
                detections = [models.describe(picture, t, state.light.balance, infrared=False) for t in objects]
                for track in state.tracker.update(at_ms, detections):
                    found[track.id] = track
    return time.process_time() - began, list(found.values())


def annex_b(clip: LoopClip) -> bytes:
    """Return the clip as a raw Annex B stream."""
    return b"".join(b"\0\0\0\1" + n for unit in clip.units for n in unit)


def _same(a: Track, b: Track) -> bool:
    """Return whether two tracks show the same object: at some moment both exist, close in time and place."""
    near = 0
    for p in b.points:
        q = min(a.points, key=lambda q: abs(q.at_ms - p.at_ms))
        height = max(p.h, q.h)
        if abs(q.at_ms - p.at_ms) < 400 and abs(p.x - q.x) < height * 0.6 and abs(p.y - q.y) < height * 0.5:
            near += 1
    return near >= 1
