"""One look in a disposable worker: decode the newest keyframe, measure it, judge it against the camera's past.

Decoding is what costs: one keyframe a look. A second one is decoded only where it is coded in almost the same number of
bytes, because only then the picture may stand still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import av
import cv2
import numpy as np

from health.picture import measurement, osd
from health.picture.comparison import AcceptedHistory
from health.picture.displacement import edges as edges_of
from health.picture.displacement import shift_between
from health.picture.judgement import decayed, judge
from health.picture.measurement import Measurement, Plane
from health.picture.osd import Box
from health.picture.view_pattern import ViewPattern
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import decoded, snapshot

STILL = 0.05  # grey levels: the very same picture; noise alone gives 0.9 and more
ALMOST = 0.02  # of the size
UNCHANGED = 1.0  # grey levels between two rounds, where the scene usually changes by more than USUAL
USUAL = 2.0
APART_SECONDS = 36 * 60.0
SHAKE = 0.006  # of the width, between keyframes seconds apart
INFRA_RED = 3.0  # colour below which a picture is an infra-red one
JPEG_WIDTH = 960


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """What the worker is given. `hours` of the past's looks and `hour` of this one are local; `apart` seconds since `before`."""

    frames: Sequence[Keyframe]
    hour: float
    vectors: Sequence[bytes] = ()
    hours: Sequence[float] = ()
    scenes: Sequence[bytes] = ()
    pattern: ViewPattern | None = None
    anchors: Sequence[bytes] = ()
    anchor_hours: Sequence[float] = ()
    eased: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()
    before: bytes | None = None
    apart: float = 0.0
    usual_change: float | None = None
    frozen_seconds: float = 10.0
    learning: int = 24
    want_picture: bool = False
    marks: Mapping[str, Box] = field(default_factory=dict)  # where time and name are burnt in
    local: datetime | None = None  # what the time in the picture ought to be, at its place


@dataclass(slots=True)
class InspectionAnswer:
    found: dict[str, dict[str, float]] = field(default_factory=dict)
    untestable: set[str] = field(default_factory=set)
    figures: dict[str, float] = field(default_factory=dict)
    features: bytes = b""
    thumb: bytes = b""
    light: str = ""
    learning: bool = False
    cells: list[float] | None = None
    jpeg: bytes = b""
    size: tuple[int, int] | None = None  # of the picture, pixels


def inspect(q: InspectionRequest) -> InspectionAnswer:
    """Raises ProtocolError where the newest keyframe does not decode."""
    cv2.setNumThreads(1)
    frame = q.frames[-1]
    picture = decoded(frame, quick=True)
    sight = measurement.measure_frame(picture)
    early = _past(q.anchors, q.anchor_hours)
    # The first days of a view belong to what it looks like: five days may know one kind of weather only.
    past = _past(
        [*q.vectors, *q.anchors], [*q.hours, *q.anchor_hours], [measurement.plane(s) for s in q.scenes], q.pattern
    )
    verdict = judge(sight, past, q.hour, q.eased, q.learning, q.live)
    answer = InspectionAnswer(dict(verdict.found), set(verdict.untestable), learning=verdict.learning)
    if not answer.found and q.anchors:
        answer.found |= decayed(sight, early, q.hour, q.eased)
    answer.size = sight.size
    answer.figures = {name: round(sight[name], 3) for name in ("mean", "sd", "noise", "chroma", "f1", "saturated")}
    if verdict.fog:
        answer.figures["sky"] = 1.0
    answer.features, answer.thumb = sight.packed(), sight.thumb.tobytes()
    answer.light = "night" if sight["chroma"] < INFRA_RED else "day"
    if not {"black", "no_signal"} & set(answer.found):
        _frozen(q, sight, answer)
        if "moved" in answer.found and len(q.frames) >= 4:
            _shaking(q, sight, answer)
    else:
        answer.untestable |= {"frozen", "shaking"}
    _marks(q, picture, answer)
    if verdict.cells is not None and answer.found:
        answer.cells = [round(float(v), 2) for v in verdict.cells.ravel()]
    if answer.found or q.want_picture:
        answer.jpeg = snapshot(frame, JPEG_WIDTH)
    return answer


def _marks(q: InspectionRequest, picture: av.VideoFrame, answer: InspectionAnswer) -> None:
    if not q.marks or q.local is None or {"black", "no_signal"} & set(answer.found):
        answer.untestable |= {"mark_time", "mark_name"}
        return
    told = osd.judge(measurement.planes(picture)[0], q.marks, q.local)
    answer.found |= told.found
    answer.untestable |= told.unknown


def _past(
    vectors: Sequence[bytes], hours: Sequence[float], scenes: Sequence[Plane] = (), pattern: ViewPattern | None = None
) -> AcceptedHistory:
    """Figures of another layout than today's are left out, with their hours."""
    usable = [(v, h) for v, h in zip(vectors, hours, strict=True) if measurement.fits(v)]
    return AcceptedHistory(
        measurement.unpacked([v for v, _ in usable]), np.array([h for _, h in usable], np.float32), scenes, pattern
    )


def _frozen(q: InspectionRequest, sight: Measurement, answer: InspectionAnswer) -> None:
    """Three ways to know (docs/health.md); where none can, it is unknown, not healthy."""
    still = _still_seconds(q.frames, sight)
    answer.figures["still_seconds"] = still
    if still >= q.frozen_seconds:
        answer.found["frozen"] = {"seconds": round(still, 1)}
        return
    if (q.frames[-1].at_us - q.frames[0].at_us) / 1e6 < q.frozen_seconds:
        answer.untestable.add("frozen")
    if q.before is None or q.apart < APART_SECONDS:
        return
    change = float(np.mean(np.abs(_soft(sight.thumb) - _soft(measurement.plane(q.before)))))
    answer.figures["change"] = round(change, 3)
    if change < UNCHANGED and q.usual_change is not None and q.usual_change > USUAL:
        if answer.light == "day":
            answer.found["frozen"] = {"change": round(change, 2), "usual": round(q.usual_change, 2)}
        else:
            answer.untestable.add("frozen")  # an unlit night changes as little: unknown until dawn


def _soft(thumb: Plane) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.GaussianBlur(thumb, (0, 0), 1.0), np.float32)


def _still_seconds(frames: Sequence[Keyframe], sight: Measurement) -> float:
    """How far back the keyframes show the very same picture, seconds."""
    newest = frames[-1]
    candidates = [f for f in frames[:-1] if abs(len(f.data) - len(newest.data)) <= ALMOST * len(newest.data)]
    if not candidates or candidates[-1] is not frames[-2]:
        return 0.0
    oldest = candidates[0]
    if oldest.data == newest.data or _same(measurement.thumb(decoded(oldest, quick=True)), sight.thumb):
        return (newest.at_us - oldest.at_us) / 1e6
    return 0.0


def _same(a: Plane, b: Plane) -> bool:
    return float(np.mean(np.abs(a.astype(np.float32) - b))) <= STILL


def _shaking(q: InspectionRequest, sight: Measurement, answer: InspectionAnswer) -> None:
    """A camera that moved hangs still in its new place; one that shakes is somewhere else in every keyframe."""
    here, shifts = edges_of(sight.thumb), []
    for frame in q.frames[-5:-1]:
        picture = decoded(frame, quick=True)
        shift, response = shift_between(edges_of(measurement.thumb(picture)), here)
        if response > 0.1:
            shifts.append(shift)
    if len(shifts) >= 3 and float(np.median(shifts)) > SHAKE:
        answer.found["shaking"] = {"shift": round(float(np.median(shifts)), 4)}
        answer.untestable.add("moved")
        del answer.found["moved"]
