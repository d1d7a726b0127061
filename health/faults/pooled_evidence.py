"""Pooled evidence of the picture families: first whether the camera is fit, then the name of its fault.

One damage may be found under different names as light changes: glare is haze under clouds and overexposure in the sun,
a large cover under the shadows of trees is once an occlusion and once another scene. Each name alone then collects too
few votes, and two looks under the other name dismiss it. The looks together are still evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from health.faults.families import FAMILIES, PICTURE_FAMILIES, FaultRule
from health.faults.state_machine import Vote, fulfilled_since
from health.vocabulary import FaultFamily

# Without those that a look finds for certain: they open by themselves.
POOLED_FAMILIES = frozenset(PICTURE_FAMILIES) - {
    FaultFamily.NO_SIGNAL, FaultFamily.BLACK, FaultFamily.FROZEN, FaultFamily.SHAKING,
}  # fmt: skip
# As long as for a parked vehicle, and one more look: no family may open sooner with the help of others than alone.
POOLED_RULE = FaultRule(hits=5, window=6, span_s=10800.0)
MAX_POOLED_VOTES = 24  # inspections read for a decision


@dataclass(frozen=True, slots=True)
class PooledVote:
    """The pooled families that one inspection found, and its time (epoch seconds)."""

    at: float
    found: frozenset[FaultFamily]


@dataclass(frozen=True, slots=True)
class PooledFinding:
    """The family under which pooled evidence opens a fault; `since`: time of its first finding, epoch seconds."""

    family: FaultFamily
    since: float


def pooled_finding(votes: Sequence[PooledVote], rule: FaultRule = POOLED_RULE) -> PooledFinding | None:
    """Return the finding if the inspections together show that the camera is not fit.

    `votes`: of the inspections that could judge, oldest first; the last is the present one. `rule`: POOLED_RULE at the
    patrol's pace. The family is the one that was found most often of those that the present inspection found; of two
    that were found as often, the more severe one.
    """
    since = fulfilled_since([Vote(v.at, bool(v.found)) for v in votes], rule)
    if since is None:
        return None
    often = Counter(f for v in votes[-rule.window :] for f in v.found)
    family = min(votes[-1].found, key=lambda f: (-often[f], FAMILIES[f].severity, f))
    return PooledFinding(family, since)
