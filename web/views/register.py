"""The answer about a day's patrol register."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from health.tables import RegisterSupplement


class SupplementView(BaseModel):
    number: int
    figures: Mapping[str, object]
    signed_by: str
    signed_at: datetime
    digest: str
    remark: str


class DayView(BaseModel):
    day: str
    figures: Mapping[str, object]
    signed_by: str | None
    signed_at: datetime | None
    digest: str | None
    remark: str = ""
    patrolled: bool = False  # a round of the whole town that began on this day was finished
    over: bool = False  # the day is over: only then a reason may replace the patrol
    supplements: list[SupplementView] = []
    problem: str = Field("", description="Difference from what was signed, as a sentence; empty: none")
    later: Mapping[str, object] | None = None  # the figures of a supplement signed now; null: nothing to add


def supplement_view(s: RegisterSupplement) -> SupplementView:
    return SupplementView(
        number=s.number, figures=s.figures, signed_by=s.signed_by, signed_at=s.signed_at, digest=s.digest,
        remark=s.remark,
    )  # fmt: skip
