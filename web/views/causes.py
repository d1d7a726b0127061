"""The cause of a gap in answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nvr.tables import GapCause

CauseWord = Annotated[
    GapCause | Literal["", "other"],
    Field(description="Why nothing is recorded; empty: recorded; other: a cause that another release stored"),
]
_KNOWN = {cause.value: cause for cause in GapCause}


def cause_word(stored: str | None) -> CauseWord:
    """Return a stored cause as it is told."""
    return _KNOWN.get(stored, "other") if stored else ""
