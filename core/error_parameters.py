"""The parameters of errors: one name has one type and one meaning for all codes of `core.error_codes`."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from core.error_codes import InputProblemKind


class InputLimits(TypedDict, total=False):
    """The limits that a field does not keep; only those that apply."""

    minimum: float
    maximum: float
    allowed: list[str]


class InputProblem(TypedDict):
    """What is wrong with one field. `path`: names and list positions joined by dots, like `area.0.1`."""

    path: str
    kind: InputProblemKind
    limits: InputLimits


class ErrorParameters(TypedDict, total=False):
    """What a sentence about an error names; `ErrorCode.parameters` lists those of each code."""

    account: str  # a log-in name
    channel: str  # core.notify.vocabulary.ChannelKind
    address: str  # of a device or of this station, as entered
    allowed: list[str]  # values that are accepted instead
    at: datetime
    camera: str  # its number
    count: int  # how many there are
    day: str  # YYYY-MM-DD
    days: int
    done: int  # of `total`
    fields: list[InputProblem]
    height: int  # pixels
    hold: int
    hours: int
    kind: str
    lacks: list[str]  # facts that are missing
    limit: int  # how many are allowed
    limit_mb: int
    minimum: int
    metres: int
    minutes: int
    name: str
    number: str  # of a case
    order: int
    origin: str  # the site that a request comes from
    reference: str  # of an unexpected error; the station's log has it too
    retry_after_s: int
    round: int
    seconds: int
    size_mb: float
    state: str
    subnet: str
    total: int
    value: str  # what was entered, shortened
    village: str
    width: int  # pixels
