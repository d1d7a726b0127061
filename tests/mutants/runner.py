"""Runs the mutants inside one pytest session, as a plugin: tests are imported and collected once.

The session's process runs no test itself: threads and event loops do not survive a fork. A first child process runs
all tests and measures which lines each of them executes; then one child for each mutant puts the mutant in
(tests.mutants.transplant) and runs the tests that execute its lines, the fastest first, until one fails.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants import transplant
from tests.mutants.mutant import Mutant
from tests.mutants.targets import ROOT

MIN_LIMIT_S = 30  # of a mutant's tests, wall time; the machine may be busy
LIMIT_FACTOR = 10  # of the time that the same tests took without a mutant
MAX_CPU_S = 60


class Outcome(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    UNCHANGED = "unchanged"  # the mutant changes nothing that can be put into a running process


_STATUS = {0: Outcome.SURVIVED, 1: Outcome.KILLED, 3: Outcome.UNCHANGED}


@dataclass(slots=True)
class TestRun:
    """One test without a mutant: its time and the lines that it executes, by path."""

    __test__ = False
    seconds: float
    failed: bool
    lines: dict[str, set[int]] = field(default_factory=dict)


class _SessionOnly:
    """Stands for the next test, so that fixtures of the session stay and all others end."""

    def __init__(self, session: pytest.Session):
        self._session = session

    def listchain(self) -> list[pytest.Session]:
        return [self._session]


class MutantPlugin:
    """Runs the mutants instead of the tests.

    `tell` gets each mutant with its outcome. `files` are measured; `tests_of` tells which tests a mutant's file has. No
    mutant is begun later than `limit_s` after the first.
    """

    def __init__(
        self,
        files: Sequence[Path],
        mutants: Sequence[Mutant],
        tests_of: Callable[[str], tuple[str, ...]],
        tell: Callable[[Mutant, Outcome], None],
        limit_s: float = math.inf,
    ):
        self._limit_s = limit_s
        self._files, self._mutants, self._tests_of, self._tell = files, mutants, tests_of, tell
        self.failing: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from tests.conftest import _migrated

        _migrated()  # every test needs it, and it takes a second
        items = {item.nodeid: item for item in session.items}
        runs = self._measure(session, items)
        self.failing = [name for name, run in runs.items() if run.failed]
        if self.failing:
            return True
        began = time.monotonic()
        for mutant in self._mutants:
            if time.monotonic() - began > self._limit_s:
                break
            tests = sorted(_covering(mutant, runs, self._tests_of(mutant.path)), key=lambda n: runs[n].seconds)
            if not tests:
                self._tell(mutant, Outcome.SURVIVED)
                continue
            limit = max(MIN_LIMIT_S, LIMIT_FACTOR * sum(runs[n].seconds for n in tests))
            self._tell(mutant, _fork(partial(_try, session, mutant, [items[n] for n in tests]), limit))
        return True

    def _measure(self, session: pytest.Session, items: dict[str, pytest.Item]) -> dict[str, TestRun]:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "runs"
            _fork(partial(_run_all, session, items, self._files, result), None)
            return pickle.loads(result.read_bytes())  # type: ignore[no-any-return]


def _covering(mutant: Mutant, runs: dict[str, TestRun], tests: tuple[str, ...]) -> list[str]:
    """Return the tests that execute the mutant's lines; all of the package for what is executed at import."""
    own = {n: r.lines.get(mutant.path, set()) for n, r in runs.items() if n.startswith(tests)}
    if mutant.lines is None:
        return list(own)
    return [n for n, lines in own.items() if lines.intersection(mutant.lines)]


def _run_all(session: pytest.Session, items: dict[str, pytest.Item], files: Sequence[Path], result: Path) -> int:
    measured = coverage.Coverage(
        data_file=None, config_file=False, include=[str(f) for f in files], concurrency=["thread", "greenlet"]
    )
    runs: dict[str, TestRun] = {}
    measured.start()
    for name, item in items.items():
        measured.switch_context(name)
        began = time.monotonic()
        failed = _fails(session, item)
        runs[name] = TestRun(time.monotonic() - began, failed)
    measured.stop()
    data = measured.get_data()
    for file in data.measured_files():
        for line, names in data.contexts_by_lineno(file).items():
            for name in names:
                if name in runs:
                    runs[name].lines.setdefault(str(Path(file).relative_to(ROOT)), set()).add(line)
    result.write_bytes(pickle.dumps(runs))
    return 0


def _fails(session: pytest.Session, item: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=_SessionOnly(session))  # type: ignore[arg-type]
    return any(r.failed for r in reports)


def _try(session: pytest.Session, mutant: Mutant, tests: Sequence[pytest.Item]) -> int:
    module = sys.modules[mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")]
    # A mutant that cannot be imported raises here, and the child process ends with status 1.
    if not transplant.apply(ROOT / mutant.path, module, mutant.mutated):
        return 3
    return int(any(_fails(session, item) for item in tests))


def _fork(work: Callable[[], int], limit_s: float | None) -> Outcome:
    """Run `work` in a child process whose output is dropped; its result is the exit status."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            os.setpgid(0, 0)
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            if limit_s is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S + 5))
            status = work()
        os._exit(status)
    end = None if limit_s is None else time.monotonic() + limit_s
    while True:
        done, state = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if end is not None and time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Outcome.TIMED_OUT
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(state)
    return Outcome.TIMED_OUT if code in (-signal.SIGXCPU, -signal.SIGKILL) else _STATUS.get(code, Outcome.KILLED)


def run(plugin: MutantPlugin, tests: Sequence[str], ignored: Sequence[str]) -> int:
    """Collect the tests and run the mutants; returns pytest's exit status."""
    arguments: list[Any] = [
        "-s", "-q", "-n0", "-o", "addopts=", "-m", "not soak and not long", "-k", "not postgresql",
        "-p", "no:cacheprovider", "--no-header", "--no-summary", *(f"--ignore={i}" for i in ignored), *tests,
    ]  # fmt: skip
    return int(pytest.main(arguments, plugins=[plugin]))
