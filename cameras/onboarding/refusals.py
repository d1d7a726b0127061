"""The book of refused credentials: a credential that a camera refused is not sent to it again until a person acts."""

from __future__ import annotations

from cameras.onboarding.clients import ClientPool
from cameras.registry import findings
from cameras.states import FindingKind
from cameras.tables import Camera
from core import events
from core.clock import Clock
from core.database import Database


class RefusalBook:
    """Records refusals in the cameras' rows, as events and as findings."""

    def __init__(self, database: Database, clock: Clock, clients: ClientPool):
        self._database = database
        self._clock = clock
        self._clients = clients

    async def record(self, number: str) -> None:
        """Record that a camera refused its credential; only the first refusal since a person acted is announced."""
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            if row.refused_at is None:
                row.refused_at = now
                events.append(session, now, events.EventKind.CAMERA_REFUSED, village=row.village, camera=row.id)
                await findings.open_or_update(
                    session,
                    now,
                    FindingKind.CREDENTIAL_REFUSED,
                    findings.FindingSubject.of(row),
                    credential=row.credential,
                )
        # The shared client refuses further calls without sending anything; callers get one without a credential.
        self._clients.discard(number)
