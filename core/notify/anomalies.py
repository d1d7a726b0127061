"""Unusual changes of contacts, looked for every ten minutes (R-CONTACT-2).

The lesson behind it: 177 contacts of vehicle owners were changed by people who wanted to keep rivals' offers from them,
and it was found months later by a periodic look at the data. The rules work on what a change shows, not on the hour at
which somebody looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Role
from core.accounts.tables import User
from core.clock import Clock
from core.database import Database
from core.notify import contacts, outbox
from core.notify.outbox import Message
from core.notify.tables import Contact
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, MessageKind

WINDOW = timedelta(hours=24)
MAX_BY_ONE = 3  # changes of contacts by one account in the window
MAX_ALIKE = 3  # new numbers of the window that begin alike
PREFIX = 7  # figures: operator and exchange of a Chinese mobile number
OFFICE = (time(7), time(21))  # local times between which contacts are changed
PERSONS_CHANNELS = (ChannelKind.WECOM, ChannelKind.SMS, ChannelKind.EMAIL)


class AnomalyKind(StrEnum):
    MANY_BY_ONE = "many_by_one"  # more than MAX_BY_ONE changes by one account
    NUMBERS_ALIKE = "numbers_alike"  # more than MAX_ALIKE new numbers begin alike
    OFF_HOURS = "off_hours"  # another person's contact was changed at night


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Changes that look wrong together. `who`: the account that made them; empty: several."""

    kind: AnomalyKind
    who: str
    changes: tuple[int, ...]  # ids of contacts, oldest first

    @property
    def fact(self) -> str:
        """Names the anomaly once: it grows with every change, and is told again only by its first change too many."""
        return f"contact-anomaly:{self.kind}/{self.who}/{self.changes[-1]}"


def anomalies(changes: Sequence[Contact], zone: tzinfo) -> list[Anomaly]:
    """Return what is unusual about the changes of one window, oldest first. First contacts are no changes of any."""
    made = [c for c in changes if c.replaces is not None]
    found = [
        Anomaly(AnomalyKind.MANY_BY_ONE, who, ids[: MAX_BY_ONE + 1])
        for who, ids in _grouped(made, lambda c: c.changed_by)
        if len(ids) > MAX_BY_ONE
    ]
    numbers = [c for c in made if c.channel in (ChannelKind.SMS, ChannelKind.VOICE)]
    found += [
        Anomaly(AnomalyKind.NUMBERS_ALIKE, "", ids[: MAX_ALIKE + 1])
        for _, ids in _grouped(numbers, lambda c: c.address.removeprefix("+86")[:PREFIX])
        if len(ids) > MAX_ALIKE
    ]
    for c in made:
        local = c.since.astimezone(zone).time()
        if c.changed_by != c.account and not OFFICE[0] <= local < OFFICE[1]:
            found.append(Anomaly(AnomalyKind.OFF_HOURS, c.changed_by, (c.id,)))
    return found


def _grouped(rows: Iterable[Contact], key: Callable[[Contact], Hashable]) -> list[tuple[str, tuple[int, ...]]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        groups[str(key(row))].append(row.id)
    return [(name, tuple(ids)) for name, ids in groups.items()]


class ContactWatch:
    """Looks at the changes of the last day and tells every auditor of what is unusual, each thing once."""

    def __init__(self, database: Database, clock: Clock, zone: tzinfo):
        self._database, self._clock, self._zone = database, clock, zone

    async def run_once(self) -> list[Anomaly]:
        now = self._clock.now()
        async with self._database.session() as session:
            found = anomalies(
                await contacts.changed_between(session, now - WINDOW, now + timedelta(microseconds=1)), self._zone
            )
            for anomaly in found:
                await self._tell(session, now, anomaly)
        return found

    async def _tell(self, session: AsyncSession, now: datetime, anomaly: Anomaly) -> None:
        auditors = list(
            await session.scalars(select(User.name).where(User.role == Role.AUDITOR, User.disabled.is_(False)))
        )
        content = Content(number=f"K{anomaly.changes[-1]}", at=now, page="/admin/audit")
        message = Message(anomaly.fact, "contacts", MessageKind.CONTACT_ANOMALY, outbox.URGENT, content)
        for channel in PERSONS_CHANNELS:
            await outbox.send_to_accounts(session, now, message, auditors, channel)
