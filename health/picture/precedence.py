"""Precedence among picture findings: a fault may match several families; findings that another explains are removed.

A removed finding becomes unknown, not clean: whether it exists cannot be seen behind the finding that explains it.
"""

from __future__ import annotations

from collections.abc import Mapping

from health.faults.findings import CheckFindings
from health.vocabulary import FaultFamily as F

PICTURE_FINDINGS = frozenset(
    {
        F.NO_SIGNAL, F.BLACK, F.OVEREXPOSED, F.UNDEREXPOSED, F.HAZE, F.BLURRED, F.BLURRED_PART, F.COLOUR_CAST,
        F.MONOCHROME, F.NOISE, F.BANDING, F.BLOCKING, F.COVERED, F.PARTIAL_OCCLUSION, F.MOVED,
    }
)  # fmt: skip
# The families that each finding explains; the findings are applied in this order, and a removed one explains nothing.
_EXPLAINS: Mapping[F, frozenset[F]] = {
    F.NO_SIGNAL: PICTURE_FINDINGS - {F.NO_SIGNAL},
    F.BLACK: PICTURE_FINDINGS - {F.NO_SIGNAL, F.BLACK},
    F.NOISE: frozenset(
        {
            F.BLOCKING, F.BLURRED, F.BLURRED_PART, F.COVERED, F.PARTIAL_OCCLUSION, F.MOVED, F.BANDING, F.COLOUR_CAST,
            F.MONOCHROME,
        }
    ),
    F.BLOCKING: frozenset(
        {
            F.COVERED, F.PARTIAL_OCCLUSION, F.MOVED, F.BLURRED, F.BLURRED_PART, F.BANDING, F.NOISE, F.OVEREXPOSED,
            F.HAZE,
        }
    ),
    F.OVEREXPOSED: frozenset(
        {
            F.COVERED, F.MOVED, F.PARTIAL_OCCLUSION, F.HAZE, F.BLURRED, F.BLURRED_PART, F.COLOUR_CAST, F.MONOCHROME,
        }
    ),
    F.COVERED: frozenset(
        {
            F.UNDEREXPOSED, F.BANDING, F.PARTIAL_OCCLUSION, F.BLURRED, F.BLURRED_PART, F.MOVED, F.COLOUR_CAST, F.HAZE,
            F.MONOCHROME,
        }
    ),
    F.UNDEREXPOSED: frozenset(
        {F.PARTIAL_OCCLUSION, F.BLURRED, F.BLURRED_PART, F.MONOCHROME, F.COLOUR_CAST, F.HAZE}
    ),
    F.HAZE: frozenset({F.MOVED, F.PARTIAL_OCCLUSION, F.BLURRED_PART, F.COLOUR_CAST}),
    F.MOVED: frozenset({F.BANDING, F.PARTIAL_OCCLUSION, F.BLURRED_PART}),
    F.BLURRED: frozenset({F.PARTIAL_OCCLUSION, F.BLURRED_PART, F.MOVED}),
    F.BANDING: frozenset({F.PARTIAL_OCCLUSION, F.BLURRED_PART}),
    F.PARTIAL_OCCLUSION: frozenset({F.BLURRED_PART, F.COLOUR_CAST}),
}  # fmt: skip
# Families that one object before the lens may match in turn, as light changes.
_RELATED_FAMILIES = (F.COVERED, F.PARTIAL_OCCLUSION, F.BLURRED, F.BLURRED_PART)


def remove_explained(findings: CheckFindings, live_families: frozenset[str]) -> None:
    """Remove findings that another finding explains; they become unknown.

    Of related families that all match, the first one with a live fault keeps its name.
    """
    named = next((f for f in _RELATED_FAMILIES if f in findings.found and f in live_families), None)
    if named is not None:
        findings.withdraw(f for f in _RELATED_FAMILIES if f != named)
    for family, explained in _EXPLAINS.items():
        if family in findings.found:
            findings.withdraw(explained)
