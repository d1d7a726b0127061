"""Do cameras still take their maker's passwords? Asked so slowly that none can be locked out by it.

One password a camera a week, and only of a camera that takes the station's own credential, which is used right after:
makes that count wrong tries count from nothing again then. A camera that refuses ours is left alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from sqlalchemy import or_, select

from cameras.onboarding.onboarding import Onboarding
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE
from cameras.per_camera import own_trouble
from cameras.registry import findings
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused

log = logging.getLogger(__name__)

EVERY = timedelta(days=7)
A_RUN = 40  # cameras an hour: 2,252 in less than three days
# What makers print on the box or write into the manual.
DEFAULTS = (
    ("admin", "admin"),
    ("admin", "12345"),
    ("admin", "123456"),
    ("admin", ""),
    ("admin", "888888"),
    ("root", "pass"),
    ("root", "root"),
    ("888888", "888888"),
    ("666666", "666666"),
    ("admin", "admin123"),
    ("admin", "password"),
    ("user", "user"),
)
_QUESTION = f'<GetDeviceInformation xmlns="{DEVICE}"/>'


@dataclass(slots=True)
class PasswordAuditResult:
    tried: int = 0
    open: list[str] = field(default_factory=list)


class DefaultPasswordAudit:
    def __init__(self, database: Database, clock: Clock, onboarding: Onboarding, http: aiohttp.ClientSession):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding
        self._http = http

    async def run_once(self, limit: int = A_RUN) -> PasswordAuditResult:
        """Try the next password on the cameras whose turn it is, one after the other."""
        now, result = self._clock.now(), PasswordAuditResult()
        async with self._database.reading() as session:
            query = (
                select(Camera)
                .where(
                    Camera.retired.is_(False),
                    Camera.refused_at.is_(None),
                    Camera.device.is_not(None),
                    Camera.address.is_not(None),
                    Camera.credential.is_not(None),
                    Camera.auth_mode.in_(("digest", "wsse")),
                    or_(Camera.audited_at.is_(None), Camera.audited_at < now - EVERY),
                )
                .order_by(Camera.audited_at.is_not(None), Camera.audited_at)
                .limit(limit)
            )
            cameras = (await session.scalars(query)).all()
        for camera in cameras:
            async with own_trouble(self._database, camera.id):
                taken = await self._one(camera)
                result.tried += taken is not None
                if taken:
                    result.open.append(camera.id)
        return result

    async def _one(self, camera: Camera) -> bool | None:
        """Whether it takes the next password; None where it was left alone."""
        url = service_url(camera.address or "")
        ours = await self._onboarding.client(camera)
        login = DEFAULTS[camera.audited % len(DEFAULTS)]
        if ours.login is None or ours.login == login:
            return None
        try:
            await ours.call(url, _QUESTION)  # refused, or silent: not its day
            taken = await self._takes(camera, url, login)
            await ours.call(url, _QUESTION)
        except CameraRefused:
            await self._onboarding.refused(camera.id)
            return None
        except CameraError:
            return None
        await self._keep(camera.id, login[0], taken)
        return taken

    async def _takes(self, camera: Camera, url: str, login: tuple[str, str]) -> bool:
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode)
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await client.call(url, _QUESTION)
        except CameraRefused:
            return False
        return True

    async def _keep(self, number: str, user: str, taken: bool) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            row.audited_at = now
            if taken:  # the same one is tried next time: the finding closes when it is shut
                await findings.tell(session, now, "default_password", findings.FindingSubject.of(row), user=user)
                return
            row.audited += 1
            await findings.gone(session, now, ["default_password"], findings.FindingSubject.of(row))
