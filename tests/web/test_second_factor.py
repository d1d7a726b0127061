"""The second factor over HTTP: sign-in in two steps, sessions that may only enrol, resets, and the phone of patrol."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.accounts.permissions import Permission, Role
from core.accounts.second_factor import codes
from core.accounts.tables import SignIn as SignInRow
from core.clock import SystemClock
from core.database import Database
from core.settings import SecondFactorPolicy, Settings
from tests.web.calls import get, post, submit
from tests.web.conftest import HEADERS, PASSWORD, Client, SignIn
from web.api import ROUTES
from web.framework.enforcement import ROUTES_BEFORE_ENROLMENT
from web.http.cookies import DEVICE_COOKIE

OWN = "/api/session/second-factor"


@pytest.fixture(autouse=True)
def required(station_settings: Settings) -> None:
    station_settings.accounts.second_factor = SecondFactorPolicy.REQUIRED


def code(secret: str, later: int = 0) -> str:
    """Return the code of the present step, or of one `later`: the station accepts one of the next step too."""
    return codes.code_at(secret, SystemClock().now() + timedelta(seconds=later * codes.STEP_S))


async def enrol(client: Client) -> tuple[str, list[str]]:
    """Enrol with the code of the step before, so that two codes are left for the test. Returns secret and codes."""
    begun = await post(client, f"{OWN}/begin")
    assert begun["svg"].startswith("<svg") and begun["secret"] in begun["uri"]
    done = await post(client, f"{OWN}/complete", {"code": code(begun["secret"], -1)})
    return begun["secret"], done["codes"]


async def password_of(client: Client, name: str) -> Any:
    return await post(client, "/api/session", {"name": name, "password": PASSWORD})


async def test_sign_in_in_two_steps(sign_in: SignIn) -> None:
    client, second = await sign_in(Role.APPROVER), await sign_in(None)
    secret, recovery = await enrol(client)
    told = await get(client, "/api/me")
    assert (told["has_second_factor"], told["must_enrol"], told["second_factor_policy"]) == (True, False, "required")
    assert await get(client, OWN) | {"enrolled_at": 0} == {"enrolled_at": 0, "recovery_codes": 10, "required": True}
    asked = await password_of(second, "approver-all")
    assert set(asked) == {"pending", "seconds"} and asked["seconds"] == 180
    assert (await second.get("/api/me")).status == 401
    wrong = await post(second, "/api/session/code", {"pending": asked["pending"], "code": "000 000"}, 403)
    assert wrong["code"] == "second_factor_wrong"
    told = await post(second, "/api/session/code", {"pending": asked["pending"], "code": code(secret)})
    assert told["name"] == "approver-all" and (await second.get("/api/tree")).status == 200
    gone = await post(second, "/api/session/code", {"pending": asked["pending"], "code": code(secret, 1)}, 403)
    assert gone["code"] == "second_factor_expired"
    asked = await password_of(second, "approver-all")
    assert (await post(second, "/api/session/code", {"pending": asked["pending"], "code": recovery[0]}))["name"]


async def test_without_it_an_account_may_only_enrol(sign_in: SignIn) -> None:
    """Of every other route: the answer is the same whatever the role's permissions are."""
    client = await sign_in(Role.SECURITY_ADMINISTRATOR)
    assert (await get(client, "/api/me"))["must_enrol"] is True
    closed = [r for r in ROUTES if r.permission is not Permission.PUBLIC]
    closed = [r for r in closed if (r.method, r.path) not in ROUTES_BEFORE_ENROLMENT]
    assert len(closed) == len(ROUTES) - len(ROUTES_BEFORE_ENROLMENT) - sum(
        r.permission is Permission.PUBLIC for r in ROUTES
    )
    for route in closed:
        path = route.path.replace("{", "").replace("}", "")
        async with client.request(route.method, path, headers=HEADERS) as reply:
            assert (reply.status, (await reply.json())["code"]) == (403, "second_factor"), (route.method, route.path)
    await enrol(client)
    assert (await client.get("/api/accounts")).status == 200


async def test_enrolment_ends_other_sessions_and_a_removal_demands_another(sign_in: SignIn) -> None:
    first, client = await sign_in(Role.AUDITOR), await sign_in(Role.AUDITOR)
    secret, _ = await enrol(client)
    assert (await first.get("/api/me")).status == 401
    assert (await post(client, f"{OWN}/begin", status=409))["code"] == "second_factor_exists"
    await post(client, f"{OWN}/remove", {"code": code(secret)})
    assert (await get(client, "/api/me"))["must_enrol"] is True
    assert (await submit(client, f"{OWN}/remove", code="000000"))[1]["code"] == "second_factor"


async def test_an_administrator_resets_another_s(sign_in: SignIn, database: Database) -> None:
    root, leader, stranger = (
        await sign_in(Role.SECURITY_ADMINISTRATOR),
        await sign_in(Role.APPROVER),
        await sign_in(None),
    )
    root_secret, _ = await enrol(root)
    await enrol(leader)
    listed = {a["name"]: a for a in await get(root, "/api/accounts")}
    assert (listed["approver-all"]["second_factor"], listed["approver-all"]["must_have_second_factor"]) == (True, True)
    body = {"reason": "手机丢失"}
    assert (await post(root, "/api/accounts/security_administrator-all/second-factor/reset", body, 403))[
        "code"
    ] == "own_account"
    told = await post(root, "/api/accounts/approver-all/second-factor/reset", body)
    assert told["second_factor"] is False and (await leader.get("/api/me")).status == 401
    assert (await password_of(stranger, "approver-all"))["must_enrol"] is True
    # Five minutes after the code a fresh one is needed.
    async with database.session() as session:
        await session.execute(update(SignInRow).values(code_at=SystemClock().now() - timedelta(minutes=6)))
    stale = await post(root, "/api/accounts/approver-all/second-factor/reset", body, 403)
    assert stale["code"] == "second_factor_code"
    await post(root, OWN, {"code": code(root_secret)})
    await post(root, "/api/accounts/approver-all/second-factor/reset", body)


async def test_a_patrol_session_stays_on_its_phone(sign_in: SignIn) -> None:
    phone, other = await sign_in(Role.PATROL_OFFICER), await sign_in(None)
    jar = phone.session.cookie_jar
    stolen = {c.key: c.value for c in jar if c.key != DEVICE_COOKIE}
    other.session.cookie_jar.update_cookies(stolen, other.make_url("/"))
    assert (await phone.get("/api/me")).status == 200 and (await other.get("/api/me")).status == 401
    other.session.cookie_jar.clear()
    await password_of(other, "patrol_officer-all")
    assert (await other.get("/api/me")).status == 200
    async with phone.get("/api/me") as reply:
        assert (reply.status, (await reply.json())["code"]) == (401, "replaced")
