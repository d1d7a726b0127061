"""Limits wrong passwords from one address: after 30 in a quarter of an hour, sign-in from there waits.

An account waits at one address after five wrong passwords (core.accounts.sign_in). This limit stops one client from
trying all accounts in turn and from loading the processor with password hashes. It does not apply to a device that the
account has signed in from before. The address is the client's own, also behind a proxy (web.http.proxies).
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from core.clock import Clock
from core.errors import ForbiddenError, TooManyError
from web.http.connection_limits import client_key

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 30  # a shift of phones behind one address, all with mistyped passwords
SPAN_S = 900.0
MAX_ADDRESSES = 10_000


class SignInLimit:
    """Failed sign-in attempts of the last SPAN_S seconds, by client address."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """Count one attempt while it runs, and afterwards if it was refused. Raises TooManyError.

        Refused means ForbiddenError, or TooManyError (the account has to wait).
        """
        key, now = client_key(address), self._clock.monotonic()
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while tries and tries[0] <= now - SPAN_S:
            tries.popleft()
        if len(tries) >= MAX_ATTEMPTS:
            left = math.ceil(tries[0] + SPAN_S - now)
            sentence = f"too many wrong passwords from this address; try again in {math.ceil(left / 60)} minutes"
            raise TooManyError(sentence, retry_after_s=left)
        tries.append(now)
        if len(tries) == MAX_ATTEMPTS:
            log.warning(
                "%d wrong passwords from %s within %d minutes; further attempts are blocked",
                MAX_ATTEMPTS,
                key,
                SPAN_S / 60,
            )
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        try:
            yield
        except (ForbiddenError, TooManyError):
            raise  # the attempt stays counted
        except BaseException:
            _forget_one(tries)
            raise
        else:
            _forget_one(tries)


def _forget_one(tries: deque[float]) -> None:
    if tries:
        tries.pop()
