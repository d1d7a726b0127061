"""Answers about patrol rounds, faults and maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, Field

from cameras.tables import Camera
from core.accounts.scope import Villages, covers
from health.faults.families import FAMILIES
from health.patrol.camera_week import DayResult, InspectedDay, ReferencePicture
from health.patrol.inspection_coverage import InspectionCoverage
from health.tables import Fault, Maintenance, PatrolRound
from health.vocabulary import FaultFamily, FaultOutcome, FaultStatus, Light


class RoundView(BaseModel):
    id: int
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    cameras: int | None = Field(
        description="Null, as the next two, if the round covers more than the account's villages"
    )
    looked: int | None
    faulty: int | None


class FaultView(BaseModel):
    id: int
    camera: str
    camera_name: str
    village: str
    family: FaultFamily
    chinese: str
    state: FaultStatus | str = Field(description="Text that is not listed comes from another release")
    severity: int
    figures: dict[str, object]
    first_seen: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    times: int
    verdict: FaultOutcome | str | None = Field(description="Text that is not listed comes from another release")
    acknowledged_by: str | None
    order: int | None
    reported_by: str | None = Field(description="The person who reported it; null: found by patrol")
    note: str = Field(description="Words of that person")
    has_picture: bool
    has_reference: bool


class LearningCameraView(BaseModel):
    camera: str
    name: str
    village: str
    since: datetime


class LearningView(BaseModel):
    count: int = Field(description="Cameras whose view is not learned yet: their pictures are hardly judged")
    until: datetime | None = Field(description="When the last of them is expected to be ready")
    overdue: list[LearningCameraView] = Field(description="The first that have been learning for too long")
    overdue_count: int


class PatrolView(BaseModel):
    round: RoundView | None
    faults: list[FaultView]
    next: int | None
    learning: LearningView
    inspections: InspectionCoverage = Field(
        description="How many cameras were not inspected for a day: an empty list of faults says nothing about them"
    )


class MaintenanceView(BaseModel):
    id: int
    camera: str | None
    village: str | None
    start: datetime
    until: datetime
    reason: str
    by: str


class InspectedDayView(BaseModel):
    day: date
    result: DayResult = Field(description="unknown: no inspection on that day, or none that could judge this fault")
    inspections: int
    found: int = Field(description="Inspections that found this fault")
    judged: int = Field(description="Inspections that could say whether it was there")
    families: list[FaultFamily] = Field(description="Everything that was found on that day, the most frequent first")
    picture: int | None = Field(description="Inspection whose picture is kept; null: none, or not for this account")
    picture_at: datetime | None


class ReferencePictureView(BaseModel):
    light: Light
    inspection: int
    at: datetime


class FaultWeekView(BaseModel):
    days: list[InspectedDayView] = Field(description="The last seven local days, oldest first; empty: of no camera")
    references: list[ReferencePictureView] = Field(description="A good picture by day and one by night, if kept")


def concerns(r: PatrolRound, scope: Villages) -> bool:
    """Return whether the round covers the whole town or villages of the scope."""
    return scope is None or not r.scope or covers(scope, r.scope.get("villages"))


def round_view(r: PatrolRound, scope: Villages) -> RoundView:
    """Return the round; without its counts if it covers more than the scope."""
    whole = covers(scope, r.scope.get("villages"))
    return RoundView(
        id=r.id,
        asked_at=r.asked_at,
        asked_by=r.asked_by if whole else "",
        started_at=r.started_at,
        finished_at=r.finished_at,
        cameras=(r.cameras or 0) if whole else None,
        looked=(r.inspected or 0) if whole else None,
        faulty=(r.faulty or 0) if whole else None,
    )


def fault_view(f: Fault, camera: Camera | None, *, pictures: bool) -> FaultView:
    """Return the fault. `pictures`: whether the account may see its pictures."""
    return FaultView(
        id=f.id,
        camera=f.camera,
        camera_name=camera.name if camera else f.detail,
        village=f.village or "",
        family=f.family,
        chinese=FAMILIES[f.family].chinese,
        state=f.state,
        severity=f.severity,
        figures=f.figures,
        first_seen=f.first_seen,
        opened_at=f.opened_at,
        closed_at=f.closed_at,
        times=f.times,
        verdict=f.verdict,
        acknowledged_by=f.acknowledged_by,
        order=f.order,
        reported_by=f.reported_by,
        note=f.note,
        has_picture=pictures and f.picture is not None,
        has_reference=pictures and f.reference is not None,
    )


def week_view(days: Sequence[InspectedDay], found: Sequence[ReferencePicture], *, pictures: bool) -> FaultWeekView:
    """Return the week. `pictures`: whether the account may see its pictures."""
    return FaultWeekView(
        days=[
            InspectedDayView(
                day=d.day, result=d.result, inspections=d.inspections, found=d.found, judged=d.judged,
                families=[f for f, _ in d.families.most_common()], picture=d.picture if pictures else None,
                picture_at=d.picture_at if pictures else None,
            )
            for d in days
        ],
        references=[ReferencePictureView(light=r.light, inspection=r.inspection, at=r.at) for r in found if pictures],
    )  # fmt: skip


def maintenance_view(m: Maintenance) -> MaintenanceView:
    return MaintenanceView(
        id=m.id, camera=m.camera, village=m.village, start=m.start, until=m.until, reason=m.reason, by=m.by
    )
