"""Runs `minwang` commands in separate processes without paying for their imports: forks a process that has them
(tests.all_commands).

Starting Python and importing takes over a second per command; the suite runs some two hundred. What /proc shows of such
a process (command line, environment) is that of the forked one: where that matters, use `started`.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.host.child_environment import child_environment
from tests import schema_copy

ROOT = Path(__file__).parent.parent
STREAMS = ("stdin", "stdout", "stderr")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.all_commands"])


def minwang(
    *arguments: str, cwd: Path, input: str = "", env: dict[str, str] | None = None, timeout: float = 250.0
) -> subprocess.CompletedProcess[str]:
    """Run a command; `env` replaces this process's environment. Raises TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in STREAMS}
        files["stdin"].write_text(input)
        process = _context.Process(
            target=_run,
            args=(arguments, str(cwd), dict(os.environ if env is None else env), folder, schema_copy.schema_file()),
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout, *(files[n].read_bytes() for n in STREAMS[1:]))
        said = [files[name].read_text() for name in STREAMS[1:]]
        return subprocess.CompletedProcess(arguments, process.exitcode, *said)


def started(
    *arguments: str, cwd: Path, timeout: float | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as `./minwang` starts it, in a new Python process."""
    return subprocess.run(
        [sys.executable, "-m", "station", *arguments],
        cwd=cwd,
        env=child_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def forked(function: Callable[..., object], *arguments: object, timeout: float = 60.0) -> int:
    """Call a function of a module in a process of its own; returns its exit status, -n after signal n.

    Raises TimeoutExpired.
    """
    process = _context.Process(target=function, args=arguments)
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired(str(function), timeout)
    return process.exitcode


def _run(arguments: tuple[str, ...], cwd: str, env: dict[str, str], folder: str, schema: Path) -> None:
    from station.cli.main import main

    schema_copy.install(schema)

    for number, name in enumerate(STREAMS):
        opened = os.open(
            os.path.join(folder, name), os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        os.dup2(opened, number)
        os.close(opened)
        binary = open(number, "rb" if number == 0 else "wb", buffering=-1 if number == 0 else 0, closefd=False)  # noqa: SIM115
        setattr(sys, name, io.TextIOWrapper(binary, encoding="utf-8", write_through=number > 0))
    os.environ.clear()
    os.environ.update(env, PYTHONPATH=str(ROOT))
    os.chdir(cwd)
    sys.argv = ["minwang", *arguments]
    main()
