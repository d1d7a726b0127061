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
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, TooManyError
from web.http.connection_limits import client_key

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 30  # a shift of phones behind one address, all with mistyped passwords
SPAN_S = 900.0
MAX_ADDRESSES = 10_000


class SignInLimit:
    """Running and failed sign-in attempts of the last SPAN_S seconds, by client address (monotonic seconds)."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """Count one attempt while it runs, and afterwards if it was refused. Raises TooManyError.

        Refused means ForbiddenError, or TooManyError (the account has to wait).
        """
        key, now = client_key(address), self._clock.monotonic()
        times = self._attempts.setdefault(key, deque())
        self._attempts.move_to_end(key)
        while times and times[0] <= now - SPAN_S:
            times.popleft()
        if len(times) >= MAX_ATTEMPTS:
            left = math.ceil(times[0] + SPAN_S - now)
            sentence = f"too many wrong passwords from this address; try again in {math.ceil(left / 60)} minutes"
            raise TooManyError(
                sentence, ErrorCode.SIGN_IN_ADDRESS_BLOCKED, minutes=math.ceil(left / 60), retry_after_s=left
            )
        times.append(now)
        if len(times) == MAX_ATTEMPTS:
            log.warning(
                "%d wrong passwords from %s within %d minutes; further attempts are blocked",
                MAX_ATTEMPTS,
                key,
                SPAN_S / 60,
            )
        while len(self._attempts) > MAX_ADDRESSES:
            self._attempts.popitem(last=False)
        try:
            yield
        except (ForbiddenError, TooManyError):
            raise  # the attempt stays counted
        except BaseException:
            self._forget(key, times, now)
            raise
        else:
            self._forget(key, times, now)

    def _forget(self, key: str, times: deque[float], at: float) -> None:
        """Forget an attempt that was not refused; an address without attempts takes no place from others."""
        if at in times:  # it may have grown old meanwhile
            times.remove(at)
        if not times and self._attempts.get(key) is times:
            del self._attempts[key]
