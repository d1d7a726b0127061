"""The fault log: applies inspection votes to the fault rows and writes an event when a fault opens or closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from health.faults.families import FAMILIES, FaultRule
from health.faults.state_machine import (
    LIVE_STATES,
    OPEN_STATES,
    REOPEN_SECONDS,
    SUSPICION_LIFETIME_S,
    FaultState,
    Step,
    Vote,
    advance,
    lapse,
)
from health.tables import Fault, Maintenance
from health.vocabulary import EvidenceFigures, FaultFamily, FaultStatus, Light


@dataclass(frozen=True, slots=True)
class FaultSubject:
    """The owner of a fault: a camera, or (camera '') a village, a switch or the station."""

    camera: str
    village: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class FaultEvidence:
    """The picture, the reference picture (paths below the data folder) and the light of one inspection."""

    picture: str | None = None
    reference: str | None = None
    light: Light = Light.NONE


def live_or_reopenable(now: datetime) -> ColumnElement[bool]:
    """Select live faults and faults that were closed within the last day, which may reopen."""
    return Fault.state.in_(LIVE_STATES) | (
        (Fault.state == FaultStatus.CLOSED) & (Fault.closed_at > now - timedelta(seconds=REOPEN_SECONDS))
    )


async def faults_by_camera(session: AsyncSession, cameras: Sequence[str], now: datetime) -> dict[str, dict[str, Fault]]:
    """Return faults by camera and family: live ones, and those closed within the last day, which may reopen."""
    query = select(Fault).where(Fault.camera.in_(cameras), live_or_reopenable(now))
    found: dict[str, dict[str, Fault]] = {c: {} for c in cameras}
    for fault in await session.scalars(query.order_by(Fault.id)):
        found[fault.camera][fault.family] = fault
    return found


def scaled_rule(rule: FaultRule, pace: float) -> FaultRule:
    """Return the rule with its time spans multiplied by `pace`; unchanged for a pace of 1 or more."""
    return rule if pace >= 1 else replace(rule, span_s=rule.span_s * pace, clean_span_s=rule.clean_span_s * pace)


def record_inspection(
    session: AsyncSession,
    subject: FaultSubject,
    now: datetime,
    family: FaultFamily,
    fault: Fault | None,
    found: EvidenceFigures | None,
    evidence: FaultEvidence,
    pace: float,
    pooled_since: float | None = None,
) -> tuple[Fault | None, Step]:
    """Apply one inspection's vote to a fault.

    `found` holds the figures of the finding; None for a clean inspection. `pooled_since`: when the findings began that
    together show this fault (epoch seconds; health.faults.pooled_evidence); None if they do not. Returns the fault
    (None if there is none) and the step of the state machine.
    """
    if fault is None and found is None:
        return None, Step.NONE
    if fault is not None and found is None and fault.reported_by and fault.verdict is None and is_open(fault):
        return fault, Step.NONE  # what a person reported stays open until a person has judged it
    state = FaultState.of(fault.state, fault.facts) if fault else FaultState()
    rule = scaled_rule(FAMILIES[family].rule, pace)
    vote = Vote(now.timestamp(), found is not None, evidence.light)
    step = advance(state, rule, vote, _lifetime_s(pace), pooled=pooled_since is not None)
    if step == Step.OPENED and pooled_since is not None:
        state.suspected_at = min(state.suspected_at, pooled_since)
    if step == Step.NONE and state.status in (FaultStatus.CLOSED, FaultStatus.DISMISSED):
        return fault, step
    if fault is None:
        fault = _new_fault(subject, family, now, evidence)
        session.add(fault)
    fault.state, fault.facts, fault.inspections = (
        state.status or FaultStatus.SUSPECT, state.as_json(), fault.inspections + 1,
    )  # fmt: skip
    if found is not None:
        fault.figures = dict(found)
        fault.picture = evidence.picture or fault.picture
    _apply_step(fault, step, now)
    if step in (Step.OPENED, Step.CLOSED, Step.RELAPSED):
        events.append(
            session, now, events.EventKind(f"fault.{step}"), village=subject.village, camera=subject.camera or None,
            family=family, name=subject.name, figures=fault.figures, fault=fault.id,
        )  # fmt: skip
    return fault, step


def end_stale_suspicion(fault: Fault, now: datetime, pace: float) -> Step | None:
    """End a suspicion that is too old, at an inspection that could not judge its family. None: it goes on."""
    state = FaultState.of(fault.state, fault.facts)
    step = lapse(state, now.timestamp(), _lifetime_s(pace))
    if step is not None:
        fault.state, fault.facts = FaultStatus.DISMISSED, state.as_json()
        _apply_step(fault, step, now)
    return step


def suspected_at(fault: Fault) -> datetime:
    """Return when the present or last suspicion of a fault began."""
    return datetime.fromtimestamp(FaultState.of(fault.state, fault.facts).suspected_at, UTC)


def _lifetime_s(pace: float) -> float:
    return SUSPICION_LIFETIME_S * min(pace, 1.0)


def _new_fault(subject: FaultSubject, family: FaultFamily, now: datetime, evidence: FaultEvidence) -> Fault:
    return Fault(
        camera=subject.camera,
        village=subject.village,
        family=family,
        severity=FAMILIES[family].severity,
        state=FaultStatus.SUSPECT,
        detail=subject.name,
        first_seen=now,
        reference=evidence.reference,
        figures={},
        facts={},
        inspections=0,
        times=0,
    )


def _apply_step(fault: Fault, step: Step, now: datetime) -> None:
    if step == Step.OPENED:
        fault.opened_at = fault.opened_at or now
        fault.closed_at = None
        fault.times += 1
    elif step == Step.CLOSED:
        fault.closed_at = now
    elif step in (Step.DISMISSED, Step.LAPSED):
        # A suspicion that reopened a closed fault and came to nothing leaves its closing time unchanged.
        end(fault, fault.closed_at or now)


def end(fault: Fault, at: datetime) -> None:
    """End a fault; a suspicion that never opened is dismissed."""
    fault.state, fault.closed_at = (FaultStatus.CLOSED if fault.times else FaultStatus.DISMISSED), at


async def in_maintenance(session: AsyncSession, now: datetime) -> tuple[set[str], set[str]]:
    """Return (cameras, villages) with planned work at this time."""
    rows = (await session.scalars(select(Maintenance).where(Maintenance.start <= now, Maintenance.until > now))).all()
    return {r.camera for r in rows if r.camera}, {r.village for r in rows if r.village}


def is_open(fault: Fault) -> bool:
    return fault.state in OPEN_STATES
