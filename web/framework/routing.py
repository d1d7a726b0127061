"""Registers routes and enforces their rules: permission, input and reply type.

A `RouteTable` collects the handlers of a module; `install` adds all routes to an application. Before a handler
runs, the session is resolved, the permission checked, cross-site requests refused, and query and body validated. A
route cannot be declared without a permission. A handler's errors become an HTTP status and a JSON body
{"error": sentence, "reason": code}.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.exc import DataError, IntegrityError

from core import executors
from core.accounts.accounts import Identity, SessionEnd
from core.accounts.permissions import Permission
from core.audit import audit_trail
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
from core.host import metrics_token
from core.numbers import parse_whole_number
from web.http import anonymous_limit, connection_limits, request_bodies, strict_input
from web.http.cookies import bearer_of, cookie_of, session_cookie
from web.http.proxies import same_origin
from web.services import SERVICES, Services

log = logging.getLogger(__name__)

# The console sets this header on requests that a timer sends: such a request does not keep a session from idling.
POLL_HEADER = "X-Minwang-Poll"
# Routes that are open to an account whose password somebody else has set.
BEFORE_PASSWORD = {("GET", "/api/me"), ("POST", "/api/session/password"), ("DELETE", "/api/session")}
CSRF_HEADER = "X-Minwang"
_STATUS: tuple[tuple[type[MinwangError], int], ...] = (
    (TooSlowError, 408),
    (UsageError, 400),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (MinwangError, 503),
)
# `reason` codes for the console: refusals after which a person can do something and try again.
_REASONS: tuple[tuple[type[MinwangError], str], ...] = (
    (PurposeRequired, "purpose"), (ViewerNotConfirmed, "watching"),
)  # fmt: skip
Q = TypeVar("Q", bound=BaseModel)


@dataclass(slots=True)
class Context:
    """One checked request: the services, the identity, and the validated query and body."""

    request: web.Request
    services: Services
    who: Identity | None
    query: Any
    body: Any

    @property
    def identity(self) -> Identity:
        """Return who is signed in. Raises ForbiddenError for an anonymous request."""
        if self.who is None:
            raise ForbiddenError("sign in first")
        return self.who

    def path(self, name: str) -> str:
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        """Return a path variable as an integer. Raises NotFoundError if it is not a number."""
        text = self.request.match_info[name]
        number = parse_whole_number(text)
        if number is None:
            raise NotFoundError("there is no such thing")
        return number

    @property
    def session_key(self) -> str:
        """A key that identifies the session: SHA-256 of its token, not the token itself."""
        return _session_key(self.request, self.services)

    @property
    def purpose(self) -> str:
        """Return the purpose stated for this session. Raises PurposeRequired if there is none."""
        if not self.identity.purpose.strip():
            raise PurposeRequired("state a purpose or case number first")
        return self.identity.purpose

    def ground(self, thing: str, *, running: bool) -> str:
        """Return the reason under which a picture of an alert, order or acceptance may be viewed.

        While `thing` is being worked on (`running`), the reason is `thing` itself, written with its id; afterwards it
        is the stated purpose. Raises PurposeRequired.
        """
        return thing if running else self.purpose

    async def look(
        self,
        action: str,
        object: str,
        *,
        reason: str = "",
        opens: Iterable[str] = (),
        key: str | None = None,
        **data: Any,
    ) -> None:
        """Write an audit row for viewing `object`, unless this session viewed the same within half an hour.

        Call it before the data leaves the station. `key` identifies what counts as the same view. `opens` lists further
        keys that may be viewed under this row. If `reason` differs from the session's purpose, the purpose is recorded
        beside it.
        """
        name, looks, who = key or f"{action} {object}", self.services.looks, self.identity
        if not looks.is_open(who.session, who.purpose, name):
            now, why = self.services.clock.now(), reason or who.purpose
            if who.purpose and why != who.purpose:
                data["purpose"] = who.purpose
            async with self.services.database.session() as session:
                await audit_trail.record(
                    session, now, who.name, action, object, reason=why, by_session=who.session, **data
                )
        looks.open(who.session, who.purpose, name, *opens)


Handler = Callable[[Context], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One registered route."""

    method: str
    path: str
    permission: Permission
    handler: Handler
    summary: str
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    reply: Any
    kind: str  # 'json', 'file', 'socket', 'page'
    scraped: bool = False  # also open to a monitoring system with its token (core.host.metrics_token)


class RouteTable:
    """The routes of one API module, in the order of their definition."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def add(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        reply: Any = None,
        kind: str = "json",
        scraped: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Decorator that adds a handler. `reply` is the type of its result (for JSON). With `scraped` a monitoring
        system's token opens the route as well; the handler then gets no identity."""

        def register(handler: Handler) -> Handler:
            summary = (handler.__doc__ or "").strip().splitlines()[0]
            self.routes.append(Route(method, path, permission, handler, summary, query, body, reply, kind, scraped))
            return handler

        return register


# All routes of an application, for its OpenAPI document.
ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes", tuple)


def install(app: web.Application, routes: tuple[Route, ...]) -> None:
    """Add `routes` to the application, each behind its permission check and its validation."""
    app[ROUTES] = routes
    for r in routes:
        app.router.add_route(r.method, r.path, _enforced(r))


def _enforced(r: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    adapter: TypeAdapter[Any] | None = TypeAdapter(r.reply) if r.reply is not None else None

    async def serve(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        try:
            for value in request.match_info.values():
                strict_input.check_text(value, "the address")
            if r.kind == "socket":
                services.opening_rate.note(_session_key(request, services))
            scraper = r.scraped and await _is_scraper(request, services)
            who = None if scraper else await _identify(r, request, services)
            if r.permission is not Permission.PUBLIC and who is None and not scraper:
                return await _sign_in_first(r, request, services)
            if who is not None:
                connection_limits.proved(request, who.user_id)
            executors.CALLER_ACCOUNT.set(who.user_id if who is not None else 0)
            if who is not None or scraper:
                anonymous_limit.proved(request)
            if who is not None and who.must_change and (r.method, r.path) not in BEFORE_PASSWORD:
                return _error(403, "somebody else has set your password; choose your own first", reason="password")
            if who is not None and not who.may(r.permission):
                return _refusal(r, request, 403, "this account may not do this")
            if (r.method != "GET" or r.kind == "socket") and not _same_site(request, r.kind):
                return _error(403, _foreign(request))
            query = _validated(r.query, _query(request)) if r.query else None
            body = _validated(r.body, await _json(request, services, who)) if r.body else None
            result = await r.handler(Context(request, services, who, query, body))
        except ValidationError as e:
            return _error(422, _sentence(e))
        except TooManyError as e:
            return too_many(e)
        except MinwangError as e:
            reason = next((reason for kind, reason in _REASONS if isinstance(e, kind)), "")
            return _error(next(status for kind, status in _STATUS if isinstance(e, kind)), str(e), reason=reason)
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "the body is larger than what is taken here")
        except ConnectionError:
            if request.transport is not None and not request.transport.is_closing():
                raise
            # Nobody receives this answer; without it aiohttp would log a traceback for each client that disconnects.
            return _error(400, "the connection was lost")
        except (web.HTTPException, TimeoutError):
            raise  # aiohttp's own response, or a client that is too slow
        except (DataError, IntegrityError) as e:
            log.warning("%s %s: the database refuses a value (%s)", r.method, r.path, type(e).__name__)
            return _error(400, "a value does not fit where it is kept, or names something that is not there")
        except Exception:
            log.exception("%s %s failed", r.method, r.path)
            return _error(500, "the station could not do this; its log says why")
        if isinstance(result, web.StreamResponse):
            return result
        content = adapter.dump_json(result) if adapter is not None else b"{}"
        return web.Response(body=content, content_type="application/json", headers={"Cache-Control": "no-store"})

    return serve


def _session_key(request: web.Request, services: Services) -> str:
    token = cookie_of(request, session_cookie(services.settings.web))
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _identify(r: Route, request: web.Request, services: Services) -> Identity | None:
    """Return the identity of the request's session; None without a valid session.

    Requests for pictures, video and sockets, and requests that a timer sends, do not keep the session active.
    """
    token = cookie_of(request, session_cookie(services.settings.web))
    active = r.kind in ("json", "page") and POLL_HEADER not in request.headers
    who = await services.accounts.resolve(token, active=active) if token and token.isascii() else None
    if who is not None and active:
        services.attendance.note_input(who.session)
    return who


_ENDED = {
    SessionEnd.IDLE: "the session ended because nobody used it for a while; sign in again",
    SessionEnd.TOO_OLD: "the session ended after twelve hours; sign in again",
    SessionEnd.REVOKED: "sign in first",
}


async def _sign_in_first(r: Route, request: web.Request, services: Services) -> web.Response:
    """Return the 401 answer; if the session has ended, it says why."""
    token = cookie_of(request, session_cookie(services.settings.web))
    why = await services.accounts.end_reason(token) if token and token.isascii() else SessionEnd.REVOKED
    return _refusal(r, request, 401, _ENDED[why], reason=why.value if token else "")


async def _is_scraper(request: web.Request, services: Services) -> bool:
    """Return whether the request carries the monitoring system's token (Authorization: Bearer, RFC 6750)."""
    token = bearer_of(request)
    return bool(token) and await asyncio.to_thread(metrics_token.matches, services.data_dir, token)


def _same_site(request: web.Request, kind: str) -> bool:
    """Check the Origin header and require CSRF_HEADER, which another site's page cannot set (nor can a socket)."""
    origin = request.headers.get("Origin")
    if origin is not None and not same_origin(origin, request.scheme, request.host):
        return False
    return kind == "socket" or CSRF_HEADER in request.headers


def _foreign(request: web.Request) -> str:
    """Return why a request does not count as this site's own; the second half helps whoever sets up a proxy."""
    origin, here = request.headers.get("Origin"), f"{request.scheme}://{request.host}"
    if origin is None or same_origin(origin, request.scheme, request.host):
        return "the request comes from another site"
    return f"the request comes from another site ({origin}, this is {here}); behind a proxy see docs/https.md"


def _validated(model: type[BaseModel], given: Any) -> BaseModel:
    """Return the validated and checked model. Raises ValidationError, UsageError."""
    found = model.model_validate(given)
    strict_input.check_model(found)
    return found


def _query(request: web.Request) -> dict[str, str]:
    given = dict(request.query)
    for name, value in given.items():
        strict_input.check_text(name, "the query")
        strict_input.check_text(value, "the query")
    return given


async def _json(request: web.Request, services: Services, who: Identity | None) -> Any:
    """Return the JSON body, read as UTF-8 whatever charset is stated (RFC 8259 8.1). Raises UsageError."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # The server decompresses nothing (web.http.connection_limits).
        raise UsageError("bodies come as they are, without Content-Encoding")
    if who is None:
        source = connection_limits.source_of(request.remote or "")
        return strict_input.json_of(await services.bodies.read(request, source, request_bodies.LARGEST_PUBLIC))
    return strict_input.json_of(
        await services.bodies.read(request, f"person {who.user_id}", request_bodies.LARGEST_JSON)
    )


def _sentence(error: ValidationError) -> str:
    """Describe the first five validation errors in one sentence."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}"[:400] for x in found)


def _refusal(r: Route, request: web.Request, status: int, sentence: str, reason: str = "") -> web.Response:
    if r.kind == "page" and status == 401:
        return web.Response(status=302, headers={"Location": f"/login?{urlencode({'next': request.path_qs})}"})
    return _error(status, sentence, reason=reason)


def _error(status: int, sentence: str, *, reason: str = "") -> web.Response:
    """Return a JSON error response. `reason`: a code that tells a program why it is refused."""
    told = {"error": sentence} | ({"reason": reason} if reason else {})
    return web.json_response(told, status=status, headers={"Cache-Control": "no-store"})


def too_many(e: TooManyError) -> web.Response:
    """Return 429 (RFC 6585), with Retry-After if the waiting time is known."""
    response = _error(429, str(e))
    if e.retry_after_s is not None:
        response.headers["Retry-After"] = str(e.retry_after_s)
    return response
