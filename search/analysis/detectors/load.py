"""Loads the detector named in the settings from the installed packs."""

from __future__ import annotations

from core.settings import SearchSettings
from search.analysis.detectors.base import Detector
from search.analysis.detectors.builtin import BuiltinDetector
from search.analysis.detectors.pack_detector import PackDetector
from search.analysis.detectors.ultralytics_yolo import UltralyticsDetector
from search.models import ModelRegistry
from search.models.registry import InstalledModel


def chosen(settings: SearchSettings, shelf: ModelRegistry) -> InstalledModel | None:
    """Return the detector pack; None for the built-in detector. Raises DetectorError if a named pack is missing."""
    return None if settings.detector == "builtin" else shelf.chosen("detect", settings.detector)


def name(settings: SearchSettings, shelf: ModelRegistry) -> str:
    """Return id and version of the detector in use."""
    found = chosen(settings, shelf)
    return found.pack.name if found else BuiltinDetector.name


def load(settings: SearchSettings, shelf: ModelRegistry) -> Detector:
    """Create the detector. `auto`: the highest-ranked installed pack, otherwise the built-in detector.

    Raises DetectorError if a pack is missing or wrong.
    """
    threshold = settings.threshold or None
    found = chosen(settings, shelf)
    if found is None:
        return BuiltinDetector(threshold)
    found.verify()
    if found.pack.format == "ultralytics":
        return UltralyticsDetector(found, threshold)
    return PackDetector(found, threshold)
