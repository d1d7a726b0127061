"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One [section] of minwang.toml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
