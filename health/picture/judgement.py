"""Judges which picture faults one inspection shows, compared with the camera's accepted inspections.

The detectors of health.picture.detectors run one after another; then findings that others explain are removed
(health.picture.precedence). Methods: docs/health.md.
"""

from __future__ import annotations

from health.faults.findings import CheckFindings
from health.picture.comparison import MIN_REFERENCES, AcceptedHistory, Comparison
from health.picture.detectors import haze
from health.picture.detectors.base import Observation, PictureDetection, PictureDetector, PictureFindings
from health.picture.detectors.colour import ColourCastDetector, MonochromeDetector
from health.picture.detectors.disturbance import BandingDetector, BlockingDetector, NoiseDetector
from health.picture.detectors.exposure import (
    BlackDetector,
    OverexposureDetector,
    UnderexposureDetector,
    detect_empty_black,
    detect_no_signal,
)
from health.picture.detectors.haze import HazeDetector
from health.picture.detectors.sharpness import BlurDetector, PartialBlurDetector
from health.picture.detectors.view import DisplacementDetector, OcclusionDetector, PartialOcclusionDetector
from health.picture.measurement import Measurement
from health.picture.precedence import PICTURE_FINDINGS, remove_explained
from health.vocabulary import FaultFamily as F

MIN_HISTORY = 24  # accepted inspections; with fewer, only families that need no history are judged
# Families that fog hides or imitates.
WEATHER_FAMILIES = frozenset(
    {
        F.HAZE, F.BLURRED, F.BLURRED_PART, F.COVERED, F.PARTIAL_OCCLUSION, F.MOVED, F.UNDEREXPOSED, F.COLOUR_CAST,
        F.MONOCHROME,
    }
)  # fmt: skip
_EMPTY_PICTURE = frozenset({F.NO_SIGNAL, F.BLACK})
_WITH_HISTORY = PICTURE_FINDINGS - _EMPTY_PICTURE
_BLACK, _BLUR, _OCCLUSION = BlackDetector(), BlurDetector(), OcclusionDetector()
# In the order of their dependence: a cast needs colour, and no view is recognised behind a disturbance.
DETECTORS: tuple[PictureDetector, ...] = (
    _BLACK,
    OverexposureDetector(),
    UnderexposureDetector(),
    HazeDetector(),
    _BLUR,
    PartialBlurDetector(),
    MonochromeDetector(),
    ColourCastDetector(),
    NoiseDetector(),
    BandingDetector(),
    BlockingDetector(),
    DisplacementDetector(_OCCLUSION),
    _OCCLUSION,
    PartialOcclusionDetector(),
)


def judge(
    measurement: Measurement,
    history: AcceptedHistory,
    hour: float,
    open_families: frozenset[str] = frozenset(),
    learning: int = MIN_HISTORY,
    live_families: frozenset[str] = frozenset(),
) -> PictureFindings:
    """Judge one measurement against the accepted history.

    `hour`: local hour of the day, 0…24. `open_families`: families with an open fault, which is found down to 70 % of
    the opening threshold. `learning`: number of accepted inspections below which only families without need of a
    history are judged. `live_families`: families with a live fault.
    """
    findings = PictureFindings()
    _judge_without_history(measurement, findings)
    if len(history.vectors) < max(learning, MIN_REFERENCES):
        findings.learning = True
        findings.unknown |= _WITH_HISTORY
        return findings
    comparison = Comparison(measurement, history, hour, open_families)
    if _EMPTY_PICTURE & set(findings.found):
        if F.BLACK in findings.found and _BLACK.is_unlit_night(comparison):
            del findings.found[F.BLACK]
        findings.unknown |= _WITH_HISTORY
        return findings
    observation = Observation(comparison, live_families, findings)
    findings.fog = haze.is_fog(observation)
    for detector in DETECTORS:
        _add(findings, detector.family, detector.detect(observation))
    remove_explained(findings, live_families)
    if findings.fog:
        findings.withdraw(WEATHER_FAMILIES)
        findings.unknown |= WEATHER_FAMILIES
    return findings


def judge_against_anchors(
    measurement: Measurement, anchors: AcceptedHistory, hour: float, open_families: frozenset[str] = frozenset()
) -> CheckFindings:
    """Judge blur against the first days of the view; recent history contains blur and dirt that develop slowly."""
    findings = PictureFindings()
    if len(anchors.vectors) >= MIN_HISTORY:
        comparison = Comparison(measurement, anchors, hour, open_families)
        _add(findings, _BLUR.family, _BLUR.detect(Observation(comparison, frozenset(), findings)))
    return CheckFindings(findings.found)


def _judge_without_history(measurement: Measurement, findings: PictureFindings) -> None:
    """Judge the families that need no history: a picture without content, not even sensor noise."""
    _add(findings, F.NO_SIGNAL, detect_no_signal(measurement))
    if F.NO_SIGNAL not in findings.found:
        _add(findings, F.BLACK, detect_empty_black(measurement))


def _add(findings: PictureFindings, family: F, detection: PictureDetection) -> None:
    if detection.figures is not None:
        findings.found[family] = detection.figures
    if detection.unknown:
        findings.unknown.add(family)
    if detection.cells is not None:
        findings.cells = detection.cells
