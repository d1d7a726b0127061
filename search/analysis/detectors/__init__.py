"""Detectors: `Detector` is the interface, `load` creates the detector named in the settings."""

from __future__ import annotations

from search.analysis.detectors.base import Detection, Detector
from search.analysis.detectors.load import load

__all__ = ["Detection", "Detector", "load"]
