"""What each role may do, as an explicit list: a change of core.accounts.permissions must be repeated here."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from core.accounts.accounts import Accounts
from core.accounts.permissions import GRANTS, TOWN_PERMISSIONS, Permission, Role, allows
from core.accounts.sessions import Identity
from core.accounts.sign_in import SignInService
from core.accounts.tables import User
from core.clock import ManualClock
from core.database import Database
from core.errors import UsageError
from tests.core.accounts.signing import fixed_vault, opened

OFFICER = (
    "alert.confirm alert.view api.view camera.view case.view live.view patrol.view playback.view report.view search"
)
EXPECTED = {
    Role.VIDEO_OFFICER: f"{OFFICER} camera.accept case.manage patrol.run ptz.control watch.propose",
    Role.INVESTIGATOR: f"{OFFICER} case.manage evidence.request hold.manage ptz.control watch.propose",
    Role.APPROVER: f"{OFFICER} camera.accept evidence.approve hold.manage unit.manage watch.approve",
    Role.PATROL_OFFICER: "alert.answer alert.view",
    Role.FUNDER: "report.view",
    Role.CONTRACTOR: "order.own",
    Role.ADMINISTRATOR: (
        "api.view camera.manage camera.view patrol.view report.view retention.confirm station.view unit.manage"
    ),
    Role.SECURITY_ADMINISTRATOR: "account.manage api.view",
    Role.AUDITOR: "api.view audit.view",
}
PICTURES = {"live.view", "playback.view", "search", "alert.view", "order.own"}  # each of them shows pictures
LONG = "a long password"


@pytest.mark.parametrize("role", list(Role))
def test_what_a_role_may(role: Role) -> None:
    assert {p.value for p in GRANTS[role]} == set(EXPECTED[role].split())


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.FUNDER, Role.AUDITOR])
def test_who_sees_no_pictures(role: Role) -> None:
    assert PICTURES.isdisjoint(EXPECTED[role].split())


@pytest.mark.parametrize("role", list(Role))
def test_what_is_the_whole_town_s_needs_an_account_of_the_whole_town(role: Role) -> None:
    local = Identity(1, "x", "x", role, ("wangjia",))
    for permission in Permission:
        assert local.may(permission) == (allows(role, permission) and permission not in TOWN_PERMISSIONS)


async def test_a_scope_that_the_role_cannot_have_is_refused(database: Database, clock: ManualClock) -> None:
    accounts = Accounts(database, clock)
    for role, villages in (
        (Role.FUNDER, None),
        (Role.FUNDER, []),
        (Role.AUDITOR, ["wangjia"]),
        (Role.VIDEO_OFFICER, []),
    ):
        with pytest.raises(UsageError):
            await accounts.create("li", LONG, role, villages=villages, actor="test")
    await accounts.create("li", LONG, Role.FUNDER, villages=["wangjia"], actor="test")
    with pytest.raises(UsageError, match="needs villages"):
        await accounts.change("li", villages="all", actor="test")
    with pytest.raises(UsageError, match="whole town"):
        await accounts.change("li", role=Role.AUDITOR, actor="test")
    await accounts.create("admin", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.change("li", role=Role.AUDITOR, villages="all", actor="test")
    with pytest.raises(UsageError, match="needs villages"):
        await accounts.change("li", role=Role.FUNDER, actor="test")


async def test_a_funder_of_an_older_release_without_villages_sees_none(database: Database, clock: ManualClock) -> None:
    accounts = Accounts(database, clock)
    await accounts.create("li", LONG, Role.FUNDER, villages=["wangjia"], actor="test")
    async with database.session() as session:
        await session.execute(update(User).values(villages=None))
    who = await accounts.sessions.resolve(
        opened(await SignInService(database, clock, accounts, fixed_vault).open("li", LONG)).token
    )
    assert who is not None and who.villages == () and not who.sees_village("wangjia")
