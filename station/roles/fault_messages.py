"""Faults by which evidence is being lost, told to other systems (webhook, MQTT): a lamp, a siren, a control room.

The fault's row is the fact. Every few seconds those that opened lately are read, and each is put into the outbox once.
A station that was killed in between tells it after its next start. A relapse is the same fault and is not told again.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from cameras.registry import lookup
from core.clock import Clock
from core.database import Database
from core.notify import outbox
from core.notify.outbox import Message
from core.notify.texts import Content
from core.notify.vocabulary import MessageKind
from health.faults.state_machine import OPEN_STATES
from health.tables import Fault

SEVERITY = 1  # evidence is being lost
TOLD_WITHIN = timedelta(hours=1)  # an older one is no news
AT_ONCE = 200  # the next run takes the others


class FaultMessages:
    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock
        self._told: set[str] = set()  # facts put already; only saves work, the outbox itself refuses a second one

    async def run_once(self) -> int:
        """Queue what opened lately and was not told; returns the number of messages."""
        now = self._clock.now()
        async with self._database.reading() as session:
            lately = Fault.opened_at >= now - TOLD_WITHIN
            query = select(Fault).where(Fault.state.in_(OPEN_STATES), Fault.severity <= SEVERITY, lately)
            found = {_fact(f): f for f in await session.scalars(query.order_by(Fault.opened_at))}
        self._told &= found.keys()
        new = {fact: fault for fact, fault in found.items() if fact not in self._told}
        if not new:
            return 0
        async with self._database.session() as session:
            names = {v.code: v.name for v in await lookup.villages(session)}
            chosen = list(new.items())[:AT_ONCE]
            messages = [_message(fact, fault, names.get(fault.village or "", "")) for fact, fault in chosen]
            queued = sum([await outbox.send_to_systems(session, now, m) for m in messages])
        self._told |= {m.fact for m in messages}
        return queued


def _fact(fault: Fault) -> str:
    return f"fault:{fault.id}/opened"


def _message(fact: str, fault: Fault, village: str) -> Message:
    assert fault.opened_at is not None
    content = Content(number=str(fault.id), village=village, at=fault.opened_at, page="/patrol")
    return Message(fact, f"fault:{fault.id}", MessageKind.FAULT, fault.severity, content)
