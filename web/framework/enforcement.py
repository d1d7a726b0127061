"""Puts routes into an application and enforces their rules before and after each handler.

Before a handler runs: the session is resolved, the permission checked, cross-site requests are refused, and query and
body are validated. Its result becomes JSON, its errors become an HTTP status (web.framework.refusals).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from pydantic import BaseModel, JsonValue, TypeAdapter

from core import executors
from core.accounts.permissions import Permission
from core.accounts.second_factor.policy import must_enrol
from core.accounts.sessions import Identity, SessionEnd
from core.error_codes import ErrorCode
from core.errors import UsageError
from core.host import metrics_token
from web.framework import refusals
from web.framework.context import Context, session_key
from web.framework.refusals import Refused
from web.framework.routing import CSRF_HEADER, POLL_HEADER, ROUTES, Done, ReplyKind, Route
from web.http import anonymous_limit, compression, connection_limits, request_bodies, strict_input
from web.http.cookies import bearer_of, cookie_of, device_of, session_cookie
from web.http.proxies import same_origin
from web.services import SERVICES, Services

# Routes that are open to an account whose password somebody else has set.
ROUTES_BEFORE_PASSWORD_CHANGE = {("GET", "/api/me"), ("POST", "/api/session/password"), ("DELETE", "/api/session")}
# Routes that are open to an account that must enrol a second factor first (R-AUTH-1).
ROUTES_BEFORE_ENROLMENT = ROUTES_BEFORE_PASSWORD_CHANGE | {
    ("GET", "/api/session/second-factor"),
    ("POST", "/api/session/second-factor/begin"),
    ("POST", "/api/session/second-factor/complete"),
}


def install(app: web.Application, routes: tuple[Route, ...]) -> None:
    """Add `routes` to the application, each behind its permission check and its validation."""
    app[ROUTES] = routes
    for r in routes:
        app.router.add_route(r.method, r.path, _enforced(r))


def _enforced(r: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    adapter = TypeAdapter(cast(type[object], r.reply)) if r.reply not in (None, Done) else None

    async def serve(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        try:
            who = await _authorised(r, request, services)
            query = _validated(r.query, _query(request)) if r.query else None
            body = _validated(r.body, await _json(request, services, who)) if r.body else None
            result = await r.handler(Context(request, services, who, query, body))
        except Exception as e:  # noqa: BLE001  # the outermost point of a request: every error becomes an answer
            return refusals.answer_to(e, r, request)
        response = result if isinstance(result, web.StreamResponse) else _json_response(adapter, result)
        await compression.compress(request, response)
        return response

    return serve


def _json_response(adapter: TypeAdapter[object] | None, result: object) -> web.Response:
    content = adapter.dump_json(result) if adapter is not None else b"{}"
    return web.Response(body=content, content_type="application/json", headers={"Cache-Control": "no-store"})


async def _authorised(r: Route, request: web.Request, services: Services) -> Identity | None:
    """Return who may use the route; None for an anonymous request that may.

    Raises Refused, UsageError, TooManyError.
    """
    for name, value in request.match_info.items():
        strict_input.check_text(value, name)
    if r.reply_kind is ReplyKind.SOCKET:
        services.opening_rate.count(session_key(request, services))
    scraper = r.scraped and await _is_scraper(request, services)
    who = None if scraper else await _identify(r, request, services)
    if r.permission is not Permission.PUBLIC and who is None and not scraper:
        raise Refused(await _sign_in_first(r, request, services))
    _charge(request, who, scraper=scraper)
    if who is not None and who.must_change and (r.method, r.path) not in ROUTES_BEFORE_PASSWORD_CHANGE:
        sentence = "somebody else set your password; choose a new one first"
        raise Refused(refusals.error(403, ErrorCode.PASSWORD, sentence))
    rule = services.settings.accounts.second_factor
    if who is not None and must_enrol(rule, who) and (r.method, r.path) not in ROUTES_BEFORE_ENROLMENT:
        sentence = "your account needs a second factor; set it up first"
        raise Refused(refusals.error(403, ErrorCode.SECOND_FACTOR, sentence))
    if who is not None and not who.may(r.permission):
        raise Refused(refusals.error(403, ErrorCode.PERMISSION_MISSING, "this account may not do this"))
    if (r.method != "GET" or r.reply_kind is ReplyKind.SOCKET) and not _is_same_site(request, r.reply_kind):
        raise Refused(_cross_site_refusal(request))
    return who


def _charge(request: web.Request, who: Identity | None, *, scraper: bool) -> None:
    """Assign the request's costs: its connection and its work to the person, no tokens if it is not anonymous."""
    if who is not None:
        connection_limits.assign_to_person(request, who.user_id)
    executors.CALLER_ACCOUNT.set(who.user_id if who is not None else 0)
    if who is not None or scraper:
        anonymous_limit.refund(request)


async def _identify(r: Route, request: web.Request, services: Services) -> Identity | None:
    """Return the identity of the request's session; None without a valid session.

    Requests for pictures, video and sockets, and requests that a timer sends, do not keep the session active.
    """
    token = cookie_of(request, session_cookie(services.settings.web))
    active = r.reply_kind in (ReplyKind.JSON, ReplyKind.PAGE) and POLL_HEADER not in request.headers
    device = device_of(request, services.settings.web)
    valid = bool(token) and token.isascii()
    who = await services.accounts.sessions.resolve(token, active=active, device=device) if valid else None
    if who is not None and active:
        services.attendance.note_input(who.session)
    return who


async def _sign_in_first(r: Route, request: web.Request, services: Services) -> web.Response:
    """Return the 401 answer; if the session has ended, it says why."""
    token = cookie_of(request, session_cookie(services.settings.web))
    why = await services.accounts.sessions.end_reason(token) if token and token.isascii() else SessionEnd.REVOKED
    return refusals.sign_in_first(r, request, why, had_session=bool(token))


async def _is_scraper(request: web.Request, services: Services) -> bool:
    """Return whether the request carries the monitoring system's token (Authorization: Bearer, RFC 6750)."""
    token = bearer_of(request)
    return bool(token) and await asyncio.to_thread(metrics_token.matches, services.data_dir, token)


def _is_same_site(request: web.Request, kind: ReplyKind) -> bool:
    """Check the Origin header and require CSRF_HEADER, which another site's page cannot set (nor can a socket)."""
    origin = request.headers.get("Origin")
    if origin is not None and not same_origin(origin, request.scheme, request.host):
        return False
    return kind is ReplyKind.SOCKET or CSRF_HEADER in request.headers


def _cross_site_refusal(request: web.Request) -> web.Response:
    """Return 403 for a request that is not this site's own; the addresses help whoever sets up a proxy."""
    origin, here = request.headers.get("Origin"), f"{request.scheme}://{request.host}"
    if origin is None or same_origin(origin, request.scheme, request.host):
        return refusals.error(403, ErrorCode.HEADER_MISSING, f"the request lacks the header {CSRF_HEADER}")
    sentence = f"the request comes from another site ({origin}, this is {here}); behind a proxy see docs/https.md"
    return refusals.error(403, ErrorCode.CROSS_SITE, sentence, origin=origin[:200], address=here)


def _validated(model: type[BaseModel], given: object) -> BaseModel:
    """Return the validated and checked model. Raises ValidationError, UsageError."""
    found = model.model_validate(given)
    strict_input.check_model(found)
    return found


def _query(request: web.Request) -> dict[str, str]:
    given = dict(request.query)
    for name, value in given.items():
        strict_input.check_text(name, "query")
        strict_input.check_text(value, name)
    return given


async def _json(request: web.Request, services: Services, who: Identity | None) -> JsonValue:
    """Return the JSON body, read as UTF-8 whatever charset is stated (RFC 8259 8.1). Raises UsageError."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # The server decompresses nothing (web.http.connection_limits).
        raise UsageError(
            "Content-Encoding is not supported; send the body uncompressed", ErrorCode.ENCODING_UNSUPPORTED
        )
    if who is None:
        reader, limit = connection_limits.client_key(request.remote or ""), request_bodies.MAX_ANONYMOUS_JSON_BYTES
    else:
        reader, limit = f"person {who.user_id}", request_bodies.MAX_JSON_BYTES
    return strict_input.parse_json(await services.body_budget.read(request, reader, limit))
