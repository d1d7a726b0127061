"""The three kinds of processes: controller, recorder, analyst. Each runs until SIGTERM.

They share only the database, the data folder and the volumes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable

from core import logs
from core.errors import DatabaseUnreachable, MinwangError, TaskFailed
from core.host import open_files, station_lock
from core.host.process_role import ProcessRole
from core.settings import Settings
from core.tasks import running
from station.runtime import die_with_parent
from station.supervision.worker_report import EX_CONFIG, WorkerReporter

log = logging.getLogger(__name__)


async def _analyst(settings: Settings, ready: Callable[[], None]) -> None:
    from station.roles import analyst

    await analyst.run(settings, ready)


async def _recorder(settings: Settings, index: int, ready: Callable[[], None]) -> None:
    from station.roles import recorder

    await recorder.run(settings, index, ready)


async def _controller(settings: Settings, ready: Callable[[], None]) -> None:
    from station.roles import controller

    await controller.run(settings, ready)


def run(role: ProcessRole, settings: Settings, index: int = 0) -> None:
    """Run a worker process."""
    reporter = WorkerReporter()
    logs.configure(f"{role}-{index}" if role is ProcessRole.RECORDER else role)
    open_files.raise_limit()
    os.umask(0o027)
    die_with_parent()
    station_lock.keep_inherited()
    # Each kind imports only its own packages: a recorder loads no web server and no picture libraries.
    bodies: dict[ProcessRole, Callable[[], Awaitable[None]]] = {
        ProcessRole.CONTROLLER: lambda: _controller(settings, reporter.ready),
        ProcessRole.RECORDER: lambda: _recorder(settings, index, reporter.ready),
        ProcessRole.ANALYST: lambda: _analyst(settings, reporter.ready),
    }
    try:
        asyncio.run(_beating(reporter, bodies[role]))
    except (DatabaseUnreachable, TaskFailed) as e:
        log.error("%s", e)  # a new process may succeed: the supervisor starts one
        sys.exit(1)
    except MinwangError as e:
        log.error("%s cannot start: %s", role, e)
        reporter.failed(e)
        sys.exit(EX_CONFIG)


async def _beating(reporter: WorkerReporter, body: Callable[[], Awaitable[None]]) -> None:
    async with running(reporter.beat(), "heartbeat"):
        await body()
