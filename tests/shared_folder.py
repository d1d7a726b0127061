"""A folder that all processes of one run of the tests share: what is expensive is made once and copied from there."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "TESTS_SHARED_FOLDER"


def create() -> None:
    """Create the folder and name it to all processes that this one starts."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="minwang-tests-")


def remove() -> None:
    """Remove the folder, if this process created it."""
    shutil.rmtree(os.environ.pop(VARIABLE, ""), ignore_errors=True)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the path `name` in the folder; the first process calls `make` with it, and the others wait for the end.

    Without the folder (`create` was not called) the path is this process's own.
    """
    if VARIABLE not in os.environ:
        create()
    folder = Path(os.environ[VARIABLE])
    path, done = folder / name, folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(path)
            done.touch()
    return path
