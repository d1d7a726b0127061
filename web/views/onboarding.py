"""Answers about onboarding: the work in progress, cameras with their checklists, discovered devices."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, Field

from cameras.records import AcceptanceFacts, DeviceRecord
from cameras.registry import acceptance
from cameras.states import MatchKind
from cameras.tables import Acceptance, Camera, DeviceSeen
from core.accounts.scope import Villages, covers
from health.checks import checklist
from web.work.onboarding_jobs import JobKind, JobState

MARKS = {checklist.ItemState.OK: "o", checklist.ItemState.FAILED: "x", checklist.ItemState.TODO: "."}


class WorkView(BaseModel):
    kind: JobKind
    done: int
    total: int
    failed: int
    running: bool


class CandidateView(BaseModel):
    id: str
    name: str
    village: str
    address: str | None
    make: str
    marks: str = Field(description="One letter per check, in the order of `items`: o ok, x failed, . to do")
    failed: dict[checklist.Item, str] = Field(description="A cause or figure of each failed check")
    missing: list[acceptance.MissingFact] = Field(description="What must be recorded before anybody can sign")
    proposed_by: str | None = Field(
        description="Who signed first for what the file says now, until another person confirms it"
    )
    proposed_at: datetime | None
    picture_by: str | None = Field(description="Who took the picture of the field of view; null: none, or not known")
    accepted_at: datetime | None
    accepted_by: list[str] = Field(
        description="The two accounts; before there were signatures, the names that were typed"
    )


class DeviceView(BaseModel):
    address: str
    name: str
    hardware: str
    village: str | None
    verdict: MatchKind
    camera: str | None
    first_seen: datetime
    last_seen: datetime


class OnboardingView(BaseModel):
    items: list[checklist.Item]
    work: WorkView
    cameras: list[CandidateView]
    devices: list[DeviceView]


def work_view(state: JobState, scope: Villages) -> WorkView:
    """Return the state of the work. If it covers more than the account's villages, only that it runs."""
    if state.kind is JobKind.NONE or covers(scope, state.villages):
        return WorkView.model_validate(state, from_attributes=True)
    return WorkView(kind=state.kind, done=0, total=0, failed=0, running=state.running)


def device_view(d: DeviceSeen, own: Collection[str]) -> DeviceView:
    """Return the device without its camera if the account does not see that camera.

    `own`: ids of the cameras that the account sees.
    """
    view = DeviceView.model_validate(d, from_attributes=True)
    return view if view.camera in own else view.model_copy(update={"camera": None})


def candidate_view(camera: Camera, items: list[checklist.ChecklistItem], signed: Acceptance | None) -> CandidateView:
    """Return a camera with its checklist. `signed`: the newest acceptance, proposed or confirmed."""
    waiting = signed if acceptance.is_waiting(signed, camera) else None
    device: DeviceRecord = camera.device or {}
    facts: AcceptanceFacts = camera.acceptance or {}
    make = f"{device.get('manufacturer', '')} {device.get('model', '')}".strip()
    return CandidateView(
        id=camera.id,
        name=camera.name,
        village=camera.village,
        address=camera.address,
        make=make,
        marks="".join(MARKS[i.state] for i in items),
        failed={i.name: i.detail for i in items if i.state == checklist.ItemState.FAILED},
        missing=acceptance.missing_facts(camera),
        accepted_at=camera.accepted_at,
        accepted_by=acceptance.accepted_by(signed, camera),
        proposed_by=waiting.proposed_by if waiting else None,
        proposed_at=waiting.proposed_at if waiting else None,
        picture_by=facts.get("picture_by"),
    )
