"""Checks untrusted input before a handler receives it: bodies, queries and path variables.

The limits follow from what is behind the handlers: databases hold 64-bit integers and no NUL, UTF-8 has no surrogates,
geometry and JSON have no NaN, and a time without a zone has no meaning here. They apply to every operation
(web.framework.enforcement).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Unpack

from pydantic import BaseModel, JsonValue

from core.error_codes import ErrorCode
from core.error_codes import InputProblemKind as Kind
from core.error_parameters import InputLimits, InputProblem
from core.errors import UsageError

MAX_DEPTH = 32
MAX_VALUES = 20_000  # in one body
MAX_INTEGER = 2**63 - 1
MAX_NUMBER = 1e12
MAX_TEXT_CHARACTERS = 10_000  # characters; most fields have a lower limit
# Characters that make a record, a printed page or a list display differently from what was entered: C0 except tab and
# line ends, DEL, C1, and the marks that change the direction of the following text (Unicode 16, UAX #9 2).
_HIDDEN = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
EARLIEST_TIME, LATEST_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)


def parse_json(raw: bytes) -> JsonValue:
    """Return the value of a JSON body; an empty body is an empty object. Raises UsageError."""
    if max(raw.count(b","), raw.count(b"["), raw.count(b"{")) > MAX_VALUES:  # before the parser creates a million lists
        raise UsageError(f"the body has more than {MAX_VALUES} values", ErrorCode.BODY_TOO_COMPLEX, limit=MAX_VALUES)
    try:
        value: JsonValue = json.loads(raw.decode("utf-8") or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError) as e:  # a number of more than 4,300 digits raises ValueError
        raise UsageError("the body is not valid JSON", ErrorCode.BODY_NOT_JSON) from e
    count = 0
    level = [value]
    for _ in range(MAX_DEPTH):
        level = list(_children(level))
        count += len(level)
        if not level:
            return value
        if count > MAX_VALUES:
            raise UsageError(
                f"the body has more than {MAX_VALUES} values", ErrorCode.BODY_TOO_COMPLEX, limit=MAX_VALUES
            )
    raise UsageError(f"the body is nested more than {MAX_DEPTH} levels deep", ErrorCode.BODY_TOO_DEEP, limit=MAX_DEPTH)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _children(values: Iterable[JsonValue]) -> Iterator[JsonValue]:
    for value in values:
        if isinstance(value, dict):
            yield from value
            yield from value.values()
        elif isinstance(value, list):
            yield from value
        else:
            check(value)


def check(value: object, name: str = "body") -> None:
    """Raise UsageError for a number, time or text outside the limits above."""
    if isinstance(value, str):
        check_text(value, name)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise _invalid(name, Kind.TOO_LARGE, "a whole number has at most 64 bits", maximum=MAX_INTEGER)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _invalid(name, Kind.NOT_FINITE, "a number must be finite")
        if abs(value) > MAX_NUMBER:
            raise _invalid(name, Kind.TOO_LARGE, f"a number is at most {MAX_NUMBER:g}", maximum=MAX_NUMBER)
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise _invalid(name, Kind.NO_TIME_ZONE, "times need a zone, like 2026-11-21T08:00:00+08:00")
        if not EARLIEST_TIME <= value < LATEST_TIME:
            first, end = EARLIEST_TIME.year, LATEST_TIME.year
            sentence = f"times must be between {first} and {end}"
            raise _invalid(name, Kind.TIME_OUT_OF_RANGE, sentence, minimum=first, maximum=end)


def check_text(text: str, name: str) -> None:
    """Raise UsageError for a text that is too long, no valid Unicode, or has control characters or direction marks."""
    if len(text) > MAX_TEXT_CHARACTERS:
        sentence = f"a text has at most {MAX_TEXT_CHARACTERS} characters"
        raise _invalid(name, Kind.TOO_LONG, sentence, maximum=MAX_TEXT_CHARACTERS)
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise _invalid(name, Kind.WRONG_CHARACTERS, "a text must be Unicode that can be written as UTF-8")
    if "\0" in text:
        raise _invalid(name, Kind.WRONG_CHARACTERS, "a text must not contain NUL")
    if _HIDDEN.search(text):
        raise _invalid(name, Kind.WRONG_CHARACTERS, "a text must not contain control characters or direction marks")


def _invalid(path: str, kind: Kind, sentence: str, **limits: Unpack[InputLimits]) -> UsageError:
    problem: InputProblem = {"path": path, "kind": kind, "limits": limits}
    return UsageError(f"{path}: {sentence}", ErrorCode.INVALID_INPUT, fields=[problem])


def check_model(model: BaseModel, name: str = "") -> None:
    """Check every value of a validated query or body, recursively. Raises UsageError with the field's name."""
    for field in type(model).model_fields:
        _check_deep(getattr(model, field), f"{name}{field}")


def _check_deep(value: object, name: str) -> None:
    if isinstance(value, BaseModel):
        check_model(value, f"{name}.")
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            _check_deep(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            check(key, name)
            _check_deep(item, name)
    else:
        check(value, name)
