"""One inspection in a disposable worker: decode the newest keyframe, measure and judge it.

The request holds the keyframes and the camera's baseline; the answer holds findings, measurement and evidence.

Decoding dominates the cost: one keyframe per inspection. A second one is decoded only if its coded size is almost the
same, because only then the picture may be frozen.
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

STILL = 0.05  # mean difference in grey levels of identical pictures; noise alone gives 0.9 and more
ALMOST = 0.02  # share of the coded size
UNCHANGED = 1.0  # grey levels between two rounds; frozen if the scene usually changes by more than USUAL
USUAL = 2.0
APART_SECONDS = 36 * 60.0
SHAKE = 0.006  # share of the width, between keyframes seconds apart
INFRA_RED = 3.0  # chroma below which a picture is infra-red
JPEG_WIDTH = 960


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """The worker's input.

    `hours` (of `vectors`) and `hour` are local hours; `before` is the previous inspection's thumbnail, taken `apart`
    seconds earlier. `eased` and `live` as in judgement.judge.
    """

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
    marks: Mapping[str, Box] = field(default_factory=dict)  # places of the on-screen time and name
    local: datetime | None = None  # local time that the picture should show


@dataclass(slots=True)
class InspectionAnswer:
    """The worker's output.

    `found`: family → figures; `untestable`: families that could not be judged; `features`, `thumb`: packed measurement
    and thumbnail; `cells`: flattened 8×12 map; `jpeg`: evidence or reference picture.
    """

    found: dict[str, dict[str, float]] = field(default_factory=dict)
    untestable: set[str] = field(default_factory=set)
    figures: dict[str, float] = field(default_factory=dict)
    features: bytes = b""
    thumb: bytes = b""
    light: str = ""
    learning: bool = False
    cells: list[float] | None = None
    jpeg: bytes = b""
    size: tuple[int, int] | None = None  # of the picture: width, height in pixels


def inspect(q: InspectionRequest) -> InspectionAnswer:
    """Run one inspection. Raises ProtocolError if the newest keyframe does not decode."""
    cv2.setNumThreads(1)
    frame = q.frames[-1]
    picture = decoded(frame, quick=True)
    sight = measurement.measure_frame(picture)
    early = _past(q.anchors, q.anchor_hours)
    # The anchors take part: five days may have had one kind of weather only.
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
    """Unpack the history; leave out vectors of another layout, with their hours."""
    usable = [(v, h) for v, h in zip(vectors, hours, strict=True) if measurement.fits(v)]
    return AcceptedHistory(
        measurement.unpacked([v for v, _ in usable]), np.array([h for _, h in usable], np.float32), scenes, pattern
    )


def _frozen(q: InspectionRequest, sight: Measurement, answer: InspectionAnswer) -> None:
    """Detect a frozen picture in one of three ways (docs/health.md); unknown, not healthy, where none applies."""
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
    """Return for how many seconds the keyframes have shown the identical picture."""
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
    """Tell shaking from displacement.

    A camera that moved rests in its new place; a shaking camera is elsewhere in every keyframe.
    """
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
