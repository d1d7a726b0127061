"""Secrets, logs, clock, events, migrations."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from aiohttp.http_exceptions import BadStatusLine
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

import station.schema
from core import events, logs
from core.clock import ManualClock, from_microseconds, parse_time, to_microseconds
from core.database import Database
from core.errors import SecretError
from core.events import EventKind
from core.secrets import Vault


def test_key_file_is_made_private_and_reused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = Vault.open_or_create(path).seal("geheim", "credential:a")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Vault.open_or_create(path).open(sealed, "credential:a") == "geheim"
    assert "geheim" not in sealed


def test_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    Vault.open_or_create(path)
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        Vault.open_or_create(path)


def test_a_sealed_value_does_not_open_for_another_owner(tmp_path: Path) -> None:
    vault = Vault.open_or_create(tmp_path / "k")
    with pytest.raises(SecretError):
        vault.open(vault.seal("x", "credential:a"), "credential:b")


@pytest.mark.parametrize(
    "text",
    [
        "opening rtsp://admin:geheim@10.0.0.1/stream",
        "password=geheim",
        '{"password": "geheim"}',
        "Authorization: Basic geheim",
        'Authorization: Digest response="geheim"',
        "<wsse:Password Type='x'>geheim</wsse:Password>",
        "token: geheim, user: a",
    ],
)
def test_credentials_never_reach_the_log(text: str) -> None:
    record = logging.LogRecord("nvr", logging.INFO, "f", 1, text, None, None)
    line = json.loads(logs.JsonFormatter("test").format(record))
    assert "geheim" not in line["message"]


@pytest.mark.parametrize("size", range(3900, 4200, 7))
def test_a_long_line_is_cut_and_the_cut_lets_no_credential_through(size: int) -> None:
    text = "a" * size + " rtsp://admin:geheim@10.0.0.1/ password=geheim <Password>geheim</Password> " + "b" * 9000
    record = logging.LogRecord("nvr", logging.INFO, "f", 1, text, None, None)
    message = json.loads(logs.JsonFormatter("test").format(record))["message"]
    assert "gehe" not in message
    assert len(message) < 4200


def test_a_long_traceback_keeps_its_last_line() -> None:
    error = ValueError("geheim" + "x" * 9000)
    try:
        raise RuntimeError("\n".join(f"line {n}" for n in range(2000))) from error
    except RuntimeError:
        record = logging.LogRecord("nvr", logging.ERROR, "f", 1, "x", None, sys.exc_info())
    told = json.loads(logs.JsonFormatter("test").format(record))["error"]
    assert len(told) < 5500
    assert told.startswith("ValueError: geheim")
    assert "line 1999" in told


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone.utc)))
def test_microseconds_and_back(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_microseconds(datetime(2026, 1, 1))


def test_parse_time_understands_zones() -> None:
    assert parse_time("2026-11-21T08:00:00+08:00") == datetime(2026, 11, 21, tzinfo=timezone.utc)


async def test_manual_clock_wakes_sleepers_in_order() -> None:
    clock, order = ManualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        order.append(seconds)

    tasks = [asyncio.create_task(sleeper(s)) for s in (5, 1, 3)]
    await asyncio.sleep(0)
    clock.advance(4)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == [1, 3]
    clock.advance(2)
    await asyncio.gather(*tasks)
    assert order == [1, 3, 5]


async def test_events_are_tailed_in_order_from_a_position(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        for i in range(5):
            events.append(session, clock.now(), EventKind.FAULT_OPENED, camera=f"c{i}", n=i)
    seen = []
    async for row in events.tail(database, clock, 2):
        seen.append(row.data["n"])
        if len(seen) == 3:
            break
    assert seen == [2, 3, 4]


async def test_an_event_vanishes_with_its_transaction(database: Database, clock: ManualClock) -> None:
    async def fail() -> None:
        async with database.session() as session:
            events.append(session, clock.now(), EventKind.FAULT_OPENED)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.reading() as session:
        assert await events.last_id(session) == 0


async def test_migrations_and_models_agree(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), station.schema.METADATA)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_every_column_that_is_not_obvious_has_a_comment() -> None:
    for table in station.schema.METADATA.tables.values():
        assert table.comment, f"table {table.name} has no comment"
        for column in table.columns:
            assert column.comment, f"column {table.name}.{column.name} has no comment"


async def test_naive_datetimes_are_refused_by_the_column(database: Database) -> None:
    with pytest.raises(Exception, match="time zone"):
        async with database.session() as session:
            events.append(session, datetime(2026, 1, 1), EventKind.FAULT_OPENED)


def test_who_sends_no_http_fills_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        logs.configure("test")
        server = logging.getLogger("aiohttp.server")
        server.error("Error handling request from %s", "10.0.0.1", exc_info=BadStatusLine("a" * 60_000))
        server.error("Error handling request from %s", "10.0.0.2", exc_info=RuntimeError("ours"))
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    told = capsys.readouterr().err
    assert "10.0.0.2" in told
    assert "10.0.0.1" not in told


def test_a_log_line_holds_nothing_that_a_terminal_or_viewer_obeys() -> None:
    said = 'a\x1b[31m\n{"level":"error"}\r\x7f\x9b2J\x85\u2028\u202eb\u2066村'
    record = logging.LogRecord("web", logging.INFO, "f", 1, "%s", (said,), None)
    line = logs.JsonFormatter("test").format(record)
    assert [c for c in line if not c.isprintable()] == [] and "村" in line
    assert json.loads(line)["message"] == said
