"""How often a source may ask without being signed in: a token bucket for each client address.

- A refused request costs a whole token, a served one (sign-in page, its scripts) SERVED_COST. What turns out to come from an
  open session, or from the monitoring system, costs nothing: neighbours behind one address never hold up who is signed in.
- A source without tokens is answered 429 with Retry-After, before anything is looked up, and after PAUSE_S, so that it cannot
  even ask fast (through a proxy at once: its connections are everybody's). Open sessions, devices that an account has signed
  in from and the monitoring system's token are known all the same (web.sessions.known_callers): they go on with a bucket of their own.
- The address is the client's own, also behind a proxy (web.http.proxies). Memory is bounded by MAX_SOURCES.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.clock import Clock
from core.errors import TooManyError
from core.settings import WebSettings
from web.http.connection_limits import source_of
from web.http.proxies import is_trusted

log = logging.getLogger(__name__)

BURST = (
    600.0  # refused requests at once: pages of a whole shift behind one address, left open until their sessions ended
)
PER_SECOND = 10.0
SERVED_COST = 0.1  # the sign-in page has some ten files
MAX_SOURCES = 10_000
TOO_MUCH = "too many requests from this address without signing in; wait a moment"
PAUSE_S = 1.0  # before a 429: with 256 connections (web.http.connection_limits) a source gets 256 of them a second
MAX_PAUSED = 1024  # of all sources together; further ones are answered at once


@dataclass(slots=True)
class Bucket:
    tokens: float
    at: float  # monotonic seconds of `tokens`


@dataclass(slots=True)
class Charge:
    """What a request has cost so far."""

    bucket: Bucket
    cost: float = 1.0

    def reduce(self, cost: float) -> None:
        """Give back all but `cost`."""
        self.bucket.tokens, self.cost = min(BURST, self.bucket.tokens + self.cost - cost), cost


CHARGE = web.RequestKey("charge", Charge)


class AnonymousLimit:
    """`limited`, `refused`: how many requests got 429 here, and how many were refused for other reasons, since the start."""

    def __init__(self, clock: Clock, known: Callable[[list[str]], Awaitable[str]]):
        """`known`: the first of some names that opens something, or an empty text."""
        self._clock = clock
        self._known = known
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._paused = self.limited = self.refused = 0

    async def charge(self, source: str, shown: list[str]) -> Charge:
        """Take a token for a request from a source that shows some cookies. Raises TooManyError where none is left."""
        bucket = self._filled(source)
        if bucket.tokens < 1 and shown and (own := await self._known(shown)):
            bucket = self._filled(own)
        if bucket.tokens < 1:
            self.limited += 1
            if self.limited in (1, 1000, 100_000):
                log.warning(
                    "too many refused requests, the last from %s; %d were answered 429 so far", source, self.limited
                )
            seconds = math.ceil((1 - bucket.tokens) / PER_SECOND)
            raise TooManyError(TOO_MUCH, retry_after_s=seconds)
        bucket.tokens -= 1
        return Charge(bucket)

    async def pause(self) -> None:
        """What somebody waits who asks too often."""
        if self._paused < MAX_PAUSED:
            self._paused += 1
            try:
                await self._clock.sleep(PAUSE_S)
            finally:
                self._paused -= 1

    def served(self, charge: Charge, status: int) -> None:
        """The answer is known: of a request that nobody's session stands behind, a refused one costs all."""
        if charge.cost and status < 400:
            charge.reduce(SERVED_COST)
        elif charge.cost:
            self.refused += 1

    def _filled(self, name: str) -> Bucket:
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault(name, Bucket(BURST, now))
        self._buckets.move_to_end(name)
        bucket.tokens, bucket.at = min(BURST, bucket.tokens + (now - bucket.at) * PER_SECOND), now
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        return bucket


def proved(request: web.Request) -> None:
    """Somebody who is signed in asks, or the monitoring system: the source pays nothing."""
    if (charge := request.get(CHARGE)) is not None:
        charge.reduce(0.0)


def _through_a_proxy(request: web.Request, settings: WebSettings) -> bool:
    """Its connections are everybody's: they must not be held by who asks too much."""
    peer: tuple[Any, ...] | None = (
        request.transport.get_extra_info("peername") if request.transport is not None else None
    )
    return is_trusted(str(peer[0]), settings) if peer else False


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(
    limit: AnonymousLimit,
    settings: WebSettings,
    shown: Callable[[web.Request], list[str]],
    refusal: Callable[[TooManyError], web.Response],
) -> Middleware:
    """Stands behind web.http.proxies' (the address is the client's). `shown`: names of what a request shows; `refusal`: the 429."""

    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[CHARGE] = charge = await limit.charge(source_of(request.remote or ""), shown(request))
        except TooManyError as e:
            if not _through_a_proxy(request, settings):
                await limit.pause()
            return refusal(e)
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as e:
            status = e.status
            raise
        finally:
            limit.served(charge, status)

    return limited
