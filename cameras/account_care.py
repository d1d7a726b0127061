"""An account of our own on each camera: a long random password that nobody knows, sealed in the vault, changed in turn.

A new account is made beside the one in use, tried, and only then used. Two names take turns: the one before stays
good until the next turn gives it another password, so no moment is without a good one, whatever breaks in between.
"""

from __future__ import annotations

import logging
import secrets
import string
from datetime import timedelta

import aiohttp
from sqlalchemy import func, select

from cameras import findings, history, registry
from cameras.onboarding import Onboarding
from cameras.onvif import long_tail
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.names import DEVICE
from cameras.per_camera import TROUBLE, why
from cameras.tables import Camera, CameraChange, Policy
from core import audit
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, ConflictError, NotFoundError
from core.secrets import Vault

log = logging.getLogger(__name__)

NAMES = ("minwang-a", "minwang-b")  # in turn
LENGTH = 16
MOST = 200  # a day: one bad firmware must not cost a town its cameras in one night
# Cheap firmware breaks on & < > " % : @ / and the like.
ALPHABET = string.ascii_letters + string.digits + "-_."


def password() -> str:
    """16 characters, with at least one of each kind: some firmware insists."""
    while True:
        made = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        kinds = (str.islower, str.isupper, str.isdigit)
        if all(any(kind(c) for c in made) for kind in kinds) and made[0].isalpha():
            return made


class AccountCare:
    def __init__(self, database: Database, vault: Vault, clock: Clock, onboarding: Onboarding, http: aiohttp.ClientSession):
        self._database = database
        self._vault = vault
        self._clock = clock
        self._onboarding = onboarding
        self._http = http

    async def run_once(self, most: int = MOST) -> list[str]:
        """Rotate cameras whose policy asks for it and whose turn has come; names of those that have a new account.

        A camera that fails keeps its account and has its turn again the next time.
        """
        now = self._clock.now()
        async with self._database.reading() as session:
            days = {p.name: d for p in await session.scalars(select(Policy)) if (d := _days(p)) is not None}
            query = select(Camera).where(Camera.retired.is_(False), Camera.refused_at.is_(None), Camera.address.is_not(None))
            cameras = [c for c in await session.scalars(query) if c.device and c.credential and _policy_of(c) in days]
            query_last = select(CameraChange.camera, func.max(CameraChange.at)).where(CameraChange.field == "account")
            last = {c: at for c, at in (await session.execute(query_last.group_by(CameraChange.camera))).all()}  # noqa: C416
        due = [c for c in cameras if c.id not in last or now - last[c.id] >= days[_policy_of(c)]]
        done = []
        for camera in sorted(due, key=lambda c: (c.id in last, last.get(c.id, now), c.id))[:most]:
            try:
                await self.rotate(camera.id, history.SYSTEM)
            except TROUBLE as e:
                log.warning("%s keeps its account: %s", camera.id, why(e))
                continue
            done.append(camera.id)
        return done

    async def rotate(self, number: str, actor: str) -> str:
        """Give a camera a new account of ours; returns its name. Raises NotFoundError, ConflictError, CameraError; the
        one in use stays in use then."""
        async with self._database.reading() as session:
            camera = await session.get(Camera, number)
            login = await registry.login(session, self._vault, camera.credential) if camera else None
        if camera is None or camera.address is None:
            raise NotFoundError(f"there is no camera '{number}' with an address")
        if login is None or camera.refused_at is not None:
            raise ConflictError(f"{number} has no credential that works; set one first")
        client, url = await self._onboarding.client(camera), service_url(camera.address)
        name = NAMES[1] if login[0] == NAMES[0] else NAMES[0]
        secret = password()
        try:
            await self._make(client, url, name, secret)
            await self._try(url, camera, (name, secret))
        except CameraRefused:
            await self._onboarding.refused(number)
            raise
        await self._use(camera, login[0], name, secret, actor)
        return name

    async def _make(self, client: SoapClient, url: str, name: str, secret: str) -> None:
        """Create the account, or give the one of two turns ago a new password; believed when it is listed."""
        user = {"Username": name, "Password": secret, "UserLevel": "Administrator"}
        there = await users(client, url)
        operation = "SetUser" if name in there else "CreateUsers"
        await long_tail.call(client, url, DEVICE, operation, User=[user])
        if name not in await users(client, url):
            raise CameraError("the camera said yes and made no account")

    async def _try(self, url: str, camera: Camera, login: tuple[str, str]) -> None:
        """One use of the new account, before anything relies on it."""
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode if camera.auth_mode != "none" else None)
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await users(client, url)
        except CameraRefused as e:
            # The account in use is still good: this refusal is the new one's, and it is not tried again.
            raise CameraError("the camera made the account and does not let it in") from e

    async def _use(self, camera: Camera, old: str, name: str, secret: str, actor: str) -> None:
        now, credential = self._clock.now(), f"camera-{camera.id}"[:40]
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            await registry.keep_login(session, self._vault, credential, name, secret)
            history.note(session, row.id, now, actor, "account", old, name)
            row.credential = credential
            await findings.gone(session, now, ["default_password"], findings.Subject.of(row))
            await audit.record(session, now, actor, "camera.account", row.id, user=name)


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
