from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from core import audit
from core.accounts import Accounts
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, ForbiddenError, UsageError
from core.permissions import GRANTS, Permission, Role


async def accounts_with(database: Database, clock: ManualClock) -> Accounts:
    accounts = Accounts(database, clock)
    await accounts.create("zhang", "correct horse", Role.VIDEO_OFFICER, actor="test")
    return accounts


async def test_sign_in_resolve_and_sign_out(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = await accounts.sign_in("zhang", "correct horse")
    identity = await accounts.resolve(token)
    assert identity is not None
    assert identity.role is Role.VIDEO_OFFICER
    await accounts.sign_out(token, "zhang")
    assert await accounts.resolve(token) is None


async def test_five_wrong_passwords_lock_for_fifteen_minutes(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    for _ in range(5):
        with pytest.raises(ForbiddenError, match="name or password"):
            await accounts.sign_in("zhang", "wrong wrong wrong")
    with pytest.raises(ForbiddenError, match="15 minutes"):
        await accounts.sign_in("zhang", "correct horse")
    clock.advance(15 * 60 + 1)
    assert await accounts.sign_in("zhang", "correct horse")


async def test_unknown_name_and_wrong_password_sound_the_same(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    with pytest.raises(ForbiddenError) as unknown:
        await accounts.sign_in("nobody", "correct horse")
    with pytest.raises(ForbiddenError) as wrong:
        await accounts.sign_in("zhang", "not the password")
    assert str(unknown.value) == str(wrong.value)


async def test_an_idle_session_ends(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = await accounts.sign_in("zhang", "correct horse")
    clock.advance(29 * 60)
    assert await accounts.resolve(token)
    clock.advance(29 * 60)
    assert await accounts.resolve(token)  # the request before kept it alive
    clock.advance(31 * 60)
    assert await accounts.resolve(token) is None


async def test_tokens_and_passwords_are_not_stored(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = await accounts.sign_in("zhang", "correct horse")
    async with database.reading() as session:
        stored = [
            str(r) for table in ("user", "sign_in", "audit") for r in await session.execute(text(f'SELECT * FROM "{table}"'))
        ]
    assert not [r for r in stored if token in r or "correct horse" in r]


async def test_reset_ends_sessions(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = await accounts.sign_in("zhang", "correct horse")
    await accounts.reset_password("zhang", "another secret", actor="test")
    assert await accounts.resolve(token) is None
    assert await accounts.sign_in("zhang", "another secret")


async def test_bad_accounts_are_refused(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    with pytest.raises(ConflictError):
        await accounts.create("zhang", "correct horse", Role.AUDITOR, actor="test")
    with pytest.raises(UsageError, match="10 characters"):
        await accounts.create("li", "short", Role.AUDITOR, actor="test")
    with pytest.raises(UsageError, match="log-in name"):
        await accounts.create("a b;c", "long enough indeed", Role.AUDITOR, actor="test")


def test_funders_reach_figures_only() -> None:
    assert GRANTS[Role.FUNDER] == {Permission.REPORT_VIEW}


def test_no_role_both_runs_the_system_and_reads_the_audit() -> None:
    assert Permission.AUDIT_VIEW not in GRANTS[Role.ADMINISTRATOR]
    assert GRANTS[Role.AUDITOR] == {Permission.AUDIT_VIEW}


async def test_audit_refuses_change_and_finds_tampering(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        rows = [await audit.record(session, clock.now(), "zhang", "test.do", f"thing-{i}", n=i) for i in range(5)]
    async with database.reading() as session:
        assert await audit.verify(session) is None
    for statement in ("UPDATE audit SET actor = 'li' WHERE id = 3", "DELETE FROM audit WHERE id = 3"):
        with pytest.raises(Exception, match="append-only"):
            async with database.session() as session:
                await session.execute(text(statement))
    async with database.session() as session:  # somebody with the file in his hands
        guard = {"sqlite": "audit_no_update", "postgresql": "audit_append_only ON audit"}[session.get_bind().dialect.name]
        await session.execute(text(f"DROP TRIGGER {guard}"))
        await session.execute(text("UPDATE audit SET actor = 'li' WHERE id = 3"))
    async with database.reading() as session:
        assert await audit.verify(session) == rows[2].id


async def test_concurrent_audit_rows_form_one_chain(database: Database, clock: ManualClock) -> None:
    async def write(i: int) -> None:
        async with database.session() as session:
            await audit.record(session, clock.now(), "a", "test.do", str(i))

    await asyncio.gather(*(write(i) for i in range(12)))
    async with database.reading() as session:
        assert await audit.verify(session) is None


async def test_a_change_ends_sessions_and_is_written_down(either_database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(either_database, clock)
    await accounts.create("root", "correct horse", Role.ADMINISTRATOR, actor="test")
    token = await accounts.sign_in("zhang", "correct horse")
    assert await accounts.change("zhang", villages=["wang"], actor="root") == {"villages": ["wang"]}
    assert await accounts.resolve(token) is None
    assert await accounts.change("zhang", disabled=True, actor="root") == {"disabled": True}
    with pytest.raises(ForbiddenError, match="name or password"):
        await accounts.sign_in("zhang", "correct horse")
    await accounts.change("zhang", disabled=False, villages="all", actor="root")
    identity = await accounts.resolve(await accounts.sign_in("zhang", "correct horse"))
    assert identity is not None and identity.villages is None
    async with either_database.reading() as session:
        changes = list(await session.scalars(select(audit.AuditRow).where(audit.AuditRow.action == "user.change")))
    assert next((r.actor, r.object, r.data["new"]) for r in changes) == ("root", "zhang", {"villages": ["wang"]})
    assert len(changes) == 3


async def test_two_administrators_cannot_disable_each_other_at_once(either_database: Database, clock: ManualClock) -> None:
    accounts = Accounts(either_database, clock)
    for name in ("root", "second"):
        await accounts.create(name, "correct horse", Role.ADMINISTRATOR, actor="test")
    done = await asyncio.gather(
        *(accounts.change(n, disabled=True, actor="test") for n in ("root", "second")), return_exceptions=True
    )
    assert sorted(type(d).__name__ for d in done) == ["ConflictError", "dict"]


async def test_a_contractor_s_company_comes_and_goes_with_the_role(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    await accounts.create("root", "correct horse", Role.ADMINISTRATOR, actor="test")
    with pytest.raises(UsageError, match="--vendor"):
        await accounts.change("zhang", role=Role.CONTRACTOR, actor="test")
    await accounts.change("zhang", role=Role.CONTRACTOR, vendor="天目", actor="test")
    assert await accounts.change("zhang", role=Role.VIDEO_OFFICER, actor="test") == {"role": "video_officer", "vendor": ""}
