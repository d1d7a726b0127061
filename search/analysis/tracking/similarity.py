"""How alike different objects of a camera are: what a cosine between two vectors is worth there.

Two objects in one keyframe are two objects. Their cosines say what "different" looks like on this camera, under its
light, with this embedder: with colour histograms 0.2 to 0.5 by day and 0.8 under infra-red light. What is left to 1 is
the measure: keyframes 1 to 2 s apart show the same object at 0.3 of it (0.26 to 0.5 on the shared footage).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from search.analysis.tracking.tracks import TrackedDetection, kind_of

PRIOR_PACK, PRIOR_HISTOGRAM = 0.2, 0.4  # mean cosine of different objects before anything was learned
PRIOR_PAIRS, MAX_PAIRS = 20, 400  # weight of the prior, and of the past
MAX_LEVEL = 0.93
MAX_LEARNED_OBJECTS = 12  # of a keyframe
Floats = npt.NDArray[np.float64]


class SimilarityLevels:
    """The running mean cosine of different objects, by kind of object and embedder (a handful of entries)."""

    def __init__(self) -> None:
        self._levels: dict[tuple[int, str], tuple[float, int]] = {}

    def learn(self, detections: Sequence[TrackedDetection]) -> None:
        """Learn from the objects of one keyframe."""
        groups: dict[tuple[int, str], list[TrackedDetection]] = {}
        for detection in detections[:MAX_LEARNED_OBJECTS]:
            groups.setdefault((kind_of(detection.whole.cls), detection.embedder), []).append(detection)
        for key, group in groups.items():
            if len(group) > 1:
                vectors = np.stack([d.vector for d in group])
                self._add(key, (vectors @ vectors.T)[np.triu_indices(len(group), 1)])

    def _add(self, key: tuple[int, str], cosines: npt.NDArray[np.float32]) -> None:
        level, pairs = self._levels.get(key, (_prior(key[1]), PRIOR_PAIRS))
        pairs = min(MAX_PAIRS, pairs + len(cosines))
        self._levels[key] = level + (float(cosines.mean()) - level) * len(cosines) / pairs, pairs

    def of(self, detection: TrackedDetection) -> float:
        """Return the mean cosine of different objects of the detection's kind."""
        key = kind_of(detection.whole.cls), detection.embedder
        return min(MAX_LEVEL, self._levels[key][0] if key in self._levels else _prior(key[1]))


def _prior(embedder: str) -> float:
    return PRIOR_HISTOGRAM if embedder.startswith("lab-") else PRIOR_PACK
