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


def pooled_finding(votes: Sequence[PooledVote], pace: float = 1.0) -> PooledFinding | None:
    """Return the finding if the inspections together show that the camera is not fit.

    `votes`: of the inspections that could judge, oldest first; the last is the present one. `pace`: factor of the time
    span, at most 1. The family is the one that was found most often of those that the present inspection found; of
    two that were found as often, the more severe one.
    """
    last = votes[-POOLED_RULE.window :]
    hits = [v for v in last if v.found]
    if not last or not last[-1].found or len(hits) < POOLED_RULE.hits:
        return None
    since = _began(votes)
    if hits[-1].at - since < POOLED_RULE.span_s * min(pace, 1.0):
        return None
    often = Counter(f for v in hits for f in v.found)
    family = min(last[-1].found, key=lambda f: (-often[f], FAMILIES[f].severity, f))
    return PooledFinding(family, since)


def _began(votes: Sequence[PooledVote]) -> float:
    """Return the time of the first hit of the series that the last vote ends; it forgives as much as the rule."""
    began, forgiven = votes[-1].at, POOLED_RULE.window - POOLED_RULE.hits
    for vote in reversed(votes):
        if vote.found:
            began = vote.at
        else:
            forgiven -= 1
            if forgiven < 0:
                break
    return began
