"""Loads the detector named in the settings from the installed packs."""

from __future__ import annotations

from core.settings import SearchSettings
from search.analysis.detectors.base import Detector
from search.analysis.detectors.builtin import BuiltinDetector
from search.analysis.detectors.pack_detector import PackDetector
from search.analysis.detectors.ultralytics_yolo import UltralyticsDetector
from search.models import ModelRegistry
from search.models.registry import InstalledModel


def detector_pack(settings: SearchSettings, registry: ModelRegistry) -> InstalledModel | None:
    """Return the detector pack; None for the built-in detector. Raises DetectorError if a named pack is missing."""
    return None if settings.detector == "builtin" else registry.choose("detect", settings.detector)


def detector_name(settings: SearchSettings, registry: ModelRegistry) -> str:
    """Return id and version of the detector in use."""
    found = detector_pack(settings, registry)
    return found.pack.name if found else BuiltinDetector.name


def load(settings: SearchSettings, registry: ModelRegistry) -> Detector:
    """Create the detector. `auto`: the highest-ranked installed pack, otherwise the built-in detector.

    Raises DetectorError if a pack is missing or wrong.
    """
    threshold = settings.threshold or None
    found = detector_pack(settings, registry)
    if found is None:
        return BuiltinDetector(threshold)
    found.verify()
    if found.pack.format == "ultralytics":
        return UltralyticsDetector(found, threshold)
    return PackDetector(found, threshold)
