"""The commissioning checklist of each camera, for technicians. It uses stored facts only and sends no requests.

The recorder reports whether a stream can be recorded, the last patrol judges its picture: no other process connects to
a camera for video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from cameras.onboarding import own_account
from cameras.registry import findings
from cameras.states import AccountState, StreamKind
from cameras.tables import Camera
from health.checks import presence
from health.checks.presence import CameraPresence, Presence
from health.checks.stream import CLOCK_SECONDS
from health.faults.state_machine import OPEN_STATES
from health.tables import Fault, Inspection, PatrolRound
from nvr.recorder import stream_status
from nvr.recorder.stream_status import UNKNOWN, state_of
from nvr.recording_state import RecordingState
from nvr.tables import GapCause, StreamStatus

SILENT_AFTER = timedelta(hours=3)  # the hourly check missed it twice
CLOCK_COUNTS = timedelta(days=1)  # a clock that was last read earlier is not known
INSPECTION_COUNTS = timedelta(days=1)  # what the patrol judged earlier says nothing about the picture now
CAMERAS_PER_QUERY = 500


class Item(StrEnum):
    """The items of the checklist, in their order."""

    REACHABLE = "reachable"
    CREDENTIAL = "credential"
    IDENTITY = "identity"
    STREAMS = "streams"
    PICTURE = "picture"
    CLOCK = "clock"
    CONFIGURATION = "configuration"
    ACCEPTANCE = "acceptance"


class ItemState(StrEnum):
    """State of one item. TODO: nobody and nothing has checked it yet."""

    OK = "ok"
    FAILED = "failed"
    TODO = "todo"


ITEMS = tuple(Item)


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One line of the checklist. `detail` is a code (a cause) or a figure, never a sentence for display."""

    name: Item
    state: ItemState
    detail: str = ""


async def checklists(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, list[ChecklistItem]]:
    """Return the checklist of each camera, by camera id."""
    statuses = await stream_status.by_stream(session)
    states = await presence.present_states(session, cameras, now)
    kinds: dict[str, set[str]] = {}
    for finding in await findings.list_open(session):
        kinds.setdefault(finding.camera or "", set()).add(finding.kind)
    faults: dict[str, list[str]] = {}
    for fault in await session.scalars(select(Fault).where(Fault.state.in_(OPEN_STATES))):
        faults.setdefault(fault.camera, []).append(fault.family)
    judged = await _judged(session, [c.id for c in cameras], now)
    wanting = await own_account.villages_requiring(session)
    return {
        c.id: _list(
            c, statuses, states[c.id], kinds.get(c.id, set()), faults.get(c.id, []), c.id in judged, now, wanting
        )
        for c in cameras
    }


async def _judged(session: AsyncSession, cameras: Sequence[str], now: datetime) -> set[str]:
    """Return the cameras whose own last inspection judged the picture.

    That inspection must not be older than INSPECTION_COUNTS, and must belong to the last finished round of the whole
    town or be newer: a round of other villages says nothing about a camera.
    """
    query = select(PatrolRound.started_at).where(PatrolRound.finished_at.is_not(None)).order_by(PatrolRound.id.desc())
    since = await session.scalar(query.where(cast(PatrolRound.scope, String) == "{}").limit(1))
    judged: set[str] = set()
    for at in range(0, len(cameras), CAMERAS_PER_QUERY):
        last = select(func.max(Inspection.at)).where(Inspection.camera == Camera.id).correlate(Camera).scalar_subquery()
        own = aliased(Inspection)
        found = select(own.camera, own.at, own.unknown).join(Camera, (own.camera == Camera.id) & (own.at == last))
        for inspection in await session.execute(found.where(Camera.id.in_(cameras[at : at + CAMERAS_PER_QUERY]))):
            is_recent = inspection.at >= (since or inspection.at) and now - inspection.at <= INSPECTION_COUNTS
            if is_recent and presence.judged_a_picture(inspection.unknown):
                judged.add(inspection.camera)
    return judged


def _list(
    camera: Camera,
    statuses: dict[str, StreamStatus],
    state: CameraPresence,
    kinds: set[str],
    faults: list[str],
    judged: bool,
    now: datetime,
    wanting: frozenset[str],
) -> list[ChecklistItem]:
    return [
        _reachable(camera, state, now),
        _credential(camera, state, wanting),
        _identity(camera, kinds),
        _streams(camera, statuses, now),
        _picture(faults, judged),
        _clock(camera, now),
        ChecklistItem(
            Item.CONFIGURATION,
            ItemState.FAILED if "drift" in kinds else ItemState.OK if camera.device else ItemState.TODO,
        ),
        ChecklistItem(Item.ACCEPTANCE, ItemState.OK if camera.accepted_at else ItemState.TODO),
    ]


def _reachable(camera: Camera, state: CameraPresence, now: datetime) -> ChecklistItem:
    """Check what the recorder and the patrol see now; else whether the camera answered ONVIF within hours."""
    if state.presence is Presence.ONLINE:
        return ChecklistItem(Item.REACHABLE, ItemState.OK)
    if state.presence is Presence.OFFLINE and state.cause != GapCause.AUTH_REFUSED:
        return ChecklistItem(Item.REACHABLE, ItemState.FAILED, camera.problem or str(state.cause or ""))
    if camera.address is None:
        by_hand = any(s.url for s in camera.streams)
        return ChecklistItem(Item.REACHABLE, ItemState.TODO, "not_asked" if by_hand else "no_address")
    if camera.refused_at is not None and now - camera.refused_at < SILENT_AFTER:
        return ChecklistItem(Item.REACHABLE, ItemState.OK)  # it answered and rejected the credential
    if camera.seen_at is None and camera.refused_at is not None:
        return ChecklistItem(Item.REACHABLE, ItemState.TODO, "not_asked")  # no request is sent until a person acts
    if camera.seen_at is None:
        return ChecklistItem(
            Item.REACHABLE, ItemState.FAILED if camera.problem else ItemState.TODO, camera.problem or "not_asked"
        )
    return (
        ChecklistItem(Item.REACHABLE, ItemState.OK)
        if now - camera.seen_at < SILENT_AFTER
        else ChecklistItem(Item.REACHABLE, ItemState.FAILED, camera.problem or "silent")
    )


def _credential(camera: Camera, state: CameraPresence, wanting: frozenset[str]) -> ChecklistItem:
    """Check the credential and the station's own account on the camera.

    A camera may not support creating an account, which nobody can repair: `own_account: false` in its inventory file
    turns the check off.
    """
    if camera.refused_at is not None:
        return ChecklistItem(Item.CREDENTIAL, ItemState.FAILED, "refused")
    if camera.account_state == AccountState.FAILED and own_account.is_required(camera, wanting):
        return ChecklistItem(Item.CREDENTIAL, ItemState.FAILED, f"no_own_account: {camera.account_problem or ''}")
    if camera.device and own_account.must_wait(camera, wanting):
        return ChecklistItem(Item.CREDENTIAL, ItemState.TODO, "own_account")
    if state.cause == GapCause.AUTH_REFUSED:
        return ChecklistItem(Item.CREDENTIAL, ItemState.FAILED, "refused")
    proved = camera.device if camera.address is not None else state.is_online
    return ChecklistItem(Item.CREDENTIAL, ItemState.OK if proved else ItemState.TODO)


def _identity(camera: Camera, kinds: set[str]) -> ChecklistItem:
    if odd := kinds & {"identity_changed", "clone"}:
        return ChecklistItem(Item.IDENTITY, ItemState.FAILED, sorted(odd)[0])
    if camera.device is None:
        return ChecklistItem(Item.IDENTITY, ItemState.TODO)
    wanted = str(camera.profile.get("expected_make") or "").lower().split()
    reported = f"{camera.device.get('manufacturer', '')} {camera.device.get('model', '')}".lower()
    return (
        ChecklistItem(Item.IDENTITY, ItemState.OK)
        if all(w in reported for w in wanted)
        else ChecklistItem(Item.IDENTITY, ItemState.FAILED, "other_make")
    )


def _streams(camera: Camera, statuses: dict[str, StreamStatus], now: datetime) -> ChecklistItem:
    wanted = [s for s in camera.streams if s.record]
    if not any(s.kind == StreamKind.MAIN and s.url for s in camera.streams):
        return ChecklistItem(Item.STREAMS, ItemState.TODO)
    for stream in wanted:
        status = statuses.get(stream.id)
        if status is None or state_of(status, now) == UNKNOWN:
            return ChecklistItem(Item.STREAMS, ItemState.TODO, stream.kind)
        if status.state != RecordingState.RECORDING:
            return ChecklistItem(Item.STREAMS, ItemState.FAILED, status.cause or status.state)
    return ChecklistItem(Item.STREAMS, ItemState.OK if wanted else ItemState.TODO, "" if wanted else "not_recorded")


def _picture(faults: list[str], judged: bool) -> ChecklistItem:
    if faults:
        return ChecklistItem(Item.PICTURE, ItemState.FAILED, sorted(faults)[0])
    return ChecklistItem(Item.PICTURE, ItemState.OK if judged else ItemState.TODO)


def _clock(camera: Camera, now: datetime) -> ChecklistItem:
    """A clock that was wrong when it was last read stays failed; one that was right then is unknown after a day."""
    if camera.clock_offset is None:
        return ChecklistItem(Item.CLOCK, ItemState.TODO)
    known = camera.seen_at is not None and now - camera.seen_at <= CLOCK_COUNTS
    state = ItemState.OK if known else ItemState.TODO
    if abs(camera.clock_offset) > CLOCK_SECONDS:
        state = ItemState.FAILED
    return ChecklistItem(Item.CLOCK, state, f"{camera.clock_offset:+.1f}")


def as_json(items: Sequence[ChecklistItem]) -> list[dict[str, str]]:
    return [{"name": i.name, "state": i.state, "detail": i.detail} for i in items]
