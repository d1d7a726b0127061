"""Whether each camera is online now: one rule for the village tree, the checklist, reports, metrics and pages.

A camera is online if its main stream is being recorded, or if the camera sends packets that cannot be recorded. It is
offline if the recorder reports that the camera does not answer, or if nothing is recorded and a fault says so.
Everything else is unknown: no recorder reports, the station itself fails, nobody looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry.outlines import CameraOutline
from cameras.states import StreamKind
from cameras.tables import Camera
from health.faults import topology
from health.faults.families import NO_VIDEO_FAMILIES, PICTURE_FAMILIES
from health.faults.state_machine import OPEN_STATES
from health.tables import Fault, Inspection
from health.vocabulary import FaultFamily
from nvr.recorder import stream_status
from nvr.recorder.stream_status import StreamReport
from nvr.recording_state import RecordingState
from nvr.tables import GapCause

OFFLINE_CAUSES = frozenset({"unreachable", "auth_refused", "no_packets", "protocol_error"})  # the camera sent nothing
SENDING_CAUSES = frozenset({"packet_loss", "no_keyframe"})  # the camera sent packets that could not be recorded
INSPECTION_VALID = timedelta(hours=4)  # longest time for which an inspection proves that an unrecorded camera is online
CAMERAS_PER_QUERY = 500
_OUTAGES = (*sorted(NO_VIDEO_FAMILIES), FaultFamily.UPLINK)


class Presence(StrEnum):
    """Whether a camera is online. UNKNOWN is never counted as online."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CameraPresence:
    """State of one camera now. `since`: offline since, as far as known; `cause`: why, None if nobody knows.

    The cause is what the recorder reports, or the family of the fault that says so.
    """

    presence: Presence
    since: datetime | None = None
    cause: GapCause | FaultFamily | None = None

    @property
    def is_online(self) -> bool:
        return self.presence is Presence.ONLINE


def by_recorder(status: StreamReport | None, now: datetime) -> CameraPresence:
    """Return what the recorder's last report on the main stream says; UNKNOWN without a recent report."""
    state = stream_status.state_of(status, now)
    if status is None or state == stream_status.UNKNOWN:
        return CameraPresence(Presence.UNKNOWN)
    if state == RecordingState.RECORDING or status.cause in SENDING_CAUSES:
        return CameraPresence(Presence.ONLINE)
    if status.cause in OFFLINE_CAUSES:
        return CameraPresence(Presence.OFFLINE, status.last_picture or status.since, status.cause)
    return CameraPresence(Presence.UNKNOWN, cause=status.cause)


async def present_states(
    session: AsyncSession,
    cameras: Sequence[Camera] | Sequence[CameraOutline],
    now: datetime,
    reports: Mapping[str, StreamReport] | None = None,
) -> dict[str, CameraPresence]:
    """Return the state of each camera by its id. One query for each kind of fact; none reads the archive.

    `reports`: the recorders' last reports if the caller has read them.
    """
    statuses = await stream_status.reports(session) if reports is None else reports
    faults = await _outages(session)
    reported = {c.id: by_recorder(statuses.get(_main(c)), now) for c in cameras if _is_to_be_recorded(c, statuses)}
    unrecorded = [c.id for c in cameras if c.id not in reported]
    inspected = await inspected_with_picture(session, unrecorded, now - INSPECTION_VALID)
    return {c.id: _presence(c, reported.get(c.id), faults, inspected) for c in cameras}


def count(states: Mapping[str, CameraPresence], presence: Presence) -> int:
    return sum(s.presence is presence for s in states.values())


async def inspected_with_picture(session: AsyncSession, cameras: Sequence[str], since: datetime) -> set[str]:
    """Return the cameras of which an inspection since then judged a picture; a failed attempt proves nothing."""
    found: set[str] = set()
    for at in range(0, len(cameras), CAMERAS_PER_QUERY):
        some = Inspection.camera.in_(cameras[at : at + CAMERAS_PER_QUERY])
        query = select(Inspection.camera, Inspection.unknown).where(some, Inspection.at >= since)
        found |= {camera for camera, unknown in await session.execute(query) if judged_a_picture(unknown)}
    return found


def judged_a_picture(unknown: Sequence[str]) -> bool:
    """Return whether an inspection judged its picture. `unknown`: the families that it could not test."""
    return not set(unknown) >= set(PICTURE_FAMILIES)


def _main(camera: Camera | CameraOutline) -> str:
    return f"{camera.id}/{StreamKind.MAIN}"


def _is_to_be_recorded(camera: Camera | CameraOutline, statuses: Mapping[str, StreamReport]) -> bool:
    """Return whether the recorder must know the camera: its main stream is recorded, and not paused by its schedule."""
    status = statuses.get(_main(camera))
    paused = status is not None and status.cause == GapCause.SCHEDULE
    return not paused and any(s.kind is StreamKind.MAIN and s.record for s in camera.streams)


async def _outages(session: AsyncSession) -> dict[str, list[Fault]]:
    """Return the open faults that say that a camera sends nothing, by camera; of up-links and switches under ""."""
    query = select(Fault).where(Fault.state.in_(OPEN_STATES), Fault.family.in_(_OUTAGES))
    found: dict[str, list[Fault]] = {}
    for fault in await session.scalars(query):
        found.setdefault(fault.camera, []).append(fault)
    return found


def _presence(
    camera: Camera | CameraOutline,
    told: CameraPresence | None,
    faults: Mapping[str, Sequence[Fault]],
    inspected: set[str],
) -> CameraPresence:
    """`told`: what the recorder says; None: it need not know the camera."""
    if told is not None and told.is_online:
        return told
    own, parents = faults.get(camera.id, ()), [f for f in faults.get("", ()) if topology.is_below(camera, f)]
    for fault in (*own[:1], *parents[:1]):
        cause = told.cause if told is not None and told.presence is Presence.OFFLINE else fault.family
        return CameraPresence(Presence.OFFLINE, fault.first_seen, cause)
    if told is not None:
        return told
    return CameraPresence(Presence.ONLINE if camera.id in inspected else Presence.UNKNOWN)
