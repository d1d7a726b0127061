"""What a worker reports to its supervisor through a pipe that only the two hold: that it is ready, that it is alive,
and why it cannot start.

One JSON object per line. A worker that cannot start for a permanent reason (a key file, a certificate, a port, the
settings) reports its error and ends with status 78 (EX_CONFIG of sysexits.h); the supervisor then ends the station with
that error instead of restarting the worker for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

from core import logs
from core.clock import Clock
from core.errors import MinwangError, UsageError

REPORT_DESCRIPTOR_VARIABLE = "MINWANG_REPORT"  # environment variable of a worker
EX_CONFIG = 78
BEAT_SECONDS = 5.0


class WorkerMessage(TypedDict, total=False):
    """One line of the pipe; an empty one says that the worker is alive."""

    ready: bool
    failed: str  # why the worker cannot start
    usage: bool  # whether `failed` is the message of a UsageError


class WorkerReporter:
    """The worker's end of the pipe. Does nothing without a supervisor."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        with contextlib.suppress(KeyError, ValueError, OSError):
            descriptor = int(os.environ.pop(REPORT_DESCRIPTOR_VARIABLE))
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)
            self._descriptor = descriptor

    def ready(self) -> None:
        """Report that the worker does its work: the console answers, streams are recorded, footage is analysed."""
        self._write({"ready": True})

    def failed(self, error: MinwangError) -> None:
        self._write({"failed": str(error), "usage": isinstance(error, UsageError)})

    async def beat(self) -> None:
        """Report every 5 s that the event loop runs."""
        while True:
            self._write({})
            logs.flush_repeats()
            await asyncio.sleep(BEAT_SECONDS)

    def _write(self, message: WorkerMessage) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # full or closed: the supervisor notices that itself
                os.write(self._descriptor, json.dumps(message).encode() + b"\n")


@dataclass(slots=True)
class WorkerReport:
    """The supervisor's end: what one worker process has reported."""

    ready: bool = False
    beat: float | None = None  # monotonic seconds of its last report
    failure: MinwangError | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def handle_line(self, line: bytes, now: float) -> None:
        with contextlib.suppress(ValueError, AttributeError):
            message: WorkerMessage = json.loads(line)
            self.ready = self.ready or bool(message.get("ready"))
            if failure := message.get("failed"):
                self.failure = (UsageError if message.get("usage") else MinwangError)(str(failure))
            self.beat = now


class _ReportProtocol(asyncio.Protocol):
    def __init__(self, report: WorkerReport, clock: Clock, on_report: Callable[[], None]):
        self._report, self._clock, self._on_report, self._rest = report, clock, on_report, b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data)[-65_536:].split(b"\n")
        for line in lines:
            self._report.handle_line(line, self._clock.monotonic())
        self._on_report()

    def connection_lost(self, exc: Exception | None) -> None:
        self._report.ended.set()


async def listen(clock: Clock, on_report: Callable[[], None] = lambda: None) -> tuple[WorkerReport, int]:
    """Return (the report, the descriptor for the worker). The caller closes the descriptor once the worker has it."""
    reading, writing = os.pipe()
    report = WorkerReport()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: _ReportProtocol(report, clock, on_report), os.fdopen(reading, "rb", 0)
    )
    return report, writing
