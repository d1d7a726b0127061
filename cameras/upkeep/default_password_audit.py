"""Check whether cameras still accept default passwords, so slowly that no camera locks its accounts.

One password per camera and week, and only on cameras that accept the station's own credential, which is used right
afterwards: makes that count failed logins reset the counter then. A camera that refuses our credential is skipped.
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
from cameras.per_camera import isolate_camera_errors
from cameras.registry import findings
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused

log = logging.getLogger(__name__)

AUDIT_INTERVAL = timedelta(days=7)
MAX_CAMERAS_PER_RUN = 40  # cameras per hourly run: 2,252 cameras in less than three days
# Defaults that manufacturers print on the box or in the manual.
DEFAULT_LOGINS = (
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
_PROBE = f'<GetDeviceInformation xmlns="{DEVICE}"/>'


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

    async def run_once(self, limit: int = MAX_CAMERAS_PER_RUN) -> PasswordAuditResult:
        """Try the next password on the cameras that are due, one after the other."""
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
                    or_(Camera.audited_at.is_(None), Camera.audited_at < now - AUDIT_INTERVAL),
                )
                .order_by(Camera.audited_at.is_not(None), Camera.audited_at)
                .limit(limit)
            )
            cameras = (await session.scalars(query)).all()
        for camera in cameras:
            async with isolate_camera_errors(self._database, camera.id):
                taken = await self._one(camera)
                result.tried += taken is not None
                if taken:
                    result.open.append(camera.id)
        return result

    async def _one(self, camera: Camera) -> bool | None:
        """Return whether the camera accepts the next password; None if it was skipped."""
        url = service_url(camera.address or "")
        ours = await self._onboarding.client(camera)
        login = DEFAULT_LOGINS[camera.audited % len(DEFAULT_LOGINS)]
        if ours.login is None or ours.login == login:
            return None
        try:
            await ours.call(url, _PROBE)  # skip a camera that refuses or does not answer
            taken = await self._takes(camera, url, login)
            await ours.call(url, _PROBE)
        except CameraRefused:
            await self._onboarding.record_refusal(camera.id)
            return None
        except CameraError:
            return None
        await self._keep(camera.id, login[0], taken)
        return taken

    async def _takes(self, camera: Camera, url: str, login: tuple[str, str]) -> bool:
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode)
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await client.call(url, _PROBE)
        except CameraRefused:
            return False
        return True

    async def _keep(self, number: str, user: str, taken: bool) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            row.audited_at = now
            if taken:  # the same password is tried next time, so the finding closes once it is changed
                await findings.open_or_update(
                    session, now, "default_password", findings.FindingSubject.of(row), user=user
                )
                return
            row.audited += 1
            await findings.close(session, now, ["default_password"], findings.FindingSubject.of(row))
