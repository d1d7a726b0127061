"""Turns pydantic's validation errors into codes and limits that a console can put into words."""

from __future__ import annotations

import re

from pydantic import ValidationError

from core.error_codes import InputProblemKind
from core.error_parameters import InputLimits, InputProblem

MAX_PROBLEMS = 20
_KINDS = {
    "missing": InputProblemKind.MISSING,
    "extra_forbidden": InputProblemKind.UNKNOWN_FIELD,
    "string_too_short": InputProblemKind.TOO_SHORT,
    "too_short": InputProblemKind.TOO_SHORT,
    "string_too_long": InputProblemKind.TOO_LONG,
    "too_long": InputProblemKind.TOO_LONG,
    "greater_than": InputProblemKind.TOO_SMALL,
    "greater_than_equal": InputProblemKind.TOO_SMALL,
    "less_than": InputProblemKind.TOO_LARGE,
    "less_than_equal": InputProblemKind.TOO_LARGE,
    "enum": InputProblemKind.NOT_AMONG,
    "literal_error": InputProblemKind.NOT_AMONG,
    "finite_number": InputProblemKind.NOT_FINITE,
    "timezone_aware": InputProblemKind.NO_TIME_ZONE,
    "value_error": InputProblemKind.NOT_ALLOWED,
    "assertion_error": InputProblemKind.NOT_ALLOWED,
}
_FORMATS = re.compile("string_pattern_mismatch|(date|time)[a-z_]*_(parsing|future|past|inexact)|url_|json_")
_MINIMA, _MAXIMA = ("min_length", "ge", "gt"), ("max_length", "le", "lt")


def input_problems(e: ValidationError) -> list[InputProblem]:
    """Return the first MAX_PROBLEMS problems. `e`: of pydantic (its list of error types is open)."""
    found: list[InputProblem] = []
    for problem in e.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]:
        path = ".".join(map(str, problem["loc"]))
        found.append({"path": path, "kind": _kind(problem["type"]), "limits": _limits(problem.get("ctx", {}))})
    return found


def input_sentence(e: ValidationError) -> str:
    """Describe the first five problems in one English sentence."""
    found = e.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}"[:400] for x in found)


def _kind(pydantic_type: str) -> InputProblemKind:
    if (kind := _KINDS.get(pydantic_type)) is not None:
        return kind
    return InputProblemKind.WRONG_FORMAT if _FORMATS.match(pydantic_type) else InputProblemKind.WRONG_TYPE


def _limits(context: dict[str, object]) -> InputLimits:
    limits: InputLimits = {}
    for name in _MINIMA:
        if isinstance(value := context.get(name), int | float):
            limits["minimum"] = value
    for name in _MAXIMA:
        if isinstance(value := context.get(name), int | float):
            limits["maximum"] = value
    if isinstance(expected := context.get("expected"), str):  # pydantic writes: 'a', 'b' or 'c'
        limits["allowed"] = re.findall(r"'([^']*)'", expected)
    return limits
