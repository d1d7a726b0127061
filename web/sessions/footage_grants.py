"""Looks at footage and pictures: each leaves a row in the audit trail, one a playlist, strip, search or list.

The row is at the same time the grant under which the pictures and bytes of that list flow to that session for the purpose
that it states, for half an hour (lists, pictures) or for the session's life (footage); for another purpose they are asked for
anew. Grants of footage are read from the trail itself where a restarted controller does not know them: there are none without
a row.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from core.accounts.accounts import MAX_SESSION, Identity
from core.audit import audit_trail
from core.clock import Clock, to_microseconds
from core.database import Database
from core.ids import StreamId

LOOK_S = 1800.0  # within which looking at the same again is the same look
MAX_SESSIONS = 2000
MAX_LOOKS = 20_000  # of a session
MAX_RANGES = 500
FOOTAGE = ("playback.open", "strip.view")


@dataclass(slots=True)
class _Session:
    looks: OrderedDict[tuple[str, str], float] = field(
        default_factory=OrderedDict
    )  # (purpose, what) → until, monotonic
    ranges: OrderedDict[tuple[str, str, int, int], float] = field(
        default_factory=OrderedDict
    )  # purpose, camera, start, end


class FootageGrants:
    """What each session has been granted. Forgets the oldest: then a look leaves one row more."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def is_open(self, session: str, purpose: str, what: str) -> bool:
        return self._of(session).looks.get((purpose, what), 0.0) > self._clock.monotonic()

    def open(self, session: str, purpose: str, *what: str) -> None:
        looks = self._of(session).looks
        for name in what:
            looks[purpose, name] = self._clock.monotonic() + LOOK_S
            looks.move_to_end((purpose, name))
        while len(looks) > MAX_LOOKS:
            looks.popitem(last=False)

    def open_range(self, session: str, purpose: str, camera: str, start_us: int, end_us: int) -> None:
        ranges = self._of(session).ranges
        ranges[purpose, camera, start_us, end_us] = self._clock.monotonic() + MAX_SESSION.total_seconds()
        while len(ranges) > MAX_RANGES:
            ranges.popitem(last=False)

    def covers(self, session: str, purpose: str, camera: str, start_us: int, end_us: int) -> bool:
        """Whether the footage of this time was granted for this purpose: any part of it (a segment grows while it is recorded; rows name whole
        ones), not what only begins where a range ends. A single time: within the range."""
        now = self._clock.monotonic()
        return any(
            until > now
            and tuple(of) == (purpose, camera)
            and start < max(end_us, start_us + 1)
            and start_us < max(end, start + 1)
            for (*of, start, end), until in self._of(session).ranges.items()
        )

    def _of(self, session: str) -> _Session:
        found = self._sessions.setdefault(session, _Session())
        self._sessions.move_to_end(session)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return found


async def footage_is_granted(
    looks: FootageGrants, database: Database, now: datetime, who: Identity, camera: str, start_us: int, end_us: int
) -> bool:
    """Whether a playlist or strip of this session covers the time, with its row in the trail."""
    if looks.covers(who.session, who.purpose, camera, start_us, end_us):
        return True
    query = (
        select(audit_trail.AuditRow)
        .where(
            audit_trail.AuditRow.actor == who.name,
            audit_trail.AuditRow.action.in_(FOOTAGE),
            audit_trail.AuditRow.at > now - MAX_SESSION,
        )
        .order_by(audit_trail.AuditRow.id.desc())
        .limit(MAX_RANGES)
    )
    async with database.reading() as session:
        for row in await session.scalars(query):
            if row.data.get("by_session") == who.session and StreamId(row.object).camera == camera:
                start, end = (to_microseconds(datetime.fromisoformat(str(row.data[n]))) for n in ("start", "end"))
                looks.open_range(who.session, row.reason, camera, start, end)
    return looks.covers(who.session, who.purpose, camera, start_us, end_us)
