"""Sign-in attempts: counted before the password is checked, by account and source, and the same for unknown names."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select

from core.accounts import attempts
from core.accounts.accounts import Accounts
from core.accounts.attempts import SignInSource
from core.accounts.password_hashing import PasswordHashing
from core.accounts.permissions import Role
from core.accounts.sign_in import SignInService
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ForbiddenError, MinwangError, TooManyError
from tests.core.accounts.signing import fixed_vault, opened

RIGHT = "correct horse"


class QuickHashing(PasswordHashing):
    """Compares passwords without a hash, and counts the comparisons."""

    looked_at = 0

    async def verify(self, stored: str | None, password: str) -> bool:
        self.looked_at += 1
        await asyncio.sleep(0)
        return stored is not None and password == RIGHT


async def station(database: Database, clock: ManualClock) -> tuple[SignInService, Accounts]:
    accounts = Accounts(database, clock)
    accounts.passwords = QuickHashing()
    for name in ("leader", "li"):
        await accounts.create(name, RIGHT, Role.APPROVER, actor="test")
    return SignInService(database, clock, accounts, fixed_vault), accounts


def _comparisons(accounts: Accounts) -> int:
    assert isinstance(accounts.passwords, QuickHashing)
    return accounts.passwords.looked_at


async def refused(
    signing: SignInService, name: str, password: str = "guess", *, source: str = "10.0.0.1", device: str = ""
) -> MinwangError:
    with pytest.raises(MinwangError) as e:
        await signing.open(name, password, source, device)
    return e.value


async def test_of_many_guesses_at_once_five_are_looked_at(either_database: Database, clock: ManualClock) -> None:
    signing, accounts = await station(either_database, clock)
    guesses = [*["guess"] * 50, RIGHT, *["guess"] * 9]
    done = await asyncio.gather(*(signing.open("leader", g, "10.0.0.1") for g in guesses), return_exceptions=True)
    assert _comparisons(accounts) == attempts.ATTEMPTS_BEFORE_WAIT
    assert Counter(type(d).__name__ for d in done) == {"ForbiddenError": 5, "TooManyError": 55}


async def test_nobody_shuts_an_account_out_elsewhere(database: Database, clock: ManualClock) -> None:
    signing, _ = await station(database, clock)
    for _ in range(200):
        await refused(signing, "leader")
    assert isinstance(await refused(signing, "leader", RIGHT), TooManyError)
    assert opened(await signing.open("leader", RIGHT, "10.0.0.2")).token
    assert opened(
        await signing.open("li", RIGHT, "10.0.0.1")
    ).token  # another account at the same source is not locked out


async def test_a_known_device_is_let_in_from_the_address_of_a_guesser(database: Database, clock: ManualClock) -> None:
    signing, _ = await station(database, clock)
    device = opened(await signing.open("leader", RIGHT, "10.0.0.1")).device
    for _ in range(8):
        await refused(signing, "leader")
    assert opened(await signing.open("leader", RIGHT, "10.0.0.1", device)).device == device
    assert isinstance(await refused(signing, "leader", RIGHT, device="made up"), TooManyError)
    # For another account the device is unknown.
    assert isinstance(await refused(signing, "li", "guess", device=device), ForbiddenError)
    for _ in range(5):
        await refused(signing, "leader", device=device)
    # A stolen device allows no faster guessing.
    assert isinstance(await refused(signing, "leader", RIGHT, device=device), TooManyError)


async def test_the_wait_grows_and_ends(database: Database, clock: ManualClock) -> None:
    signing, accounts = await station(database, clock)
    for _ in range(5):
        await refused(signing, "leader")
    for minutes in (1, 2, 4, 8, 15, 15):
        clock.advance(minutes * 60 - 1)
        assert isinstance(await refused(signing, "leader"), TooManyError), minutes
        clock.advance(1)
        assert isinstance(await refused(signing, "leader"), ForbiddenError), minutes
    assert _comparisons(accounts) == 11
    clock.advance(15 * 60)
    assert opened(await signing.open("leader", RIGHT, "10.0.0.1")).token
    assert isinstance(await refused(signing, "leader"), ForbiddenError)  # counted from the beginning again


async def test_a_name_that_does_not_exist_behaves_like_one_that_does(database: Database, clock: ManualClock) -> None:
    signing, _ = await station(database, clock)

    async def told(name: str) -> list[tuple[Any, ...]]:
        found = [await refused(signing, name, source="10.0.0.9") for _ in range(7)]
        return [(type(e), str(e)) for e in found]

    await Accounts(database, clock).create("root", "a long password", Role.ADMINISTRATOR, actor="test")
    await Accounts(database, clock).change("li", disabled=True, actor="test")
    assert await told("leader") == await told("nobody") == await told("li")
    assert isinstance(await refused(signing, "li", RIGHT, source="10.0.0.3"), ForbiddenError)


async def test_a_refused_try_names_nobody_as_its_actor(database: Database, clock: ManualClock) -> None:
    signing, _ = await station(database, clock)
    await refused(signing, "auditor\nroot" * 5)
    async with database.reading() as session:
        (row,) = await session.scalars(select(AuditRow).where(AuditRow.action == "session.refused"))
    assert (row.actor, row.object, row.data["name"]) == ("anonymous", "sign-in", ("auditor\nroot" * 5)[:60])


async def test_the_present_password_is_guessed_no_faster_when_it_is_changed(
    database: Database, clock: ManualClock
) -> None:
    signing, accounts = await station(database, clock)
    identity = await accounts.sessions.resolve(opened(await signing.open("leader", RIGHT, "10.0.0.1")).token)
    assert identity is not None
    for _ in range(5):
        with pytest.raises(ForbiddenError):
            await signing.change_password(identity, "guess", "another password", "10.0.0.1")
    with pytest.raises(TooManyError):
        await signing.change_password(identity, RIGHT, "another password", "10.0.0.1")


async def test_what_is_counted_is_forgotten_and_bounded(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing, _ = await station(database, clock)
    await signing.open("leader", RIGHT, "10.0.0.1")
    monkeypatch.setattr(attempts, "MAX_ROWS", 4)
    for number in range(9):
        clock.advance(1)
        await refused(signing, f"nobody{number}")
    await signing.attempts.purge()

    async def there() -> list[tuple[str, bool]]:
        async with database.reading() as session:
            rows = await session.execute(select(SignInSource.name, SignInSource.known).order_by(SignInSource.name))
            return [(r.name, r.known) for r in rows]

    assert await there() == [("leader", True), ("nobody6", False), ("nobody7", False), ("nobody8", False)]
    clock.advance(25 * 3600)
    await signing.attempts.purge()
    assert await there() == [("leader", True)]
    clock.advance(91 * 86_400)
    await signing.attempts.purge()
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(SignInSource)) == 0


async def test_a_name_that_waits_is_told_so_without_writing(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing, _ = await station(database, clock)
    for _ in range(attempts.ATTEMPTS_BEFORE_WAIT + 1):
        await refused(signing, "leader")
    with monkeypatch.context() as m:
        m.setattr(database, "session", None)  # nothing may be written
        for device in ("", "made up", "another"):
            assert isinstance(await refused(signing, "leader", device=device), TooManyError)
    clock.advance(attempts.FIRST_WAIT.total_seconds() + 1)
    assert opened(await signing.open("leader", RIGHT, "10.0.0.1")).token


async def test_guesses_at_the_present_password_leave_rows_and_wait_whatever_their_source(
    database: Database, clock: ManualClock
) -> None:
    signing, accounts = await station(database, clock)
    session = opened(await signing.open("leader", RIGHT, "10.0.0.1"))
    me = await accounts.sessions.resolve(session.token)
    assert me is not None
    ended: Counter[str] = Counter()
    for n in range(attempts.ATTEMPTS_BEFORE_WAIT + 3):
        with pytest.raises(MinwangError) as e:
            await signing.change_password(me, f"guess {n}", "quite another one", f"10.0.0.{n}", session.device)
        ended[type(e.value).__name__] += 1
    assert ended == {"ForbiddenError": attempts.ATTEMPTS_BEFORE_WAIT, "TooManyError": 3}
    async with database.reading() as reading:
        rows = list(await reading.scalars(select(AuditRow).where(AuditRow.action == "user.password_refused")))
    assert len(rows) == attempts.ATTEMPTS_BEFORE_WAIT and rows[0].actor == "leader" and "guess" not in str(rows[0].data)
    assert opened(await signing.open("leader", RIGHT, "10.0.0.1")).token  # sign-in is not affected
