"""One change of one file, and which lines of it a test must execute to notice the change."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file. `lines`: those of the changed statement; None: executed at import."""

    path: str
    title: str
    original: str
    mutated: str
    lines: range | None

    def diff(self) -> str:
        before, after = self.original.splitlines(), self.mutated.splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.path, f"{self.path} ({self.title})", "", "", 1, ""))


def executed_lines(tree: ast.Module, line: int) -> range | None:
    """Return the lines of the innermost statement of a function at `line`; None outside of functions."""
    innermost: range | None = None
    node: ast.AST = tree
    inside = False
    while True:
        children = [c for c in ast.walk(node) if c is not node and isinstance(c, ast.stmt | ast.ExceptHandler)]
        first = next((c for c in children if _first_line(c) <= line <= (c.end_lineno or c.lineno)), None)
        if first is None:
            break
        body = getattr(first, "body", None)
        header = range(_first_line(first), body[0].lineno if body else (first.end_lineno or first.lineno) + 1)
        is_function = isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and line in header and not inside:
            return None
        inside = inside or is_function
        innermost = header if line in header else range(first.lineno, (first.end_lineno or 0) + 1)
        node = first
    return innermost if inside else None


def _first_line(node: ast.stmt | ast.ExceptHandler) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
