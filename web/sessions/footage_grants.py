"""Grants to view footage and pictures. Each view leaves one audit row per playlist, strip, search or list.

The row is also the grant under which pictures and bytes of that list are sent to the session, for the purpose in the
row: for half an hour (lists, pictures), or for the life of the session (footage). Another purpose needs a new request.
After a restart of the controller, footage grants are read from the audit trail itself: there is no grant without a row.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from core.accounts.sessions import MAX_SESSION_AGE, Identity
from core.audit import pages
from core.audit.actions import AuditAction
from core.clock import Clock, to_microseconds
from core.database import Database
from core.ids import StreamId

VIEW_GRANT_S = 1800.0  # viewing the same again within this time counts as the same view
MAX_SESSIONS = 2000
MAX_VIEW_GRANTS = 20_000  # per session
MAX_RANGES = 500
# Audit actions whose rows grant footage.
FOOTAGE_ACTIONS = (AuditAction.PLAYBACK_OPEN, AuditAction.STRIP_VIEW)


@dataclass(slots=True)
class _Session:
    # (purpose, what) → monotonic seconds until which the grant is valid
    views: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)
    # (purpose, camera, start, end) → monotonic seconds until which the grant is valid
    ranges: OrderedDict[tuple[str, str, int, int], float] = field(default_factory=OrderedDict)


class FootageGrants:
    """The grants of each session, in memory. The oldest are forgotten; the next view then leaves another audit row."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def has_view_grant(self, session: str, purpose: str, what: str) -> bool:
        """Return whether the session has a valid grant to view `what` for this purpose."""
        return self._of(session).views.get((purpose, what), 0.0) > self._clock.monotonic()

    def grant_views(self, session: str, purpose: str, *what: str) -> None:
        """Grant the views `what` for VIEW_GRANT_S."""
        views = self._of(session).views
        for name in what:
            views[purpose, name] = self._clock.monotonic() + VIEW_GRANT_S
            views.move_to_end((purpose, name))
        while len(views) > MAX_VIEW_GRANTS:
            views.popitem(last=False)

    def grant_range(self, session: str, purpose: str, camera: str, start_us: int, end_us: int) -> None:
        """Grant the footage of a camera between two times (µs) for the life of a session."""
        ranges = self._of(session).ranges
        ranges[purpose, camera, start_us, end_us] = self._clock.monotonic() + MAX_SESSION_AGE.total_seconds()
        while len(ranges) > MAX_RANGES:
            ranges.popitem(last=False)

    def covers(self, session: str, purpose: str, camera: str, start_us: int, end_us: int) -> bool:
        """Return whether footage between two times was granted for this purpose.

        An overlap with a granted range is enough, because a segment grows while it is recorded and rows name whole
        segments. Footage that only begins where a range ends is not covered. A single time (start_us == end_us) must
        lie within a range.
        """
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
    grants: FootageGrants, database: Database, now: datetime, who: Identity, camera: str, start_us: int, end_us: int
) -> bool:
    """Return whether a playlist or strip of this session covers the time. Reads the audit trail if memory does not."""
    if grants.covers(who.session, who.purpose, camera, start_us, end_us):
        return True
    async with database.reading() as session:
        for row in await pages.newest_of(session, who.name, FOOTAGE_ACTIONS, now - MAX_SESSION_AGE, MAX_RANGES):
            if row.data.get("by_session") == who.session and StreamId(row.object).camera == camera:
                start, end = (to_microseconds(datetime.fromisoformat(str(row.data[n]))) for n in ("start", "end"))
                grants.grant_range(who.session, row.reason, camera, start, end)
    return grants.covers(who.session, who.purpose, camera, start_us, end_us)
