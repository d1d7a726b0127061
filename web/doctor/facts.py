"""The types of the checks: a check, its result, and the facts about the station that it reads."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field

from core.clock import Clock
from core.database import Database
from core.settings import Settings


class CheckState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be found out; not the same as ok


class Fact(BaseModel):
    """One fact of the station."""

    check: str = Field(description="Name of the check, e.g. disk.space")
    subject: str = Field(description="What was checked: a folder, an interface …; may be empty")
    state: CheckState
    value: str = Field(description="What was found, with unit")
    remedy: str = Field(description="What to do; empty where nothing is to be done")
    at: datetime = Field(description="When the check ran")
    seconds: float = Field(description="How long the check took")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check. Raises ValueError if the state is not ok and `remedy` is empty, or the reverse."""

    state: CheckState
    value: str
    remedy: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if (self.state is CheckState.OK) == bool(self.remedy):
            raise ValueError(f"'{self.value}': a result needs a remedy if and only if its state is not ok")


@dataclass(frozen=True, slots=True)
class CheckedStation:
    """The station that the checks inspect."""

    settings: Settings
    clock: Clock
    database: Database | None = None  # None: the database cannot be opened; `trouble` says why
    trouble: str = ""

    @property
    def locked_out(self) -> bool:
        """Whether this user may not read the data folder. Its content is then unknown, not missing."""
        folder = self.settings.data.dir
        return os.path.lexists(folder) and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True)

    @property
    def config(self) -> Path | None:
        """The settings file; None if there is none."""
        return self.settings.source.path


def ok(value: str, subject: str = "") -> CheckResult:
    return CheckResult(CheckState.OK, value, subject=subject)


def warning(value: str, remedy: str, subject: str = "") -> CheckResult:
    return CheckResult(CheckState.WARNING, value, remedy, subject)


def failed(value: str, remedy: str, subject: str = "") -> CheckResult:
    return CheckResult(CheckState.FAILED, value, remedy, subject)


def locked_out(station: CheckedStation) -> CheckResult:
    folder = station.settings.data.dir
    return CheckResult(
        CheckState.UNKNOWN,
        f"{folder} cannot be read by uid {os.geteuid()}",
        "run it as the station's user",
        str(folder),
    )


def unknown(value: str, remedy: str, subject: str = "") -> CheckResult:
    return CheckResult(CheckState.UNKNOWN, value, remedy, subject)


BlockingCheck = Callable[[CheckedStation], Sequence[CheckResult]]  # blocks; runs in a thread of its own
AsyncCheck = Callable[[CheckedStation], Awaitable[Sequence[CheckResult]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. The result is reused for `keep_s` seconds; after `limit_s` seconds the check counts as hung."""

    name: str
    run: BlockingCheck | AsyncCheck
    keep_s: float = 15.0
    limit_s: float = 10.0
    heavy: bool = False  # loads the machine: heavy checks run one after the other
    hung: CheckState = CheckState.UNKNOWN  # the state to report if the check does not end in time
