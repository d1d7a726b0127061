"""Every error that a route can answer with has a code of its own, and exactly the parameters of that code."""

from __future__ import annotations

import ast
import inspect
import pickle
from collections.abc import Iterator
from typing import get_type_hints

import pytest

from core import errors
from core.error_codes import ErrorCode, InputProblemKind
from core.error_parameters import ErrorParameters
from core.errors import ConflictError, MinwangError, TooManyError
from tests.test_layers import BELOW, ROOT, sources

ERRORS = {n: c for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, MinwangError)}
# Their names alone tell a person nothing: each error of these classes states its own code.
GENERAL = {
    "MinwangError",
    "UsageError",
    "NotFoundError",
    "ForbiddenError",
    "ConflictError",
    "TooManyError",
    "TooSlowError",
}
# Only the command line and the start of a station call these.
COMMAND_LINE = {
    "core/audit/opening.py",
    "nvr/archive/deletions.py",
    "search/models/registry.py",
    "web/tls/authority.py",
}


def _calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield every call that makes an error or an error answer: place, name of the class or function, call."""
    for package in BELOW:
        for path in sources(package):
            file = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in ERRORS or _code_of(node) is not None:
                    yield file, name, node


def _code_of(call: ast.Call) -> ErrorCode | None:
    """Return the code among the positional arguments."""
    for argument in call.args:
        if isinstance(argument, ast.Attribute) and ast.unparse(argument.value) == "ErrorCode":
            return ErrorCode[argument.attr]
    return None


def test_codes_are_unique_words() -> None:
    assert len({c.value for c in ErrorCode}) == len(ErrorCode.__members__) == len(ErrorCode)
    assert [c.value for c in ErrorCode if c.value != c.name.lower()] == []


def test_every_parameter_has_a_type() -> None:
    named = {p for c in ErrorCode for p in c.parameters}
    typed = set(get_type_hints(ErrorParameters))
    assert named == typed


def test_errors_state_exactly_the_parameters_of_their_code() -> None:
    wrong, seen = [], 0
    for file, name, call in _calls():
        code = _code_of(call)
        given = {k.arg for k in call.keywords}
        if code is not None and None not in given:  # None: `**` hands another error's parameters on
            seen += 1
            if given != set(code.parameters):
                wrong.append(f"{file}:{call.lineno} {name}({code.name}) {sorted(map(str, given))}")
    assert not wrong, wrong
    assert seen > 200


def test_general_errors_state_a_code_where_a_route_can_raise_them() -> None:
    silent = [
        f"{file}:{call.lineno} {name}"
        for file, name, call in _calls()
        if name in GENERAL and _code_of(call) is None and not file.startswith("station/") and file not in COMMAND_LINE
    ]
    assert not silent, silent


def test_the_code_of_a_class_has_no_parameters() -> None:
    wrong = [n for n, c in ERRORS.items() if c.code.parameters and n not in GENERAL]
    assert not wrong, wrong


def test_every_code_is_used() -> None:
    used = {_code_of(call) for _file, _name, call in _calls()}
    text = "\n".join(p.read_text(encoding="utf-8") for package in BELOW for p in sources(package))
    unused = [c.name for c in ErrorCode if c not in used and f"ErrorCode.{c.name}" not in text]
    assert not unused, unused


def test_an_error_has_the_code_of_its_class_or_its_own() -> None:
    assert ConflictError("taken").code is ErrorCode.CONFLICT
    told = ConflictError("taken", ErrorCode.ALERT_TAKEN, account="li")
    assert (str(told), told.code, told.parameters) == ("taken", ErrorCode.ALERT_TAKEN, {"account": "li"})
    assert TooManyError("wait", ErrorCode.STATION_BUSY, retry_after_s=3).retry_after_s == 3
    assert TooManyError("wait", ErrorCode.SIGN_IN_BUSY).retry_after_s is None


def test_errors_keep_their_code_between_processes() -> None:
    """A decoding process raises, and the controller answers with the error's code."""
    again = pickle.loads(pickle.dumps(ConflictError("taken", ErrorCode.ALERT_TAKEN, account="li")))
    assert (str(again), again.code, again.parameters) == ("taken", ErrorCode.ALERT_TAKEN, {"account": "li"})


@pytest.mark.parametrize("word", [*ErrorCode, *InputProblemKind])
def test_codes_are_plain_words(word: str) -> None:
    assert word.isascii() and word.replace("_", "a").isalnum() and word[0].isalpha() and word.islower()
