"""What a handler gets: one checked request with its services, its identity, and its validated query and body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic

from aiohttp import web
from pydantic import BaseModel
from typing_extensions import TypeVar  # TypeVar defaults (PEP 696) are in `typing` from Python 3.13

from core.accounts.sessions import Identity
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, NotFoundError, PurposeRequired
from core.json_types import JsonInput
from core.numbers import parse_whole_number
from web.http.cookies import cookie_of, session_cookie
from web.services import Services

Q = TypeVar("Q", bound=BaseModel | None, covariant=True, default=None)
B = TypeVar("B", bound=BaseModel | None, covariant=True, default=None)


@dataclass(frozen=True, slots=True)
class Context(Generic[Q, B]):
    """One checked request. Q: the model of its query, B: of its body; None where the route takes none.

    `Context` alone stands for a route without query and body, `Context[MyQuery]` for one without a body.
    """

    request: web.Request
    services: Services
    identity_or_none: Identity | None
    query: Q
    body: B

    @property
    def identity(self) -> Identity:
        """Return who is signed in. Raises ForbiddenError for an anonymous request."""
        if self.identity_or_none is None:
            raise ForbiddenError("sign in first", ErrorCode.SIGN_IN_FIRST)
        return self.identity_or_none

    def path(self, name: str) -> str:
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        """Return a path variable as an integer. Raises NotFoundError if it is not a number."""
        number = parse_whole_number(self.request.match_info[name])
        if number is None:
            raise NotFoundError("not found", ErrorCode.NOT_FOUND)
        return number

    @property
    def session_key(self) -> str:
        """A key that identifies the session: SHA-256 of its token, not the token itself."""
        return session_key(self.request, self.services)

    @property
    def purpose(self) -> str:
        """Return the purpose stated for this session. Raises PurposeRequired if there is none."""
        if not self.identity.purpose.strip():
            raise PurposeRequired("state a purpose or case number first")
        return self.identity.purpose

    async def audit_view(
        self,
        action: AuditAction,
        object: str,
        *,
        reason: str = "",
        opens: Iterable[str] = (),
        key: str | None = None,
        **data: JsonInput,
    ) -> None:
        """Write an audit row for viewing `object`, unless this session viewed the same within half an hour.

        Call it before the data leaves the station. `key` identifies what counts as the same view. `opens` lists further
        keys that may be viewed under this row. If `reason` differs from the session's purpose, the purpose is recorded
        beside it.
        """
        name, grants, who = key or f"{action} {object}", self.services.footage_grants, self.identity
        if not grants.has_view_grant(who.session, who.purpose, name):
            now, why = self.services.clock.now(), reason or who.purpose
            if who.purpose and why != who.purpose:
                data["purpose"] = who.purpose
            async with self.services.database.session() as session:
                await audit_trail.record(
                    session, now, who.name, action, object, reason=why, by_session=who.session, **data
                )
        grants.grant_views(who.session, who.purpose, name, *opens)


# The request of whatever route, for functions that read neither query nor body.
AnyContext = Context[BaseModel | None, BaseModel | None]


def session_key(request: web.Request, services: Services) -> str:
    """Return SHA-256 of the request's session token, in hexadecimal; of an empty text if it carries none."""
    token = cookie_of(request, session_cookie(services.settings.web))
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
