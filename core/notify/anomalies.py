"""Unusual changes of contacts, looked for every ten minutes (R-CONTACT-2).

The lesson behind it: 177 contacts of vehicle owners were changed by people who wanted to keep rivals' offers from them,
and it was found months later by a periodic look at the data. The rules work on what a change shows, not on the hour at
which somebody looks.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import enabled
from core.accounts.permissions import Role
from core.clock import Clock
from core.database import Database
from core.notify import contacts, outbox
from core.notify.outbox import Message
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind

WINDOW = timedelta(hours=24)
MAX_BY_ONE = 3  # changes of contacts by one account in the window
MAX_ALIKE = 3  # new numbers of the window that begin alike
PREFIX = 7  # figures: operator and exchange of a Chinese mobile number
OFFICE = (time(7), time(21))  # local times between which contacts are changed
NEXT_CHANNEL = timedelta(seconds=60)  # a message due so long after the first goes out only if nobody took the alert
PERSONS_CHANNELS = (ChannelKind.WECOM, ChannelKind.SMS, ChannelKind.EMAIL)


class AnomalyKind(StrEnum):
    MANY_BY_ONE = "many_by_one"  # more than MAX_BY_ONE changes by one account
    NUMBERS_ALIKE = "numbers_alike"  # more than MAX_ALIKE new numbers begin alike
    OFF_HOURS = "off_hours"  # another person's contact was changed at night
    MISSED_ALERT = "missed_alert"  # after a change, the person did not get an alert, or nobody took it in time


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Changes that look wrong together. `by`: who made them, whose they are (missed alert), or how numbers begin."""

    kind: AnomalyKind
    by: str
    day: date  # local, of the first change too many
    changes: tuple[int, ...]  # ids of contacts, oldest first

    @property
    def fact(self) -> str:
        """Names the anomaly: one a day of a kind by the same, however many changes there are.

        A digest: gateways get it as the message's key, and may not learn account or number (R-NOTE-1).
        """
        named = f"{self.kind}/{self.by}/{self.day.isoformat()}"
        return f"contact-anomaly:{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def anomalies(changes: Sequence[Contact], zone: tzinfo, missed: Container[int] = ()) -> list[Anomaly]:
    """Return what is unusual about the changes of one window, oldest first. First contacts are no changes of any.

    `missed`: changes after which an alert did not reach the person (`changes_before_missed_alerts`).
    """
    made = [c for c in changes if c.replaces is not None]
    found = _too_many(AnomalyKind.MANY_BY_ONE, made, MAX_BY_ONE, lambda c: c.changed_by, zone)
    numbers = [c for c in made if c.channel in (ChannelKind.SMS, ChannelKind.VOICE)]
    found += _too_many(
        AnomalyKind.NUMBERS_ALIKE, numbers, MAX_ALIKE, lambda c: c.address.removeprefix("+86")[:PREFIX], zone
    )
    for c in made:
        local = c.since.astimezone(zone)
        if c.changed_by != c.account and not OFFICE[0] <= local.time() < OFFICE[1]:
            found.append(Anomaly(AnomalyKind.OFF_HOURS, c.changed_by, local.date(), (c.id,)))
        if c.id in missed:
            found.append(Anomaly(AnomalyKind.MISSED_ALERT, c.account, local.date(), (c.id,)))
    return found


async def changes_before_missed_alerts(session: AsyncSession, changes: Sequence[Contact]) -> set[int]:
    """Return the changes after which their person missed an alert.

    Missed: its message to the new address failed, or the one of a later channel went out to him, which an
    acknowledgement would have cancelled. Of whoever has one channel only the first is known.
    """
    if not changes:
        return set()
    query = select(Delivery).where(
        Delivery.kind == MessageKind.ALERT, Delivery.account.in_({c.account for c in changes}),
        Delivery.created_at >= min(c.since for c in changes),
    )  # fmt: skip
    sent = list(await session.scalars(query))
    first: dict[tuple[str, str], datetime] = {}
    for d in sent:
        first[d.account, _call(d)] = min(d.due_at, first.get((d.account, _call(d)), d.due_at))
    return {c.id for c in changes for d in sent if _missed(c, d, first[d.account, _call(d)])}


def _call(delivery: Delivery) -> str:
    """Return what the messages of one call have in common over all channels: the fact in the key (`outbox.put`)."""
    return delivery.key.rsplit("/", 2)[0]


def _missed(change: Contact, delivery: Delivery, first_due: datetime) -> bool:
    if delivery.account != change.account or delivery.created_at < change.since:
        return False
    failed = delivery.contact == change.id and delivery.state is DeliveryState.FAILED
    # A repeated attempt is due later, too, but nobody waited for an acknowledgement then.
    return failed or (delivery.attempts == 1 and delivery.due_at >= first_due + NEXT_CHANNEL)


def _too_many(
    kind: AnomalyKind, changes: Iterable[Contact], most: int, key: Callable[[Contact], str], zone: tzinfo
) -> list[Anomaly]:
    """Return the groups of changes with the same key that are larger than `most`."""
    groups: dict[str, list[Contact]] = defaultdict(list)
    for change in changes:
        groups[key(change)].append(change)
    return [
        Anomaly(kind, by, group[most].since.astimezone(zone).date(), tuple(c.id for c in group[: most + 1]))
        for by, group in groups.items()
        if len(group) > most
    ]


class ContactWatch:
    """Looks at the changes of the last day and tells every auditor of what is unusual, each thing once."""

    def __init__(self, database: Database, clock: Clock, zone: tzinfo):
        self._database, self._clock, self._zone = database, clock, zone

    async def run_once(self) -> list[Anomaly]:
        now = self._clock.now()
        async with self._database.session() as session:
            # Also changes from ahead of now: the clock may have been set back since.
            changes = await contacts.changed_between(session, now - WINDOW, now + WINDOW)
            found = anomalies(changes, self._zone, await changes_before_missed_alerts(session, changes))
            for anomaly in found:
                await self._tell(session, now, anomaly)
        return found

    async def _tell(self, session: AsyncSession, now: datetime, anomaly: Anomaly) -> None:
        auditors = [u.name for u in await enabled.with_role(session, Role.AUDITOR)]
        content = Content(number=f"K{anomaly.changes[-1]}", at=now, page="/admin/audit")
        message = Message(anomaly.fact, "contacts", MessageKind.CONTACT_ANOMALY, outbox.URGENT, content)
        for channel in PERSONS_CHANNELS:
            await outbox.send_to_accounts(session, now, message, auditors, channel)
