"""Separation of duties: who manages accounts, when an administrator stops doing so, and who must always be left."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from core.accounts.accounts import Accounts
from core.accounts.permissions import Permission, Role
from core.accounts.separation import separation
from core.accounts.sign_in import SignInService
from core.accounts.tables import User
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError
from tests.core.accounts.signing import fixed_vault, opened

LONG = "a long password"


@pytest.fixture
def accounts(either_database: Database, clock: ManualClock) -> Accounts:
    return Accounts(either_database, clock)


async def double(accounts: Accounts) -> list[str]:
    return [u.name for u in await accounts.list_users() if u.also_security]


async def test_only_the_first_administrator_of_the_town_manages_accounts_too(accounts: Accounts) -> None:
    await accounts.create("local", LONG, Role.ADMINISTRATOR, villages=["wangjia"], actor="test")
    assert await double(accounts) == []
    await accounts.create("root", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("second", LONG, Role.ADMINISTRATOR, actor="test")
    assert await double(accounts) == ["root"]


async def test_the_first_security_administrator_ends_it_audited(
    accounts: Accounts, either_database: Database, clock: ManualClock
) -> None:
    await accounts.create("root", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("li", LONG, Role.AUDITOR, actor="test")
    token = opened(await SignInService(either_database, clock, accounts, fixed_vault).open("root", LONG)).token
    root = await accounts.sessions.resolve(token)
    assert root is not None and root.may(Permission.ACCOUNT_MANAGE) and root.may(Permission.STATION_VIEW)
    await accounts.change("li", role=Role.SECURITY_ADMINISTRATOR, actor="root", reason="appointed")
    assert await double(accounts) == [] and await accounts.sessions.resolve(token) is None
    async with either_database.reading() as session:
        row = await session.scalar(
            sa.select(AuditRow).where(AuditRow.object == "root", AuditRow.action == "user.change")
        )
        duties = await separation(session)
    assert row is not None and (row.actor, row.reason) == ("root", "appointed")
    assert row.data == {"old": {"also_security": True}, "new": {"also_security": False}}
    assert (duties.system, duties.security, duties.audit, duties.complete) == (["root"], ["li"], [], False)


async def test_a_disabled_security_administrator_ends_it_when_enabled(accounts: Accounts) -> None:
    await accounts.create("root", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("li", LONG, Role.PATROL_OFFICER, actor="test")
    await accounts.change("li", role=Role.SECURITY_ADMINISTRATOR, disabled=True, actor="root")
    assert await double(accounts) == ["root"]
    await accounts.change("li", disabled=False, actor="root")
    assert await double(accounts) == []


async def test_nobody_is_the_last_to_go(accounts: Accounts) -> None:
    await accounts.create("root", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("second", LONG, Role.ADMINISTRATOR, actor="test")
    # "second" runs the system, but nobody would be left who manages the accounts.
    for wanted in ({"disabled": True}, {"villages": ["wangjia"]}, {"role": Role.APPROVER}):
        with pytest.raises(ConflictError) as refused:
            await accounts.change("root", **wanted, actor="test")  # type: ignore[arg-type]
        assert refused.value.code is ErrorCode.LAST_SECURITY_ADMINISTRATOR
    await accounts.create("li", LONG, Role.SECURITY_ADMINISTRATOR, actor="test")
    for wanted in ({"disabled": True}, {"role": Role.AUDITOR}):
        with pytest.raises(ConflictError) as refused:
            await accounts.change("li", **wanted, actor="test")  # type: ignore[arg-type]
        assert refused.value.code is ErrorCode.LAST_SECURITY_ADMINISTRATOR
    await accounts.change("root", disabled=True, actor="test")
    with pytest.raises(ConflictError) as refused:  # of the whole town there would be none
        await accounts.change("second", villages=["wangjia"], actor="test")
    assert refused.value.code is ErrorCode.LAST_ADMINISTRATOR


async def test_two_security_administrators_cannot_disable_each_other_at_once(accounts: Accounts) -> None:
    for name in ("li", "wang"):
        await accounts.create(name, LONG, Role.SECURITY_ADMINISTRATOR, actor="test")
    done = await asyncio.gather(
        *(accounts.change(n, disabled=True, actor="test") for n in ("li", "wang")), return_exceptions=True
    )
    assert sorted(type(d).__name__ for d in done) == ["ConflictError", "dict"]


async def test_it_goes_with_the_role_and_does_not_come_back(accounts: Accounts) -> None:
    await accounts.create("root", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("second", LONG, Role.ADMINISTRATOR, actor="test")
    await accounts.create("li", LONG, Role.SECURITY_ADMINISTRATOR, actor="test")
    await accounts.change("root", role=Role.APPROVER, actor="test")
    await accounts.change("root", role=Role.ADMINISTRATOR, actor="test")
    assert await double(accounts) == []


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SECURITY_ADMINISTRATOR, Role.APPROVER])
async def test_the_database_refuses_two_duties(role: Role, accounts: Accounts, either_database: Database) -> None:
    await accounts.create("li", LONG, role, actor="test")
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        async with either_database.session() as session:
            await session.execute(sa.update(User).values(also_security=True))
