"""Schemathesis on the OpenAPI document, as every role: valid and invalid requests never get a 5xx answer.

A few examples per operation in the ordinary run; hundreds in a long run, on either database:

    ./minwang test -m soak tests/web/framework/test_openapi_fuzz.py [--database postgresql]
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from aiohttp.http_exceptions import LineTooLong
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.accounts.permissions import Role
from tests.web.conftest import HEADERS, Client, SignIn
from web.api import ROUTES
from web.framework import openapi
from web.http import anonymous_limit

EXAMPLES, SOAK_EXAMPLES = 2, 300  # per operation
SOAK_SECONDS = 3600  # per role; an administrator took 150 s on two busy cores
LEFT_OUT = {("POST", "/api/session"), ("DELETE", "/api/session")}  # they would end the session


def exercise(role: Role | None, base_url: str, cookies: dict[str, str], examples: int) -> list[str]:
    """Return the requests that were answered with 5xx. Blocking."""
    import schemathesis  # takes seconds: only the process that runs these tests pays for it, not all that collect them
    from schemathesis.generation import GenerationMode

    found, count = list[str](), 0
    session = requests.Session()
    session.cookies.update(cookies)

    def run(case: Any) -> None:
        nonlocal count
        count += 1
        answer = case.call(base_url=base_url, session=session, headers=dict(HEADERS), allow_redirects=False, timeout=20)
        if answer.status_code >= 500:
            found.append(f"{role}: {case.as_curl_command()[:400]} → {answer.status_code} {answer.text[:100]}")

    document = copy.deepcopy(openapi.document(ROUTES))  # schemathesis may change it
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        method, allowed = operation.method.upper(), operation.definition.raw["x-roles"]
        if (role.value if role else "nobody") not in allowed or (method, operation.path) in LEFT_OUT:
            continue
        modes = [m for m in GenerationMode if _can(operation, m is GenerationMode.POSITIVE)]
        both = st.one_of(*(operation.as_strategy(generation_mode=m) for m in modes))
        steps = settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        steps(given(both)(run))()
    assert count, "nothing was asked"
    return found


def _can(operation: Any, valid: bool) -> bool:
    """Return whether there is such input: an operation without input has no invalid input."""
    return valid or bool(operation.path_parameters or operation.query or operation.body)


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the limit for anonymous requests: none is answered 429 (see tests/web/http/test_anonymous_limit.py)."""
    monkeypatch.setattr(anonymous_limit, "BURST_REQUESTS", 1e12)


def _is_no_long_line(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], LineTooLong)


@pytest.fixture(autouse=True)
def _long_lines_are_refused() -> Iterator[None]:
    """Some request lines are longer than 8 kB: aiohttp answers 400 and logs why."""
    log = logging.getLogger("aiohttp.server")
    log.addFilter(_is_no_long_line)
    yield
    log.removeFilter(_is_no_long_line)


async def fuzz(role: Role | None, sign_in: SignIn, examples: int) -> None:
    client: Client = await sign_in(role)
    if role is not None:
        await client.post("/api/session/purpose", json={"purpose": "case 12"}, headers=HEADERS)
    base = client.make_url("/")
    cookies = {name: morsel.value for name, morsel in client.session.cookie_jar.filter_cookies(base).items()}
    found = await asyncio.to_thread(exercise, role, str(base).rstrip("/"), cookies, examples)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("role", [None, *Role])
async def test_valid_requests_cause_no_5xx(role: Role | None, sign_in: SignIn) -> None:
    await fuzz(role, sign_in, EXAMPLES)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("role", [None, *Role])
async def test_invalid_requests_cause_no_5xx(role: Role | None, sign_in: SignIn) -> None:
    await fuzz(role, sign_in, SOAK_EXAMPLES)
