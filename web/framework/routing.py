"""Tables of routes: each names its permission, its input and reply types, and how it replies.

An API module has one `RouteTable` and decorates its handlers with `add`. A route cannot be declared without a
permission, and `query` and `body` must be the models that the handler's `Context` names: a type checker refuses
anything else. `web.framework.enforcement` puts the routes into an application.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar, overload

from aiohttp import web
from pydantic import BaseModel

from core.accounts.permissions import Permission
from web.framework.context import Context

# The console sets this header on requests that a timer sends: such a request does not keep a session from idling.
POLL_HEADER = "X-Minwang-Poll"
CSRF_HEADER = "X-Minwang"

QueryModel = TypeVar("QueryModel", bound=BaseModel)
BodyModel = TypeVar("BodyModel", bound=BaseModel)
ContextType = TypeVar("ContextType", contravariant=True)
Reply = TypeVar("Reply")
# Of Context[query, body]; `RouteTable.add` checks that, and one list cannot state it for each of its members.
Handler: TypeAlias = Callable[[Context[Any, Any]], Awaitable[object]]


class ReplyKind(StrEnum):
    """What a route answers with."""

    JSON = "json"
    FILE = "file"
    SOCKET = "socket"
    PAGE = "page"  # HTML; without a session the browser is sent to the sign-in page


class Done(BaseModel):
    """The answer of an operation that succeeded and has nothing more to say; its handler returns None."""


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
    reply: object
    reply_kind: ReplyKind
    scraped: bool = False  # also open to a monitoring system with its token (core.host.metrics_token)


class Register(Generic[ContextType]):
    """A decorator that adds handlers of one type of context to a table, and returns them unchanged."""

    def __init__(self, add: Callable[[Handler], None]):
        self._add = add

    def __call__(self, handler: Callable[[ContextType], Awaitable[Reply]]) -> Callable[[ContextType], Awaitable[Reply]]:
        self._add(handler)  # type: ignore[arg-type]  # a Context of the declared query and body
        return handler


class RouteTable:
    """The routes of one API module, in the order of their definition."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    @overload
    def add(
        self, method: str, path: str, permission: Permission, *,
        query: None = None, body: None = None, reply: object = None, kind: ReplyKind = ..., scraped: bool = ...,
    ) -> Register[Context[None, None]]: ...  # fmt: skip

    @overload
    def add(
        self, method: str, path: str, permission: Permission, *,
        query: type[QueryModel], body: None = None, reply: object = None, kind: ReplyKind = ..., scraped: bool = ...,
    ) -> Register[Context[QueryModel, None]]: ...  # fmt: skip

    @overload
    def add(
        self, method: str, path: str, permission: Permission, *,
        query: None = None, body: type[BodyModel], reply: object = None, kind: ReplyKind = ..., scraped: bool = ...,
    ) -> Register[Context[None, BodyModel]]: ...  # fmt: skip

    @overload
    def add(
        self, method: str, path: str, permission: Permission, *,
        query: type[QueryModel], body: type[BodyModel], reply: object = None, kind: ReplyKind = ...,
        scraped: bool = ...,
    ) -> Register[Context[QueryModel, BodyModel]]: ...  # fmt: skip

    def add(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        reply: object = None,
        kind: ReplyKind = ReplyKind.JSON,
        scraped: bool = False,
    ) -> Register[Any]:
        """Decorator that adds a handler. `reply` is the type of its result: JSON without one raises TypeError.

        With `scraped` a monitoring system's token opens the route as well; the handler then gets no identity.
        """

        if kind is ReplyKind.JSON and reply is None:
            raise TypeError(f"{method} {path}: state the type of the answer, or Done")

        def register(handler: Handler) -> None:
            summary = (handler.__doc__ or "").strip().splitlines()[0]
            self.routes.append(Route(method, path, permission, handler, summary, query, body, reply, kind, scraped))

        return Register(register)


# All routes of an application, for its OpenAPI document.
ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes", tuple)
