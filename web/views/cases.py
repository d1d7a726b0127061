"""Answers about cases, subjects of the watch list, and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from cases.alerts import alerts
from cases.tables import Alert, AlertAnswer, AlertOutcome, AlertState, Case, SubjectState, WatchExample, WatchSubject
from cases.watch.false_alarms import CameraRate, rate
from cases.watch.subject_words import SubjectWords, words_of
from core.accounts.scope import Villages
from core.clock import from_microseconds
from search.vocabulary import ClassWord, ColourWord
from web.views.watch import CameraRateView, ExampleView, camera_rate_view, example_view

MATCHER_SILENT_AFTER = timedelta(minutes=5)  # after this a look-back that the matcher has started counts as waiting


class CaseView(BaseModel):
    id: int
    number: str
    title: str
    village: str | None
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None


class SubjectView(BaseModel):
    id: int
    case: int | None = Field(description="Null, and the reason empty, where the case is outside the account's villages")
    title: str
    cls: ClassWord
    upper: ColourWord | None
    lower: ColourWord | None
    villages: list[str] | None
    reason: str
    state: SubjectState
    proposed_by: str
    approved_by: str | None
    expires_at: datetime
    auto_dispatch: bool
    words: SubjectWords
    threshold: float = Field(description="Least cosine to one of its examples")
    examples: list[ExampleView]
    rate: float | None = Field(description="Share of wrong alerts among those that officers judged; null: unknown")
    cameras: list[CameraRateView] = Field(description="The same per camera, within the account's villages")
    by_picture: bool
    has_picture: bool = Field(description="The picture of its first example is kept, and the account may see it")
    look_back_to: datetime | None = Field(description="Start of the pending look-back; null: none")
    look_back_waits: bool = Field(description="The matcher has not started the look-back, or has paused it for minutes")


class AlertView(BaseModel):
    id: int
    title: str
    cls: ClassWord
    upper: ColourWord | None
    lower: ColourWord | None
    camera: str
    camera_name: str
    village: str
    seen_at: datetime
    state: AlertState
    dispatched_at: datetime | None = Field(description="When the patrol officers were told; null: they were not")
    recall_seconds: float = Field(description="For so long after this answer it can be taken back; 0: no longer")
    acked_by: str | None
    acked_at: datetime | None
    arrived_at: datetime | None = Field(description="When who took it was there; null: not yet")
    answer: AlertAnswer | None
    note: str
    snooze_seconds: float = Field(description="For so long after this answer it is silent in the console; 0: it rings")
    outcome: AlertOutcome | None = Field(description="What it was, as whoever closed it says; null: it is not closed")
    closed_by: str | None
    closed_at: datetime | None
    called_in: float | None = Field(
        description="Seconds until this officer is called; 0: he is; null: he is not, or it is taken"
    )
    has_picture: bool = Field(description="False: the picture could not be stored, or was deleted by age")


def case_view(r: Case) -> CaseView:
    return CaseView(
        id=r.id, number=r.number, title=r.title, village=r.village, opened_at=r.opened_at, opened_by=r.opened_by,
        closed_at=r.closed_at, closed_by=r.closed_by,
    )  # fmt: skip


def subject_view(
    r: WatchSubject,
    shown: Sequence[WatchExample],
    judged: Sequence[CameraRate],
    scope: Villages,
    now: datetime,
    *,
    knows_case: bool = True,
) -> SubjectView:
    """Return the subject as an account with this scope sees it.

    Of a subject that is also looked for in other villages, the account sees its own villages only.
    """
    state = r.shown_state(now)
    look_back_to = r.look_back_to if state is SubjectState.ACTIVE else None
    idle = r.looked_back_at is None or now - r.looked_back_at > MATCHER_SILENT_AFTER
    villages = r.villages if r.villages is None or scope is None else [v for v in r.villages if v in scope]
    return SubjectView(
        id=r.id,
        case=r.case if knows_case else None,
        title=r.title,
        cls=class_word(r.cls),
        upper=colour_word(r.upper),
        lower=colour_word(r.lower),
        villages=villages,
        reason=r.reason if knows_case else "",
        state=state,
        proposed_by=r.proposed_by,
        approved_by=r.approved_by,
        expires_at=r.expires_at,
        auto_dispatch=bool(r.auto_dispatch),
        words=words_of(r),
        threshold=round(r.likeness, 3),
        examples=[example_view(e, knows_case=knows_case) for e in shown],
        rate=rate(sum(j.right for j in judged), sum(j.wrong for j in judged)),
        cameras=[camera_rate_view(j) for j in judged],
        by_picture=bool(shown),
        has_picture=any(e.picture for e in shown[:1]) and knows_case,
        look_back_to=look_back_to,
        look_back_waits=look_back_to is not None and idle,
    )


def alert_view(a: Alert, s: WatchSubject, camera_name: str, now: datetime, called_in: float | None = None) -> AlertView:
    return AlertView(
        id=a.id,
        title=s.title,
        cls=class_word(s.cls),
        upper=colour_word(s.upper),
        lower=colour_word(s.lower),
        camera=a.camera,
        camera_name=camera_name,
        village=a.village,
        seen_at=from_microseconds(a.at_us),
        state=a.state,
        dispatched_at=None if a.state in (AlertState.NEW, AlertState.REJECTED) else a.confirmed_at,
        recall_seconds=alerts.recall_left(a, now).total_seconds(),
        acked_by=a.acked_by,
        acked_at=a.acked_at,
        arrived_at=a.arrived_at,
        answer=a.answer,
        note=a.note,
        snooze_seconds=alerts.snooze_left(a, now).total_seconds(),
        outcome=a.outcome,
        closed_by=a.closed_by,
        closed_at=a.closed_at,
        called_in=called_in,
        has_picture=bool(a.thumbnail),
    )


def class_word(stored: str) -> ClassWord:
    """Return the class of a subject; of a class that only another release has nothing is known."""
    return ClassWord(stored) if stored in tuple(ClassWord) else ClassWord.UNKNOWN


def colour_word(stored: str | None) -> ColourWord | None:
    return ColourWord(stored) if stored in tuple(ColourWord) else None
