"""Answers about the watch list beside the subjects themselves: example pictures, what a subject would have given."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from cases.tables import ExampleSource, MutingState, WatchExample
from cases.watch.false_alarms import CameraRate, rate
from search.vocabulary import ClassWord
from web.views.search import UnseenView
from web.views.sightings import SightingView


class ExampleView(BaseModel):
    id: int
    source: ExampleSource
    cls: ClassWord
    has_picture: bool = Field(description="Its picture is kept, and the account may see it")


class CameraRateView(BaseModel):
    """What officers said about a subject's alerts on a camera."""

    camera: str
    right: int
    wrong: int
    unjudged: int
    rate: float | None = Field(description="Share of wrong ones among those that were judged; null: unknown")


class MutingView(BaseModel):
    id: int
    subject: int
    title: str
    camera: str
    village: str
    false_alarms: int
    state: MutingState
    decided_by: str | None
    ends_at: datetime


class CameraAlerts(BaseModel):
    camera: str
    alerts: int


class ExpectedAlertsView(BaseModel):
    """What a subject would have given lately."""

    alerts: int = Field(description="Alerts, by the rules by which the matcher raises them")
    per_day: float | None = Field(description="Alerts a day at that rate; null: unknown")
    sightings: int = Field(description="Sightings that match, of which several may be one alert")
    since: datetime = Field(description="Counted from here to now; later than a day ago if there is too much to count")
    complete: bool = Field(description="The whole day was counted")
    observed: bool = Field(description="False: the cameras gave no sightings at all, so the count says nothing")
    cameras: int = Field(description="How many cameras are searched")
    without_azimuth: int = Field(description="Of them, those whose azimuth is unknown, where a heading is asked for")
    by_camera: list[CameraAlerts] = Field(description="The cameras with the most alerts")
    newest: list[SightingView] = Field(description="The newest that match; none without a purpose and `search`")
    unseen: list[UnseenView] = Field(description="Words that no installed model pack tells")


def example_view(e: WatchExample, *, knows_case: bool = True) -> ExampleView:
    cls = ClassWord(e.cls) if e.cls in tuple(ClassWord) else ClassWord.UNKNOWN
    return ExampleView(id=e.id, source=e.source, cls=cls, has_picture=bool(e.picture) and knows_case)


def camera_rate_view(r: CameraRate) -> CameraRateView:
    return CameraRateView(
        camera=r.camera, right=r.right, wrong=r.wrong, unjudged=r.unjudged, rate=rate(r.right, r.wrong)
    )
