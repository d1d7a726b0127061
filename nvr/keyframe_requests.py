"""Asking cameras for a keyframe over ONVIF (SetSynchronizationPoint), where a stream waits for one.

The recorder says which stream waits (`want`), every ten seconds while it does; `run_once` asks their cameras. A camera that
refuses the credential or has no media service is not asked again; whatever else fails is tried at the next wish.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cameras import registry
from cameras.onvif import device
from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import camera_time
from cameras.onvif.client import SoapClient
from cameras.onvif.names import MEDIA, MEDIA2
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, MinwangError
from core.secrets import Vault

log = logging.getLogger(__name__)

AT_ONCE = 8  # cameras in one round
MAX_PROFILES = 8


@dataclass(slots=True)
class KeyframeRequests:
    """One a recorder. `soap` makes the ONVIF client of a camera."""

    database: Database
    clock: Clock
    vault: Vault
    soap: Callable[[tuple[str, str] | None], SoapClient]
    _wanted: set[str] = field(default_factory=set)  # cameras
    _never: set[str] = field(default_factory=set)
    _clients: dict[str, tuple[SoapClient, list[tuple[str, str, str]]]] = field(default_factory=dict)

    def want(self, stream: str) -> None:
        """The stream waits for a keyframe."""
        camera = stream.partition("/")[0]
        if camera not in self._never:
            self._wanted.add(camera)

    async def run_once(self) -> None:
        """Ask the cameras whose streams wait."""
        for camera in sorted(self._wanted)[:AT_ONCE]:
            self._wanted.discard(camera)
            try:
                await self._ask(camera)
            except CameraRefused as e:
                log.info("%s is not asked for keyframes: %s", camera, e)
                self._never.add(camera)
            except MinwangError as e:
                log.info("%s could not be asked for a keyframe: %s", camera, e)
                self._clients.pop(camera, None)

    async def _ask(self, camera: str) -> None:
        if camera not in self._clients and not await self._meet(camera):
            self._never.add(camera)
            return
        client, profiles = self._clients[camera]
        answered: CameraError | None = None
        for url, namespace, token in profiles:
            profile = f"<ProfileToken>{escape(token)}</ProfileToken>"
            try:
                await client.call(url, f'<SetSynchronizationPoint xmlns="{namespace}">{profile}</SetSynchronizationPoint>')
            except CameraRefused:
                raise
            except CameraError as e:  # one profile of several that declines
                answered = e
        if answered is not None:
            raise answered

    async def _meet(self, camera: str) -> bool:
        """Learn the camera's media profiles; False where it has none, or no way to it is known."""
        async with self.database.reading() as session:
            row = await session.get(Camera, camera)
            if row is None or row.address is None or row.refused_at is not None:
                return False
            url = service_url(row.address)
            client = self.soap(await registry.login(session, self.vault, row.credential))
        client.probe_url = url
        client.clock_offset = (await camera_time(client, url, self.clock)).offset or 0.0
        services = await device.services(client, url)
        profiles: list[tuple[str, str, str]] = []
        namespace = MEDIA2 if MEDIA2 in services else MEDIA
        if namespace in services:
            reply = await client.call(services[namespace], f'<GetProfiles xmlns="{namespace}"/>')
            tokens = [t for n in reply.all("Profiles") if (t := n.attribute("token"))]
            profiles = [(services[namespace], namespace, t) for t in tokens[:MAX_PROFILES]]
        self._clients[camera] = client, profiles
        return bool(profiles)
