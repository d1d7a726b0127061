"""Whom an alert is sent to outside the console, over which channel, and when the next channel takes over.

WeCom at once; a short message to whoever did not acknowledge within a minute, a call after three. Whoever has no WeCom
gets the first channel that he has at once: nothing else would tell him meanwhile. The rows of all
channels are written with the alert's dispatch, so that they survive whatever happens to the station afterwards; an
acknowledgement, a recall, an answer or the end of the alert cancels those that are not sent yet. When an officer
cannot come, the others are told at once, again over all channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Village
from cases.alerts import steps
from cases.tables import Alert, AlertStepKind
from core.accounts import enabled
from core.accounts.permissions import Role
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


async def dispatched(session: AsyncSession, now: datetime, alert: Alert) -> int:
    """Queue the messages of a dispatched alert; returns their number."""
    message = await _message(session, alert, "dispatched", MessageKind.ALERT)
    sent = await _call(session, now, message, await _patrol_officers(session, alert.village))
    return sent + await outbox.send_to_accounts(session, now, message, [outbox.SYSTEMS], ChannelKind.WEBHOOK)


async def declined(session: AsyncSession, now: datetime, alert: Alert) -> int:
    """Queue the messages anew to the officers who have not declined; returns their number."""
    await outbox.cancel(session, subject_of(alert))
    done = [s for s in await steps.of_alert(session, alert.id) if s.kind is AlertStepKind.DECLINED]
    message = await _message(session, alert, f"declined/{len(done)}", MessageKind.ALERT)
    left = [name for name in await _patrol_officers(session, alert.village) if name not in {s.by for s in done}]
    return await _call(session, now, message, left)


async def reached(session: AsyncSession, now: datetime, alert: Alert, village: str) -> int:
    """Queue the messages to officers of another village in which the subject was seen; returns their number."""
    message = await _message(session, alert, f"reached/{village}", MessageKind.ALERT)
    known = set(await _patrol_officers(session, alert.village))
    return await _call(session, now, message, [n for n in await _patrol_officers(session, village) if n not in known])


async def ended(session: AsyncSession, alert: Alert) -> None:
    """Cancel what is not sent yet: somebody acknowledged or answered, or the alert is closed."""
    await outbox.cancel(session, subject_of(alert))


async def _call(session: AsyncSession, now: datetime, message: Message, officers: Sequence[str]) -> int:
    """Queue a message to officers over all their channels, one after the other; returns the number of rows."""
    sent, told = 0, set[str]()
    for channel, after in ESCALATION.items():
        there = await outbox.contacts_of(session, officers, channel, now)
        for contact in there:
            due_at = now + after if contact.account in told else now
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


async def _patrol_officers(session: AsyncSession, village: str) -> list[str]:
    """Return the enabled accounts of patrol officers whose scope includes a village."""
    officers = await enabled.with_role(session, Role.PATROL_OFFICER)
    return [u.name for u in officers if u.villages is None or village in u.villages]
