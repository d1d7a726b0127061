"""A separate process with a recorder that moves files after the clock was set and is killed at a given moment."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.database import Database
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.retention import file_removal
from nvr.clock_correction import corrector, file_moves


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, kept: Path, moment: str, links: bool, since: int, by: int, files: list[int]) -> None:
    """Move three files per transaction; the process is killed in the second transaction."""
    file_moves.FILES_PER_TRANSACTION = 3
    calls = dict.fromkeys(("named", "exchanged", "unlinked"), 0)

    def count(name: str) -> None:
        calls[name] += 1
        if moment == name and calls[name] == (5 if name == "named" else 2):
            kill_self()

    named, exchange, finish = os.link if links else file_moves._copy, file_moves._exchange, file_removal.finish_deletion

    def name(source: Path, target: Path) -> None:
        named(source, target)
        count("named")

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    async def exchanged(*given: Any) -> None:
        await exchange(*given)
        count("exchanged")  # the transaction never commits

    async def finished(*given: Any, **more: Any) -> object:
        count("unlinked")
        return await finish(*given, **more)

    os.link = name if links else no_links  # type: ignore[assignment]
    if not links:
        file_moves._copy = name
    file_moves._exchange, file_removal.finish_deletion = exchanged, finished  # type: ignore[assignment]
    database = Database(url)
    archive = ArchiveLogWriter(database, SystemClock())
    clock_corrector = corrector.ClockCorrector(archive)
    await clock_corrector.begin(since, kept)
    clock_corrector.clock_stepped(by)
    clock_corrector.queue_step(ClockStep("cam/main", since, files[-1] + 10_000_000, by, tuple(files)))
    await archive.flush()
    if moment == "stored":
        kill_self()
    await clock_corrector.finish()
    sys.exit(f"nobody killed it: {calls}")


def run(url: str, kept: Path, moment: str, links: bool, since: int, by: int, files: list[int]) -> None:
    asyncio.run(main(url, kept, moment, links, since, by, files))
