"""The state of every camera as the console shows it, kept in a table and announced when it changes.

The controller calls `update` every few seconds. It judges each camera from what the recorders last reported and from
the open faults, stores the states that changed, and appends one event per village that says which cameras changed and
how many of the village's cameras are in each state. A page reads the table once and then follows these events:
table and events are written in one transaction, so a page that starts at `events.last_id` misses nothing.

Nothing is good by default: a camera of which no recorder reports anything is `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from cameras.registry import outlines
from cameras.states import StreamKind
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.database import Base, EnumText
from health.checks import presence
from health.checks.presence import Presence
from health.faults import fault_queries
from nvr.recorder import stream_status
from nvr.recorder.stream_status import UNKNOWN
from nvr.recording_state import RecordingState


class CameraState(StrEnum):
    """State of a camera, or the worst of a village's cameras; from good to bad."""

    OK = "ok"
    ATTENTION = "attention"  # another stream than the main one should be recorded and is not
    UNKNOWN = "unknown"  # nobody knows whether the camera is online (health.checks.presence)
    FAULT = "fault"  # a fault is open, or it is online and its main stream is not recorded
    OFFLINE = "offline"


SEVERITY = tuple(CameraState)
ONLINE_STATES = frozenset({CameraState.OK, CameraState.ATTENTION, CameraState.FAULT})


class CameraStateRow(Base):
    """The state of a camera in use, as it was last announced."""

    __tablename__ = "camera_state"
    __table_args__ = ({"comment": "State of each camera in use, as last announced (health.camera_states)"},)

    camera: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Camera id")
    village: Mapped[str] = mapped_column(String(40), index=True, comment="Its village")
    state: Mapped[CameraState] = mapped_column(
        EnumText(CameraState, 10), comment="ok, attention, unknown, fault, offline"
    )
    recorded: Mapped[bool] = mapped_column(comment="Its main stream is recorded")
    since: Mapped[datetime] = mapped_column(comment="When it got this state")


@dataclass(frozen=True, slots=True)
class JudgedCamera:
    """What is true of a camera now. `recorded`: its main stream is recorded."""

    village: str
    state: CameraState
    recorded: bool


def judge(presence: Presence, main: str | None, others: Iterable[str], faults: Collection[str]) -> CameraState:
    """Return a camera's state.

    `main`: the state of its main stream (`stream_status.state_of`); None: it has none. `others`: the states of its
    other streams that should be recorded. `faults`: the families of its open faults.
    """
    if presence is Presence.OFFLINE:
        return CameraState.OFFLINE
    if presence is Presence.UNKNOWN:
        return CameraState.UNKNOWN
    if faults or main not in (None, UNKNOWN, RecordingState.RECORDING):
        return CameraState.FAULT
    good = all(state == RecordingState.RECORDING for state in others)
    return CameraState.OK if good else CameraState.ATTENTION


async def judge_all(session: AsyncSession, now: datetime) -> dict[str, JudgedCamera]:
    """Return what is true now of every camera in use, by its id."""
    cameras = await outlines.in_use(session)
    reports = await stream_status.reports(session)
    present = await presence.present_states(session, cameras, now, reports)
    faults = await fault_queries.open_families(session)
    found = {}
    for camera in cameras:
        states = {s.kind: stream_status.state_of(reports.get(s.id), now) for s in camera.streams}
        main = states.get(StreamKind.MAIN)
        others = [states[s.kind] for s in camera.streams if s.record and s.kind is not StreamKind.MAIN]
        state = judge(present[camera.id].presence, main, others, faults.get(camera.id, ()))
        found[camera.id] = JudgedCamera(camera.village, state, main == RecordingState.RECORDING)
    return found


async def update(session: AsyncSession, now: datetime) -> int:
    """Store the states that changed and announce them, one event per village. Returns the number of changed cameras."""
    found = await judge_all(session, now)
    stored = await stored_states(session, None)
    changed: dict[str, dict[str, str]] = {}
    gone: dict[str, list[str]] = {}
    for camera, judged in found.items():
        before = stored.get(camera)
        if before == judged:
            continue
        if before is not None and before.village != judged.village:
            gone.setdefault(before.village, []).append(camera)
        changed.setdefault(judged.village, {})[camera] = judged.state
        _store(session, await session.get(CameraStateRow, camera), camera, judged, now)
    for camera in stored.keys() - found.keys():
        gone.setdefault(stored[camera].village, []).append(camera)
        await session.execute(delete(CameraStateRow).where(CameraStateRow.camera == camera))
    counts = count_by_village(found)
    for village in sorted(changed.keys() | gone.keys()):
        events.append(
            session,
            now,
            events.EventKind.CAMERA_STATE,
            village=village,
            states=changed.get(village, {}),
            gone=sorted(gone.get(village, [])),
            counts={state.value: count for state, count in counts.get(village, Counter()).items()},
            recorded=sum(1 for j in found.values() if j.village == village and j.recorded),
        )
    return sum(map(len, changed.values())) + sum(map(len, gone.values()))


def _store(session: AsyncSession, row: CameraStateRow | None, camera: str, judged: JudgedCamera, now: datetime) -> None:
    if row is None:
        session.add(
            CameraStateRow(
                camera=camera, village=judged.village, state=judged.state, recorded=judged.recorded, since=now
            )
        )
        return
    if row.state != judged.state:
        row.state, row.since = judged.state, now
    row.village, row.recorded = judged.village, judged.recorded


def count_by_village(found: Mapping[str, JudgedCamera]) -> dict[str, Counter[CameraState]]:
    """Return how many cameras of each village are in each state."""
    counts: dict[str, Counter[CameraState]] = {}
    for judged in found.values():
        counts.setdefault(judged.village, Counter())[judged.state] += 1
    return counts


async def stored_states(session: AsyncSession, scope: Villages) -> dict[str, JudgedCamera]:
    """Return the announced states of the cameras of a scope, by camera id."""
    columns = CameraStateRow.camera, CameraStateRow.village, CameraStateRow.state, CameraStateRow.recorded
    rows = await session.execute(select(*columns).where(village_in_scope(CameraStateRow.village, scope)))
    return {r.camera: JudgedCamera(r.village, known_state(r.state), r.recorded) for r in rows}


def known_state(text: str) -> CameraState:
    """Return the state; UNKNOWN for a text that another release wrote."""
    return CameraState(text) if text in SEVERITY else CameraState.UNKNOWN
