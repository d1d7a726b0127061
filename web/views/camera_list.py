"""The list of cameras with the columns of their checklist: what is filtered, how it is sorted, one page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from cameras.records import LEGAL_CLASSES, LegalClass
from cameras.registry import acceptance
from cameras.tables import Acceptance, Camera
from health.camera_states import SEVERITY, CameraState, JudgedCamera
from health.checks.checklist import ChecklistItem, Item, ItemState
from health.vocabulary import FaultFamily


class CameraSort(StrEnum):
    ID = "id"
    NAME = "name"
    VILLAGE = "village"
    STATE = "state"  # the worst first
    WARRANTY = "warranty"  # the first to end first; without one last


class CameraRow(BaseModel):
    id: str
    name: str
    number: str
    village: str
    site: str
    address: str | None
    credential: str | None = Field(description="Name of its credential; the password is never told")
    make: str = Field(description="Maker and model as it reports them; empty: never identified")
    firmware: str
    legal_class: LegalClass | Literal[""] = Field(description="Class of Decree 799; empty: not set")
    manager_unit: str
    responsible: str
    maintainer: str
    warranty_until: str
    state: CameraState
    faults: list[FaultFamily | str] = Field(description="Families of its open faults")
    retired: bool
    placed: bool = Field(description="Its position is known")
    accepted_at: datetime | None
    missing: list[acceptance.MissingFact] = Field(description="What must be recorded before anybody can sign")
    proposed_by: str | None = Field(description="Who signed first and waits for the second person")
    problem: str = Field(description="Why it could not be asked last time; empty: it could")
    checks: dict[Item, ItemState]
    details: dict[Item, str] = Field(description="A cause or figure of each failed check")


class CameraPage(BaseModel):
    items: list[Item] = Field(description="The columns of the checklist, in their order")
    total: int = Field(description="Cameras that the filter leaves")
    page: int
    size: int
    cameras: list[CameraRow]


@dataclass(frozen=True, slots=True)
class CameraFilter:
    """Which cameras a list shows; a field that is None does not restrict it. `problem`: an item that is not ok."""

    state: CameraState | None = None
    problem: Item | None = None
    text: str = ""


def matching(
    cameras: Sequence[Camera],
    states: Mapping[str, JudgedCamera],
    lists: Mapping[str, list[ChecklistItem]],
    wanted: CameraFilter,
) -> list[Camera]:
    """Return the cameras that the filter leaves. `lists`: the checklists, needed for `problem` only."""
    text = wanted.text.strip().casefold()

    def fits(camera: Camera) -> bool:
        if wanted.state is not None and state_in(states, camera.id) is not wanted.state:
            return False
        if wanted.problem is not None and not any(
            i.name is wanted.problem and i.state is not ItemState.OK for i in lists.get(camera.id, ())
        ):
            return False
        return not text or any(text in word.casefold() for word in _words(camera))

    return [camera for camera in cameras if fits(camera)]


def _words(camera: Camera) -> tuple[str, ...]:
    profile = camera.profile
    return (
        camera.id, camera.name, camera.address or "", profile.get("number", ""), profile.get("site", ""),
        profile.get("responsible", ""), profile.get("maintainer", ""), profile.get("manager_unit", ""),
    )  # fmt: skip


def ordered(cameras: list[Camera], states: Mapping[str, JudgedCamera], by: CameraSort) -> list[Camera]:
    """Return the cameras in the order `by`, then by id."""
    keys: dict[CameraSort, Callable[[Camera], tuple[str | int, ...]]] = {
        CameraSort.ID: lambda c: (c.id,),
        CameraSort.NAME: lambda c: (c.name, c.id),
        CameraSort.VILLAGE: lambda c: (c.village, c.id),
        CameraSort.STATE: lambda c: (-SEVERITY.index(state_in(states, c.id)), c.id),
        CameraSort.WARRANTY: lambda c: (c.profile.get("warranty_until") or "9999", c.id),
    }
    return sorted(cameras, key=keys[by])


def state_in(states: Mapping[str, JudgedCamera], camera: str) -> CameraState:
    found = states.get(camera)
    return found.state if found is not None else CameraState.UNKNOWN


def camera_row(
    camera: Camera, state: CameraState, faults: Sequence[str], items: Sequence[ChecklistItem], signed: Acceptance | None
) -> CameraRow:
    """Return one row. `items`: its checklist; `signed`: its newest acceptance."""
    profile, device = camera.profile, camera.device or {}
    return CameraRow(
        id=camera.id,
        name=camera.name,
        number=profile.get("number", ""),
        village=camera.village,
        site=profile.get("site", ""),
        address=camera.address,
        credential=camera.credential,
        make=f"{device.get('manufacturer', '')} {device.get('model', '')}".strip(),
        firmware=device.get("firmware", ""),
        legal_class=next((c for c in LEGAL_CLASSES if c == profile.get("legal_class")), ""),
        manager_unit=profile.get("manager_unit", ""),
        responsible=profile.get("responsible", ""),
        maintainer=profile.get("maintainer", ""),
        warranty_until=profile.get("warranty_until", ""),
        state=state,
        faults=sorted(faults),
        retired=camera.retired,
        placed="position" in profile,
        accepted_at=camera.accepted_at,
        missing=acceptance.missing_facts(camera),
        proposed_by=signed.proposed_by if signed is not None and acceptance.is_waiting(signed, camera) else None,
        problem=camera.problem or "",
        checks={i.name: i.state for i in items},
        details={i.name: i.detail for i in items if i.state is ItemState.FAILED},
    )
