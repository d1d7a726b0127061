"""Mutants that stand for faults which a test must always find: `./minwang mutants --named`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from core.errors import UsageError
from tests.mutants.mutant import Mutant, executed_lines
from tests.mutants.targets import ROOT


@dataclass(frozen=True, slots=True)
class NamedMutant:
    """Replaces `old`, which occurs once in the file, with `new`; one of `tests` must fail."""

    title: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def mutant(self) -> Mutant:
        """Raises UsageError if the code has changed: `old` must then be adapted."""
        original = (ROOT / self.path).read_text(encoding="utf-8")
        if original.count(self.old) != 1:
            raise UsageError(f"tests/mutants/named.py: '{self.old}' must occur once in {self.path}")
        line = original[: original.index(self.old)].count("\n") + 1
        lines = executed_lines(ast.parse(original), line)
        return Mutant(self.path, self.title, original, original.replace(self.old, self.new), lines)


NAMED = (
    NamedMutant(
        "the audit trail's chain link is not compared: a deleted row is not seen",
        "core/audit/verification.py", "if row.previous != state.hash:", "if False:",
        ("tests/core/audit/test_chain.py",),
    ),
    NamedMutant(
        "a nightly filter with equal ends is taken",
        "search/query/filters.py", "if begin == end:", "if False:",
        ("tests/search/query/test_nightly.py",),
    ),
    NamedMutant(
        "a night with equal ends has no length",
        "search/query/find.py", "if end <= begin else evening", "if end < begin else evening",
        ("tests/search/query/test_nightly.py",),
    ),
    NamedMutant(
        "HTTP 403 is no refusal of the credential",
        "cameras/onvif/soap.py", "if status in (401, 403):", "if status in (401,):",
        ("tests/cameras/onvif/test_replies.py",),
    ),
    NamedMutant(
        "marks that change the direction of text stay in cameras' names",
        "cameras/onvif/soap.py", '("Cc", "Cf", "Cs", "Co")', '("Cc", "Cs", "Co")',
        ("tests/cameras/onvif/test_replies.py",),
    ),
    NamedMutant(
        "a file that was just closed may be deleted",
        "nvr/archive/retention/retention.py",
        "return abs(segment.end_us - self.trust.wall_us) < RECENTLY_CLOSED_US", "return False",
        ("tests/nvr/archive/retention/test_retention.py",),
    ),
)  # fmt: skip
