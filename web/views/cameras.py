"""Answers about a camera and its streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from cameras.states import StreamKind
from cameras.tables import Camera, Stream
from health.camera_states import CameraState, judge
from health.checks.presence import CameraPresence, Presence
from health.vocabulary import FaultFamily
from nvr.engine_choice import EngineKind
from nvr.recorder.stream_status import UNKNOWN, state_of
from nvr.recording_state import RecordingState
from nvr.tables import StreamStatus
from web.views.causes import CauseWord, cause_word


class StreamView(BaseModel):
    id: str
    kind: StreamKind
    codec: str | None
    width: int | None
    height: int | None
    state: RecordingState | Literal["unknown"] = Field(description="unknown: no recorder reports it")
    engine: EngineKind | None
    cause: CauseWord
    fps: float
    bitrate: float
    lost_packets: int
    foreign_packets: int
    skipped_units: int
    damaged_pictures: int
    duplicate_packets: int
    start_points: int  # groups of pictures that do not begin with a keyframe
    held_back: int  # readings delayed because the stream uses more than its share of the CPU
    short_holes: int  # pictures missing for less than a second; not counted as gaps
    short_hole_seconds: float
    clock_offset: float | None
    last_picture: datetime | None


class CameraView(BaseModel):
    id: str
    name: str
    village: str
    state: CameraState
    faults: list[FaultFamily | str] = Field(description="Families of its open faults")
    ptz: bool  # the camera can pan, tilt or zoom
    streams: list[StreamView]


class CameraFile(CameraView):
    address: str | None
    device: dict[str, JsonValue] | None
    profile: dict[str, JsonValue]


def camera_view(
    camera: Camera,
    statuses: Mapping[str, StreamStatus],
    faults: Sequence[str],
    state: CameraPresence,
    now: datetime,
) -> CameraView:
    """Return a camera with its streams. `statuses`: by stream; `faults`: the families of its open faults."""
    streams = [_stream_view(s, statuses.get(s.id), now) for s in camera.streams]
    return CameraView(
        id=camera.id, name=camera.name, village=camera.village, faults=sorted(faults),
        ptz=bool((camera.device or {}).get("ptz")), streams=streams,
        state=_state_of(camera, streams, faults, state.presence),
    )  # fmt: skip


def camera_file_view(
    camera: Camera,
    statuses: Mapping[str, StreamStatus],
    faults: Sequence[str],
    state: CameraPresence,
    now: datetime,
) -> CameraFile:
    view = camera_view(camera, statuses, faults, state, now)
    return CameraFile(**dict(view), address=camera.address, device=camera.device, profile=camera.profile)


def _stream_view(s: Stream, status: StreamStatus | None, now: datetime) -> StreamView:
    state = state_of(status, now)
    current = status if state != UNKNOWN else None
    return StreamView(
        id=s.id,
        kind=s.kind,
        codec=s.codec,
        width=s.width,
        height=s.height,
        state=RecordingState(state) if state in tuple(RecordingState) else "unknown",
        engine=status.engine if status else None,
        cause=cause_word(current.cause) if current else "",
        fps=current.fps if current else 0.0,
        bitrate=current.bitrate if current else 0.0,
        lost_packets=status.lost_packets if status else 0,
        foreign_packets=status.foreign_packets if status else 0,
        skipped_units=status.skipped_units if status else 0,
        damaged_pictures=status.damaged_units if status else 0,
        duplicate_packets=status.duplicate_packets if status else 0,
        start_points=status.start_points if status else 0,
        held_back=status.held_back if status else 0,
        short_holes=status.short_holes if status else 0,
        short_hole_seconds=status.short_hole_seconds if status else 0.0,
        clock_offset=status.clock_offset if status else None,
        last_picture=status.last_picture if status else None,
    )


def _state_of(camera: Camera, streams: Sequence[StreamView], faults: Sequence[str], presence: Presence) -> CameraState:
    recorded = {s.id for s in camera.streams if s.record}
    main = next((s.state for s in streams if s.kind is StreamKind.MAIN), None)
    others = [s.state for s in streams if s.kind is not StreamKind.MAIN and s.id in recorded]
    return judge(presence, main, others, faults)
