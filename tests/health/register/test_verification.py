"""The daily comparison of signed registers with the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import JsonValue
from sqlalchemy import event, select, text

from core.clock import ManualClock
from core.database import Database
from core.events import Event
from health.kpi import figures
from health.register import register, signatures, verification
from health.register.verification import NEWEST_DAYS, SLICE_DAYS, RegisterCheck, due_days
from health.tables import DailyRegister, Fault


async def _signed(database: Database, clock: ManualClock, days: int) -> list[str]:
    """Sign registers of the given number of days before today; return the days, newest first."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    async with database.session() as session:
        for start in (today - timedelta(days=n) for n in range(1, days + 1)):
            told = await figures.day(session, None, start, clock.now())
            await register.sign(session, start, told, clock.now(), "wang", remark="", reason="no power")
        return list(await session.scalars(select(DailyRegister.day).order_by(DailyRegister.day.desc())))


async def _faults(database: Database) -> list[tuple[str, str | None, JsonValue]]:
    async with database.reading() as session:
        return [(f.state, f.village, f.figures["day"]) for f in await session.scalars(select(Fault).order_by(Fault.id))]


@pytest.mark.parametrize("kind", ["changed", "gone"])
async def test_a_register_that_does_not_fit_is_a_fault_until_it_does(
    either_database: Database, clock: ManualClock, kind: str
) -> None:
    database = either_database
    days = await _signed(database, clock, 45)
    check = RegisterCheck(database, clock)
    assert await check.run_once() is None and await _faults(database) == []
    bad = days[30]
    async with database.session() as session:
        row = await session.get_one(DailyRegister, bad)
        whole = {c.name: getattr(row, c.name) for c in DailyRegister.__table__.columns}
        if kind == "gone":
            await session.delete(row)
        else:
            row.figures = {**row.figures, "cameras": 99}
    found = await check.run_once()
    assert found is not None and found.day == bad and bad in found.problem
    assert await _faults(database) == [("open", None, bad)]
    clock.advance(86400)
    assert await check.run_once() is not None and await _faults(database) == [("open", None, bad)]
    async with database.session() as session:
        if (there := await session.get(DailyRegister, bad)) is not None:
            await session.delete(there)
            await session.flush()
        session.add(DailyRegister(**whole))
    assert await check.run_once() is None and await _faults(database) == [("closed", None, bad)]
    async with database.reading() as session:
        kinds = await session.scalars(select(Event.kind).where(Event.kind.like("fault.%")).order_by(Event.id))
        assert list(kinds) == ["fault.opened", "fault.closed"]


@pytest.mark.parametrize("most", [366, 1])
async def test_each_day_that_does_not_fit_keeps_the_fault_open(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """One day is repaired while another, older one is not due for a check."""
    monkeypatch.setattr(verification, "NEWEST_DAYS", 2)
    monkeypatch.setattr(verification, "SLICE_DAYS", 2)
    monkeypatch.setattr(verification, "MAX_DAYS", most)
    days, check = await _signed(database, clock, 9), RegisterCheck(database, clock)

    async def change(day: str, cameras: int) -> None:
        async with database.session() as session:
            row = await session.get_one(DailyRegister, day)
            row.figures = {**row.figures, "cameras": row.figures["cameras"] + cameras}

    first, second = days[3], days[6]  # in two different slices
    await change(first, 5)
    await change(second, 5)
    found = set()
    for _ in range(5):
        misfit = await check.run_once()
        found.add(misfit.day if misfit else None)
        clock.advance(86400)
    assert found >= {second} and await _faults(database) == [("open", None, second)]
    await change(second, -5)
    for _ in range(5):
        assert (await check.run_once()) is not None and await _faults(database) == [("open", None, first)]
        clock.advance(86400)
    await change(first, -5)
    assert await check.run_once() is None and await _faults(database) == [("closed", None, first)]


async def test_a_changed_row_of_the_trail_is_found_too(database: Database, clock: ManualClock) -> None:
    days = await _signed(database, clock, 2)
    postgresql = database.engine.dialect.name == "postgresql"
    async with database.session() as session:
        await session.execute(text(f"DROP TRIGGER {'audit_append_only ON audit' if postgresql else 'audit_no_update'}"))
        await session.execute(text("UPDATE audit SET actor = 'li' WHERE object = :day"), {"day": days[0]})
        await session.execute(text("UPDATE daily_register SET signed_by = 'li' WHERE day = :day"), {"day": days[0]})
        row = await session.get_one(DailyRegister, days[0])
        row.digest = signatures.digest_of(row)
        await session.execute(
            text("UPDATE audit SET data = :data WHERE object = :day"),
            {"data": f'{{"digest": "{row.digest}"}}', "day": days[0]},
        )
    found = await RegisterCheck(database, clock).run_once()
    assert found is not None and found.day == days[0] and "audit trail" in found.problem


def test_every_signed_day_comes_up_and_no_run_grows_with_the_years() -> None:
    first = datetime(2020, 1, 1)
    signed = {f"{first + timedelta(days=n):%Y-%m-%d}" for n in range(6 * 365)}
    now, seen = first + timedelta(days=6 * 365), set[str]()
    for n in range(30):
        due = due_days(signed, now + timedelta(days=n))
        assert len(due) <= NEWEST_DAYS + SLICE_DAYS and max(signed) in due
        seen |= due
    assert seen == signed and due_days(set(), now) == set()


async def test_registers_are_read_page_by_page(database: Database, clock: ManualClock) -> None:
    await _signed(database, clock, 45)
    held: list[int] = []
    alive = 0

    def loaded(*_: object) -> None:
        nonlocal alive
        alive += 1

    def dropped(*_: object) -> None:
        nonlocal alive
        held.append(alive)
        alive -= 1

    async with database.reading() as session:
        event.listen(session.sync_session, "loaded_as_persistent", loaded)
        event.listen(session.sync_session, "persistent_to_detached", dropped)
        assert await signatures.first_mismatch(session) is None
    assert max(held) <= 2 * signatures.PAGE_DAYS and len(held) == 90
