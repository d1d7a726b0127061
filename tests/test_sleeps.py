"""Tests wait for events, not for time: real sleeps are counted, and their number may not grow.

Wait with tests.waiting, pass a ManualClock, or let a task hang with `asyncio.Event().wait()`. What remains
measures real time (buffers of the kernel, a browser's held button) or kills processes at random moments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
COUNTED_FROM_S = 0.05  # a longer sleep is counted
MAX_SLEEPS = 9


def long_sleeps(text: str) -> list[int]:
    """Return the lines of sleeps for a number above COUNTED_FROM_S, also as one of several values."""
    return sorted(
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep", "sleep")
        and any(number > COUNTED_FROM_S for argument in node.args for number in numbers(argument))
    )


def numbers(expression: ast.expr) -> Iterator[float]:
    """Yield the numbers that the expression may be: itself, of `a if c else b`, or arguments of a call."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, int | float):
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from (*numbers(expression.body), *numbers(expression.orelse))
    elif isinstance(expression, ast.Call | ast.Tuple):
        parts = expression.args if isinstance(expression, ast.Call) else expression.elts
        for part in parts:
            yield from numbers(part)


def test_few_tests_sleep() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in long_sleeps(path.read_text(encoding="utf-8"))
    ]
    assert len(found) <= MAX_SLEEPS, found


def test_the_count_finds_them() -> None:
    counted = ("asyncio.sleep(1)", "time.sleep(0.06)", "sleep(.1)", "asyncio.sleep(9 if a else 0)", "sleep(max(b, 2))")
    ignored = ("asyncio.sleep(0.05)", "clock.sleep(9)", "sleep(seconds)", "sleep(0)", "time.sleep(0.001 * 5)", "f(9)")
    assert all(long_sleeps(text) == [1] for text in counted)
    assert not any(long_sleeps(text) for text in ignored)
