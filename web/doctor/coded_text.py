"""Sentences of the checks: a code with its parameters, and the English sentence of the command line.

The console builds its sentence from code and parameters in the reader's language (web/console/src/admin/checks.*.json).
A code is never renamed or reused for something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Generic, Self, TypeVar

Parameter = str | int | float


class SentenceCode(StrEnum):
    """A code, written as its value and its English sentence; `{name}` stands for a parameter."""

    sentence: str
    parameters: frozenset[str]

    def __new__(cls, code: str, sentence: str) -> Self:
        member = str.__new__(cls, code)
        member._value_, member.sentence = code, sentence
        member.parameters = frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)
        return member

    def __call__(self, **parameters: Parameter) -> CodedText[Self]:
        """Return the sentence with its parameters. Raises ValueError if they are not those of the code."""
        if parameters.keys() != self.parameters:
            raise ValueError(f"{self.value} has the parameters {sorted(self.parameters)}, not {sorted(parameters)}")
        return CodedText(self, parameters)


CodeT = TypeVar("CodeT", bound=SentenceCode)


@dataclass(frozen=True, slots=True)
class CodedText(Generic[CodeT]):
    """A code with its parameters; `str()` is the English sentence."""

    code: CodeT
    parameters: dict[str, Parameter]

    def __str__(self) -> str:
        return self.code.sentence.format(**self.parameters)
