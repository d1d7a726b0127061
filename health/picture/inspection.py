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

from health.faults.findings import CheckFindings
from health.picture import measurement, osd
from health.picture.comparison import AcceptedHistory
from health.picture.detectors.base import PictureFindings
from health.picture.displacement import edges as edges_of
from health.picture.displacement import shift_between
from health.picture.judgement import judge, judge_against_anchors
from health.picture.measurement import Measurement, Plane
from health.picture.osd import Box
from health.picture.view_pattern import ViewPattern
from health.vocabulary import FaultFamily, Light
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Masks, decode_frame, snapshot

MAX_STILL_DIFFERENCE = 0.05  # mean difference in grey levels of identical pictures; noise alone gives 0.9 and more
MAX_SIZE_DIFFERENCE = 0.02  # of the coded sizes of identical pictures, share
MAX_FROZEN_CHANGE = 1.0  # grey levels between two rounds; frozen if the scene usually changes more than …
MIN_USUAL_CHANGE = 2.0  # … this
MIN_SECONDS_BETWEEN_ROUNDS = 36 * 60.0
MIN_SHAKE_SHIFT = 0.006  # share of the width, between keyframes seconds apart
MIN_SHAKE_RESPONSE = 0.1  # of the phase correlation
MIN_SHAKE_SHIFTS = 3  # keyframes elsewhere
FULL_DAYLIGHT_HOURS = (8.0, 16.0)  # local; outside, lamps may give a calm night colours like those of a day
DARK_HOURS = (22.0, 4.0)  # local; dark everywhere between the tropics and 50° of latitude, also in summer
MAX_INFRARED_CHROMA = 3.0  # chroma below which a picture is infra-red
JPEG_WIDTH = 960
_EMPTY_PICTURE = {FaultFamily.BLACK, FaultFamily.NO_SIGNAL}


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """The worker's input.

    `hours` (of `vectors`) and `hour` are local hours; `settled_scenes` as in AcceptedHistory; `previous_thumb` is the
    previous inspection's thumbnail, taken `seconds_since_previous` earlier. `open_families` and `live_families` as in
    judgement.judge.
    """

    frames: Sequence[Keyframe]
    hour: float
    vectors: Sequence[bytes] = ()
    hours: Sequence[float] = ()
    scenes: Sequence[bytes] = ()
    pattern: ViewPattern | None = None
    anchors: Sequence[bytes] = ()
    anchor_hours: Sequence[float] = ()
    open_families: frozenset[str] = frozenset()
    live_families: frozenset[str] = frozenset()
    previous_thumb: bytes | None = None
    seconds_since_previous: float = 0.0
    usual_change: float | None = None
    frozen_seconds: float = 10.0
    learning: int = 24
    want_picture: bool = False
    osd_boxes: Mapping[str, Box] = field(default_factory=dict)  # places of the on-screen time and name
    local: datetime | None = None  # local time that the picture should show
    settled_scenes: int = 0
    masks: Masks = ()  # privacy masks of the camera, filled in the picture that is kept


@dataclass(slots=True)
class InspectionAnswer:
    """The worker's output.

    `features`, `thumb`: packed measurement and thumbnail; `cells`: flattened 8×12 map; `jpeg`: evidence or reference
    picture.
    """

    findings: CheckFindings = field(default_factory=CheckFindings)
    figures: dict[str, float] = field(default_factory=dict)
    features: bytes = b""
    thumb: bytes = b""
    light: Light = Light.NONE
    learning: bool = False
    learned: int = 0  # accepted inspections that it was compared with
    cells: list[float] | None = None
    jpeg: bytes = b""
    size: tuple[int, int] | None = None  # of the picture: width, height in pixels


def inspect(request: InspectionRequest) -> InspectionAnswer:
    """Run one inspection. Raises ProtocolError if the newest keyframe does not decode."""
    cv2.setNumThreads(1)
    frame = request.frames[-1]
    picture = decode_frame(frame, quick=True)
    measured = measurement.measure_frame(picture)
    verdict = _judge(request, measured)
    answer = InspectionAnswer(
        CheckFindings(dict(verdict.found), set(verdict.unknown)), learning=verdict.learning,
        learned=len(request.vectors) + len(request.anchors),
    )  # fmt: skip
    answer.size = measured.size
    answer.figures = {name: round(measured[name], 3) for name in ("mean", "sd", "noise", "chroma", "f1", "saturated")}
    if verdict.fog:
        answer.figures["shared_weather"] = 1.0
    answer.features, answer.thumb = measured.pack(), measured.thumb.tobytes()
    answer.light = light_at(measured, request.hour)
    if not _EMPTY_PICTURE & set(answer.findings.found):
        _check_frozen(request, measured, answer)
        if FaultFamily.MOVED in answer.findings.found and len(request.frames) >= 4:
            _check_shaking(request, measured, answer)
    else:
        answer.findings.unknown |= {FaultFamily.FROZEN, FaultFamily.SHAKING}
    answer.findings.add(_check_display(request, picture, answer.findings))
    if verdict.cells is not None and answer.findings.found:
        answer.cells = [round(float(v), 2) for v in verdict.cells.ravel()]
    if answer.findings.found or request.want_picture:
        answer.jpeg = snapshot(frame, JPEG_WIDTH, request.masks)
    return answer


def light_at(measured: Measurement, hour: float) -> Light:
    """Return the light of a picture: night by infra-red, or by the clock where lamps give the night its colours."""
    dark = hour >= DARK_HOURS[0] or hour < DARK_HOURS[1]
    return Light.NIGHT if dark or measured["chroma"] < MAX_INFRARED_CHROMA else Light.DAY


def _judge(request: InspectionRequest, measured: Measurement) -> PictureFindings:
    """Judge the picture against the recent history and, if nothing is found, against the first days of the view."""
    # The anchors take part: five days may have had one kind of weather only.
    history = _history(
        [*request.vectors, *request.anchors],
        [*request.hours, *request.anchor_hours],
        [measurement.plane(s) for s in request.scenes],
        request.pattern,
    )
    history.settled_scenes = request.settled_scenes
    history.previous = measurement.plane(request.previous_thumb) if request.previous_thumb else None
    verdict = judge(measured, history, request.hour, request.open_families, request.learning, request.live_families)
    if not verdict.found and request.anchors:
        anchors = _history(request.anchors, request.anchor_hours)
        verdict.add(judge_against_anchors(measured, anchors, request.hour, request.open_families))
    return verdict


def _check_display(request: InspectionRequest, picture: av.VideoFrame, findings: CheckFindings) -> CheckFindings:
    if not request.osd_boxes or request.local is None or _EMPTY_PICTURE & set(findings.found):
        return CheckFindings(unknown={FaultFamily.OSD_TIME, FaultFamily.OSD_NAME})
    return osd.check_display(measurement.yuv_planes(picture)[0], request.osd_boxes, request.local)


def _history(
    vectors: Sequence[bytes], hours: Sequence[float], scenes: Sequence[Plane] = (), pattern: ViewPattern | None = None
) -> AcceptedHistory:
    """Unpack the history; leave out vectors of another layout, with their hours."""
    usable = [(v, h) for v, h in zip(vectors, hours, strict=True) if measurement.has_current_layout(v)]
    return AcceptedHistory(
        measurement.unpack([v for v, _ in usable]), np.array([h for _, h in usable], np.float32), scenes, pattern
    )


def _check_frozen(request: InspectionRequest, measured: Measurement, answer: InspectionAnswer) -> None:
    """Detect a frozen picture in one of three ways (docs/health.md); unknown, not healthy, where none applies."""
    found, unknown = answer.findings.found, answer.findings.unknown
    still = _still_seconds(request.frames, measured)
    answer.figures["still_seconds"] = still
    if still >= request.frozen_seconds:
        found[FaultFamily.FROZEN] = {"seconds": round(still, 1)}
        return
    if (request.frames[-1].at_us - request.frames[0].at_us) / 1e6 < request.frozen_seconds:
        unknown.add(FaultFamily.FROZEN)
    if request.previous_thumb is None or request.seconds_since_previous < MIN_SECONDS_BETWEEN_ROUNDS:
        return
    previous = measurement.plane(request.previous_thumb)
    change = float(np.mean(np.abs(_smoothed(measured.thumb) - _smoothed(previous))))
    answer.figures["change"] = round(change, 3)
    usual = request.usual_change
    if change >= MAX_FROZEN_CHANGE:
        unknown.discard(FaultFamily.FROZEN)  # it has changed since the last round: also one keyframe shows that
    elif usual is not None and usual > MIN_USUAL_CHANGE:
        if answer.light == Light.DAY and FULL_DAYLIGHT_HOURS[0] <= request.hour < FULL_DAYLIGHT_HOURS[1]:
            found[FaultFamily.FROZEN] = {"change": round(change, 2), "usual": round(usual, 2)}
        else:
            unknown.add(FaultFamily.FROZEN)  # a calm night changes as little: unknown until the morning


def _smoothed(thumb: Plane) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.GaussianBlur(thumb, (0, 0), 1.0), np.float32)


def _still_seconds(frames: Sequence[Keyframe], measured: Measurement) -> float:
    """Return for how many seconds the keyframes have shown the identical picture."""
    newest = frames[-1]
    max_difference = MAX_SIZE_DIFFERENCE * len(newest.data)
    candidates = [f for f in frames[:-1] if abs(len(f.data) - len(newest.data)) <= max_difference]
    if not candidates or candidates[-1] is not frames[-2]:
        return 0.0
    oldest = candidates[0]
    if oldest.data == newest.data or _is_same(measurement.thumb(decode_frame(oldest, quick=True)), measured.thumb):
        return (newest.at_us - oldest.at_us) / 1e6
    return 0.0


def _is_same(a: Plane, b: Plane) -> bool:
    return float(np.mean(np.abs(a.astype(np.float32) - b))) <= MAX_STILL_DIFFERENCE


def _check_shaking(request: InspectionRequest, measured: Measurement, answer: InspectionAnswer) -> None:
    """Tell shaking from displacement.

    A camera that moved rests in its new place; a shaking camera is elsewhere in every keyframe.
    """
    here, shifts = edges_of(measured.thumb), []
    for frame in request.frames[-5:-1]:
        picture = decode_frame(frame, quick=True)
        shift, response = shift_between(edges_of(measurement.thumb(picture)), here)
        if response > MIN_SHAKE_RESPONSE:
            shifts.append(shift)
    if len(shifts) >= MIN_SHAKE_SHIFTS and float(np.median(shifts)) > MIN_SHAKE_SHIFT:
        answer.findings.found[FaultFamily.SHAKING] = {"shift": round(float(np.median(shifts)), 4)}
        answer.findings.withdraw([FaultFamily.MOVED])
