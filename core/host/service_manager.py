"""The service manager's notification protocol (sd_notify(3)): datagrams to the socket in NOTIFY_SOCKET.

Does nothing without that variable.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket

log = logging.getLogger(__name__)

NOTIFY_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
)  # for the main process only: workers do not inherit them


class Notifier:
    """Reports the state of this process to the service manager.

    A failure to reach it is logged once and otherwise ignored.
    """

    def __init__(self, environment: dict[str, str] | None = None):
        variables = os.environ if environment is None else environment
        self._address = variables.get("NOTIFY_SOCKET", "")
        self._failed = False
        self.watchdog_seconds = _watchdog_seconds(variables.get("WATCHDOG_USEC"), variables.get("WATCHDOG_PID"))

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        self._send("STATUS=" + text.replace("\n", " "))

    def alive(self) -> None:
        if self.watchdog_seconds:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
                s.setblocking(False)
                s.sendto(message.encode(), address)
            self._failed = False
        except OSError as e:
            if not self._failed:
                log.warning("cannot report the station's state to the service manager: %s", e)
            self._failed = True


def _watchdog_seconds(microseconds: str | None, pid: str | None) -> float | None:
    """Return how often, in seconds, the manager expects a keep-alive; None if it expects none from this process."""
    with contextlib.suppress(TypeError, ValueError):
        if microseconds and int(pid or os.getpid()) == os.getpid():
            return int(microseconds) / 1e6 or None
    return None
