"""Answers about the tree of villages and cameras, kept small: a page of 2,252 cameras loads it once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from cameras.registry.lookup import CameraSummary
from cameras.tables import Village
from health.camera_states import ONLINE_STATES, SEVERITY, CameraState, JudgedCamera
from health.vocabulary import FaultFamily


class CameraKind(StrEnum):
    FIXED = "fixed"
    DOME = "dome"  # it can pan, tilt or zoom
    UNKNOWN = "unknown"  # it was never identified


class TreeCamera(BaseModel):
    id: str
    name: str
    village: str
    number: str = Field(description="Number on its sign; empty: none")
    state: CameraState
    kind: CameraKind
    sub: bool = Field(description="It has a sub-stream")
    position: list[float] | None = Field(description="Longitude and latitude (WGS 84); null: not placed")
    faults: list[FaultFamily | str] = Field(description="Families of its open faults")


class TreeVillage(BaseModel):
    code: str
    name: str
    state: CameraState = Field(description="The worst state of its cameras; unknown without cameras")
    counts: dict[CameraState, int] = Field(description="Number of its cameras in each state that occurs")
    online: int
    recorded: int = Field(description="Cameras whose main stream is recorded")
    total: int
    cameras: list[TreeCamera]


class Tree(BaseModel):
    version: str = Field(description="Changes with the content; also the answer's ETag")
    position: int = Field(description="Follow /api/events after this id: nothing is missed")
    villages: list[TreeVillage]


def tree_view(
    villages: Sequence[Village],
    cameras: Iterable[CameraSummary],
    states: Mapping[str, JudgedCamera],
    faults: Mapping[str, list[str]],
    position: int,
) -> Tree:
    """Return the tree. `states`: as announced; a camera that is not among them is unknown."""
    by_village: dict[str, list[TreeCamera]] = {}
    recorded: Counter[str] = Counter()
    for camera in cameras:
        judged = states.get(camera.id)
        recorded[camera.village] += judged is not None and judged.recorded
        by_village.setdefault(camera.village, []).append(
            _camera(camera, judged.state if judged is not None else CameraState.UNKNOWN, faults.get(camera.id, []))
        )
    found = [_village(v, by_village.get(v.code, []), recorded[v.code]) for v in villages]
    digest = hashlib.sha256()
    for village in found:
        digest.update(village.model_dump_json().encode())
    return Tree(version=digest.hexdigest()[:16], position=position, villages=found)


def _village(village: Village, cameras: list[TreeCamera], recorded: int) -> TreeVillage:
    counts = Counter(c.state for c in cameras)
    return TreeVillage(
        code=village.code,
        name=village.name,
        state=max(counts, key=SEVERITY.index, default=CameraState.UNKNOWN),
        counts={state: counts[state] for state in SEVERITY if counts[state]},
        online=sum(count for state, count in counts.items() if state in ONLINE_STATES),
        recorded=recorded,
        total=len(cameras),
        cameras=cameras,
    )


def _camera(camera: CameraSummary, state: CameraState, faults: list[str]) -> TreeCamera:
    kind = CameraKind.UNKNOWN
    if camera.device is not None:
        kind = CameraKind.DOME if camera.device.get("ptz") else CameraKind.FIXED
    position = camera.profile.get("position")
    return TreeCamera(
        id=camera.id,
        name=camera.name,
        village=camera.village,
        number=camera.profile.get("number", ""),
        state=state,
        kind=kind,
        sub=camera.sub,
        position=[position[0], position[1]] if position else None,
        faults=sorted(faults),
    )
