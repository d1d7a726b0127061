"""Messages about the station's own state: late orders, villages whose footage is kept too short, disks that fail; and
the weekly test of each patrol officer's channels.

Every quarter of an hour the facts are read again. A message's fact names what it says and for which day or week, so
that each is sent once, whatever happens to the process in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from core.accounts import enabled
from core.accounts.permissions import Role
from core.accounts.scope import covers
from core.accounts.tables import User
from core.clock import Clock, to_microseconds
from core.database import Database
from core.notify import outbox, trial
from core.notify.anomalies import PERSONS_CHANNELS
from core.notify.outbox import Message, QuietHours
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, MessageKind
from core.settings import Settings
from health.checks import disk_outlook, storage_forecast
from health.orders import RUNNING
from health.tables import WorkOrder
from nvr.tables import VolumeState

CHANNELS = (ChannelKind.WECOM, ChannelKind.EMAIL, ChannelKind.SMS)  # the first that a person has
ORDER_SEVERITY, RETENTION_SEVERITY, DISK_SEVERITY, SLOW_DISK_SEVERITY = 3, 2, 1, 2
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DISK_DAYS_LEFT = 1.0  # a disk that is full before then is told; the retention deletes what is expired only


class StateMessages:
    def __init__(self, database: Database, clock: Clock, settings: Settings):
        self._database, self._clock, self._retention = database, clock, settings.retention
        notify, zone = settings.notify, ZoneInfo(settings.station.timezone)
        self._quiet = QuietHours.from_text(notify.quiet_hours, notify.quiet_severity, zone)
        self._test_at = notify.weekly_test

    async def run_once(self) -> int:
        """Queue what is to be told now and was not; returns how many messages those are."""
        now = self._clock.now()
        async with self._database.session() as session:
            administrators = await enabled.with_role(session, Role.ADMINISTRATOR)
            names = {v.code: v.name for v in await lookup.villages(session)}
            queued = await self._late_orders(session, now, administrators, names)
            queued += await self._short_retention(session, now, administrators, names)
            queued += await self._disks(session, now, administrators)
            return queued + await self._weekly_test(session, now)

    async def _late_orders(
        self, session: AsyncSession, now: datetime, administrators: Sequence[User], names: Mapping[str, str]
    ) -> int:
        contractors = await enabled.with_role(session, Role.CONTRACTOR)
        queued = 0
        late = select(WorkOrder).where(WorkOrder.state.in_(RUNNING), WorkOrder.repair_by < now)
        for order in await session.scalars(late.order_by(WorkOrder.id)):
            where = None if order.village is None else [order.village]
            mine = [u for u in contractors if u.vendor == order.vendor and covers(u.villages, where)]
            # Of a reopened order the new lateness is a new fact.
            fact = f"order:{order.id}/late/{order.reopened}"
            content = Content(
                number=str(order.id), village=names.get(order.village or "", ""), at=order.repair_by, page="/orders"
            )
            message = Message(fact, f"order:{order.id}", MessageKind.ORDER_LATE, ORDER_SEVERITY, content)
            queued += await self._tell(session, now, message, [*mine, *administrators])
        return queued

    async def _short_retention(
        self, session: AsyncSession, now: datetime, administrators: Sequence[User], names: Mapping[str, str]
    ) -> int:
        queued, week = 0, f"{now.astimezone(self._quiet.zone):%G-W%V}"
        for f in await storage_forecast.forecast(session, self._retention, to_microseconds(now)):
            if f.short:
                content = Content(number=f.village, village=names.get(f.village, ""), at=now, page="/admin/station")
                message = Message(
                    f"retention:{f.village}/{week}", f"retention:{f.village}", MessageKind.RETENTION_SHORT,
                    RETENTION_SEVERITY, content,
                )  # fmt: skip
                queued += await self._tell(session, now, message, administrators)
        return queued

    async def _disks(self, session: AsyncSession, now: datetime, administrators: Sequence[User]) -> int:
        day, queued = now.astimezone(self._quiet.zone).date().isoformat(), 0
        disks = await disk_outlook.disk_outlooks(session, self._retention, to_microseconds(now))
        for number, disk in enumerate(disks, 1):
            if disk.state is VolumeState.OK and (disk.days_left is None or disk.days_left >= DISK_DAYS_LEFT):
                continue
            # The path stays in the station: its number among the disks is enough to find it behind the log-in.
            gentle = disk.state in (VolumeState.OK, VolumeState.SLOW)
            content = Content(number=f"D{number}", at=now, page="/admin/station")
            message = Message(
                f"disk:{number}/{disk.state}/{day}", f"disk:{number}", MessageKind.DISK,
                SLOW_DISK_SEVERITY if gentle else DISK_SEVERITY, content,
            )  # fmt: skip
            queued += await self._tell(session, now, message, administrators)
        return queued

    async def _weekly_test(self, session: AsyncSession, now: datetime) -> int:
        """Send each patrol officer a test over each of his channels, once a week, from its hour to midnight.

        Not as a call: every week that would annoy.
        """
        if not self._test_at:
            return 0
        weekday, hour = self._test_at.split()
        local = now.astimezone(self._quiet.zone)
        if local.weekday() != WEEKDAYS.index(weekday) or local.hour < int(hour):
            return 0
        number = f"T{local:%G%V}"
        officers = [u.name for u in await enabled.with_role(session, Role.PATROL_OFFICER)]
        message = trial.message(number, f"weekly-test/{number}", now)
        return sum([await outbox.send_to_accounts(session, now, message, officers, kind) for kind in PERSONS_CHANNELS])

    async def _tell(self, session: AsyncSession, now: datetime, message: Message, persons: Iterable[User]) -> int:
        due_at = self._quiet.due(now, message.severity)
        names = list({u.name: None for u in persons})
        return await outbox.send_to_first(session, now, message, names, CHANNELS, due_at)
