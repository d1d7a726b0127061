"""Alerts that a person raises on older footage wait for a confirmation."""

from __future__ import annotations

from cameras.tables import Camera
from cases.alerts import alerts
from cases.tables import AlertState
from cases.watch.manual_alerts import raise_manual_alert
from core.clock import ManualClock, to_microseconds
from core.database import Database
from tests.cases.subjects import active_subject


async def test_older_footage_sends_nobody_until_it_is_confirmed(database: Database, clock: ManualClock) -> None:
    subject = await active_subject(database, clock)
    at_us = to_microseconds(clock.now()) - 3_600_000_000
    async with database.session() as session:
        camera = Camera(id="c1", village="v")
        alert = await raise_manual_alert(session, clock.now(), "zhang", subject, camera, at_us, "", send=False)
        assert (alert.state, alert.at_us, alert.confirmed_by) == (AlertState.NEW, at_us, None)
        await alerts.confirm(session, clock.now(), "li", alert, yes=True)
        assert alert.state is AlertState.DISPATCHED
