"""Which status and which sentence an error becomes (web.framework.refusals), without a server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from core.accounts.permissions import Permission
from core.accounts.sessions import SessionEnd
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
    ("error", "status", "reason"),
    [
        (TooSlowError("slow"), 408, None),
        (UsageError("wrong"), 400, None),
        (ForbiddenError("no"), 403, None),
        (PurposeRequired("why"), 403, "purpose"),
        (ViewerNotConfirmed("who"), 403, "watching"),
        (NotFoundError("none"), 404, None),
        (ConflictError("both"), 409, None),
        (StorageError("full"), 503, None),
        (TooManyError("many"), 429, None),
    ],
)
def test_errors_become_a_status_a_sentence_and_a_reason(error: MinwangError, status: int, reason: str | None) -> None:
    response = answer(error)
    assert response.status == status
    assert content(response) == {"error": str(error)} | ({} if reason is None else {"reason": reason})
    assert response.headers["Cache-Control"] == "no-store" and "Retry-After" not in response.headers


def test_a_known_waiting_time_is_stated() -> None:
    assert answer(TooManyError("many", retry_after_s=0)).headers["Retry-After"] == "0"
    assert refusals.too_many(TooManyError("many", retry_after_s=7)).headers["Retry-After"] == "7"


def test_a_refusal_carries_its_answer() -> None:
    made = refusals.error(418, "tea")
    assert answer(Refused(made)) is made and content(made) == {"error": "tea"}


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
        assert response.status == 400 and "out of range" in content(response)["error"]
    assert f"GET /api/x: the database refuses a value ({IntegrityError.__name__})" in caplog.text
    failed = answer(OperationalError("SELECT", {}, ValueError("secret")))
    assert failed.status == 500 and "secret" not in (failed.text or "")


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


class Ten(BaseModel):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int


def test_five_wrong_fields_are_named() -> None:
    with pytest.raises(ValidationError) as e:
        Ten.model_validate({})
    response = answer(e.value)
    assert response.status == 422
    assert content(response)["error"] == "; ".join(f"{n}: Field required" for n in "abcde")


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize("why", list(SessionEnd))
def test_without_a_session_the_answer_says_why(had: bool, why: SessionEnd) -> None:
    response = refusals.sign_in_first(route(), make_mocked_request("GET", "/api/x"), why, had_session=had)
    assert response.status == 401
    assert content(response) == {"error": refusals.SESSION_END_SENTENCES[why]} | ({"reason": why.value} if had else {})


def test_a_page_leads_to_the_sign_in_page_and_back() -> None:
    request = make_mocked_request("GET", "/phone?a=1&b=2")
    response = refusals.sign_in_first(route(ReplyKind.PAGE), request, SessionEnd.IDLE, had_session=True)
    assert (response.status, response.headers["Location"]) == (302, "/login?next=%2Fphone%3Fa%3D1%26b%3D2")
