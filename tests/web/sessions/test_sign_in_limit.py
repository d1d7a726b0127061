"""The limit on wrong passwords from one address."""

from __future__ import annotations

import contextlib

import pytest

from core.clock import ManualClock
from core.errors import ForbiddenError, TooManyError
from web.sessions import sign_in_limit
from web.sessions.sign_in_limit import MAX_ATTEMPTS, SPAN_S, SignInLimit


def fail(limit: SignInLimit, address: str) -> None:
    with contextlib.suppress(ForbiddenError), limit.attempt(address):
        raise ForbiddenError("wrong password")


def test_an_attempt_that_succeeds_keeps_the_time_of_a_later_failure() -> None:
    clock = ManualClock()
    limit = SignInLimit(clock)
    with limit.attempt("10.0.0.2"):  # succeeds, but slowly
        clock.advance(60)
        fail(limit, "10.0.0.2")
    for _ in range(MAX_ATTEMPTS - 1):
        fail(limit, "10.0.0.2")
    with pytest.raises(TooManyError) as refused, limit.attempt("10.0.0.2"):
        pass
    assert refused.value.retry_after_s == SPAN_S  # from the failure at 60 s, not from the successful attempt's start


def test_addresses_without_failures_do_not_push_out_a_limited_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limit, "MAX_ADDRESSES", 5)
    limit = SignInLimit(ManualClock())
    for _ in range(MAX_ATTEMPTS):
        fail(limit, "10.0.0.1")
    for n in range(20):
        with limit.attempt(f"10.0.1.{n}"):
            pass
        with pytest.raises(KeyError), limit.attempt(f"10.0.2.{n}"):
            raise KeyError("the request failed for another reason")
    with pytest.raises(TooManyError), limit.attempt("10.0.0.1"):
        pass
