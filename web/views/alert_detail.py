"""Answers about one alert: its steps, its trail, and where its subject can be next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from cases.tables import AlertCall, AlertStep, AlertStepKind, AlertTrail, CallKind
from core.clock import from_microseconds
from search.vocabulary import Direction, DirectionWord
from web.views.cases import AlertView


class StepView(BaseModel):
    kind: AlertStepKind | str = Field(description="Text that is not listed comes from another release")
    at: datetime
    by: str
    text: str
    latitude: float | None = Field(description="Where the phone was, WGS 84; null: unknown")
    longitude: float | None
    accuracy_m: float | None


class TrailView(BaseModel):
    """A later sighting of the subject."""

    entry: int
    camera: str
    camera_name: str
    village: str
    seen_at: datetime
    direction: DirectionWord | None = Field(description="In the picture; null: unknown")
    heading: float | None = Field(description="Of the movement on the map, degrees clockwise from north; null: unknown")
    has_picture: bool
    by: str = Field(description="'system', or the account that saw the subject")


class NextArrival(BaseModel):
    earliest: datetime
    latest: datetime


class NextCameraView(BaseModel):
    """A camera on which the subject can be seen next, with its window on foot and on two wheels."""

    camera: str
    name: str
    metres: float = Field(description="Straight line; the latest arrival allows for roads that are longer")
    bearing: float = Field(description="Degrees clockwise from north")
    walking: NextArrival
    riding: NextArrival


class CallView(BaseModel):
    kind: CallKind | str = Field(description="Text that is not listed comes from another release")
    unit: int | None
    unit_name: str = Field(description="Empty where officers of any unit are called")
    accounts: list[str]
    due_at: datetime = Field(description="They are called then, unless somebody has taken the alert")


class AlertDetail(BaseModel):
    alert: AlertView
    calls: list[CallView] = Field(description="Who is called for it, in this order")
    steps: list[StepView] = Field(description="Oldest first")
    trail: list[TrailView] = Field(description="Oldest sighting first, without the one that raised the alert")
    heading: float | None = Field(
        description="Of the first sighting's movement on the map, degrees clockwise from north; null: unknown"
    )
    last_camera: str = Field(description="Where the subject was seen last")
    last_seen_at: datetime
    next: list[NextCameraView] = Field(description="Most plausible first; empty where positions are unknown")


def step_view(s: AlertStep) -> StepView:
    return StepView(
        kind=s.kind, at=s.at, by=s.by, text=s.text, latitude=s.latitude, longitude=s.longitude,
        accuracy_m=s.accuracy_m,
    )  # fmt: skip


def call_view(call: AlertCall, units: Mapping[int, str]) -> CallView:
    return CallView(
        kind=call.kind, unit=call.unit, unit_name=units.get(call.unit or 0, ""), accounts=call.accounts,
        due_at=call.due_at,
    )  # fmt: skip


def trail_view(t: AlertTrail, names: Mapping[str, str]) -> TrailView:
    known = t.direction is not None and t.direction in list(Direction)
    return TrailView(
        entry=t.id, camera=t.camera, camera_name=names.get(t.camera, t.camera), village=t.village,
        seen_at=from_microseconds(t.at_us), heading=t.heading, has_picture=bool(t.thumbnail), by=t.by,
        direction=DirectionWord(Direction(t.direction or 0).name) if known else None,
    )  # fmt: skip
