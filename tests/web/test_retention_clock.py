"""A person confirms the station's clock, over the console's API and on the command line; each leaves an audit row."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.accounts.permissions import Role
from core.clock import SECOND, SystemClock, to_microseconds
from core.database import Database
from nvr.tables import RetentionClockRow
from station.cli.main import cli
from tests.conftest import open_database
from tests.postgres import AUDIT_KEY
from tests.web.calls import audit_rows
from tests.web.conftest import HEADERS, SignIn

DAY_US = 86_400 * SECOND


async def step(database: Database) -> None:
    """Record that the clock was set forward by 40 days."""
    now = to_microseconds(SystemClock().now())
    async with database.session() as session:
        session.add(
            RetentionClockRow(
                id=1,
                boot="b",
                uptime_us=0,
                wall_us=now,
                plausible_us=now - 40 * DAY_US,
                suspicion="forward",
                steady_us=0,
                ntp_us=0,
                suspended_at=SystemClock().now(),
            )
        )


async def trail(database: Database) -> list[tuple[str, str]]:
    return [(r.actor, r.reason) for r in await audit_rows(database, "retention.confirm")]


async def test_an_administrator_confirms_the_clock(sign_in: SignIn, database: Database) -> None:
    await step(database)
    client = await sign_in(Role.ADMINISTRATOR)
    told = await (await client.get("/api/station/clock")).json()
    assert told["suspended"] and "40 days ahead" in told["sentence"] and told["remedy"]
    for role in (Role.VIDEO_OFFICER, Role.AUDITOR):
        other = await sign_in(role)
        refused = await other.post("/api/station/clock/confirm", json={"reason": "my watch"}, headers=HEADERS)
        assert refused.status == 403
    assert (await client.post("/api/station/clock/confirm", json={"reason": ""}, headers=HEADERS)).status == 422
    reply = await client.post("/api/station/clock/confirm", json={"reason": "the radio's time"}, headers=HEADERS)
    assert reply.status < 300
    assert not (await (await client.get("/api/station/clock")).json())["suspended"]
    again = await client.post("/api/station/clock/confirm", json={"reason": "the radio's time"}, headers=HEADERS)
    assert again.status == 409
    assert await trail(database) == [("administrator-all", "the radio's time")]


async def test_the_command_line_confirms_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_database(tmp_path, "minwang.db") as database:
        await step(database)
    config = tmp_path / "minwang.toml"
    await asyncio.to_thread(config.write_text, f"[data]\ndir = '{tmp_path}'\n")

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["--config", str(config), "archive", "clock", *arguments])
        return done.exit_code, done.output

    status, text = await asyncio.to_thread(run)
    assert status == 1 and "40 days ahead" in text and "--confirm" in text
    assert (await asyncio.to_thread(run, "--confirm"))[0] == 2  # --reason is missing: what was the clock compared with?
    status, text = await asyncio.to_thread(run, "--confirm", "--reason", "the radio's time", "--json")
    assert status == 0 and json.loads(text)["suspended"] is False
    assert (await asyncio.to_thread(run))[0] == 0
    async with open_again(tmp_path / "minwang.db") as database:
        ((actor, reason),) = await trail(database)
    assert actor and reason == "the radio's time"


def open_again(file: Path):  # type: ignore[no-untyped-def]
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened():  # type: ignore[no-untyped-def]
        database = Database(f"sqlite+aiosqlite:///{file}", AUDIT_KEY)
        yield database
        await database.close()

    return opened()
