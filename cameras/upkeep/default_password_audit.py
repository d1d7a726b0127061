"""Check whether cameras still accept default passwords, so slowly that no camera locks its accounts.

One password per camera and week, and only on cameras that accept the station's own credential, which is used right
afterwards: makes that count failed logins reset the counter then. A camera that refuses our credential is skipped. If
the station's own credential is a default one, that is the finding, and nothing else is tried.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
from sqlalchemy import or_, select

from cameras.onboarding.onboarding import Onboarding
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE
from cameras.per_camera import isolate_camera_errors
from cameras.registry import findings
from cameras.states import AuthMode, FindingKind
from cameras.tables import Camera
from cameras.upkeep.attempt_times import AttemptTimes
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
        self._attempts = AttemptTimes()

    async def run_once(self, limit: int = MAX_CAMERAS_PER_RUN) -> PasswordAuditResult:
        """Try the next password on the cameras that are due, one after the other."""
        now, result = self._clock.now(), PasswordAuditResult()
        for camera in await self._due(now, limit):
            self._attempts.record(camera.id, now)
            async with isolate_camera_errors(self._database, camera.id):
                accepted = await self._check(camera)
                result.tried += accepted is not None
                if accepted:
                    result.open.append(camera.id)
        return result

    async def _due(self, now: datetime, limit: int) -> Sequence[Camera]:
        """Return the due cameras whose last attempt is the longest ago, also if that attempt skipped them."""
        query = select(Camera.id, Camera.audited_at).where(
            Camera.retired.is_(False),
            Camera.refused_at.is_(None),
            Camera.device.is_not(None),
            Camera.address.is_not(None),
            Camera.credential.is_not(None),
            Camera.auth_mode.in_((AuthMode.DIGEST, AuthMode.WSSE)),
            or_(Camera.audited_at.is_(None), Camera.audited_at < now - AUDIT_INTERVAL),
        )
        async with self._database.reading() as session:
            audited = {number: at for number, at in (await session.execute(query)).all()}  # noqa: C416
            chosen = self._attempts.longest_ago(audited)[:limit]
            cameras = {c.id: c for c in await session.scalars(select(Camera).where(Camera.id.in_(chosen)))}
        return [cameras[number] for number in chosen if number in cameras]

    async def _check(self, camera: Camera) -> bool | None:
        """Return whether the camera accepts the next default password; None if it was skipped."""
        url = service_url(camera.address or "")
        ours = await self._onboarding.clients.get(camera)
        if ours.login is None:
            return None
        own_index = DEFAULT_LOGINS.index(ours.login) if ours.login in DEFAULT_LOGINS else None
        index = camera.audited % len(DEFAULT_LOGINS) if own_index is None else own_index
        try:
            await ours.call(url, _PROBE)  # skip a camera that refuses or does not answer
            accepted = own_index is not None
            if not accepted:
                accepted = await self._accepts(camera, url, DEFAULT_LOGINS[index])
                await ours.call(url, _PROBE)
        except CameraRefused:
            await self._onboarding.refusals.record(camera.id)
            return None
        except CameraError:
            return None
        await self._store(camera.id, index, accepted=accepted)
        return accepted

    async def _accepts(self, camera: Camera, url: str, login: tuple[str, str]) -> bool:
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode)
        client.clock_offset = camera.clock_offset or 0.0
        try:
            await client.call(url, _PROBE)
        except CameraRefused:
            return False
        return True

    async def _store(self, number: str, index: int, *, accepted: bool) -> None:
        """Store the result for DEFAULT_LOGINS[index]."""
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            row.audited_at = now
            subject = findings.FindingSubject.of(row)
            if accepted:
                # The same password is tried next time, so the finding closes once it is changed.
                if row.audited % len(DEFAULT_LOGINS) != index:
                    row.audited = index
                user = DEFAULT_LOGINS[index][0]
                await findings.open_or_update(session, now, FindingKind.DEFAULT_PASSWORD, subject, user=user)
                return
            row.audited += 1
            await findings.close(session, now, [FindingKind.DEFAULT_PASSWORD], subject)
