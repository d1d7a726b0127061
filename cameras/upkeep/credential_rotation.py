"""Create the station's own account on each camera: a long random password, sealed in the vault, rotated regularly.

A new account is created beside the one in use, tested over ONVIF and RTSP, and only then used. Two names alternate: the
previous account stays valid until the next rotation gives it a new password, so one valid account exists at any time,
whatever fails in between.

Where the inventory requires it (cameras.onboarding.own_account), a camera gets its first own account before it is used.
A camera that accepts none is used with the account that it was delivered with, and its checklist says why.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import string
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import func, select

from cameras.onboarding import own_account
from cameras.onboarding.onboarding import Onboarding
from cameras.onvif import wsdl_requests
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE
from cameras.onvif.soap import SoapFault
from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.registry import history, registry
from cameras.states import AccountState, AuthMode, StreamKind
from cameras.tables import Camera, CameraChange, Credential, Policy
from cameras.upkeep.attempt_times import AttemptTimes
from cameras.upkeep.rotation_claims import AccountClaimed, claim
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    ClearPasswordRequested,
    ConflictError,
    NotFoundError,
    ProtocolError,
)
from core.network.authenticator import PlainPasswordLogin
from core.secrets import Vault

log = logging.getLogger(__name__)

ACCOUNT_NAMES = ("minwang-a", "minwang-b")  # used alternately
PASSWORD_CHARS = 16
MAX_ROTATIONS_PER_DAY = 200  # cameras per day: a faulty firmware must not cost a town its cameras in one night
# Cheap firmware fails on & < > " % : @ / and similar characters.
PLAIN_CHARS = string.ascii_letters + string.digits
SPECIAL_CHARS = "-_."
SHORT_PASSWORD_CHARS = 12
# (length, special characters), tried in this order until the camera accepts a password: some require a special
# character, some accept none, some accept at most 12 characters (71 bits).
PASSWORD_FORMATS = (
    (PASSWORD_CHARS, SPECIAL_CHARS),
    (PASSWORD_CHARS, ""),
    (SHORT_PASSWORD_CHARS, SPECIAL_CHARS),
    (SHORT_PASSWORD_CHARS, ""),
)

TryStream = Callable[[str, tuple[str, str]], Awaitable[None]]


def random_password(length: int = PASSWORD_CHARS, signs: str = SPECIAL_CHARS) -> str:
    """Return a random password with at least one character of each kind, which some firmware requires."""
    while True:
        made = "".join(secrets.choice(PLAIN_CHARS + signs) for _ in range(length))
        kinds = (str.islower, str.isupper, str.isdigit)
        has_sign = not signs or any(c in signs for c in made)
        if all(any(kind(c) for c in made) for kind in kinds) and made[0].isalpha() and has_sign:
            return made


class CredentialRotation:
    """Creates and rotates the station's own accounts on cameras."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        onboarding: Onboarding,
        http: aiohttp.ClientSession,
        folder: Path,
        try_stream: TryStream | None = None,
    ):
        """`folder`: the data folder, where all processes claim cameras (cameras.upkeep.rotation_claims).

        `try_stream` opens a stream with a login and closes it; it raises CameraRefused if the RTSP server refuses the
        login.
        """
        self._database = database
        self._folder = folder
        self._try_stream = try_stream
        self._vault = vault
        self._clock = clock
        self._onboarding = onboarding
        self._http = http
        self._attempts = AttemptTimes()

    async def create_first_account(self, number: str) -> None:
        """Give a camera its first own account if that is required and was not tried.

        A failure is stored in its record.
        """
        if await self._must_wait(number):
            await self._try_first(number)

    async def _must_wait(self, number: str) -> bool:
        async with self._database.reading() as session:
            camera, villages = await session.get(Camera, number), await own_account.villages_requiring(session)
        return bool(camera and camera.device and camera.refused_at is None and own_account.must_wait(camera, villages))

    async def create_first_accounts(self, limit: int = MAX_ROTATIONS_PER_DAY) -> None:
        """Like `first`, for all identified cameras, including those in use before an own account was required."""
        async with self._database.reading() as session:
            villages = await own_account.villages_requiring(session)
            query = select(Camera).where(
                Camera.retired.is_(False),
                Camera.refused_at.is_(None),
                Camera.device.is_not(None),
                Camera.account_state.is_(None),
            )
            due = [c.id for c in await session.scalars(query.order_by(Camera.id)) if own_account.must_wait(c, villages)]
        for number in due[:limit]:
            await self._try_first(number)

    async def _try_first(self, number: str) -> None:
        try:
            async with claim(self._folder, number):
                if await self._must_wait(number):  # another process may have been faster
                    await self._rotate(number, history.SYSTEM)
        except AccountClaimed:
            return
        except CAMERA_ERRORS as e:
            log.warning("%s: creating the station's own account failed: %s", number, error_message(e))
            async with self._database.session() as session:
                row = await session.get_one(Camera, number)
                # A refused credential needs a person first; the account is tried after that. If the state has changed,
                # another process gave the camera an account meanwhile.
                if row.refused_at is None and row.account_state is None:
                    row.account_state, row.account_problem = AccountState.FAILED, error_message(e)

    async def run_once(self, limit: int = MAX_ROTATIONS_PER_DAY) -> list[str]:
        """Rotate accounts that are due by policy and retry failed first accounts; return the ids of changed cameras.

        A camera that fails keeps its account and is tried again in the next run.
        """
        done = []
        for number in (await self._due())[:limit]:
            self._attempts.record(number, self._clock.now())
            try:
                await self.rotate(number, history.SYSTEM)
            except CAMERA_ERRORS as e:
                log.warning(
                    "%s: account rotation failed, the current account stays in use: %s", number, error_message(e)
                )
                continue
            done.append(number)
        return done

    async def _due(self) -> list[str]:
        """Return the due cameras: first those never tried, then by age of the last rotation or failed attempt."""
        now = self._clock.now()
        async with self._database.reading() as session:
            days = {p.name: d for p in await session.scalars(select(Policy)) if (d := _account_lifetime(p)) is not None}
            villages = await own_account.villages_requiring(session)
            query = select(Camera).where(
                Camera.retired.is_(False), Camera.refused_at.is_(None), Camera.address.is_not(None)
            )
            cameras = [c for c in await session.scalars(query) if c.device and c.credential]
            query_last = select(CameraChange.camera, func.max(CameraChange.at)).where(CameraChange.field == "account")
            last = {c: at for c, at in (await session.execute(query_last.group_by(CameraChange.camera))).all()}  # noqa: C416
        failed = {
            c.id for c in cameras if c.account_state == AccountState.FAILED and own_account.is_required(c, villages)
        }
        expired = {
            c.id for c in cameras if (d := days.get(_policy_of(c))) and (c.id not in last or now - last[c.id] >= d)
        }
        return self._attempts.longest_ago({c: last.get(c) for c in failed | expired})

    async def rotate(self, number: str, actor: str) -> str:
        """Give a camera a new own account; return its name.

        Raises NotFoundError, ConflictError or CameraError, and the account in use stays. Raises AccountClaimed if
        another process is rotating this camera.
        """
        async with claim(self._folder, number):
            return await self._rotate(number, actor)

    async def _rotate(self, number: str, actor: str) -> str:
        """Rotate; the caller holds the camera's claim."""
        async with self._database.reading() as session:
            camera = await session.get(Camera, number)
            login = await registry.login(session, self._vault, camera.credential) if camera else None
        if camera is None or camera.address is None:
            raise NotFoundError(
                f"there is no camera '{number}' with an address", ErrorCode.CAMERA_HAS_NO_ADDRESS, camera=number
            )
        if login is None or camera.refused_at is not None:
            raise ConflictError(
                f"{number} has no working credential; set one first", ErrorCode.CAMERA_HAS_NO_CREDENTIAL, camera=number
            )
        client, url = await self._onboarding.clients.get(camera), service_url(camera.address)
        name = ACCOUNT_NAMES[1] if login[0] == ACCOUNT_NAMES[0] else ACCOUNT_NAMES[0]
        try:
            secret = await self._create_account(client, url, name)
            await self._test_account(client, url, camera, (name, secret))
        except CameraRefused:
            await self._onboarding.refusals.record(number)
            raise
        await self._store_account(camera, login[0], name, secret, actor)
        return name

    async def _create_account(self, client: SoapClient, url: str, name: str) -> str:
        """Create the account, or give the one of two rotations ago a new password; return the password.

        Raises CameraError if the camera does not list the account afterwards.
        """
        operation, secret = "SetUser" if name in await users(client, url) else "CreateUsers", ""
        for length, signs in PASSWORD_FORMATS:
            secret = random_password(length, signs)
            user = {"Username": name, "Password": secret, "UserLevel": "Administrator"}
            try:
                await wsdl_requests.call(client, url, DEVICE, operation, User=[user])
                break
            except SoapFault as e:
                if (length, signs) == PASSWORD_FORMATS[-1] or not any("password" in code.lower() for code in e.codes):
                    raise
        if name not in await users(client, url):
            raise CameraError("the camera reported success but created no account", ErrorCode.OWN_CAMERA_ACCOUNT_FAILED)
        return secret

    async def _test_account(self, delivered: SoapClient, url: str, camera: Camera, login: tuple[str, str]) -> None:
        """Use the new account once over ONVIF and RTSP before anything relies on it.

        Delete it again if it is refused.
        """
        client = SoapClient(
            self._http, self._clock, login, mode=camera.auth_mode if camera.auth_mode is not AuthMode.NONE else None
        )
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await users(client, url)
            await self._open_stream(camera, login)
        except CameraRefused as e:
            # The account in use is still valid: only the new account was refused, and it is not tried again.
            if not await self._is_in_use(camera.id, login[0]):
                with contextlib.suppress(CameraError):
                    await wsdl_requests.call(delivered, url, DEVICE, "DeleteUsers", Username=[login[0]])
            raise CameraError(
                f"the camera created the account but refuses it{': ' + str(e) if e.args else ''}",
                ErrorCode.OWN_CAMERA_ACCOUNT_FAILED,
            ) from e

    async def _is_in_use(self, number: str, name: str) -> bool:
        """Return whether the camera's credential already has that user name.

        Another process then tested and stored it, and deleting the account would lock us out.
        """
        async with self._database.reading() as session:
            camera = await session.get_one(Camera, number)
            used = await session.get(Credential, camera.credential) if camera.credential else None
        return used is not None and used.username == name

    async def _open_stream(self, camera: Camera, login: tuple[str, str]) -> None:
        """Open the main stream with the account.

        Raises CameraRefused if the RTSP server refuses it, CameraUnreachable if it cannot be asked.
        """
        address = next((s.url for s in camera.streams if s.kind == StreamKind.MAIN), None)
        if self._try_stream is None or address is None:
            return
        # the failure has another cause than the account
        with contextlib.suppress(ProtocolError, CameraDeclined, ClearPasswordRequested):
            await self._try_stream(
                address, PlainPasswordLogin(login) if registry.allows_plain_password(camera) else login
            )

    async def _store_account(self, camera: Camera, old: str, name: str, secret: str, actor: str) -> None:
        now, credential = self._clock.now(), f"camera-{camera.id}"[:40]
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            await registry.seal_login(session, self._vault, credential, name, secret)
            history.record_change(session, row.id, now, actor, "account", old, name)
            row.credential = credential
            row.account_state, row.account_problem = AccountState.OWN, None
            await audit_trail.record(session, now, actor, AuditAction.CAMERA_ACCOUNT, row.id, user=name)


def _account_lifetime(policy: Policy) -> timedelta | None:
    """Return how long a policy keeps an own account; None if it requires none."""
    days = policy.rules.get("account_days") if isinstance(policy.rules, dict) else None
    if not days:
        return None
    try:
        return timedelta(days=days)
    except (TypeError, ValueError, OverflowError) as e:
        log.error("account_days of policy '%s' is invalid: %s; correct it in the inventory", policy.name, e)
        return None


def _policy_of(camera: Camera) -> str:
    """Return the name of the camera's policy; empty if it has none."""
    name = camera.profile.get("policy") if isinstance(camera.profile, dict) else None
    return name if isinstance(name, str) else ""


async def users(client: SoapClient, url: str) -> dict[str, str]:
    """Return the user level by name. Raises CameraError."""
    reply = await client.call(url, f'<GetUsers xmlns="{DEVICE}"/>')
    return {name: n.text("UserLevel") or "" for n in reply.all("User") if (name := n.text("Username"))}
