"""Transactions end, whatever happens to the task that began them."""

from __future__ import annotations

import asyncio
from enum import StrEnum

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from core.database import Database, EnumText, OptionalEnumText


async def _count(database: Database) -> int:
    async with database.reading() as session:
        return int((await session.execute(text("SELECT count(*) FROM kept"))).scalar_one())


@pytest.fixture
async def kept(either_database: Database) -> Database:
    async with either_database.session() as session:
        await session.execute(text("CREATE TABLE kept (number INTEGER)"))
    return either_database


async def test_a_task_cancelled_anywhere_in_a_transaction_leaves_nothing_behind(kept: Database) -> None:
    """Cancel at every step of the event loop: the log stays clean, and all rows are written or none."""

    async def write() -> None:
        async with kept.session() as session:
            await session.execute(text("INSERT INTO kept VALUES (1)"))
            await session.execute(text("INSERT INTO kept VALUES (2)"))

    finished = 0
    for turns in range(60):
        task = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.wait({task})
        finished += not task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a transaction is still being ended"
        assert await _count(kept) % 2 == 0
    assert kept.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert 0 < finished < 60 and await _count(kept) >= 2 * finished


async def test_a_task_cancelled_while_it_reads_what_it_wrote_holds_no_lock(kept: Database) -> None:
    """Somebody holds the traceback of the cancelled task: the closed connection must not keep SQLite's write lock."""

    async def write() -> None:
        async with kept.session() as session:
            await session.execute(text("INSERT INTO kept VALUES (1)"))
            (await session.execute(text("SELECT * FROM kept"))).all()
            (await session.execute(text("SELECT * FROM kept"))).all()

    held: list[BaseException | None] = []
    for turn in range(150):
        tasks = [asyncio.create_task(write()) for _ in range(3)]
        await asyncio.sleep(0.0001 * (turn % 50))
        for task in tasks:
            task.cancel()
        held += await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(write(), 5)
    assert any(isinstance(e, asyncio.CancelledError) for e in held)


async def test_an_error_takes_back_what_was_written(kept: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with kept.session() as session:
            await session.execute(text("INSERT INTO kept VALUES (1)"))
            raise ZeroDivisionError
    assert await _count(kept) == 0


class Colour(StrEnum):
    RED = "red"


def test_an_enumeration_writes_only_its_values_and_reads_any_text() -> None:
    column, dialect = EnumText(Colour, 20), sqlite.dialect()
    assert column.process_bind_param(Colour.RED, dialect) == column.process_bind_param("red", dialect)
    with pytest.raises(ValueError, match="no colour"):
        column.process_bind_param("no colour", dialect)
    assert column.process_result_value("red", dialect) is Colour.RED
    assert column.process_result_value("of another release", dialect) == "of another release"
    assert column.process_bind_param(None, dialect) is column.process_result_value(None, dialect) is None


def test_an_optional_enumeration_stores_none_as_the_empty_text() -> None:
    column, dialect = OptionalEnumText(Colour, 20), sqlite.dialect()
    assert (column.process_bind_param(None, dialect), column.process_result_value("", dialect)) == ("", None)
    assert column.process_bind_param(Colour.RED, dialect) == "red"
    assert column.process_result_value("red", dialect) is Colour.RED
    with pytest.raises(ValueError, match="no colour"):
        column.process_bind_param("no colour", dialect)
