"""The detector that the settings name."""

from __future__ import annotations

from core.errors import DetectorError
from core.settings import SearchSettings
from search.detectors.base import Detector
from search.detectors.builtin import BuiltinDetector
from search.detectors.openvino_pack import OpenVinoDetector
from search.detectors.ultralytics_yolo import UltralyticsDetector


def load(settings: SearchSettings) -> Detector:
    """Raises DetectorError where it needs a model that is missing."""
    if settings.detector == "builtin":
        return BuiltinDetector(settings.threshold)
    if settings.model is None:
        raise DetectorError(f"the detector '{settings.detector}' needs search.model, the path of its model")
    if settings.detector == "openvino":
        return OpenVinoDetector(settings.model, settings.threshold)
    return UltralyticsDetector(settings.model, settings.threshold)
