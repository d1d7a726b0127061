"""Figures of alerts: times from the picture, and what was true, false or never judged."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from cases.alerts import figures
from cases.alerts.figures import Delay, Judged
from cases.tables import Alert, AlertState
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.notify.tables import Contact, Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from tests.cases.subjects import active_subject

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def add(
    database: Database, clock: ManualClock, number: int, *, sent_s: int | None, acked_s: int | None, state: str
) -> None:
    now = clock.now()
    async with database.session() as session:
        session.add(
            Alert(
                id=number, subject=1, sighting=1, camera="c1", village="v", at_us=to_microseconds(now), thumbnail="",
                state=AlertState(state), raised_at=now + timedelta(seconds=1),
                acked_by=None if acked_s is None else "wang",
                acked_at=None if acked_s is None else now + timedelta(seconds=acked_s),
            )
        )  # fmt: skip
        if sent_s is None:
            return
        contact = Contact(account="wang", channel=ChannelKind.SMS, address="1", since=now, changed_by="wang")
        session.add(contact)
        await session.flush()
        for at in (sent_s, sent_s + 100):
            session.add(
                Delivery(
                    key=f"{number}/{at}", subject=f"alert:{number}", kind=MessageKind.ALERT, severity=1, content={},
                    account="wang", channel=ChannelKind.SMS, contact=contact.id, state=DeliveryState.SENT,
                    created_at=now, due_at=now, sent_at=now + timedelta(seconds=at),
                )
            )  # fmt: skip


async def test_times_count_from_the_picture(database: Database, clock: ManualClock) -> None:
    await active_subject(database, clock)
    start = clock.now()
    await add(database, clock, 1, sent_s=4, acked_s=30, state="acked")
    await add(database, clock, 2, sent_s=8, acked_s=90, state="acked")
    await add(database, clock, 3, sent_s=None, acked_s=None, state="rejected")
    async with database.reading() as session:
        found = await figures.of_period(session, start, start + timedelta(days=1), ["v"], SHANGHAI)
        assert (found.alerts, found.complete) == (3, True)
        assert (found.to_phone, found.to_acknowledgement) == (Delay(2, 6.0, 8.0), Delay(2, 60.0, 90.0))
        assert found.to_arrival == Delay(0, None, None)
        assert found.by_camera == [Judged("c1", 0, 1, 2)] and found.by_subject == [Judged("红衣", 0, 1, 2)]
        hour = start.astimezone(SHANGHAI).hour
        assert found.by_hour[hour] == Judged(f"{hour:02}", 0, 1, 2) and len(found.by_hour) == 24
        assert (await figures.of_period(session, start, start + timedelta(days=1), ["w"], SHANGHAI)).alerts == 0
        assert (await figures.of_period(session, start, start, None, SHANGHAI)).alerts == 0
