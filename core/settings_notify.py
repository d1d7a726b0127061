"""Settings of messages to persons outside the console."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from core.settings_section import Section


class NotifySettings(Section):
    """Messages to persons outside the console (docs/core.md, "Messages")."""

    channels: Path = Field(
        Path("notify.yaml"), description="File that describes the channels; where it is missing, nothing is sent."
    )
    url: str = Field(
        "",
        pattern=r"^(https?://[^\s]+)?$",
        description="Address of the console as phones reach it, for links in messages; empty: host and port of web.",
    )
    language: Literal["zh", "en"] = Field("zh", description="Language of the messages.")
    texts: Path | None = Field(None, description="File with texts of the station's own; empty: those shipped.")
    quiet_hours: str = Field(
        "22:00-07:00",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="Local times between which messages of low severity wait; empty: they never wait.",
    )
    quiet_severity: int = Field(
        3, ge=2, le=4, description="Severity from which messages wait (4: cosmetic); alerts and severity 1 never do."
    )
    weekly_test: str = Field(
        "mon 10",
        pattern=r"^((mon|tue|wed|thu|fri|sat|sun) ([01]?\d|2[0-3]))?$",
        description="Weekday and hour at which patrol officers get a test message; empty: never.",
    )

    @field_validator("texts", mode="before")
    @classmethod
    def _empty_is_shipped(cls, value: object) -> object:
        return value or None
