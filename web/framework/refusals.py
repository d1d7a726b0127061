"""Answers to requests that are refused or fail: an HTTP status and a JSON body {"error": sentence, "reason": code}."""

from __future__ import annotations

import logging
from enum import StrEnum
from urllib.parse import urlencode

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError

from core.accounts.sessions import SessionEnd
from core.errors import (
    ConflictError,
    ForbiddenError,
    MinwangError,
    NotFoundError,
    PurposeRequired,
    TooManyError,
    TooSlowError,
    UsageError,
    ViewerNotConfirmed,
)
from web.framework.routing import ReplyKind, Route

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[MinwangError], int], ...] = (
    (TooSlowError, 408),
    (UsageError, 400),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (MinwangError, 503),
)


class RefusalReason(StrEnum):
    """Codes for the console: refusals after which a person can do something and try again.

    An ended session has those of `SessionEnd` instead.
    """

    NONE = ""
    PURPOSE = "purpose"  # state a purpose
    WATCHING = "watching"  # confirm that somebody is watching
    PASSWORD = "password"  # choose a new password


_REASONS: tuple[tuple[type[MinwangError], RefusalReason], ...] = (
    (PurposeRequired, RefusalReason.PURPOSE),
    (ViewerNotConfirmed, RefusalReason.WATCHING),
)
SESSION_END_SENTENCES = {
    SessionEnd.IDLE: "the session ended because nobody used it for a while; sign in again",
    SessionEnd.TOO_OLD: "the session ended after twelve hours; sign in again",
    SessionEnd.REVOKED: "sign in first",
}


class Refused(Exception):
    """A request that does not reach its handler; carries the answer."""

    def __init__(self, response: web.Response):
        super().__init__(response.status)
        self.response = response


def error(status: int, sentence: str, *, reason: RefusalReason | SessionEnd = RefusalReason.NONE) -> web.Response:
    """Return a JSON error response. `reason`: a code that tells a program why it is refused."""
    content = {"error": sentence} | ({"reason": reason} if reason else {})
    return web.json_response(content, status=status, headers={"Cache-Control": "no-store"})


def too_many(e: TooManyError) -> web.Response:
    """Return 429 (RFC 6585), with Retry-After if the waiting time is known."""
    response = error(429, str(e))
    if e.retry_after_s is not None:
        response.headers["Retry-After"] = str(e.retry_after_s)
    return response


def sign_in_first(r: Route, request: web.Request, why: SessionEnd, *, had_session: bool) -> web.Response:
    """Return 401, with the reason if there was a session; for a page, the way to the sign-in page and back."""
    if r.reply_kind is ReplyKind.PAGE:
        return web.Response(status=302, headers={"Location": f"/login?{urlencode({'next': request.path_qs})}"})
    return error(401, SESSION_END_SENTENCES[why], reason=why if had_session else RefusalReason.NONE)


def answer_to(e: Exception, r: Route, request: web.Request) -> web.Response:
    """Return the answer to an exception of a route. Raises it again if aiohttp itself answers it."""
    match e:
        case Refused():
            return e.response
        case ValidationError():
            return error(422, _validation_sentence(e))
        case TooManyError():
            return too_many(e)
        case MinwangError():
            reason = next((reason for kind, reason in _REASONS if isinstance(e, kind)), RefusalReason.NONE)
            return error(next(status for kind, status in _STATUS if isinstance(e, kind)), str(e), reason=reason)
        case web.HTTPRequestEntityTooLarge():
            return error(413, "the body is too large")
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            # Nobody receives this answer; without it aiohttp would log a traceback for each client that disconnects.
            return error(400, "the connection was lost")
        case ConnectionError() | web.HTTPException() | TimeoutError():
            raise e  # aiohttp's own response, or a client that is too slow
        case DataError() | IntegrityError():
            log.warning("%s %s: the database refuses a value (%s)", r.method, r.path, type(e).__name__)
            return error(400, "a value is out of range, or refers to something that does not exist")
    log.error("%s %s failed", r.method, r.path, exc_info=e)
    return error(500, "internal error; see the station's log")


def _validation_sentence(e: ValidationError) -> str:
    """Describe the first five validation errors in one sentence."""
    found = e.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}"[:400] for x in found)
