"""The detector that the settings name, from the shelf of packs."""

from __future__ import annotations

from core.settings import SearchSettings
from search.analysis.detectors.base import Detector
from search.analysis.detectors.builtin import BuiltinDetector
from search.analysis.detectors.pack_detector import PackDetector
from search.analysis.detectors.ultralytics_yolo import UltralyticsDetector
from search.models import ModelRegistry
from search.models.registry import InstalledModel


def chosen(settings: SearchSettings, shelf: ModelRegistry) -> InstalledModel | None:
    """The pack that looks; None: the built-in detector does. Raises DetectorError where a named pack is missing."""
    return None if settings.detector == "builtin" else shelf.chosen("detect", settings.detector)


def name(settings: SearchSettings, shelf: ModelRegistry) -> str:
    """Id and version of what looks at the pictures."""
    found = chosen(settings, shelf)
    return found.pack.name if found else BuiltinDetector.name


def load(settings: SearchSettings, shelf: ModelRegistry) -> Detector:
    """`auto` is the best pack on the shelf, else the built-in detector. Raises DetectorError where a pack is missing or wrong."""
    threshold = settings.threshold or None
    found = chosen(settings, shelf)
    if found is None:
        return BuiltinDetector(threshold)
    found.verify()
    if found.pack.format == "ultralytics":
        return UltralyticsDetector(found, threshold)
    return PackDetector(found, threshold)
