"""The second factor: codes are accepted once, wrong ones are counted, enrolment and removal end other sessions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select, update

from core.accounts import attempts, sign_in
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.accounts.second_factor import codes, policy
from core.accounts.second_factor.service import SecondFactors
from core.accounts.sessions import Identity, SessionEnd
from core.accounts.sign_in import CodeNeeded, OpenedSession, SignInService
from core.accounts.tables import PendingSignIn, RecoveryCode, SecondFactor, SignIn
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, MinwangError, TooManyError
from core.settings import SecondFactorPolicy
from tests.core.accounts.signing import fixed_vault, opened
from tests.core.accounts.test_sign_in import RIGHT, QuickHashing

# RFC 6238 appendix B, SHA-1: secret "12345678901234567890"; the last six of the eight digits given there.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


class Desk:
    """The accounts of a station, with one account per role under the role's name."""

    def __init__(self, database: Database, clock: ManualClock):
        self.database, self.clock = database, clock
        self.accounts = Accounts(database, clock)
        self.accounts.passwords = QuickHashing()
        self.signing = SignInService(database, clock, self.accounts, fixed_vault)
        self.factors = SecondFactors(database, clock, self.signing.attempts, fixed_vault, "Westhaven")

    async def sign_in(self, name: str, device: str = "") -> tuple[OpenedSession, Identity]:
        session = opened(await self.signing.open(name, RIGHT, "10.0.0.1", device))
        return session, await self.identity(session)

    async def identity(self, session: OpenedSession) -> Identity:
        found = await self.accounts.sessions.resolve(session.token)
        assert found is not None
        return found

    async def enrol(self, name: str) -> tuple[str, list[str], OpenedSession]:
        """Return the secret, the recovery codes, and the session in which they were made."""
        session, who = await self.sign_in(name)
        begun = await self.factors.begin(who)
        return begun.secret, await self.factors.complete(who, codes.code_at(begun.secret, self.clock.now())), session

    async def pending(self, name: str, device: str = "") -> str:
        found = await self.signing.open(name, RIGHT, "10.0.0.1", device)
        assert isinstance(found, CodeNeeded)
        return found.pending

    def next_code(self, secret: str) -> str:
        """Return the code of the next step: one that was not used yet."""
        self.clock.advance(codes.STEP_S)
        return codes.code_at(secret, self.clock.now())

    async def actions(self) -> list[str]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))


@pytest.fixture
async def desk(either_database: Database, clock: ManualClock) -> Desk:
    made = Desk(either_database, clock)
    for role in (Role.APPROVER, Role.PATROL_OFFICER, Role.VIDEO_OFFICER):
        await made.accounts.create(role.value, RIGHT, role, actor="test")
    return made


async def refusal(awaited: object) -> ErrorCode:
    with pytest.raises(MinwangError) as e:
        await awaited  # type: ignore[misc]
    return e.value.code


@pytest.mark.parametrize(("second", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(second: int, code: str) -> None:
    now = datetime.fromtimestamp(second, timezone.utc)
    assert codes.code_at(RFC_SECRET, now) == code
    assert codes.accepted_step(RFC_SECRET, code, now, 0) == second // 30


def test_a_code_is_accepted_one_step_early_and_late_and_no_further() -> None:
    at = datetime.fromtimestamp(1111111111, timezone.utc)
    code, step = codes.code_at(RFC_SECRET, at), 1111111111 // 30
    for drift, accepted in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = codes.accepted_step(RFC_SECRET, code, at + timedelta(seconds=30 * drift), 0)
        assert found == (step if accepted else None), drift
    assert codes.accepted_step(RFC_SECRET, code, at, step) is None  # accepted already
    assert codes.accepted_step(RFC_SECRET, code, at, step - 1) == step


def test_a_code_is_read_however_it_is_written() -> None:
    assert codes.normalised(" 123 456 ") == "123456" and codes.normalised("１２３４５６") == "123456"
    assert codes.normalised("abcde-fghjk") == "ABCDEFGHJK"
    made = codes.new_recovery_codes()
    assert len(set(made)) == 10 and all(len(c) == 11 and not codes.is_time_code(codes.normalised(c)) for c in made)


async def test_after_the_password_a_code_is_asked_for_and_accepted_once(desk: Desk) -> None:
    secret, _, _ = await desk.enrol("approver")
    used = codes.code_at(secret, desk.clock.now())
    pending = await desk.pending("approver")
    # The code of the enrolment was accepted already.
    assert await refusal(desk.signing.open_with_code(pending, used)) is ErrorCode.SECOND_FACTOR_WRONG
    code = desk.next_code(secret)
    session = await desk.signing.open_with_code(pending, code)
    who = await desk.identity(session)
    assert who.has_second_factor and who.code_at == desk.clock.now()
    # Neither the sign-in nor the code is good for another session.
    assert await refusal(desk.signing.open_with_code(pending, code)) is ErrorCode.SECOND_FACTOR_EXPIRED
    assert await refusal(desk.signing.open_with_code(await desk.pending("approver"), code)) is (
        ErrorCode.SECOND_FACTOR_WRONG
    )


async def test_a_sign_in_waits_three_minutes_for_its_code(desk: Desk) -> None:
    secret, _, _ = await desk.enrol("approver")
    pending = await desk.pending("approver")
    desk.clock.advance(179)
    assert await refusal(desk.signing.open_with_code(pending, "000000")) is ErrorCode.SECOND_FACTOR_WRONG
    desk.clock.advance(1)
    code = codes.code_at(secret, desk.clock.now())
    assert await refusal(desk.signing.open_with_code(pending, code)) is ErrorCode.SECOND_FACTOR_EXPIRED
    assert await desk.accounts.sessions.resolve(pending) is None


async def test_a_sign_in_that_waits_ends_with_the_password(desk: Desk) -> None:
    secret, _, _ = await desk.enrol("approver")
    for change in ("password", "disabled"):
        pending = await desk.pending("approver")
        if change == "password":
            await desk.accounts.reset_password("approver", RIGHT, actor="root")
        else:
            await desk.accounts.change("approver", disabled=True, actor="root")
        code = desk.next_code(secret)
        assert await refusal(desk.signing.open_with_code(pending, code)) is ErrorCode.SECOND_FACTOR_EXPIRED


async def test_wrong_codes_wait_like_wrong_passwords_wherever_they_come_from(desk: Desk) -> None:
    secret, _, session = await desk.enrol("approver")
    told = []
    for n in range(8):
        found = await desk.signing.open("approver", RIGHT, f"10.0.0.{n}")  # each from another address
        assert isinstance(found, CodeNeeded)
        told.append(await refusal(desk.signing.open_with_code(found.pending, "000000")))
    assert told == [ErrorCode.SECOND_FACTOR_WRONG] * 5 + [ErrorCode.SIGN_IN_ATTEMPTS] * 3
    # Even the right code waits, except on a device that the account knows.
    right = desk.next_code(secret)
    with pytest.raises(TooManyError):
        await desk.signing.open_with_code(await desk.pending("approver"), right)
    pending = await desk.pending("approver", session.device)
    assert (await desk.signing.open_with_code(pending, right, session.device)).token
    assert "approver" in await desk.signing.attempts.waits()
    for minutes in (1, 2, 4, 8, 15, 15):
        desk.clock.advance(minutes * 60)
        pending = await desk.pending("approver")
        assert await refusal(desk.signing.open_with_code(pending, "000000")) is ErrorCode.SECOND_FACTOR_WRONG
        assert await refusal(desk.signing.open_with_code(pending, "000000")) is ErrorCode.SIGN_IN_ATTEMPTS


async def test_right_passwords_do_not_forgive_wrong_ones(desk: Desk) -> None:
    await desk.enrol("approver")
    for _ in range(4):
        assert await refusal(desk.signing.open("approver", "guess", "10.0.0.1")) is ErrorCode.SIGN_IN_REFUSED
        await desk.pending("approver")
    assert await refusal(desk.signing.open("approver", "guess", "10.0.0.1")) is ErrorCode.SIGN_IN_REFUSED
    assert await refusal(desk.signing.open("approver", RIGHT, "10.0.0.1")) is ErrorCode.SIGN_IN_ATTEMPTS


async def test_a_recovery_code_opens_one_session(desk: Desk) -> None:
    _, recovery, _ = await desk.enrol("approver")
    session = await desk.signing.open_with_code(await desk.pending("approver"), recovery[3].lower().replace("-", " "))
    who = await desk.identity(session)
    assert (await desk.factors.state(who.user_id)).recovery_codes == 9
    pending = await desk.pending("approver")
    assert await refusal(desk.signing.open_with_code(pending, recovery[3])) is ErrorCode.SECOND_FACTOR_WRONG
    # New ones replace all that are left.
    renewed = await desk.factors.renew_recovery_codes(who, recovery[4])
    assert await refusal(desk.signing.open_with_code(pending, recovery[5])) is ErrorCode.SECOND_FACTOR_WRONG
    assert (await desk.signing.open_with_code(pending, renewed[0])).token
    found = await desk.actions()
    assert found.count("second_factor.recovery") == 3 and found.count("second_factor.codes") == 1
    async with desk.database.reading() as session_:
        stored = " ".join(await session_.scalars(select(RecoveryCode.digest)))
    assert not [c for c in renewed if c in stored or c.replace("-", "") in stored]


async def test_enrolment_ends_the_sessions_that_gave_no_code(desk: Desk) -> None:
    other, _ = await desk.sign_in("approver")
    session, who = await desk.sign_in("approver")
    begun = await desk.factors.begin(who)
    assert begun.uri.startswith("otpauth://totp/Westhaven:approver?secret=") and begun.secret in begun.uri
    assert not (await desk.identity(session)).has_second_factor  # counts for nothing yet
    assert await refusal(desk.factors.complete(who, "000000")) is ErrorCode.SECOND_FACTOR_WRONG
    assert len(await desk.factors.complete(who, codes.code_at(begun.secret, desk.clock.now()))) == 10
    assert (await desk.identity(session)).has_second_factor
    assert await desk.accounts.sessions.resolve(other.token) is None
    with pytest.raises(ConflictError):
        await desk.factors.begin(who)
    async with desk.database.session() as written:
        sealed = await written.scalar(select(SecondFactor.sealed))
        assert sealed is not None and begun.secret not in sealed
        # Even a session that were left without a code does not count.
        await written.execute(update(SignIn).values(code_at=None))
    assert await desk.accounts.sessions.resolve(session.token) is None


async def test_removing_needs_a_code_and_a_reset_ends_the_sessions(desk: Desk) -> None:
    secret, _, session = await desk.enrol("approver")
    who = await desk.identity(session)
    assert await refusal(desk.factors.remove(who, "000000")) is ErrorCode.SECOND_FACTOR_WRONG
    await desk.factors.remove(who, desk.next_code(secret))
    assert (await desk.factors.state(who.user_id)).enrolled_at is None
    assert not (await desk.identity(session)).has_second_factor
    await desk.enrol("video_officer")
    again, _, session = await desk.enrol("approver")
    assert again != secret
    pending = await desk.pending("approver")
    assert await desk.accounts.reset_second_factor("approver", actor="root", reason="lost his phone")
    assert await desk.accounts.sessions.resolve(session.token) is None
    assert await refusal(desk.signing.open_with_code(pending, desk.next_code(again))) is (
        ErrorCode.SECOND_FACTOR_EXPIRED
    )
    assert not (await desk.sign_in("approver"))[1].has_second_factor
    assert not await desk.accounts.reset_second_factor("approver", actor="root")
    assert len(await desk.accounts.with_second_factor()) == 1
    found = await desk.actions()
    assert [found.count(f"second_factor.{a}") for a in ("enrol", "refused", "remove", "reset")] == [3, 1, 1, 1]


async def test_codes_in_a_session_wait_after_five_wrong_ones(desk: Desk) -> None:
    secret, _, session = await desk.enrol("approver")
    who = await desk.identity(session)
    told = [await refusal(desk.factors.confirm(who, "000000")) for _ in range(6)]
    assert told == [ErrorCode.SECOND_FACTOR_WRONG] * attempts.ATTEMPTS_BEFORE_WAIT + [ErrorCode.SIGN_IN_ATTEMPTS]
    desk.clock.advance(60)
    await desk.factors.confirm(who, codes.code_at(secret, desk.clock.now()))


async def test_a_fresh_code_counts_five_minutes(desk: Desk) -> None:
    required, off = SecondFactorPolicy.REQUIRED, SecondFactorPolicy.OFF
    _, who = await desk.sign_in("approver")
    with pytest.raises(ForbiddenError, match="second factor"):
        policy.require_fresh_code(required, who, desk.clock.now())
    policy.require_fresh_code(off, who, desk.clock.now())
    secret, _, session = await desk.enrol("approver")
    who = await desk.identity(session)
    for rule in (required, off):
        policy.require_fresh_code(rule, who, desk.clock.now() + timedelta(minutes=5))
        with pytest.raises(ForbiddenError, match="one-time code"):
            policy.require_fresh_code(rule, who, desk.clock.now() + timedelta(minutes=5, seconds=1))
    desk.clock.advance(600)
    await desk.factors.confirm(who, desk.next_code(secret))
    policy.require_fresh_code(required, await desk.identity(session), desk.clock.now())


async def test_a_new_password_needs_no_second_code(desk: Desk) -> None:
    _, _, session = await desk.enrol("approver")
    who = await desk.identity(session)
    again = opened(await desk.signing.open("approver", RIGHT, "10.0.0.1", "", who.code_at))
    assert (await desk.identity(again)).code_at == who.code_at


def test_the_roles_that_must_have_it() -> None:
    needed = {role for role in Role if policy.must_have(SecondFactorPolicy.REQUIRED, role)}
    assert needed == {Role.APPROVER, Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR}
    assert not any(policy.must_have(SecondFactorPolicy.OFF, role) for role in Role)


async def test_a_patrol_officer_has_one_phone(desk: Desk) -> None:
    first, _ = await desk.sign_in("patrol_officer")
    again, _ = await desk.sign_in("patrol_officer", first.device)
    assert again.device == first.device and await desk.accounts.sessions.resolve(first.token) is None
    assert "session.replaced" not in await desk.actions()
    second, _ = await desk.sign_in("patrol_officer")
    resolve = desk.accounts.sessions.resolve
    assert await resolve(again.token, device=again.device) is None
    assert await desk.accounts.sessions.end_reason(again.token) is SessionEnd.REPLACED
    assert (await desk.actions()).count("session.replaced") == 1
    # The session is good on its own phone alone.
    assert await resolve(second.token, device=second.device) is not None
    assert await resolve(second.token, device=first.device) is None and await resolve(second.token, device="") is None
    assert len(await desk.accounts.sessions.open_session_fingerprints()) == 1
    # A console's session is not bound: its operator may have several.
    console, _ = await desk.sign_in("video_officer")
    other, _ = await desk.sign_in("video_officer")
    assert await resolve(console.token, device=other.device) is not None


async def test_what_waits_for_a_code_is_deleted(desk: Desk) -> None:
    await desk.enrol("approver")
    for _ in range(3):
        await desk.pending("approver")
        desk.clock.advance(sign_in.CODE_AWAITED_FOR.total_seconds())
    async with desk.database.reading() as session:
        assert len(list(await session.scalars(select(PendingSignIn)))) == 1
