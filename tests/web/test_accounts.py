"""Accounts and sessions over HTTP: who manages whom, the own password, what ends a session, what keeps it alive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from sqlalchemy import select, update

from core.accounts.permissions import GRANTS, Permission, Role
from core.accounts.tables import SignIn, User
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.settings import TlsMode
from tests.web.calls import services_of, submit
from tests.web.conftest import HEADERS, PASSWORD, Client
from tests.web.conftest import SignIn as Open
from web.framework.routing import POLL_HEADER
from web.http.cookies import COOKIE, cookie_of

Age = Callable[[int], Awaitable[None]]
REASON = {"reason": "调离"}


async def me(client: Client, **headers: str) -> tuple[int, Any]:
    async with client.get("/api/me", headers=headers) as reply:
        return reply.status, await reply.json()


@pytest.fixture
def age_sessions(database: Database) -> Age:
    """Return a function that moves the last use of all sessions some minutes back."""

    async def make(minutes: int) -> None:
        async with database.session() as session:
            for row in await session.scalars(select(SignIn)):
                row.seen_at -= timedelta(minutes=minutes)

    return make


async def test_polls_pictures_and_sockets_do_not_keep_a_session_alive(sign_in: Open, age_sessions: Age) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    await age_sessions(20)
    assert (await me(client, **{POLL_HEADER: "1"}))[0] == 200
    assert (await client.get("/api/openapi.json")).status == 200  # a file loads without a person's action
    socket = await client.ws_connect("/api/events")
    await socket.close()
    await age_sessions(11)
    status, told = await me(client)
    assert (status, told["code"]) == (401, "idle") and "nobody used it" in told["message"]


async def test_input_keeps_a_session_alive(sign_in: Open, age_sessions: Age) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    for _ in range(3):
        await age_sessions(20)
        assert (await me(client))[0] == 200


async def test_a_session_ends_after_twelve_hours(sign_in: Open, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    async with database.session() as session:
        await session.execute(update(SignIn).values(created_at=SystemClock().now() - timedelta(hours=12, seconds=1)))
    status, told = await me(client)
    assert (status, told["code"]) == (401, "too_old")


async def test_requests_of_a_disabled_account_say_why(sign_in: Open) -> None:
    root, client = await sign_in(Role.SECURITY_ADMINISTRATOR), await sign_in(Role.VIDEO_OFFICER)
    status, told = await submit(root, "/api/accounts/video_officer-all", disabled=True, **REASON)
    assert (status, told["disabled"]) == (200, True)
    status, told = await me(client)
    assert (status, told["code"]) == (401, "revoked")
    nobody = await sign_in(None)
    assert (await me(nobody))[1]["code"] == "sign_in_first"


async def test_an_initial_password_must_be_changed_first(sign_in: Open, database: Database) -> None:
    root, client = await sign_in(Role.SECURITY_ADMINISTRATOR), await sign_in(None)
    first, own = "given by the chief", "chosen by myself"
    body = {"name": "new", "role": "video_officer", "villages": ["wangjia"], "password": first, "reason": "新入职"}
    assert (await submit(root, "/api/accounts", **body))[0] == 200
    status, told = await submit(client, "/api/session", name="new", password=first)
    assert (status, told["must_change"]) == (200, True)
    for path in ("/api/tree", "/api/cameras/wj-01", "/api/openapi.json", "/report/wangjia", "/api/events"):
        async with client.get(path) as reply:
            assert (reply.status, (await reply.json())["code"]) == (403, "password"), path
    assert (
        (await submit(client, "/api/search"))[0]
        == (await submit(client, "/api/session/purpose", purpose="案件"))[0]
        == 403
    )
    for wrong in ("short", first):
        assert (await submit(client, "/api/session/password", present=first, new=wrong))[0] == 400
    assert (await submit(client, "/api/session/password", present="guess", new=own))[0] == 403
    status, told = await submit(client, "/api/session/password", present=first, new=own)
    assert (status, told["must_change"]) == (200, False)
    assert (await client.get("/api/tree")).status == 200
    async with database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.object == "new").order_by(AuditRow.id)))
        stored = [str(r.data) for r in await session.scalars(select(AuditRow))]
    assert [(r.actor, r.action) for r in rows if r.action.startswith("user.")] == [
        ("security_administrator-all", "user.create"), ("new", "user.password_refused"), ("new", "user.password"),
    ]  # fmt: skip
    assert not [t for t in stored if first in t or own in t]


async def test_a_new_password_ends_the_other_sessions(sign_in: Open) -> None:
    one, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER)
    assert (await submit(one, "/api/session/password", present=PASSWORD, new="another password"))[0] == 200
    assert (await me(one))[0] == 200 and (await me(other))[0] == 401


async def test_account_changes_need_a_reason(sign_in: Open, database: Database) -> None:
    root = await sign_in(Role.SECURITY_ADMINISTRATOR)
    await sign_in(Role.VIDEO_OFFICER)
    path = "/api/accounts/video_officer-all"
    assert (await submit(root, path, role="investigator"))[0] == 422
    assert (await submit(root, path, role="investigator", reason=" \u3000 "))[0] == 422
    status, told = await submit(root, path, role="investigator", villages=["wangjia"], display_name="李", **REASON)
    assert (status, told["role"], told["villages"], told["display_name"]) == (200, "investigator", ["wangjia"], "李")
    assert (await submit(root, path, all_villages=True, **REASON))[1]["villages"] is None
    assert (await submit(root, path, villages=["nosuch"], **REASON))[0] == 400
    assert (await submit(root, path, villages=[], **REASON))[0] == 400
    assert (await submit(root, path, role="contractor", **REASON))[0] == 400  # of which company?
    assert (await submit(root, "/api/accounts/nobody", disabled=True, **REASON))[0] == 404
    assert (await submit(root, f"{path}/password", password="short", **REASON))[0] == 400
    assert (await submit(root, f"{path}/password", password="another password", **REASON))[1]["must_change"] is True
    async with database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.object == "video_officer-all")))
    assert {(r.actor, r.reason) for r in rows if r.action in ("user.change", "user.reset")} == {
        ("security_administrator-all", "调离")
    }


async def test_administrators_cannot_change_themselves(sign_in: Open) -> None:
    root = await sign_in(Role.SECURITY_ADMINISTRATOR)
    for body in ({"role": "approver"}, {"disabled": True}, {"villages": ["wangjia"]}):
        assert (await submit(root, "/api/accounts/security_administrator-all", **body, **REASON))[0] == 403
    assert (
        await submit(root, "/api/accounts/security_administrator-all/password", password="another password", **REASON)
    )[0] == 403


async def test_village_administrators_cannot_manage_accounts(sign_in: Open) -> None:
    """Accounts belong to the whole town: a password set by this administrator would open more than they may see."""
    mine = await sign_in(Role.ADMINISTRATOR, ["wangjia"])
    await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    assert (await mine.get("/api/accounts")).status == 403
    path = "/api/accounts/video_officer-wangjia"
    assert (await submit(mine, path, disabled=True, **REASON))[0] == 403
    assert (await submit(mine, f"{path}/password", password="another password", **REASON))[0] == 403
    new = {"name": "n1", "role": "investigator", "password": "a long password", **REASON}
    assert (await submit(mine, "/api/accounts", **new, villages=["wangjia"]))[0] == 403


async def test_a_known_device_signs_in_while_an_address_guesses(sign_in: Open) -> None:
    chief = await sign_in(Role.APPROVER)
    stranger = await sign_in(None)
    answers = [
        await submit(stranger, "/api/session", name=n, password="guess") for n in ["approver-all"] * 7 + ["nobody"] * 7
    ]
    assert [a[0] for a in answers] == ([403] * 5 + [429] * 2) * 2
    assert answers[:7] == answers[7:]  # the same sentences whether the name exists or not
    assert (await submit(stranger, "/api/session", name="approver-all", password=PASSWORD))[0] == 429
    # A known device, at the same address.
    assert (await submit(chief, "/api/session", name="approver-all", password=PASSWORD))[0] == 200
    for _ in range(30):
        await submit(stranger, "/api/session", name="nobody2", password="guess")
    assert (await submit(chief, "/api/session", name="approver-all", password=PASSWORD))[0] == 200


async def test_cookies_behind_tls(sign_in: Open) -> None:
    client = await sign_in(None)
    await sign_in(Role.AUDITOR)
    services_of(client).settings.web.tls = TlsMode.PROXY
    async with client.post(
        "/api/session", json={"name": "auditor-all", "password": PASSWORD}, headers=HEADERS
    ) as reply:
        cookies = reply.headers.getall("Set-Cookie")
    assert sorted(c.partition("=")[0] for c in cookies) == ["__Host-minwang_device", "__Host-minwang_session"]
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= {p.strip() for p in cookie.split(";")}
        assert "Domain" not in cookie


def test_only_own_cookies_are_read() -> None:
    def read(*lines: str) -> str:
        return cookie_of(
            make_mocked_request("GET", "/", headers=CIMultiDict([("Cookie", line) for line in lines])), COOKIE
        )

    assert (
        read("a=b; minwang_session=abc-_1=; c=d") == "abc-_1="
        and read("minwang_session=first; minwang_session=second") == "first"
    )
    assert read("minwang_session=x", "minwang_session=y") == "x" and read("a=b", "minwang_session=x") == ""
    for line in (
        "",
        "xminwang_session=a",
        "minwang_sessionx=a",
        "minwang_session",
        "a=minwang_session=b",
        'a="; minwang_sessio"=n',
    ):
        assert read(line) == "", line


async def test_sessions_are_listed_and_ended(sign_in: Open, database: Database) -> None:
    administrator, officer = await sign_in(Role.SECURITY_ADMINISTRATOR), await sign_in(Role.VIDEO_OFFICER)
    second = await sign_in(Role.VIDEO_OFFICER)
    path = "/api/accounts/video_officer-all/sessions"
    async with administrator.get(path) as reply:
        listed = await reply.json()
    assert len(listed) == 2 and not any(s["own"] for s in listed)
    async with officer.get("/api/session/sessions") as reply:
        own = await reply.json()
        assert [s["id"] for s in own] == [s["id"] for s in listed] and sum(s["own"] for s in own) == 1
    newest = {"session": listed[0]["id"], "reason": "lost phone"}
    async with administrator.post(f"{path}/end", json=newest, headers=HEADERS) as reply:
        assert await reply.json() == {"ended": 1}
    assert ((await officer.get("/api/me")).status, (await second.get("/api/me")).status) == (200, 401)
    async with administrator.post(f"{path}/end", json={"reason": "left the station"}, headers=HEADERS) as reply:
        assert await reply.json() == {"ended": 1}
    assert (await officer.get("/api/me")).status == 401
    async with administrator.post(f"{path}/end", json={"session": "%" * 16, "reason": "x y"}, headers=HEADERS) as reply:
        assert reply.status == 422
    async with database.reading() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action == "session.end"))
        assert [(r.actor, r.object, r.reason) for r in rows] == [
            ("security_administrator-all", "video_officer-all", "lost phone"),
            ("security_administrator-all", "video_officer-all", "left the station"),
        ]


async def test_a_waiting_account_is_unlocked(sign_in: Open) -> None:
    administrator, stranger = await sign_in(Role.SECURITY_ADMINISTRATOR), await sign_in(None)
    await sign_in(Role.APPROVER)
    wrong = {"name": "approver-all", "password": "not the password"}
    for _ in range(6):
        last = await stranger.post("/api/session", json=wrong, headers=HEADERS)
    assert last.status == 429

    async def waiting() -> str | None:
        async with administrator.get("/api/accounts") as reply:
            found: str | None = next(a["waits_until"] for a in await reply.json() if a["name"] == "approver-all")
            return found

    assert await waiting() is not None
    async with administrator.post(
        "/api/accounts/approver-all/unlock", json={"reason": "he called"}, headers=HEADERS
    ) as reply:
        assert reply.status == 200
    assert await waiting() is None
    right = wrong | {"password": PASSWORD}
    assert (await stranger.post("/api/session", json=right, headers=HEADERS)).status == 200


def test_duties_are_separated() -> None:
    """R-ROLE-2: an account has one role, and no role both runs the station or its accounts and audits it."""
    for role, granted in GRANTS.items():
        system = granted & {Permission.STATION_VIEW, Permission.CAMERA_MANAGE}
        assert not (system and Permission.ACCOUNT_MANAGE in granted), role
        running = granted & {Permission.ACCOUNT_MANAGE, Permission.STATION_VIEW, Permission.CAMERA_MANAGE}
        assert not (Permission.AUDIT_VIEW in granted and running), role
        video = granted & {Permission.LIVE_VIEW, Permission.PLAYBACK_VIEW, Permission.SEARCH}
        assert not (video and (running or Permission.AUDIT_VIEW in granted)), role
        assert not {Permission.WATCH_PROPOSE, Permission.WATCH_APPROVE} <= granted, role
    assert type(User.role.type).__name__ == "EnumText"  # one text: an account cannot hold two roles


async def test_nobody_gives_himself_another_duty(sign_in: Open) -> None:
    administrator = await sign_in(Role.SECURITY_ADMINISTRATOR)
    await sign_in(Role.ADMINISTRATOR)  # somebody else runs the system
    body = {"role": "auditor", "reason": "for a moment"}
    async with administrator.post("/api/accounts/security_administrator-all", json=body, headers=HEADERS) as reply:
        assert reply.status == 403
    await sign_in(Role.AUDITOR)
    for role in ("administrator", "video_officer"):
        body = {"role": role, "reason": "a new post"}
        async with administrator.post("/api/accounts/auditor-all", json=body, headers=HEADERS) as reply:
            assert (await reply.json())["role"] == role  # it has the new duty instead of the old one
        assert (await (await sign_in(Role.AUDITOR)).get("/api/audit")).status == 403


async def test_an_administrator_manages_accounts_until_there_is_a_security_administrator(
    sign_in: Open, database: Database
) -> None:
    client = await sign_in(None)
    await services_of(client).accounts.create("root", PASSWORD, Role.ADMINISTRATOR, actor="init")
    status, told = await submit(client, "/api/session", name="root", password=PASSWORD)
    assert status == 200 and {"account.manage", "station.view"} <= set(told["permissions"])
    async with client.get("/api/accounts") as reply:
        assert [(a["name"], a["also_security"]) for a in await reply.json()] == [("root", True)]
    new = {"name": "sec", "role": "security_administrator", "password": "given by root", "reason": "三员分立"}
    assert (await submit(client, "/api/accounts", **new))[0] == 200
    assert (await me(client))[0] == 401, "its permissions have changed: it signs in again"
    status, told = await submit(client, "/api/session", name="root", password=PASSWORD)
    assert "account.manage" not in told["permissions"] and "station.view" in told["permissions"]
    async with client.get("/api/accounts") as reply:
        assert reply.status == 403
    async with database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.action == "user.change")))
    assert [(r.actor, r.object, r.reason, r.data["new"]) for r in rows] == [
        ("root", "root", "三员分立", {"also_security": False})
    ]


async def test_the_auditor_sees_who_holds_which_duty(sign_in: Open) -> None:
    auditor = await sign_in(Role.AUDITOR)
    accounts = services_of(auditor).accounts
    await accounts.create("root", PASSWORD, Role.ADMINISTRATOR, actor="init")

    async def duties() -> Any:
        async with auditor.get("/api/audit/duties") as reply:
            return await reply.json()

    joined = {"system": ["root"], "security": [], "audit": ["auditor-all"], "double": ["root"], "separate": False}
    assert await duties() == joined
    await accounts.create("sec", PASSWORD, Role.SECURITY_ADMINISTRATOR, actor="root")
    assert await duties() == joined | {"security": ["sec"], "double": [], "separate": True}


async def test_the_villages_of_a_scope_are_listed_for_who_manages_accounts(sign_in: Open) -> None:
    async with (await sign_in(Role.SECURITY_ADMINISTRATOR)).get("/api/accounts/villages") as reply:
        assert {"code": "wangjia", "name": "王家村"} in await reply.json()
