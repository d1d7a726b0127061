"""What a detector gets and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from health.faults.findings import CheckFindings
from health.picture import structure
from health.picture.comparison import Comparison
from health.picture.structure import ContrastLoss, Occlusion, SharpnessLoss
from health.vocabulary import FaultFamily

CellMap = npt.NDArray[np.float32]


@dataclass(slots=True)
class PictureFindings(CheckFindings):
    """The findings of one picture.

    `cells`: 8×12 map of the location (0…1) for families that have one; `learning`: the history is too short for most
    families; `fog`: the cause is the air, not the camera.
    """

    cells: CellMap | None = None
    learning: bool = False
    fog: bool = False


class Observation:
    """One picture compared with the camera's history; each measure is computed when a detector first needs it.

    `live_families`: families with a live fault of this camera. `earlier`: what earlier detectors found.
    """

    def __init__(self, comparison: Comparison, live_families: frozenset[str], earlier: PictureFindings):
        self.comparison, self.live_families, self.earlier = comparison, live_families, earlier

    @cached_property
    def sharpness(self) -> SharpnessLoss:
        return structure.sharpness_loss(self.comparison)

    @cached_property
    def occlusion(self) -> Occlusion:
        return structure.occlusion(self.comparison)

    @cached_property
    def contrast(self) -> ContrastLoss:
        return structure.contrast_loss(self.comparison)


@dataclass(frozen=True, slots=True)
class PictureDetection:
    """What one detector says about its family.

    `figures`: figures of the evidence; None: nothing found. `unknown`: the picture cannot be tested for the family.
    `cells`: map of the location.
    """

    figures: Mapping[str, float] | None = None
    unknown: bool = False
    cells: CellMap | None = field(default=None, compare=False)


CLEAN = PictureDetection()
UNKNOWN = PictureDetection(unknown=True)


class PictureDetector(Protocol):
    """Detects one fault family."""

    family: FaultFamily

    def detect(self, observation: Observation) -> PictureDetection:
        """Judge the picture for this family."""
        ...
