"""Answers about the words of a search."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from search.query.chips import ChipKind
from search.query.unseen import Unseen
from search.vocabulary import ClassWord


class UnseenView(BaseModel):
    kind: ChipKind
    value: str
    general: ClassWord | Literal[""] = Field(description="Class that can be searched instead; empty if there is none")


def unseen_view(u: Unseen) -> UnseenView:
    general = ClassWord(u.general) if u.general in tuple(ClassWord) else ""
    return UnseenView(kind=u.kind, value=u.value, general=general)
