"""What is checked before a handler runs (web.framework.enforcement), through a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.accounts.permissions import Role
from core.accounts.tables import User
from core.database import Database
from tests.web.conftest import HEADERS, Client, SignIn
from web.framework.routing import POLL_HEADER
from web.services import SERVICES


async def refused(client: Client, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with client.request(method, path, **options) as reply:
        return reply.status, json.loads(await reply.text())


async def test_a_change_without_the_header_or_from_another_origin_is_refused(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    body = {"json": {"purpose": "案件 1"}}
    status, told = await refused(client, "POST", "/api/session/purpose", **body)
    assert (status, told["code"]) == (403, "header_missing")
    status, told = await refused(
        client, "POST", "/api/session/purpose", headers={**HEADERS, "Origin": "http://evil.example"}, **body
    )
    assert (status, told["code"], told["params"]["origin"]) == (403, "cross_site", "http://evil.example")
    own = {**HEADERS, "Origin": f"http://{client.host}:{client.port}"}
    assert (await refused(client, "POST", "/api/session/purpose", headers=own, **body))[0] == 200
    assert (await refused(client, "GET", "/api/me", headers={"Origin": "http://evil.example"}))[0] == 200
    async with client.get("/api/events", headers={"Origin": "http://evil.example"}) as reply:
        assert reply.status == 403, "a socket is checked although it is a GET"


async def test_a_password_that_somebody_else_set_must_be_changed_first(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    async with database.session() as session:
        user = await session.get_one(User, 1)
        user.must_change = True
    status, told = await refused(client, "GET", "/api/tree")
    assert (status, told["code"]) == (403, "password")
    assert (await refused(client, "GET", "/api/me"))[0] == 200


async def test_a_role_without_the_permission_and_no_session_are_told_apart(sign_in: SignIn) -> None:
    funder, nobody = await sign_in(Role.FUNDER), await sign_in(None)
    for client, expected in ((funder, (403, "permission_missing")), (nobody, (401, "sign_in_first"))):
        status, told = await refused(client, "GET", "/api/accounts")
        assert (status, told["code"]) == expected
    nobody.session.cookie_jar.update_cookies({"minwang_session": "x" * 43}, nobody.make_url("/"))
    assert (await refused(nobody, "GET", "/api/accounts"))[1]["code"] == "revoked"


@pytest.mark.parametrize(("encoding", "status"), [("identity", 200), ("IDENTITY", 200), ("gzip", 400)])
async def test_a_compressed_body_is_refused(sign_in: SignIn, encoding: str, status: int) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    sent = json.dumps({"purpose": "案件 1"}).encode()
    headers = {**HEADERS, "Content-Encoding": encoding, "Content-Type": "text/plain; charset=latin-1"}
    found, told = await refused(client, "POST", "/api/session/purpose", data=sent, headers=headers)
    assert found == status and ("send the body uncompressed" in str(told)) == (status == 400)


async def test_only_a_person_s_requests_keep_the_session_active(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    assert client.app is not None
    resolved = list[bool]()
    sessions = client.app[SERVICES].accounts.sessions
    resolve = sessions.resolve

    async def record(token: str, *, active: bool = True, device: str | None = None) -> Any:
        resolved.append(active)
        return await resolve(token, active=active, device=device)

    sessions.resolve = record  # type: ignore[method-assign]
    await refused(client, "GET", "/api/me")
    await refused(client, "GET", "/api/me", headers={POLL_HEADER: "1"})
    async with client.get("/api/cameras/wj-01/snapshot"):
        pass
    assert resolved == [True, False, False]


async def test_control_characters_in_an_address_or_a_query_are_refused(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    status, told = await refused(client, "GET", "/api/cameras/wj%00-01")
    assert status == 400 and told["message"].startswith("camera: ")
    status, told = await refused(client, "GET", "/api/patrol/day?day=%00")
    assert status == 400 and "NUL" in told["message"]
    status, told = await refused(client, "GET", "/api/patrol/day?%00=1")
    assert status == 400 and "NUL" in told["message"]
