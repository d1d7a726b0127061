"""Alerts: how they arise, their states, and who may dispatch them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from cameras.tables import Camera
from cases.alerts import alerts, patrol
from cases.tables import Alert
from cases.watch.manual_alerts import raise_manual_alert
from core.audit import audit_trail
from core.audit.verification import Verifier
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from search.store import SightingStore
from tests.cases.subjects import active_subject, all_alerts, matcher_of, write_sighting


async def test_a_matching_sighting_becomes_one_alert(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    await write_sighting(database, clock, days, upper="blue")
    await write_sighting(database, clock, days, village="elsewhere")
    await write_sighting(database, clock, days)  # same person, same camera: no second alert for ten minutes
    assert await matcher.run_once() == 1
    assert await matcher.run_once() == 0
    clock.advance(7201)  # until two hours later a sighting joins the alert's trail
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1
    assert [a.state for a in await all_alerts(database)] == ["new", "new"]


async def test_a_manual_alert_is_dispatched_at_once(database: Database, clock: ManualClock) -> None:
    subject, camera = await active_subject(database, clock), Camera(id="c1", name="c", village="v")
    async with database.session() as session:
        alert = await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "alerts/x.jpg")
        assert (alert.state, alert.confirmed_by, alert.thumbnail) == ("dispatched", "zhang", "alerts/x.jpg")
        with pytest.raises(ConflictError, match="village"):
            await raise_manual_alert(session, clock.now(), "zhang", subject, Camera(id="c2", village="w"), 1, "x")
        with pytest.raises(NotFoundError):
            await raise_manual_alert(session, clock.now(), "zhang", 99, camera, 1, "x")
    clock.advance(8 * 86400)
    async with database.session() as session:
        with pytest.raises(ConflictError, match="not on the watch list"):
            await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "x")


async def test_states_of_an_alert_and_their_audit_rows(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    now = clock.now()
    async with database.session() as session:
        alert = await alerts.get(session, 1, None)
        with pytest.raises(ConflictError):
            await patrol.acknowledge(session, now, "wang", alert)  # nobody has confirmed it yet
        await alerts.confirm(session, now, "zhang", alert, yes=True)
        await patrol.acknowledge(session, now, "wang", alert)
        with pytest.raises(ConflictError, match="wang"):
            await patrol.acknowledge(session, now, "li", alert)
        with pytest.raises(ConflictError):
            await patrol.answer(session, now, "li", alert, "caught")
        with pytest.raises(UsageError):
            await patrol.answer(session, now, "wang", alert, "vanished")
        await patrol.answer(session, now, "wang", alert, "caught", "交所里")
    async with database.reading() as session:
        actions = [
            r.action
            for r in await session.scalars(select(audit_trail.AuditRow).order_by(audit_trail.AuditRow.id))
            if r.action.startswith("alert.")
        ]
        assert actions == ["alert.raise", "alert.dispatch", "alert.ack", "alert.answer"]
    assert (await Verifier(database, Path("none")).verify_all_rows()).broken_at is None


async def test_direct_dispatch_needs_the_approvers_consent(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock, auto=True)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    (alert,) = await all_alerts(database)
    assert (alert.state, alert.confirmed_by) == ("dispatched", "auto")


async def test_an_alert_outside_the_scope_is_not_found(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    async with database.reading() as session:
        with pytest.raises(NotFoundError):
            await alerts.get(session, 1, ["other"])
        assert await alerts.recent(session, ["other"]) == []
        assert len(await alerts.recent(session, ["v"])) == 1


async def test_a_backlog_without_a_match_is_examined_completely(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cases.watch.matcher.BATCH", 5)
    await active_subject(database, clock)
    for _ in range(12):
        await write_sighting(database, clock, days, upper="blue")
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 1
    assert not await asyncio.to_thread(days.pending, 100)


async def test_an_alert_without_a_stored_picture_says_so(
    database: Database,
    clock: ManualClock,
    days: SightingStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("search.store.thumbnails.read", full)
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    assert await matcher_of(database, clock, days).run_once() == 1
    async with database.reading() as session:
        assert list(await session.scalars(select(Alert.thumbnail))) == [""]
    assert "without its picture" in caplog.text
