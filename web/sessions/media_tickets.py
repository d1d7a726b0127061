"""Single-use tickets for live sockets."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from core.accounts.sessions import Identity
from core.clock import Clock

TICKET_LIFETIME_S = 30.0
MAX_TICKETS = 10_000
MAX_TICKETS_PER_PERSON = 200


@dataclass(frozen=True, slots=True)
class MediaTicket:
    """Single-use ticket to open one media socket.

    Bound to one stream and to the person, session and purpose that it was issued for.
    """

    user_id: int
    session: str
    purpose: str
    stream: str  # <camera>/<kind>
    expires: float  # monotonic seconds
    transcode: bool = False
    alert: int = 0  # the alert that opens this camera to a patrol officer; 0: the account may watch by itself
    reason: str = ""  # for the audit row, where it is not the purpose


class MediaTickets:
    """Media tickets that are issued and not yet redeemed, in memory only. Each is valid for TICKET_LIFETIME_S.

    One person holds at most MAX_TICKETS_PER_PERSON, all persons together MAX_TICKETS; beyond that the oldest are
    dropped.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._open: dict[str, MediaTicket] = {}

    def issue(self, who: Identity, stream: str, transcode: bool = False, *, alert: int = 0, reason: str = "") -> str:
        """Return the key of a new ticket for `stream`."""
        now, user_id = self._clock.monotonic(), who.user_id
        self._open = {k: t for k, t in self._open.items() if t.expires > now}
        mine = [k for k, t in self._open.items() if t.user_id == user_id]
        for old in mine[: max(0, len(mine) + 1 - MAX_TICKETS_PER_PERSON)]:  # drops this person's oldest only
            del self._open[old]
        while len(self._open) >= MAX_TICKETS:
            self._open.pop(next(iter(self._open)))
        key = secrets.token_urlsafe(24)
        expires = now + TICKET_LIFETIME_S
        self._open[key] = MediaTicket(
            user_id, who.session, who.purpose, stream, expires, transcode, alert=alert, reason=reason
        )
        return key

    def redeem(self, key: str, who: Identity) -> MediaTicket | None:
        """Return the ticket and remove it; None if expired, unknown, or of another person, session or purpose."""
        ticket = self._open.pop(key, None)
        if ticket is None or ticket.expires < self._clock.monotonic():
            return None
        bound = ticket.user_id, ticket.session, ticket.purpose
        return ticket if bound == (who.user_id, who.session, who.purpose) else None
