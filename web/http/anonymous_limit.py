"""Limits how often a client address may send requests without being signed in: a token bucket for each address.

- A refused request costs a whole token, a served one (sign-in page, its scripts) SERVED_REQUEST_TOKENS. A request that
  turns out to belong to an open session or to the monitoring system costs nothing, so that other users behind the same
  address never hold up a signed-in user.
- A request from an address without tokens gets 429 with Retry-After, before anything is looked up, and only after
  PAUSE_S,
  which also limits how fast the address can ask. Behind a trusted proxy the 429 is sent at once, because all clients
  share
  the proxy's connections.
- Open sessions, devices that an account has signed in from, and the monitoring system's token are recognised
  (web.sessions.known_callers) and continue with a bucket of their own.
- The address is the client's own, also behind a proxy (web.http.proxies). MAX_SOURCES bounds the memory.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import TooManyError
from core.settings import WebSettings
from web.http.connection_limits import client_key
from web.http.proxies import is_trusted

log = logging.getLogger(__name__)

# Refused requests at once: the pages of a whole shift behind one address, left open until their sessions ended.
BURST_REQUESTS = 600.0
REQUESTS_PER_SECOND = 10.0
SERVED_REQUEST_TOKENS = 0.1  # the sign-in page has about ten files
MAX_SOURCES = 10_000
LIMITED_SENTENCE = "too many requests from this address without signing in; wait a moment"
PAUSE_S = 1.0  # before a 429: with 256 connections (web.http.connection_limits) an address gets 256 of them a second
MAX_PAUSED = 1024  # of all addresses together; further ones are answered at once


@dataclass(slots=True)
class Bucket:
    tokens: float
    at: float  # monotonic seconds at which `tokens` was computed


@dataclass(slots=True)
class Charge:
    """What a request has cost so far, in tokens."""

    bucket: Bucket
    cost: float = 1.0

    def reduce(self, cost: float) -> None:
        """Give back all tokens but `cost`."""
        self.bucket.tokens, self.cost = min(BURST_REQUESTS, self.bucket.tokens + self.cost - cost), cost


CHARGE = web.RequestKey("charge", Charge)


class AnonymousLimit:
    """Token buckets of the addresses.

    `limited` counts the requests that got 429 here, `refused` those that were refused for other reasons, both since the
    start.
    """

    def __init__(self, clock: Clock, known: Callable[[list[str]], Awaitable[str]]):
        """`known`: returns the first of the names that belongs to a session, device or token, or an empty string."""
        self._clock = clock
        self._known = known
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._paused = self.limited = self.refused = 0

    async def charge(self, source: str, shown: list[str]) -> Charge:
        """Take a token for a request from `source`. Raises TooManyError if none is left.

        `shown`: names of the session, device and token that the request carries; a known one has its own bucket.
        """
        bucket = self._refilled_bucket(source)
        if bucket.tokens < 1 and shown and (own := await self._known(shown)):
            bucket = self._refilled_bucket(own)
        if bucket.tokens < 1:
            self.limited += 1
            if self.limited in (1, 1000, 100_000):
                log.warning(
                    "too many refused requests, the last from %s; %d were answered 429 so far", source, self.limited
                )
            seconds = math.ceil((1 - bucket.tokens) / REQUESTS_PER_SECOND)
            raise TooManyError(LIMITED_SENTENCE, ErrorCode.ANONYMOUS_LIMIT, retry_after_s=seconds)
        bucket.tokens -= 1
        return Charge(bucket)

    async def pause(self) -> None:
        """Delay the answer to a limited request by PAUSE_S, unless MAX_PAUSED requests are already delayed."""
        if self._paused < MAX_PAUSED:
            self._paused += 1
            try:
                await self._clock.sleep(PAUSE_S)
            finally:
                self._paused -= 1

    def settle(self, charge: Charge, status: int) -> None:
        """Settle the cost once the status is known. A refused request without a session keeps its full cost."""
        if charge.cost and status < 400:
            charge.reduce(SERVED_REQUEST_TOKENS)
        elif charge.cost:
            self.refused += 1

    def _refilled_bucket(self, name: str) -> Bucket:
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault(name, Bucket(BURST_REQUESTS, now))
        self._buckets.move_to_end(name)
        bucket.tokens, bucket.at = min(BURST_REQUESTS, bucket.tokens + (now - bucket.at) * REQUESTS_PER_SECOND), now
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        return bucket


def refund(request: web.Request) -> None:
    """Refund the whole charge: the request comes from a signed-in user or from the monitoring system."""
    if (charge := request.get(CHARGE)) is not None:
        charge.reduce(0.0)


def _through_a_proxy(request: web.Request, settings: WebSettings) -> bool:
    """Return whether a trusted proxy sent the request. All clients share its connections: one must not hold them."""
    peer: tuple[object, ...] | None = (
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
    """Return the middleware; it must run after that of web.http.proxies, which sets the client's address.

    `shown` returns the names that a request carries; `refusal` builds the 429.
    """

    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[CHARGE] = charge = await limit.charge(client_key(request.remote or ""), shown(request))
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
            limit.settle(charge, status)

    return limited
