"""Whoever controls a dome is in the audit trail, whichever command took control."""

from __future__ import annotations

import pytest
from lxml import etree

from cameras.onvif.soap import Node
from cameras.tables import Camera
from core.accounts.permissions import Role
from core.audit import audit_trail
from core.database import Database
from core.errors import StorageError
from tests.web.calls import audit_rows, services_of
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose

COMMANDS = {"move": {"pan": 0.5}, "stop": {}, "home": {}, "preset": {"token": "1"}, "keep": {"name": "gate"}}


async def domes(client: Client, database: Database) -> list[str]:
    """Make wj-01 a dome; return the list of the operations that it receives."""
    told: list[str] = []

    async def call(_camera: Camera, operation: str, **_arguments: object) -> Node:
        told.append(operation)
        return Node(etree.fromstring(b"<answer><PresetToken>1</PresetToken></answer>"))

    services_of(client).ptz._call = call
    async with database.session() as session:
        (await session.get_one(Camera, "wj-01")).device = {"ptz": "p"}
    return told


@pytest.mark.parametrize("command", COMMANDS)
async def test_taking_ptz_control_writes_an_audit_row(command: str, sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    await state_purpose(client)
    told = await domes(client, database)
    for name in (command, "stop", "stop"):
        reply = await client.post(f"/api/cameras/wj-01/ptz/{name}", json=COMMANDS[name], headers=HEADERS)
        assert reply.status == 200, await reply.text()
    assert told and [r.actor for r in await audit_rows(database, "ptz.take")] == ["video_officer-all"]


async def test_refused_ptz_control_writes_no_row_and_moves_nothing(
    sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    other = await sign_in(Role.APPROVER, ["wangjia", "xidian"])
    await state_purpose(client)
    told = await domes(client, database)

    async def fails(*_given: object, **_data: object) -> None:
        raise StorageError("no row")

    with monkeypatch.context() as m:
        m.setattr(audit_trail, "record", fails)
        assert (await client.post("/api/cameras/wj-01/ptz/stop", headers=HEADERS)).status == 503
    assert told == []
    reply = await client.post("/api/cameras/wj-01/ptz/stop", headers=HEADERS)
    assert reply.status == 200, await reply.text()
    assert (await other.post("/api/cameras/wj-01/ptz/stop", headers=HEADERS)).status in (403, 409)
    assert [r.actor for r in await audit_rows(database, "ptz.take")] == ["video_officer-all"]
