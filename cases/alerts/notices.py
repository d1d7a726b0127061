"""The messages of an alert outside the console: over which channel, and when the next channel takes over.

`cases.alerts.calls` says who is called and when. From then on: WeCom at once, a short message to whoever did not
acknowledge within a minute, a call after three. Whoever has no WeCom gets the first channel that he has at once:
nothing else would tell him meanwhile. The rows of all channels are written with the alert's dispatch, so that they
survive whatever happens to the station afterwards; an acknowledgement, a recall, an answer or the end of the alert
cancels those that are not sent yet. When an officer cannot come, the others are called anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Village
from cases.alerts import calls, steps
from cases.alerts.calls import Call
from cases.tables import Alert, AlertStepKind
from core.clock import from_microseconds
from core.notify import outbox
from core.notify.outbox import Message
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, MessageKind

ESCALATION = {
    ChannelKind.WECOM: timedelta(),
    ChannelKind.SMS: timedelta(seconds=60),
    ChannelKind.VOICE: timedelta(seconds=180),
}


def subject_of(alert: Alert) -> str:
    return f"alert:{alert.id}"


async def dispatched(session: AsyncSession, now: datetime, alert: Alert, unit: int | None = None) -> int:
    """Write whom a dispatched alert calls, and queue their messages; returns the number of messages.

    `unit`: the unit to call first; None: the nearest free one. Raises ConflictError if nobody of it is on duty.
    """
    message = await _message(session, alert, "dispatched", MessageKind.ALERT)
    sent = await _call_all(session, now, alert, message, await calls.plan(session, now, alert, unit))
    return sent + await outbox.send_to_systems(session, now, message)


async def declined(session: AsyncSession, now: datetime, alert: Alert) -> int:
    """Call the others anew, without the officers who have declined and their units; returns the number of messages."""
    await outbox.cancel(session, subject_of(alert))
    done = [s for s in await steps.of_alert(session, alert.id) if s.kind is AlertStepKind.DECLINED]
    message = await _message(session, alert, f"declined/{len(done)}", MessageKind.ALERT)
    order = await calls.plan(session, now, alert, without={s.by for s in done})
    return await _call_all(session, now, alert, message, order)


async def _call_all(session: AsyncSession, now: datetime, alert: Alert, message: Message, order: Sequence[Call]) -> int:
    await calls.write(session, now, alert, order)
    return sum([await _call(session, now, now + c.after, message, c.accounts) for c in order])


async def reached(session: AsyncSession, now: datetime, alert: Alert, village: str) -> int:
    """Queue the messages to officers of another village in which the subject was seen; returns their number."""
    message = await _message(session, alert, f"reached/{village}", MessageKind.ALERT)
    known = set(await calls.officers_of(session, alert.village))
    others = [name for name in await calls.officers_of(session, village) if name not in known]
    return await _call(session, now, now, message, others)


async def ended(session: AsyncSession, alert: Alert) -> None:
    """Cancel what is not sent yet: somebody acknowledged or answered, or the alert is closed."""
    await outbox.cancel(session, subject_of(alert))


async def _call(session: AsyncSession, now: datetime, at: datetime, message: Message, officers: Sequence[str]) -> int:
    """Queue a message to officers over all channels, the first and Web Push at `at`; returns the number of rows."""
    sent, told = await outbox.send_to_accounts(session, now, message, officers, ChannelKind.WEBPUSH, at), set[str]()
    for channel, after in ESCALATION.items():
        there = await outbox.contacts_of(session, officers, channel, now)
        for contact in there:
            due_at = at + after if contact.account in told else at
            sent += await outbox.put(session, now, message, contact, due_at)
        told |= {c.account for c in there}
    return sent


async def recalled(session: AsyncSession, now: datetime, alert: Alert) -> None:
    """Cancel what is not sent yet, and tell those who may have got the alert."""
    await outbox.cancel(session, subject_of(alert))
    message = await _message(session, alert, "recalled", MessageKind.ALERT_RECALLED)
    for contact in await outbox.receivers(session, subject_of(alert)):
        await outbox.put(session, now, message, contact)


async def _message(session: AsyncSession, alert: Alert, what: str, kind: MessageKind) -> Message:
    village = await session.get(Village, alert.village)
    content = Content(
        number=str(alert.id), village=village.name if village is not None else alert.village,
        at=from_microseconds(alert.at_us), page=f"/m/alerts/{alert.id}",
    )  # fmt: skip
    return Message(f"{subject_of(alert)}/{what}", subject_of(alert), kind, outbox.URGENT, content)
