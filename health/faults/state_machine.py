"""The state machine of one camera and fault family, which turns inspections into faults.

    OK → SUSPECT → OPEN → RECOVERING → CLOSED

A single inspection never opens a fault: a passing lorry triggers a finding in a quarter of single inspections. A single
inspection never closes a fault either, and a fault that opened at night needs a clean night inspection before it
closes. An inspection that could not judge (camera unreachable, up-link down, maintenance, learning) is no vote. A
suspicion that did not open within SUSPICION_LIFETIME_S ends, also if no inspection could judge it since: otherwise it
would last for as long as it can neither be confirmed nor cleared. Acknowledging a fault changes nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from health.faults.families import FAMILIES, FaultRule
from health.tables import FaultFacts
from health.vocabulary import FaultStatus, Light

LIVE_STATES = (FaultStatus.SUSPECT, FaultStatus.OPEN, FaultStatus.RECOVERING)
OPEN_STATES = (FaultStatus.OPEN, FaultStatus.RECOVERING)
REOPEN_SECONDS = 86400.0  # a fault that returns within a day is the same fault
FLAPPING_OPENINGS = 4  # openings within a day from which a fault counts as flapping; it must then stay clean for longer
MAX_VOTES = 12  # votes kept
SUSPICION_LIFETIME_S = 86400.0


class Step(StrEnum):
    """What one vote did to a fault."""

    NONE = "none"
    SUSPECTED = "suspected"
    OPENED = "opened"
    RECOVERING = "recovering"
    RELAPSED = "relapsed"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"  # dismissed because it is too old
    CONFIRMED = "confirmed"


@dataclass(slots=True)
class Vote:
    """The vote of one inspection that could judge: time (epoch seconds), result and light."""

    at: float
    found: bool
    light: Light = Light.NONE


@dataclass(slots=True)
class FaultState:
    """State of one camera and fault family, as stored in `Fault.state` and `Fault.facts`."""

    status: FaultStatus | None = None
    votes: list[Vote] = field(default_factory=list)
    light: Light = Light.NONE  # light in which it opened
    openings: list[float] = field(default_factory=list)  # times within the last day, epoch seconds
    suspected_at: float = 0.0  # when the present suspicion began, epoch seconds

    @property
    def flapping(self) -> bool:
        return len(self.openings) >= FLAPPING_OPENINGS

    def as_json(self) -> FaultFacts:
        return {
            "votes": [(v.at, v.found, v.light.value) for v in self.votes],
            "light": self.light.value,
            "openings": self.openings,
            "suspected_at": self.suspected_at,
        }

    @classmethod
    def of(cls, status: FaultStatus | None, facts: FaultFacts) -> FaultState:
        """Restore the state from the columns of a fault row."""
        votes = [Vote(float(at), bool(found), Light(light)) for at, found, light in facts.get("votes", [])]
        suspected_at = float(facts.get("suspected_at", votes[0].at if votes else 0.0))
        return cls(status, votes, Light(facts.get("light", "")), list(facts.get("openings", [])), suspected_at)


def advance(
    state: FaultState, rule: FaultRule, vote: Vote, lifetime_s: float = SUSPICION_LIFETIME_S, *, pooled: bool = False
) -> Step:
    """Apply one vote to the state and return the step taken. `lifetime_s`: of a suspicion.

    `pooled`: the findings of several families together show a fault, and this family names it
    (health.faults.pooled_evidence): a finding opens it whatever its own votes are.
    If the clock jumped back, drops the votes that lie in the future: spans across the jump mean nothing.
    """
    if state.votes and vote.at < state.votes[-1].at:
        state.votes = [v for v in state.votes if v.at <= vote.at]
        state.suspected_at = min(state.suspected_at, vote.at)
    state.votes = [*state.votes, vote][-MAX_VOTES:]
    state.openings = [t for t in state.openings if 0 <= vote.at - t < REOPEN_SECONDS]
    match state.status:
        case None | FaultStatus.CLOSED | FaultStatus.DISMISSED:
            if not vote.found:
                return Step.NONE
            state.status, state.votes, state.suspected_at = FaultStatus.SUSPECT, [vote], vote.at
            return _open(state, vote) if pooled else Step.SUSPECTED
        case FaultStatus.SUSPECT:
            if vote.found and pooled:
                return _open(state, vote)
            step = _suspect(state, rule, vote)
            return step if step in (Step.OPENED, Step.DISMISSED) else lapse(state, vote.at, lifetime_s) or step
        case FaultStatus.OPEN:
            if vote.found:
                return Step.CONFIRMED
            state.status = FaultStatus.RECOVERING
            return Step.RECOVERING
        case FaultStatus.RECOVERING:
            return _recovering(state, rule, vote)


def lapse(state: FaultState, at: float, lifetime_s: float = SUSPICION_LIFETIME_S) -> Step | None:
    """End a suspicion that is `lifetime_s` old at `at` (epoch seconds); None if it is younger or there is none."""
    state.suspected_at = min(state.suspected_at, at)
    if state.status != FaultStatus.SUSPECT or at - state.suspected_at < lifetime_s:
        return None
    state.status = FaultStatus.DISMISSED
    return Step.LAPSED


def fulfilled_since(votes: Sequence[Vote], rule: FaultRule) -> float | None:
    """Return when the series of hits began that fulfils the rule of opening with the last vote; None if none does."""
    hits = sum(v.found for v in votes[-rule.window :])
    if not votes or not votes[-1].found or hits < rule.hits:
        return None
    began = _first_hit(votes, rule)
    return began if votes[-1].at - began >= rule.span_s else None


def _suspect(state: FaultState, rule: FaultRule, vote: Vote) -> Step:
    if fulfilled_since(state.votes, rule) is not None:
        return _open(state, vote)
    if not vote.found and len(state.votes) > 1 and not state.votes[-2].found:
        state.status = FaultStatus.DISMISSED
        return Step.DISMISSED
    return Step.CONFIRMED if vote.found else Step.NONE


def _open(state: FaultState, vote: Vote) -> Step:
    state.status, state.light = FaultStatus.OPEN, vote.light
    state.openings.append(vote.at)
    return Step.OPENED


def _first_hit(votes: Sequence[Vote], rule: FaultRule) -> float:
    """Return the time of the first hit of the current series. More clean votes than the rule allows end a series."""
    began, forgiven = votes[-1].at, rule.window - rule.hits
    for v in reversed(votes):
        if v.found:
            began = v.at
        else:
            forgiven -= 1
            if forgiven < 0:
                break
    return began


def _recovering(state: FaultState, rule: FaultRule, vote: Vote) -> Step:
    if vote.found:
        state.status = FaultStatus.OPEN
        state.openings.append(vote.at)
        return Step.RELAPSED
    clean = []
    for v in reversed(state.votes):
        if v.found:
            break
        clean.append(v)
    required_s = rule.clean_span_s * (4 if state.flapping else 1)
    same_light = not rule.same_light or not state.light or any(v.light == state.light for v in clean)
    if len(clean) >= rule.clean and clean[0].at - clean[-1].at >= required_s and same_light:
        state.status = FaultStatus.CLOSED
        return Step.CLOSED
    return Step.CONFIRMED


def resolve_explained(found: Collection[str], unknown: Collection[str]) -> dict[str, bool | None]:
    """Judge each family: found (True), not found (False), or None where this inspection cannot judge it.

    A family that another finding explains cannot be judged.
    """
    verdict: dict[str, bool | None] = {}
    for name, family in FAMILIES.items():
        explained = any(cause in found for cause in family.explained_by)
        verdict[name] = None if explained or (name in unknown and name not in found) else name in found
    return verdict
