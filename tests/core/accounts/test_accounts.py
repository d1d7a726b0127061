"""Accounts and sessions."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from core.accounts.accounts import Accounts
from core.accounts.permissions import GRANTS, Permission, Role
from core.accounts.sessions import SessionEnd
from core.accounts.sign_in import OpenedSession, SignInService
from core.audit import audit_trail
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, ForbiddenError, UsageError
from tests.core.accounts.signing import fixed_vault, opened


async def accounts_with(database: Database, clock: ManualClock) -> Accounts:
    accounts = Accounts(database, clock)
    await accounts.create("zhang", "correct horse", Role.VIDEO_OFFICER, actor="test")
    return accounts


async def sign_in(
    accounts: Accounts, name: str, password: str, source: str = "10.0.0.1", device: str = ""
) -> OpenedSession:
    signing = SignInService(accounts._database, accounts._clock, accounts, fixed_vault)
    return opened(await signing.open(name, password, source, device))


async def test_sign_in_resolve_and_sign_out(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    identity = await accounts.sessions.resolve(token)
    assert identity is not None
    assert identity.role is Role.VIDEO_OFFICER
    await accounts.sessions.sign_out(token, "zhang")
    assert await accounts.sessions.resolve(token) is None


async def test_an_idle_session_ends(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    clock.advance(29 * 60)
    assert await accounts.sessions.resolve(token, active=True)
    clock.advance(29 * 60)
    assert await accounts.sessions.resolve(token)  # the previous request kept it alive, this one does not
    clock.advance(2 * 60)
    assert await accounts.sessions.resolve(token) is None
    assert await accounts.sessions.end_reason(token) is SessionEnd.IDLE


async def test_polling_keeps_no_session_alive(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    for _ in range(30):
        assert await accounts.sessions.resolve(token)
        clock.advance(60)
    clock.advance(1)
    assert await accounts.sessions.resolve(token) is None


async def test_a_telephone_that_waits_for_alerts_does_not_become_idle(database: Database, clock: ManualClock) -> None:
    accounts = Accounts(database, clock)
    await accounts.create("wang", "correct horse", Role.PATROL_OFFICER, actor="test")
    token = (await sign_in(accounts, "wang", "correct horse")).token
    clock.advance(11 * 3600)
    assert await accounts.sessions.resolve(token)
    clock.advance(3601)
    assert await accounts.sessions.resolve(token) is None


async def test_a_session_ends_after_twelve_hours_however_busy(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    for _ in range(36):
        assert await accounts.sessions.resolve(token, active=True)
        clock.advance(20 * 60)
    clock.advance(1)
    assert await accounts.sessions.resolve(token, active=True) is None
    assert await accounts.sessions.end_reason(token) is SessionEnd.TOO_OLD
    assert await accounts.sessions.purge() == 0
    clock.advance(25 * 3600)
    assert await accounts.sessions.purge() == 1
    assert await accounts.sessions.end_reason(token) is SessionEnd.REVOKED


async def test_a_new_password_for_oneself_ends_all_sessions(database: Database, clock: ManualClock) -> None:
    accounts = Accounts(database, clock)
    await accounts.create("li", "chosen by another", Role.AUDITOR, actor="test", must_change=True)
    token = (await sign_in(accounts, "li", "chosen by another")).token
    identity = await accounts.sessions.resolve(token)
    assert identity is not None and identity.must_change
    for old, new, error in (("wrong", "my own password", ForbiddenError), ("chosen by another", "short", UsageError)):
        with pytest.raises(error):
            await accounts.change_own_password(identity, old, new)
    with pytest.raises(UsageError, match="present one"):
        await accounts.change_own_password(identity, "chosen by another", "chosen by another")
    await accounts.change_own_password(identity, "chosen by another", "my own password")
    assert await accounts.sessions.resolve(token) is None
    again = await accounts.sessions.resolve((await sign_in(accounts, "li", "my own password")).token)
    assert again is not None and not again.must_change


async def test_a_change_under_way_does_not_outlive_reset_disabling_or_sign_out(
    either_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who knows the old password sends a new one, which waits for a hashing thread."""
    accounts = Accounts(either_database, clock)
    meanwhile, hashed = {}, accounts.passwords.hash
    for n, name in enumerate(meanwhile_names := ("reset", "disabled", "signed out", "enabled again")):
        await accounts.create(f"li{n}", "the thief knows it", Role.INVESTIGATOR, actor="test")
        token = (await sign_in(accounts, f"li{n}", "the thief knows it")).token
        meanwhile[name] = token, await accounts.sessions.resolve(token)

    async def act(name: str, n: int) -> None:
        match name:
            case "reset":
                await accounts.reset_password(f"li{n}", "by the administrator", actor="admin")
            case "signed out":
                await accounts.sessions.sign_out(meanwhile[name][0], f"li{n}")
            case _:
                await accounts.change(f"li{n}", disabled=True, actor="admin")
                if name == "enabled again":
                    await accounts.change(f"li{n}", disabled=False, actor="admin")

    for n, name in enumerate(meanwhile_names):

        async def slow(password: str, name: str = name, n: int = n) -> str:
            if password == "the thief's own":
                await act(name, n)
            return await hashed(password)

        monkeypatch.setattr(accounts.passwords, "hash", slow)
        identity = meanwhile[name][1]
        assert identity is not None
        with pytest.raises(ForbiddenError, match="has changed"):
            await accounts.change_own_password(identity, "the thief knows it", "the thief's own")
        with pytest.raises(ForbiddenError, match="name or password"):
            await sign_in(accounts, f"li{n}", "the thief's own")


async def test_an_administrator_whose_session_has_ended_makes_no_account_any_more(
    database: Database, clock: ManualClock
) -> None:
    accounts = await accounts_with(database, clock)
    for name in ("root", "second"):
        await accounts.create(name, "correct horse", Role.SECURITY_ADMINISTRATOR, actor="test")
    token = (await sign_in(accounts, "root", "correct horse")).token
    root = await accounts.sessions.resolve(token)
    await accounts.change("root", disabled=True, actor="second")
    for work in (
        accounts.create("mallory", "correct horse", Role.ADMINISTRATOR, actor="root", requested_by=root),
        accounts.reset_password("zhang", "known to root", actor="root", requested_by=root),
        accounts.change("zhang", disabled=True, actor="root", requested_by=root),
        accounts.sessions.set_purpose(token, "case 7", "root"),
    ):
        with pytest.raises(ForbiddenError, match="has changed"):
            await work
    assert {u.name for u in await accounts.list_users()} == {"zhang", "root", "second"}
    assert (await sign_in(accounts, "zhang", "correct horse")).token


async def test_tokens_and_passwords_are_not_stored(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    async with database.reading() as session:
        stored = [
            str(r)
            for table in ("user", "sign_in", "audit")
            for r in await session.execute(text(f'SELECT * FROM "{table}"'))
        ]
    assert not [r for r in stored if token in r or "correct horse" in r]


async def test_reset_ends_sessions(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    await accounts.reset_password("zhang", "another secret", actor="test")
    assert await accounts.sessions.resolve(token) is None
    assert (await sign_in(accounts, "zhang", "another secret")).token


async def test_bad_accounts_are_refused(database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(database, clock)
    with pytest.raises(ConflictError):
        await accounts.create("zhang", "correct horse", Role.AUDITOR, actor="test")
    with pytest.raises(UsageError, match="10 characters"):
        await accounts.create("li", "short", Role.AUDITOR, actor="test")
    with pytest.raises(UsageError, match="log-in name"):
        await accounts.create("a b;c", "long enough indeed", Role.AUDITOR, actor="test")
    # A name of the station's own: patrol rounds that it asks for would look like the schedule's.
    with pytest.raises(UsageError, match="is reserved"):
        await accounts.create("Schedule", "long enough indeed", Role.AUDITOR, actor="test")


def test_funders_reach_figures_only() -> None:
    assert GRANTS[Role.FUNDER] == {Permission.REPORT_VIEW}


def test_no_role_both_runs_the_system_and_reads_the_audit() -> None:
    assert Permission.AUDIT_VIEW not in GRANTS[Role.ADMINISTRATOR]
    assert GRANTS[Role.AUDITOR] == {Permission.AUDIT_VIEW, Permission.API_VIEW}


async def test_a_change_ends_sessions_and_is_written_down(either_database: Database, clock: ManualClock) -> None:
    accounts = await accounts_with(either_database, clock)
    await accounts.create("root", "correct horse", Role.ADMINISTRATOR, actor="test")
    token = (await sign_in(accounts, "zhang", "correct horse")).token
    assert await accounts.change("zhang", villages=["wang"], actor="root") == {"villages": ["wang"]}
    assert await accounts.sessions.resolve(token) is None
    assert await accounts.change("zhang", disabled=True, actor="root") == {"disabled": True}
    with pytest.raises(ForbiddenError, match="name or password"):
        await sign_in(accounts, "zhang", "correct horse")
    await accounts.change("zhang", disabled=False, villages="all", actor="root")
    identity = await accounts.sessions.resolve((await sign_in(accounts, "zhang", "correct horse")).token)
    assert identity is not None and identity.villages is None
    async with either_database.reading() as session:
        changes = list(
            await session.scalars(select(audit_trail.AuditRow).where(audit_trail.AuditRow.action == "user.change"))
        )
    assert next((r.actor, r.object, r.data["new"]) for r in changes) == ("root", "zhang", {"villages": ["wang"]})
    assert len(changes) == 3


async def test_two_administrators_cannot_disable_each_other_at_once(
    either_database: Database, clock: ManualClock
) -> None:
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
    assert await accounts.change("zhang", role=Role.VIDEO_OFFICER, actor="test") == {
        "role": "video_officer",
        "vendor": "",
    }
