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
from web.doctor.check_remedies import CheckRemedy
from web.doctor.check_values import CheckValue
from web.doctor.coded_text import CodedText, Parameter


class CheckState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be found out; not the same as ok


class CheckName(StrEnum):
    """The checks, in the order in which they are printed."""

    STATION = "station"
    VERSIONS = "versions"
    PROCESSES = "processes"
    DATABASE = "database"
    BACKLOG = "backlog"
    REGISTRY = "registry"
    DISK_SPACE = "disk.space"
    DISK_SPEED = "disk.speed"
    DISK_VOLUMES = "disk.volumes"
    DISK_QUARANTINE = "disk.quarantine"
    DISK_SMART = "disk.smart"
    CLOCK = "clock"
    CLOCK_RETENTION = "clock.retention"
    TIME_ZONE = "time zone"
    PORT_CONSOLE = "port.console"
    PORT_DISCOVERY = "port.discovery"
    RECEIVE_BUFFERS = "receive buffers"
    MULTICAST = "multicast"
    CERTIFICATE = "certificate"
    PERMISSIONS = "permissions"
    FILES = "files"
    MEMORY = "memory"
    FFMPEG = "ffmpeg"
    PRINTING = "printing"
    MODELS = "models"
    BACKUP = "backup"
    MESSAGES = "messages"
    SECOND_FACTOR = "second factor"
    SEPARATION = "separation"


class Fact(BaseModel):
    """One fact of the station: English sentences, and the codes of which other languages make theirs."""

    check: CheckName
    subject: str = Field(description="What was checked: a folder, an interface …; may be empty")
    state: CheckState
    value: str = Field(description="What was found, with unit")
    code: CheckValue
    params: dict[str, Parameter] = Field(description="What the sentence about the code names")
    remedy: str = Field(description="What to do; empty where nothing is to be done")
    remedy_code: CheckRemedy | None
    remedy_params: dict[str, Parameter]
    at: datetime = Field(description="When the check ran")
    seconds: float = Field(description="How long the check took")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check. Raises ValueError if the state is not ok and `remedy` is empty, or the reverse."""

    state: CheckState
    found: CodedText[CheckValue]
    advice: CodedText[CheckRemedy] | None = None
    subject: str = ""

    def __post_init__(self) -> None:
        if (self.state is CheckState.OK) == (self.advice is not None):
            raise ValueError(f"'{self.value}': a result needs a remedy if and only if its state is not ok")

    @property
    def value(self) -> str:
        """What was found, in English."""
        return str(self.found)

    @property
    def remedy(self) -> str:
        """What to do, in English; empty where nothing is to be done."""
        return str(self.advice or "")


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


def ok(found: CodedText[CheckValue], subject: str = "") -> CheckResult:
    return CheckResult(CheckState.OK, found, subject=subject)


def warning(found: CodedText[CheckValue], advice: CodedText[CheckRemedy], subject: str = "") -> CheckResult:
    return CheckResult(CheckState.WARNING, found, advice, subject)


def failed(found: CodedText[CheckValue], advice: CodedText[CheckRemedy], subject: str = "") -> CheckResult:
    return CheckResult(CheckState.FAILED, found, advice, subject)


def unknown(found: CodedText[CheckValue], advice: CodedText[CheckRemedy], subject: str = "") -> CheckResult:
    return CheckResult(CheckState.UNKNOWN, found, advice, subject)


def locked_out(station: CheckedStation) -> CheckResult:
    folder = str(station.settings.data.dir)
    found = CheckValue.UNREADABLE_FOR_USER(path=folder, uid=os.geteuid())
    return unknown(found, CheckRemedy.RUN_AS_STATION_USER(), folder)


def needs_database() -> CheckResult:
    return unknown(CheckValue.NEEDS_DATABASE(), CheckRemedy.SEE_DATABASE())


BlockingCheck = Callable[[CheckedStation], Sequence[CheckResult]]  # blocks; runs in a thread of its own
AsyncCheck = Callable[[CheckedStation], Awaitable[Sequence[CheckResult]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. The result is reused for `keep_s` seconds; after `limit_s` seconds the check counts as hung."""

    name: CheckName
    run: BlockingCheck | AsyncCheck
    keep_s: float = 15.0
    limit_s: float = 10.0
    heavy: bool = False  # loads the machine: heavy checks run one after the other
    hung: CheckState = CheckState.UNKNOWN  # the state to report if the check does not end in time
