"""The detector that the settings name, from the shelf of packs."""

from __future__ import annotations

from core.settings import SearchSettings
from search.detectors.base import Detector
from search.detectors.builtin import BuiltinDetector
from search.detectors.pack_detector import PackDetector
from search.detectors.ultralytics_yolo import UltralyticsDetector
from search.packs import Shelf


def load(settings: SearchSettings, shelf: Shelf) -> Detector:
    """`auto` is the best pack on the shelf, else the built-in detector. Raises DetectorError where a pack is missing or wrong."""
    threshold = settings.threshold or None
    if settings.detector == "builtin":
        return BuiltinDetector(threshold)
    found = shelf.verified("detect", settings.detector)
    if found is None:
        return BuiltinDetector(threshold)
    if found.pack.format == "ultralytics":
        return UltralyticsDetector(found, threshold)
    return PackDetector(found, threshold)
