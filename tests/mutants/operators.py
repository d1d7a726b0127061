"""Lists the mutants of a file, with the operators of cosmic-ray."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

from tests.mutants.mutant import Mutant, executed_lines
from tests.mutants.targets import ROOT

# The last two operators need arguments.
_LEFT_OUT = {"VariableReplacer", "VariableInserter"}
_PROVIDER = OperatorProvider()


def _is_useful(name: str) -> bool:
    """Leave out exchanges of values and identity: for None, enumerations and small integers both mean the same."""
    identity = re.fullmatch(r"ReplaceComparisonOperator_(\w+)_(Is|IsNot)", name)
    return name not in _LEFT_OUT and name not in _SAME and (identity is None or identity[1] in ("Is", "IsNot"))


_SAME = {"ReplaceComparisonOperator_Is_Eq", "ReplaceComparisonOperator_IsNot_NotEq"}
OPERATORS = {name: _PROVIDER[name]() for name in _PROVIDER if _is_useful(name)}
Position = tuple[int, int]  # line from 1, column from 0


@dataclass(frozen=True, slots=True)
class MutationPoint:
    """Where an operator applies: its n-th occurrence in a file."""

    path: str
    operator: str
    occurrence: int
    position: Position

    def mutant(self) -> Mutant:
        original = (ROOT / self.path).read_text(encoding="utf-8")
        mutated = mutate_code(original, OPERATORS[self.operator], self.occurrence)
        assert mutated is not None
        title = f"{self.operator} {self.occurrence}"
        return Mutant(self.path, title, original, mutated, executed_lines(ast.parse(original), self.position[0]))


class _Points(Visitor):  # type: ignore[misc]
    """Visits a file once and notes the positions of every operator, in the order of cosmic-ray's own visitor."""

    def __init__(self) -> None:
        self.found: dict[str, list[Position]] = {name: [] for name in OPERATORS}

    def visit(self, node: Any) -> Any:
        for name, operator in OPERATORS.items():
            self.found[name] += [start for start, _ in operator.mutation_positions(node)]
        return node


def points(path: Path) -> Iterator[MutationPoint]:
    """List where a file can be mutated, without annotations and declarations (see `_declarations`)."""
    source = path.read_text(encoding="utf-8")
    visitor = _Points()
    visitor.walk(get_ast(source))
    left_out, rows = list(_declarations(ast.parse(source))), source.splitlines()
    for name, positions in visitor.found.items():
        for occurrence, at in enumerate(positions):
            is_separator = rows[at[0] - 1][at[1] :].startswith("*,")  # of keyword-only parameters
            if not is_separator and not any(start <= at < end for start, end in left_out):
                yield MutationPoint(str(path.relative_to(ROOT)), name, occurrence, at)


def _declarations(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    """Return the ranges of annotations, of decorators of classes, and of tables.

    mypy checks the first, and tests/core/test_migrations.py compares tables with the schema.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield _range(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield _range(node.returns)
        elif isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                yield (decorator.lineno, decorator.col_offset - 1), _range(decorator)[1]
            names = [t.id for s in node.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)]
            if "__tablename__" in names:
                yield _range(node)


def _range(node: Any) -> tuple[Position, Position]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
