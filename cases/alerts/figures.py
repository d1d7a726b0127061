"""Figures of alerts of a period: how fast they reach people, and how often they are right.

All times count from the picture: to the first message that a channel took or delivered, to the acknowledgement, to the
arrival. What was right says `cases.alerts.true_alarms`; what nobody has judged counts neither as true nor as false.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices
from cases.alerts.alerts import in_scope
from cases.alerts.true_alarms import is_true_alarm
from cases.tables import Alert, WatchSubject
from core.accounts.scope import Villages
from core.clock import from_microseconds
from core.notify.outbox import SYSTEMS
from core.notify.tables import Delivery
from core.notify.vocabulary import MessageKind

MAX_ALERTS = 5_000  # the newest ones count
CHUNK = 500  # subjects in one query
P90 = 0.9


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the picture. `count`: alerts that came so far; both None without any."""

    count: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """How many alerts of a subject, camera or hour were true, false, and not judged."""

    key: str
    true: int
    false: int
    unknown: int


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """`complete`: all alerts of the period are counted. `by_hour`: 24 entries, hours of the station's zone."""

    alerts: int
    complete: bool
    to_phone: Delay
    to_acknowledgement: Delay
    to_arrival: Delay
    by_subject: list[Judged]
    by_camera: list[Judged]
    by_hour: list[Judged]


async def of_period(
    session: AsyncSession, start: datetime, end: datetime, villages: Villages, zone: tzinfo
) -> AlertFigures:
    """Return the figures of the alerts that were raised in [start, end) and concern an account's villages."""
    query = select(Alert, WatchSubject.title, is_true_alarm()).join(WatchSubject, WatchSubject.id == Alert.subject)
    query = query.where(Alert.raised_at >= start, Alert.raised_at < end, in_scope(villages))
    found = (await session.execute(query.order_by(Alert.id.desc()).limit(MAX_ALERTS + 1))).all()
    rows = [a for a, _, _ in found[:MAX_ALERTS]]
    judged = [(a, title, verdict) for a, title, verdict in found[:MAX_ALERTS]]
    told = await _first_messages(session, rows)
    return AlertFigures(
        alerts=len(rows), complete=len(found) <= MAX_ALERTS, to_phone=_delay((a, told.get(a.id)) for a in rows),
        to_acknowledgement=_delay((a, a.acked_at) for a in rows), to_arrival=_delay((a, a.arrived_at) for a in rows),
        by_subject=_judged((title, verdict) for _, title, verdict in judged),
        by_camera=_judged((a.camera, verdict) for a, _, verdict in judged),
        by_hour=_hours(((a, verdict) for a, _, verdict in judged), zone),
    )  # fmt: skip


async def _first_messages(session: AsyncSession, alerts: Sequence[Alert]) -> dict[int, datetime]:
    """Return when the first message of alerts to a person arrived, or was taken by its channel, by alert."""
    numbers = {notices.subject_of(a): a.id for a in alerts}
    subjects, found = list(numbers), dict[int, datetime]()
    at = func.coalesce(Delivery.delivered_at, Delivery.sent_at)
    for first in range(0, len(subjects), CHUNK):
        query = select(Delivery.subject, Delivery.delivered_at, Delivery.sent_at).where(
            Delivery.subject.in_(subjects[first : first + CHUNK]), Delivery.kind == MessageKind.ALERT,
            Delivery.account != SYSTEMS, at.is_not(None),
        )  # fmt: skip
        for subject, delivered, sent in await session.execute(query):
            number = numbers[subject]
            if (arrived := delivered or sent) is not None:
                found[number] = min(found.get(number, arrived), arrived)
    return found


def _delay(reached: Iterable[tuple[Alert, datetime | None]]) -> Delay:
    seconds = sorted((at - from_microseconds(a.at_us)).total_seconds() for a, at in reached if at is not None)
    if not seconds:
        return Delay(0, None, None)
    return Delay(len(seconds), statistics.median(seconds), seconds[min(len(seconds) - 1, int(P90 * len(seconds)))])


def _judged(verdicts: Iterable[tuple[str, bool | None]]) -> list[Judged]:
    """Return the counts by key, those with the most alerts first."""
    counts: dict[str, list[int]] = {}
    for key, verdict in verdicts:
        counts.setdefault(key, [0, 0, 0])[2 if verdict is None else 0 if verdict else 1] += 1
    found = [Judged(k, *n) for k, n in counts.items()]
    return sorted(found, key=lambda j: (-(j.true + j.false + j.unknown), j.key))


def _hours(verdicts: Iterable[tuple[Alert, bool | None]], zone: tzinfo) -> list[Judged]:
    by_hour = ((f"{from_microseconds(a.at_us).astimezone(zone).hour:02}", verdict) for a, verdict in verdicts)
    found = {j.key: j for j in _judged(by_hour)}
    return [found.get(f"{hour:02}", Judged(f"{hour:02}", 0, 0, 0)) for hour in range(24)]
