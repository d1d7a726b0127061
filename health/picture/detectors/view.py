"""Displacement and occlusion: whether the camera still shows its view, and which part of it is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from health.picture import displacement
from health.picture.comparison import Comparison
from health.picture.detectors.base import CLEAN, Observation, PictureDetection
from health.picture.detectors.disturbance import torn_rows
from health.picture.structure import Occlusion
from health.vocabulary import FaultFamily

# With one of these found, the view cannot be recognised.
DISTURBANCES = frozenset(
    {
        FaultFamily.NOISE, FaultFamily.BLOCKING, FaultFamily.BANDING, FaultFamily.OVEREXPOSED,
        FaultFamily.UNDEREXPOSED, FaultFamily.HAZE, FaultFamily.BLURRED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecognitionThresholds:
    """Recognition of the view pattern, relative to the least recognised reference picture (docs/health.md)."""

    max_recognition: float = 0.4  # of another view; clean pictures stay above 0.6
    max_best_third: float = 0.6  # of another view: no third of the picture is recognised well


RECOGNITION = RecognitionThresholds()


def _is_undisturbed(observation: Observation) -> bool:
    return not DISTURBANCES & set(observation.earlier.found)


def _is_unrecognised(observation: Observation, t: RecognitionThresholds = RECOGNITION) -> bool:
    """Return whether the view is not recognised anywhere in a picture without disturbances."""
    if not _is_undisturbed(observation):
        return False
    view = observation.comparison.recognition
    return view.recognition < t.max_recognition and view.best < t.max_best_third


@dataclass(frozen=True, slots=True)
class OcclusionThresholds:
    """Losses are ln, mean over the structured cells (structure.Occlusion)."""

    min_fall: float = 1.0
    min_lost_share: float = 0.6  # of the structured cells; lowered while the fault is open
    min_sure_fall: float = 1.5  # or: so much less structure …
    max_similarity: float = 0.3  # … and an edge correlation below this
    max_new_detail: float = 0.2  # with more, the camera looks at another scene; printed sheets reach 0.16


class OcclusionDetector:
    """Detects an occlusion of the whole view."""

    family = FaultFamily.COVERED

    def __init__(self, thresholds: OcclusionThresholds = OcclusionThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Judge whether the structure of the view is gone. Haze that takes all structure is haze."""
        occlusion, earlier = observation.occlusion, observation.earlier.found
        if not occlusion.testable:
            return PictureDetection(unknown=True)
        if FaultFamily.MOVED in earlier or FaultFamily.HAZE in earlier or not self.hides_view(observation):
            return CLEAN
        similarity = observation.comparison.similarity
        return PictureDetection({"lost": occlusion.lost, "fallen": occlusion.fallen, "alike": similarity})

    def hides_view(self, observation: Observation) -> bool:
        """Return whether the picture shows no structure of the view any more, and nothing else in its place."""
        c, occlusion, t = observation.comparison, observation.occlusion, self._t
        if not (occlusion.testable and (occlusion.unlike or _is_unrecognised(observation))):
            return False
        if occlusion.new_detail > t.max_new_detail:
            return False
        return occlusion.fallen > t.min_fall and (
            occlusion.lost > c.threshold_above(self.family, t.min_lost_share)
            or (occlusion.fallen > t.min_sure_fall and c.similarity < t.max_similarity)
        )


@dataclass(frozen=True, slots=True)
class DisplacementThresholds:
    """Another scene than in all references; a shift has its own thresholds (health.picture.displacement)."""

    min_shift: float = displacement.MIN_SHIFT_WIDTHS  # share of the width; lowered while the fault is open
    min_usual_similarity: float = 0.5  # edge correlation of the references with each other
    max_similarity: float = 0.25  # edge correlation with the most similar reference …
    max_similarity_share: float = 0.33  # … and its share of the usual one
    min_fade: float = -1.8  # ln of the second band: an occlusion lowers it further, another view does not
    min_torn_rows: float = 4.0  # row jumps leave the view recognisable between them …
    min_torn_recognition: float = 0.1  # … by at least this: they rule out another scene
    max_plain_fall: float = 0.5  # ln; a picture that lost more structure than this is another scene only …
    min_new_detail: float = 0.2  # … with so much sharp structure that the view never had


class DisplacementDetector:
    """Detects that the camera points elsewhere: a shift that explains the picture, or another scene."""

    family = FaultFamily.MOVED

    def __init__(self, occlusion: OcclusionDetector, thresholds: DisplacementThresholds = DisplacementThresholds()):
        self._occlusion = occlusion
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Look for a shift; without one, for another scene that is no occlusion."""
        c, testable = observation.comparison, observation.occlusion.testable
        if testable:
            min_size = c.threshold_above(self.family, self._t.min_shift)
            shift = displacement.shift(c.edges, c.scenes, c.similarities, c.usual_similarity, min_size)
            if shift is not None:
                return PictureDetection({"shift": shift.size, "gain": shift.gain})
        if self._occlusion.hides_view(observation):
            return CLEAN
        figures = self._other_scene(observation)
        return PictureDetection(figures, unknown=figures is None and not testable)

    def _other_scene(self, observation: Observation) -> Mapping[str, float] | None:
        """Return figures if the picture has structure but shows another scene; None otherwise."""
        c, occlusion, t = observation.comparison, observation.occlusion, self._t
        view = c.recognition
        if view.comparable and view.recognition > t.min_torn_recognition and torn_rows(c) >= t.min_torn_rows:
            return None
        if occlusion.fallen > t.max_plain_fall and occlusion.new_detail < t.min_new_detail:
            return None
        if (
            occlusion.testable
            and c.usual_similarity > t.min_usual_similarity
            and c.similarity < min(t.max_similarity, t.max_similarity_share * c.usual_similarity)
        ):
            return {"alike": c.similarity}
        if _is_unrecognised(observation) and occlusion.faded > t.min_fade:
            return {"known": view.recognition}
        return None


@dataclass(frozen=True, slots=True)
class PartialOcclusionThresholds:
    """Shares of the picture unless stated (structure.Occlusion); lowered while the fault is open."""

    min_lost_share: float = 0.32  # of the structured cells, without structure
    min_patch: float = 0.11  # largest patch without structure, or with a colour or brightness it never had
    min_smooth: float = 0.12  # largest patch without grain while the rest kept it
    min_visible_patch: float = 0.11  # the same patches, where there is too little structure to lose
    min_replaced: float = 0.2  # largest patch that shows something new
    hidden_share: float = 0.2  # recognition of one third relative to the best third; raised while the fault is open
    min_recognised_third: float = 0.6  # defocus removes edges and grain everywhere, and the view is still recognised
    min_mapped_share: float = 0.05  # of the cells; a smaller map is not shown


class PartialOcclusionDetector:
    """Detects that a part of the view is hidden: leaves, cloth, a parked vehicle, a hand."""

    family = FaultFamily.PARTIAL_OCCLUSION

    def __init__(self, thresholds: PartialOcclusionThresholds = PartialOcclusionThresholds()):
        self._t = thresholds

    def detect(self, observation: Observation) -> PictureDetection:
        """Judge patches without structure, without grain, of foreign colour, and thirds that are not recognised."""
        if FaultFamily.MOVED in observation.earlier.found:
            return CLEAN
        occlusion = observation.occlusion
        shown = occlusion.where.mean() > self._t.min_mapped_share
        figures = self._figures(observation.comparison, occlusion, _is_undisturbed(observation))
        return PictureDetection(
            figures,
            cells=occlusion.where.astype(np.float32) if shown else None,
            unknown=figures is None and occlusion.unlit > self._t.min_patch,
        )

    def _figures(self, c: Comparison, occlusion: Occlusion, undisturbed: bool) -> Mapping[str, float] | None:
        t, view, family = self._t, c.recognition, self.family
        recognised = view.comparable and view.least >= t.min_recognised_third
        lost, smooth = (0.0, 0.0) if recognised else (occlusion.lost, occlusion.smooth)
        patch = max(occlusion.patch, occlusion.foreign)
        gone = (
            lost > c.threshold_above(family, t.min_lost_share)
            or patch > c.threshold_above(family, t.min_patch)
            or smooth > c.threshold_above(family, t.min_smooth)
        )
        visible = occlusion.testable or max(occlusion.foreign, smooth) > t.min_visible_patch
        replaced = occlusion.replaced > c.threshold_above(family, t.min_replaced)
        hidden = (
            undisturbed
            and occlusion.unlit < t.min_mapped_share
            and view.hidden(c.threshold_below(family, t.hidden_share))
        )
        if not ((gone and visible) or replaced or hidden):
            return None
        return {"lost": occlusion.lost, "patch": max(patch, occlusion.replaced, smooth), "known": view.least}
