"""Answers about shifts of the duty desk and the hand-over between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from cases.shifts.decisions import AcceptanceLine, EndingHoldLine, MoveLine, OpenAlertLine, ProposalLine
from cases.shifts.handover import Excerpt, StationHandover
from cases.tables import Shift, ShiftNote
from cases.units.reachability import UnreachableOfficer

NOT_VISIBLE = "Null: the account may not see them"


class ShiftNoteView(BaseModel):
    id: int
    at: datetime
    by: str
    text: str


class ShiftView(BaseModel):
    id: int
    officer: str = Field(description="Account that signed")
    officer_name: str = Field(description="Name of the person")
    since: datetime
    until: datetime | None = Field(description="Null: still on duty")
    signed_at: datetime
    note: str = Field(description="Words of the take-over; empty for an account of some villages")
    notes: list[ShiftNoteView] = Field(description="Notes of the shift, oldest first; none for such an account")


class OnDutyView(BaseModel):
    shift: ShiftView | None = Field(description="The present shift, without its notes; null: nobody signed yet")


class DecisionsView(BaseModel):
    proposals: Excerpt[ProposalLine] | None = Field(description=f"Subjects of the watch list. {NOT_VISIBLE}")
    acceptances: Excerpt[AcceptanceLine]
    moves: Excerpt[MoveLine]


class HandoverView(BaseModel):
    current: ShiftView | None
    previous: ShiftView | None
    may_take_over: bool = Field(description="Whether the account may sign")
    changes_since: datetime = Field(description="From when on changes are listed")
    station: StationHandover
    alerts: Excerpt[OpenAlertLine] | None = Field(description=f"Alerts that run, oldest first. {NOT_VISIBLE}")
    unreachable: Excerpt[UnreachableOfficer] | None = Field(
        description=f"Officers on duty whom no alert would reach. {NOT_VISIBLE}"
    )
    decisions: DecisionsView
    holds_ending: Excerpt[EndingHoldLine] | None = Field(description=f"Within 14 days. {NOT_VISIBLE}")


def shift_view(row: Shift, notes: Sequence[ShiftNote] = (), *, town: bool) -> ShiftView:
    """Return a shift. `town`: whether the account sees the whole town; notes may name places anywhere in it."""
    return ShiftView(
        id=row.id, officer=row.officer, officer_name=row.officer_name, since=row.since, until=row.until,
        signed_at=row.signed_at, note=row.note if town else "",
        notes=[note_view(n) for n in notes] if town else [],
    )  # fmt: skip


def note_view(row: ShiftNote) -> ShiftNoteView:
    return ShiftNoteView(id=row.id, at=row.at, by=row.by, text=row.text)
