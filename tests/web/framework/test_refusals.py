"""Which status and which sentence an error becomes (web.framework.refusals), without a server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from core.accounts.permissions import Permission
from core.accounts.sessions import SessionEnd
from core.error_codes import ErrorCode
from core.errors import (
    ConflictError,
    ForbiddenError,
    MinwangError,
    NotFoundError,
    PurposeRequired,
    StorageError,
    TooManyError,
    TooSlowError,
    UsageError,
    ViewerNotConfirmed,
)
from web.framework import refusals
from web.framework.refusals import Refused
from web.framework.routing import ReplyKind, Route


async def nothing(_: Any) -> None:
    """Do nothing."""


def route(kind: ReplyKind = ReplyKind.JSON) -> Route:
    return Route("GET", "/api/x", Permission.PUBLIC, nothing, "x", None, None, None, kind)


def answer(e: Exception) -> web.Response:
    return refusals.answer_to(e, route(), make_mocked_request("GET", "/api/x"))


def content(response: web.Response) -> Any:
    return json.loads(response.text or "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooSlowError("slow"), 408),
        (UsageError("wrong"), 400),
        (ForbiddenError("no"), 403),
        (PurposeRequired("why"), 403),
        (ViewerNotConfirmed("who"), 403),
        (NotFoundError("none"), 404),
        (ConflictError("both"), 409),
        (StorageError("full"), 503),
        (TooManyError("many"), 429),
    ],
)
def test_errors_become_a_status_a_code_and_a_sentence(error: MinwangError, status: int) -> None:
    response = answer(error)
    assert response.status == status
    assert content(response) == {"code": error.code, "params": error.parameters, "message": str(error)}
    assert response.headers["Cache-Control"] == "no-store" and "Retry-After" not in response.headers


def test_a_known_waiting_time_is_stated() -> None:
    assert answer(TooManyError("many", retry_after_s=0)).headers["Retry-After"] == "0"
    assert refusals.too_many(TooManyError("many", retry_after_s=7)).headers["Retry-After"] == "7"


def test_a_refusal_carries_its_answer() -> None:
    made = refusals.error(418, ErrorCode.PASSWORD, "tea")
    assert answer(Refused(made)) is made
    assert content(made) == {"code": "password", "params": {}, "message": "tea"}


@pytest.fixture
def expected_error() -> Iterator[None]:
    """Allow the error record that a test causes on purpose."""

    def without_traceback(record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True

    refusals.log.addFilter(without_traceback)
    yield
    refusals.log.removeFilter(without_traceback)


def test_a_database_that_refuses_a_value_is_the_request_s_fault_and_one_that_fails_is_not(
    caplog: pytest.LogCaptureFixture, expected_error: None
) -> None:
    for kind in (DataError, IntegrityError):
        response = answer(kind("INSERT", {}, ValueError("secret")))
        assert response.status == 400 and content(response)["code"] == ErrorCode.VALUE_REFUSED
    assert f"GET /api/x: the database refuses a value ({IntegrityError.__name__})" in caplog.text
    failed = answer(OperationalError("SELECT", {}, ValueError("secret")))
    assert failed.status == 500 and "secret" not in (failed.text or "")
    assert f"GET /api/x failed; reference {content(failed)['params']['reference']}" in caplog.text


def test_errors_of_the_server_itself_are_left_to_it() -> None:
    for error in (web.HTTPNotFound(), TimeoutError()):
        with pytest.raises(type(error)):
            answer(error)
    assert answer(web.HTTPRequestEntityTooLarge(1, 2)).status == 413


@pytest.mark.parametrize(("closing", "answered"), [(True, True), (False, False)])
def test_a_lost_connection_is_answered_only_if_it_is_the_client_s(closing: bool, answered: bool) -> None:
    request = make_mocked_request("GET", "/api/x")
    assert request.transport is not None
    request.transport.is_closing.return_value = closing  # type: ignore[attr-defined]
    if answered:
        assert refusals.answer_to(ConnectionResetError(), route(), request).status == 400
    else:
        with pytest.raises(ConnectionResetError):
            refusals.answer_to(ConnectionResetError(), route(), request)


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize(
    ("why", "code"),
    [
        (SessionEnd.IDLE, ErrorCode.IDLE),
        (SessionEnd.TOO_OLD, ErrorCode.TOO_OLD),
        (SessionEnd.REVOKED, ErrorCode.REVOKED),
    ],
)
def test_without_a_session_the_answer_says_why(had: bool, why: SessionEnd, code: ErrorCode) -> None:
    response = refusals.sign_in_first(route(), make_mocked_request("GET", "/api/x"), why, had_session=had)
    assert (response.status, content(response)["code"]) == (401, code if had else ErrorCode.SIGN_IN_FIRST)


def test_a_page_leads_to_the_sign_in_page_and_back() -> None:
    request = make_mocked_request("GET", "/phone?a=1&b=2")
    response = refusals.sign_in_first(route(ReplyKind.PAGE), request, SessionEnd.IDLE, had_session=True)
    assert (response.status, response.headers["Location"]) == (302, "/login?next=%2Fphone%3Fa%3D1%26b%3D2")
