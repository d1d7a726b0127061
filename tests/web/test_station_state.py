"""The administrator's station page: what is told of disks, processes and settings, and that no secret is."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pydantic import JsonValue
from sqlalchemy import select

from core.accounts.permissions import Role
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from nvr.tables import Shortfall, Volume, Worker
from tests.web.conftest import Client, SignIn
from web.api.station_state import shown_value


async def read(client: Client, path: str) -> str:
    async with client.get(path) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.text()


@pytest.fixture
async def rows(database: Database) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        session.add(Volume(number=1, identity="u", path="/data/1", total_bytes=100, free_bytes=40, checked_at=now))
        for name, age in (("recorder-0", 5), ("analyst", 600)):
            seen_at = now - timedelta(seconds=age)
            session.add(Worker(name=name, role="recorder", url="", pid=7, seen_at=seen_at, release="0.0.1"))
        session.add(
            Shortfall(stream="wj-01/main", day="2026-11-20", held_days=20, required_days=30, reason="disk_full")
        )


async def test_the_state_is_what_the_station_recorded(rows: None, sign_in: SignIn) -> None:
    state = json.loads(await read(await sign_in(Role.ADMINISTRATOR), "/api/station/state"))
    assert [(v["path"], v["free_bytes"], v["state"]) for v in state["volumes"]] == [("/data/1", 40, "ok")]
    assert {p["name"]: p["alive"] for p in state["processes"]} == {"recorder-0": True, "analyst": False}
    assert all(p["other_release"] and p["release"] == "0.0.1" and p["started_at"] is None for p in state["processes"])
    assert state["shortfalls"][0]["held_days"] == 20 and state["holds"] == 0 and state["streams"] == {}
    assert state["queues"]["events_last_day"] and state["queues"]["open_orders"] == 0
    assert state["models"] == [] and state["release"]


async def test_settings_and_bundle_tell_no_secret(
    rows: None, sign_in: SignIn, database: Database, station_settings: Settings
) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    station_settings.data.database = "postgresql://minwang:hunter2@db/minwang"
    settings = {s["key"]: s for s in json.loads(await read(administrator, "/api/station/settings"))}
    assert settings["data.database"]["value"] == "postgresql://…@db/minwang"
    assert settings["patrol.interval_minutes"]["default"] is True and settings["data.dir"]["default"] is False
    assert all(s["description"] for s in settings.values())
    bundle = await read(administrator, "/api/station/bundle")
    assert "hunter2" not in bundle and {"checks", "state", "settings"} == set(json.loads(bundle))
    async with database.reading() as session:
        row = (await session.scalars(select(AuditRow).where(AuditRow.action == AuditAction.STATION_BUNDLE))).one()
    assert row.actor == "administrator-all"
    for role, villages in ((Role.VIDEO_OFFICER, None), (Role.AUDITOR, None), (Role.ADMINISTRATOR, ["wangjia"])):
        for path in ("state", "settings", "bundle"):
            async with (await sign_in(role, villages)).get(f"/api/station/{path}") as refused:
                assert refused.status == 403


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("password", "x", "set"),
        ("metrics_token", "", "not set"),
        ("key_file", "/etc/key", "set"),
        ("database", "sqlite:////data/x.db", "sqlite:////data/x.db"),
        ("urls", ["rtsp://a:b@c/d"], ["rtsp://…@c/d"]),
        ("days", 30, 30),
        ("keep_days", None, None),
    ],
)
def test_shown_values(key: str, value: JsonValue, shown: JsonValue) -> None:
    assert shown_value(key, value) == shown
