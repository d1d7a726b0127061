"""The commissioning checklist of each camera, for technicians. It uses stored facts only and sends no requests.

The recorder reports whether a stream can be recorded, the last patrol judges its picture: no other process connects to
a camera for video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from cameras.onboarding import own_account
from cameras.onboarding.own_account import AccountState
from cameras.registry import findings
from cameras.tables import Camera
from health.faults.state_machine import FAMILIES, OPEN, RECOVERING
from health.tables import Fault, Inspection, PatrolRound
from nvr.recorder.stream_status import UNKNOWN, state_of
from nvr.tables import StreamStatus

ITEMS = ("reachable", "credential", "identity", "streams", "picture", "clock", "configuration", "acceptance")
OK, FAILED, TODO = "ok", "failed", "todo"
SILENT = timedelta(hours=3)  # the hourly check missed it twice
CLOCK_SECONDS = 2.0
CHUNK = 500
PICTURE = frozenset(name for name, family in FAMILIES.items() if family.kind == "picture")


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One line of the checklist. `detail` is a code (a cause) or a figure, never a sentence for display."""

    name: str
    state: str
    detail: str = ""


async def of(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, list[ChecklistItem]]:
    """Return the checklist of each camera, by camera id."""
    statuses = {s.stream: s for s in await session.scalars(select(StreamStatus))}
    kinds: dict[str, set[str]] = {}
    for finding in await findings.list_open(session):
        kinds.setdefault(finding.camera or "", set()).add(finding.kind)
    faults: dict[str, list[str]] = {}
    for fault in await session.scalars(select(Fault).where(Fault.state.in_((OPEN, RECOVERING)))):
        faults.setdefault(fault.camera, []).append(fault.family)
    looked, wanting = await _looked_at(session, [c.id for c in cameras]), await own_account.villages_requiring(session)
    return {
        c.id: _list(c, statuses, kinds.get(c.id, set()), faults.get(c.id, []), c.id in looked, now, wanting)
        for c in cameras
    }


async def _looked_at(session: AsyncSession, cameras: Sequence[str]) -> set[str]:
    """Return the cameras whose own last inspection judged the picture.

    That inspection must belong to the last finished round of the whole town or be newer: a round of other villages says
    nothing about a camera.
    """
    query = select(PatrolRound.started_at).where(PatrolRound.finished_at.is_not(None)).order_by(PatrolRound.id.desc())
    since = await session.scalar(query.where(cast(PatrolRound.scope, String) == "{}").limit(1))
    judged: set[str] = set()
    for at in range(0, len(cameras), CHUNK):
        last = select(func.max(Inspection.at)).where(Inspection.camera == Camera.id).correlate(Camera).scalar_subquery()
        own = aliased(Inspection)
        found = select(own.camera, own.at, own.untestable).join(Camera, (own.camera == Camera.id) & (own.at == last))
        for look in await session.execute(found.where(Camera.id.in_(cameras[at : at + CHUNK]))):
            if (since is None or look.at >= since) and not set(look.untestable) >= PICTURE:
                judged.add(look.camera)
    return judged


def _list(
    camera: Camera,
    statuses: dict[str, StreamStatus],
    kinds: set[str],
    faults: list[str],
    looked: bool,
    now: datetime,
    wanting: frozenset[str],
) -> list[ChecklistItem]:
    return [
        _reachable(camera, now),
        _credential(camera, wanting),
        _identity(camera, kinds),
        _streams(camera, statuses, now),
        _picture(faults, looked),
        _clock(camera),
        ChecklistItem("configuration", FAILED if "drift" in kinds else OK if camera.device else TODO),
        ChecklistItem("acceptance", OK if camera.accepted_at else TODO),
    ]


def _reachable(camera: Camera, now: datetime) -> ChecklistItem:
    if camera.address is None:
        by_hand = any(s.url for s in camera.streams)
        return ChecklistItem("reachable", OK if by_hand else TODO, "" if by_hand else "no_address")
    if camera.refused_at is not None and now - camera.refused_at < SILENT:
        return ChecklistItem("reachable", OK)  # it answered and rejected the credential
    if camera.seen_at is None and camera.refused_at is not None:
        return ChecklistItem("reachable", TODO, "not_asked")  # no request is sent until a person acts
    if camera.seen_at is None:
        return ChecklistItem("reachable", FAILED if camera.problem else TODO, camera.problem or "not_asked")
    return (
        ChecklistItem("reachable", OK)
        if now - camera.seen_at < SILENT
        else ChecklistItem("reachable", FAILED, camera.problem or "silent")
    )


def _credential(camera: Camera, wanting: frozenset[str]) -> ChecklistItem:
    """Check the credential and the station's own account on the camera.

    A camera may not support creating an account, which nobody can repair: `own_account: false` in its inventory file
    turns the check off.
    """
    if camera.refused_at is not None:
        return ChecklistItem("credential", FAILED, "refused")
    if camera.account_state == AccountState.FAILED and own_account.is_required(camera, wanting):
        return ChecklistItem("credential", FAILED, f"no_own_account: {camera.account_problem or ''}")
    if camera.device and own_account.must_wait(camera, wanting):
        return ChecklistItem("credential", TODO, "own_account")
    return ChecklistItem("credential", OK if camera.device or camera.address is None else TODO)


def _identity(camera: Camera, kinds: set[str]) -> ChecklistItem:
    if odd := kinds & {"identity_changed", "clone"}:
        return ChecklistItem("identity", FAILED, sorted(odd)[0])
    if camera.device is None:
        return ChecklistItem("identity", TODO if camera.address else OK)
    wanted = str(camera.profile.get("expected_make") or "").lower().split()
    told = f"{camera.device.get('manufacturer', '')} {camera.device.get('model', '')}".lower()
    return (
        ChecklistItem("identity", OK)
        if all(w in told for w in wanted)
        else ChecklistItem("identity", FAILED, "other_make")
    )


def _streams(camera: Camera, statuses: dict[str, StreamStatus], now: datetime) -> ChecklistItem:
    wanted = [s for s in camera.streams if s.record]
    if not any(s.kind == "main" and s.url for s in camera.streams):
        return ChecklistItem("streams", TODO)
    for stream in wanted:
        status = statuses.get(stream.id)
        if status is None or state_of(status, now) == UNKNOWN:
            return ChecklistItem("streams", TODO, stream.kind)
        if status.state != "recording":
            return ChecklistItem("streams", FAILED, status.cause or status.state)
    return ChecklistItem("streams", OK)


def _picture(faults: list[str], looked: bool) -> ChecklistItem:
    if faults:
        return ChecklistItem("picture", FAILED, sorted(faults)[0])
    return ChecklistItem("picture", OK if looked else TODO)


def _clock(camera: Camera) -> ChecklistItem:
    if camera.clock_offset is None:
        return ChecklistItem("clock", TODO)
    state = OK if abs(camera.clock_offset) <= CLOCK_SECONDS else FAILED
    return ChecklistItem("clock", state, f"{camera.clock_offset:+.1f}")


def as_json(items: Sequence[ChecklistItem]) -> list[dict[str, Any]]:
    return [{"name": i.name, "state": i.state, "detail": i.detail} for i in items]
