"""Answers to requests that are refused or fail: an HTTP status and a JSON body {"code", "params", "message"}."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Unpack
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy.exc import DataError, IntegrityError

from core.accounts.sessions import SessionEnd
from core.error_codes import ErrorCode
from core.error_parameters import ErrorParameters
from core.errors import (
    ConflictError,
    FileTooLargeError,
    ForbiddenError,
    MinwangError,
    NotFoundError,
    TooManyError,
    TooSlowError,
    UsageError,
)
from core.input_problems import input_problems, input_sentence
from web.framework.routing import ReplyKind, Route

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[MinwangError], int], ...] = (
    (TooSlowError, 408),
    (FileTooLargeError, 413),
    (UsageError, 400),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (MinwangError, 503),
)


_SESSION_ENDS = {
    SessionEnd.IDLE: (ErrorCode.IDLE, "the session ended because nobody used it for a while; sign in again"),
    SessionEnd.TOO_OLD: (ErrorCode.TOO_OLD, "the session ended after twelve hours; sign in again"),
    SessionEnd.REPLACED: (ErrorCode.REPLACED, "the account signed in on another phone; sign in again"),
    SessionEnd.REVOKED: (ErrorCode.REVOKED, "sign in first"),
}


class ErrorReply(BaseModel):
    """Every refusal and failure of the API.

    A program decides by `code` and puts `params` into words; `message` is one English sentence for logs.
    """

    code: ErrorCode
    params: ErrorParameters
    message: str


class Refused(Exception):
    """A request that does not reach its handler; carries the answer."""

    def __init__(self, response: web.Response):
        super().__init__(response.status)
        self.response = response


def error(status: int, code: ErrorCode, sentence: str, **parameters: Unpack[ErrorParameters]) -> web.Response:
    """Return a JSON error response (`ErrorReply`)."""
    reply = ErrorReply(code=code, params=parameters, message=sentence)
    # aiohttp keeps bytes of a header that are no UTF-8 as surrogates, which no JSON text can contain.
    text = json.dumps(reply.model_dump(), ensure_ascii=False, separators=(",", ":"), default=to_jsonable_python)
    return web.Response(
        body=text.encode("utf-8", "backslashreplace"),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


def too_many(e: TooManyError) -> web.Response:
    """Return 429 (RFC 6585), with Retry-After if the waiting time is known."""
    response = error(429, e.code, str(e), **e.parameters)
    if e.retry_after_s is not None:
        response.headers["Retry-After"] = str(e.retry_after_s)
    return response


def sign_in_first(r: Route, request: web.Request, why: SessionEnd, *, had_session: bool) -> web.Response:
    """Return 401, with the reason if there was a session; for a page, the way to the sign-in page and back."""
    if r.reply_kind is ReplyKind.PAGE:
        return web.Response(status=302, headers={"Location": f"/login?{urlencode({'next': request.path_qs})}"})
    code, sentence = _SESSION_ENDS[why]
    return error(401, code if had_session else ErrorCode.SIGN_IN_FIRST, sentence)


def answer_to(e: Exception, r: Route, request: web.Request) -> web.Response:
    """Return the answer to an exception of a route. Raises it again if aiohttp itself answers it."""
    match e:
        case Refused():
            return e.response
        case ValidationError():
            return error(422, ErrorCode.INVALID_INPUT, input_sentence(e), fields=input_problems(e))
        case TooManyError():
            return too_many(e)
        case MinwangError():
            status = next(status for kind, status in _STATUS if isinstance(e, kind))
            return error(status, e.code, str(e), **e.parameters)
        case web.HTTPRequestEntityTooLarge():
            return error(413, ErrorCode.BODY_TOO_LARGE, "the body is too large")
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            # Nobody receives this answer; without it aiohttp would log a traceback for each client that disconnects.
            return error(400, ErrorCode.CONNECTION_LOST, "the connection was lost")
        case ConnectionError() | web.HTTPException() | TimeoutError():
            raise e  # aiohttp's own response, or a client that is too slow
        case DataError() | IntegrityError():
            log.warning("%s %s: the database refuses a value (%s)", r.method, r.path, type(e).__name__)
            sentence = "a value is out of range, or refers to something that does not exist"
            return error(400, ErrorCode.VALUE_REFUSED, sentence)
    reference = secrets.token_hex(4)
    log.error("%s %s failed; reference %s", r.method, r.path, reference, exc_info=e)
    sentence = f"internal error; the station's log has the reference {reference}"
    return error(500, ErrorCode.INTERNAL, sentence, reference=reference)
