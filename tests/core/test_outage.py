"""A PostgreSQL server that stops and returns causes one log line each, however many queries fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from core.database import Database
from core.errors import DatabaseUnreachable
from tests import postgres
from tests.postgres import AUDIT_KEY


@pytest.fixture
def own_server() -> Iterator[str]:
    """The address of a server that may be stopped."""
    with postgres.server() as address:
        yield address


async def test_an_outage_is_one_line_and_its_end_another(own_server: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(own_server.format(postgres.MIGRATED), AUDIT_KEY)

    async def ask(statement: str = "SELECT 1") -> None:
        async with database.session() as session:
            await session.execute(text(statement))

    caplog.set_level(logging.WARNING, "core.database")
    await ask()
    await asyncio.to_thread(postgres.control, own_server, "stop")
    for _ in range(5):
        with pytest.raises(DatabaseUnreachable, match="does not answer"):
            await ask()
    await asyncio.to_thread(postgres.control, own_server, "start")
    await ask()
    with pytest.raises(ProgrammingError):  # an error in a statement is not an outage
        await ask("SELECT nothing FROM nowhere")
    lines = [r.getMessage() for r in caplog.records if r.name == "core.database"]
    assert len(lines) == 2, lines
    assert lines[0].startswith("the database does not answer: PostgreSQL database 'migrated' on ")
    assert lines[0].endswith("recording continues")
    assert lines[1].startswith("the database is back after ")
    await database.close()
