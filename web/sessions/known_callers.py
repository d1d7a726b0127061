"""Recognises callers that the limit for anonymous requests must not block: open sessions, known devices, monitoring.

All names are read at once and seldom, so that a flood of invented cookies does not cost one query each
(web.http.anonymous_limit).
"""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from core.accounts.accounts import Accounts
from core.accounts.attempts import Attempts, device_source
from core.accounts.sessions import fingerprint
from core.clock import Clock
from core.errors import MinwangError
from core.host import metrics_token
from core.settings import WebSettings
from web.http.cookies import bearer_of, cookie_of, device_cookie, session_cookie

log = logging.getLogger(__name__)

FRESH_S = 10.0  # maximum age of the names for a name that is among them
FRESH_FOR_UNKNOWN_S = 2.0  # for a name that is not: it may be new


class KnownCallers:
    """Names of open sessions, known devices and the monitoring token. A name alone grants no access."""

    def __init__(self, clock: Clock, accounts: Accounts, attempts: Attempts, data_dir: Path):
        self._clock, self._accounts, self._attempts, self._data_dir = clock, accounts, attempts, data_dir
        self._names: frozenset[str] = frozenset()
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def first_known(self, names: list[str]) -> str:
        """Return the first of the given names (see `caller_names`) that is known; empty if none is."""
        async with self._reading:
            age = self._clock.monotonic() - self._read_at
            if age > (FRESH_S if self._names.intersection(names) else FRESH_FOR_UNKNOWN_S):
                self._read_at = self._clock.monotonic()
                try:
                    self._names = await self._read()
                except (MinwangError, SQLAlchemyError) as e:  # keep the names that were read before
                    log.warning("open sessions cannot be read while requests are limited: %s", e)
        return next((n for n in names if n in self._names), "")

    async def _read(self) -> frozenset[str]:
        sessions, devices = (
            await self._accounts.sessions.open_session_fingerprints(),
            await self._attempts.known_devices(),
        )
        token = await asyncio.to_thread(metrics_token.read, self._data_dir)
        monitoring = {_monitoring(token.decode("ascii", "replace"))} if token else set()
        return frozenset({_session(s) for s in sessions} | devices | monitoring)


def caller_names(request: web.Request, settings: WebSettings) -> list[str]:
    """Return names for the session, device and token that a request carries, whether they are valid or not."""
    session, device = cookie_of(request, session_cookie(settings)), cookie_of(request, device_cookie(settings))
    bearer = bearer_of(request)
    found = (
        _session(fingerprint(session)) if session and session.isascii() else "",
        device_source(device) if device and device.isascii() else "",
        _monitoring(bearer) if bearer and bearer.isascii() else "",
    )
    return [name for name in found if name]


def _session(stored: str) -> str:
    return f"session {stored}"


def _monitoring(token: str) -> str:
    return f"monitoring {fingerprint(token)}"
