"""An account of our own on each camera: a long random password that nobody knows, sealed in the vault, changed in turn.

A new account is made beside the one in use, tried over ONVIF and RTSP, and only then used. Two names take turns: the one before
stays good until the next turn gives it another password, so no moment is without a good one, whatever breaks in between.

Where the inventory says so (cameras.onboarding.own_account), a camera has its first one before it is used; one that takes none is used with
the account that it was delivered with, and its checklist says why.
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
from cameras.onboarding.own_account import AccountState
from cameras.onvif import wsdl_requests
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE
from cameras.onvif.soap import SoapFault
from cameras.per_camera import TROUBLE, why
from cameras.registry import history, registry
from cameras.tables import Camera, CameraChange, Credential, Policy
from cameras.upkeep.rotation_claims import AccountClaimed, claim
from core.audit import audit_trail
from core.clock import Clock
from core.database import Database
from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    ClearPasswordWanted,
    ConflictError,
    NotFoundError,
    ProtocolError,
)
from core.network.authenticator import ClearLogin
from core.secrets import Vault

log = logging.getLogger(__name__)

NAMES = ("minwang-a", "minwang-b")  # in turn
LENGTH = 16
MOST = 200  # a day: one bad firmware must not cost a town its cameras in one night
# Cheap firmware breaks on & < > " % : @ / and the like.
PLAIN = string.ascii_letters + string.digits
SIGNS = "-_."
SHORT_LENGTH = 12
# In turn, where a camera refuses a password: some insist on a sign, some take none, some take no more than 12 characters (71 bits).
SHAPES = ((LENGTH, SIGNS), (LENGTH, ""), (SHORT_LENGTH, SIGNS), (SHORT_LENGTH, ""))

TryStream = Callable[[str, tuple[str, str]], Awaitable[None]]


def password(length: int = LENGTH, signs: str = SIGNS) -> str:
    """With at least one of each kind of character: some firmware insists."""
    while True:
        made = "".join(secrets.choice(PLAIN + signs) for _ in range(length))
        kinds = (str.islower, str.isupper, str.isdigit)
        has_sign = not signs or any(c in signs for c in made)
        if all(any(kind(c) for c in made) for kind in kinds) and made[0].isalpha() and has_sign:
            return made


class CredentialRotation:
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
        """`folder`: the data folder, in which all processes claim cameras (cameras.upkeep.rotation_claims). `try_stream` plays a stream
        with a login and leaves: raises CameraRefused where the RTSP server does not know it."""
        self._database = database
        self._folder = folder
        self._try_stream = try_stream
        self._vault = vault
        self._clock = clock
        self._onboarding = onboarding
        self._http = http

    async def first(self, number: str) -> None:
        """Give a camera its first account of ours, where that is wanted and was not tried. Why it takes none stands in its file."""
        if await self._waits(number):
            await self._try_first(number)

    async def _waits(self, number: str) -> bool:
        async with self._database.reading() as session:
            camera, villages = await session.get(Camera, number), await own_account.wanting(session)
        return bool(camera and camera.device and camera.refused_at is None and own_account.waits(camera, villages))

    async def first_ones(self, most: int = MOST) -> None:
        """The same for all cameras that were identified, also for those that were in use before it was wanted."""
        async with self._database.reading() as session:
            villages = await own_account.wanting(session)
            query = select(Camera).where(
                Camera.retired.is_(False),
                Camera.refused_at.is_(None),
                Camera.device.is_not(None),
                Camera.account_state.is_(None),
            )
            due = [c.id for c in await session.scalars(query.order_by(Camera.id)) if own_account.waits(c, villages)]
        for number in due[:most]:
            await self._try_first(number)

    async def _try_first(self, number: str) -> None:
        try:
            async with claim(self._folder, number):
                if await self._waits(number):  # nobody was faster
                    await self._rotate(number, history.SYSTEM)
        except AccountClaimed:
            return
        except TROUBLE as e:
            log.warning("%s has no account of our own: %s", number, why(e))
            async with self._database.session() as session:
                row = await session.get_one(Camera, number)
                # Refused: a person acts first, and it is tried then. Of another state: somebody gave it one meanwhile.
                if row.refused_at is None and row.account_state is None:
                    row.account_state, row.account_problem = AccountState.FAILED, why(e)

    async def run_once(self, most: int = MOST) -> list[str]:
        """Rotate cameras whose policy asks for it and whose turn has come, and try again what took no first account; names of those
        that have a new account.

        A camera that fails keeps its account and has its turn again the next time.
        """
        done = []
        for number in (await self._due())[:most]:
            try:
                await self.rotate(number, history.SYSTEM)
            except TROUBLE as e:
                log.warning("%s keeps its account: %s", number, why(e))
                continue
            done.append(number)
        return done

    async def _due(self) -> list[str]:
        """Those that never had one first, then those whose last turn is longest ago."""
        now = self._clock.now()
        async with self._database.reading() as session:
            days = {p.name: d for p in await session.scalars(select(Policy)) if (d := _days(p)) is not None}
            villages = await own_account.wanting(session)
            query = select(Camera).where(
                Camera.retired.is_(False), Camera.refused_at.is_(None), Camera.address.is_not(None)
            )
            cameras = [c for c in await session.scalars(query) if c.device and c.credential]
            query_last = select(CameraChange.camera, func.max(CameraChange.at)).where(CameraChange.field == "account")
            last = {c: at for c, at in (await session.execute(query_last.group_by(CameraChange.camera))).all()}  # noqa: C416
        failed = {
            c.id for c in cameras if c.account_state == AccountState.FAILED and own_account.is_wanted(c, villages)
        }
        turn = {c.id for c in cameras if (d := days.get(_policy_of(c))) and (c.id not in last or now - last[c.id] >= d)}
        return sorted(failed | turn, key=lambda c: (c in last, last.get(c, now), c))

    async def rotate(self, number: str, actor: str) -> str:
        """Give a camera a new account of ours; returns its name. Raises NotFoundError, ConflictError, CameraError; the
        one in use stays in use then. AccountClaimed: somebody else is at it."""
        async with claim(self._folder, number):
            return await self._rotate(number, actor)

    async def _rotate(self, number: str, actor: str) -> str:
        """With the camera claimed."""
        async with self._database.reading() as session:
            camera = await session.get(Camera, number)
            login = await registry.login(session, self._vault, camera.credential) if camera else None
        if camera is None or camera.address is None:
            raise NotFoundError(f"there is no camera '{number}' with an address")
        if login is None or camera.refused_at is not None:
            raise ConflictError(f"{number} has no credential that works; set one first")
        client, url = await self._onboarding.client(camera), service_url(camera.address)
        name = NAMES[1] if login[0] == NAMES[0] else NAMES[0]
        try:
            secret = await self._make(client, url, name)
            await self._try(client, url, camera, (name, secret))
        except CameraRefused:
            await self._onboarding.refused(number)
            raise
        await self._use(camera, login[0], name, secret, actor)
        return name

    async def _make(self, client: SoapClient, url: str, name: str) -> str:
        """Create the account, or give the one of two turns ago a new password, which is returned; believed when it is listed."""
        operation, secret = "SetUser" if name in await users(client, url) else "CreateUsers", ""
        for length, signs in SHAPES:
            secret = password(length, signs)
            user = {"Username": name, "Password": secret, "UserLevel": "Administrator"}
            try:
                await wsdl_requests.call(client, url, DEVICE, operation, User=[user])
                break
            except SoapFault as e:
                if (length, signs) == SHAPES[-1] or not any("password" in code.lower() for code in e.codes):
                    raise
        if name not in await users(client, url):
            raise CameraError("the camera said yes and made no account")
        return secret

    async def _try(self, delivered: SoapClient, url: str, camera: Camera, login: tuple[str, str]) -> None:
        """One use of the new account for each of the camera's doors, before anything relies on it. One that is not let in is taken
        away again."""
        client = SoapClient(
            self._http, self._clock, login, mode=camera.auth_mode if camera.auth_mode != "none" else None
        )
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await users(client, url)
            await self._play(camera, login)
        except CameraRefused as e:
            # The account in use is still good: this refusal is the new one's, and it is not tried again.
            if not await self._is_in_use(camera.id, login[0]):
                with contextlib.suppress(CameraError):
                    await wsdl_requests.call(delivered, url, DEVICE, "DeleteUsers", Username=[login[0]])
            raise CameraError(
                f"the camera made the account and does not let it in{': ' + str(e) if e.args else ''}"
            ) from e

    async def _is_in_use(self, number: str, name: str) -> bool:
        """The camera's credential has that name by now: whoever stored it tried it, and taking it away would lock us out."""
        async with self._database.reading() as session:
            camera = await session.get_one(Camera, number)
            used = await session.get(Credential, camera.credential) if camera.credential else None
        return used is not None and used.username == name

    async def _play(self, camera: Camera, login: tuple[str, str]) -> None:
        """Raises CameraRefused where its RTSP server does not know the account; CameraUnreachable where that cannot be asked."""
        address = next((s.url for s in camera.streams if s.kind == "main"), None)
        if self._try_stream is None or address is None:
            return
        with contextlib.suppress(ProtocolError, CameraDeclined, ClearPasswordWanted):  # it asked for something else
            await self._try_stream(address, ClearLogin(login) if registry.allows_clear(camera) else login)

    async def _use(self, camera: Camera, old: str, name: str, secret: str, actor: str) -> None:
        now, credential = self._clock.now(), f"camera-{camera.id}"[:40]
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            await registry.keep_login(session, self._vault, credential, name, secret)
            history.note(session, row.id, now, actor, "account", old, name)
            row.credential = credential
            row.account_state, row.account_problem = AccountState.OWN, None
            await audit_trail.record(session, now, actor, "camera.account", row.id, user=name)


def _days(policy: Policy) -> timedelta | None:
    """How long an account of ours is kept by a policy; None where it asks for none."""
    days = policy.rules.get("account_days") if isinstance(policy.rules, dict) else None
    if not days:
        return None
    try:
        return timedelta(days=days)
    except (TypeError, ValueError, OverflowError) as e:
        log.error("account_days of the policy '%s' cannot be used: %s; correct it in the inventory", policy.name, e)
        return None


def _policy_of(camera: Camera) -> str:
    """Its policy's name; empty where it has none."""
    name = camera.profile.get("policy") if isinstance(camera.profile, dict) else None
    return name if isinstance(name, str) else ""


async def users(client: SoapClient, url: str) -> dict[str, str]:
    """Level by name. Raises CameraError."""
    reply = await client.call(url, f'<GetUsers xmlns="{DEVICE}"/>')
    return {name: n.text("UserLevel") or "" for n in reply.all("User") if (name := n.text("Username"))}
