"""Request keyframes from cameras over ONVIF (SetSynchronizationPoint) where a stream waits for one.

The recorder calls `want` for each waiting stream, every ten seconds while it waits; `run_once` sends the requests. A
camera that refuses the credential or has no media service is not asked for an hour, or until its address or credential
changes, or a person acts: a wrong password must not be repeated, but a camera that is starting refuses as well. After
any other failure the next `want` retries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cameras.onvif import device
from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import read_camera_time
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import MEDIA, MEDIA2
from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.registry import registry
from cameras.tables import Camera, Credential
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused
from core.ids import StreamId
from core.secrets import Vault
from core.tasks import run_all

log = logging.getLogger(__name__)

CAMERAS_PER_ROUND = 8  # cameras per round
MAX_PROFILES = 8
SUSPEND_S = 3600.0

# Address, credential, its encrypted password, refused; None: the camera does not exist.
Known = tuple[str | None, str | None, str | None, bool] | None


@dataclass(slots=True)
class KeyframeRequests:
    """Keyframe requests of one recorder. `soap` creates the ONVIF client of a camera."""

    database: Database
    clock: Clock
    vault: Vault
    soap: Callable[[tuple[str, str] | None], SoapClient]
    _wanted: dict[str, None] = field(default_factory=dict)  # cameras to ask, oldest request first
    # Cameras not to be asked for now: since when (monotonic), and their data then.
    _suspended: dict[str, tuple[float, Known]] = field(default_factory=dict)
    _clients: dict[str, tuple[SoapClient, list[tuple[str, str, str]]]] = field(default_factory=dict)

    def want(self, stream: str) -> None:
        """Record that the stream waits for a keyframe."""
        self._wanted.setdefault(StreamId(stream).camera)

    async def run_once(self) -> None:
        """Ask the cameras of waiting streams, concurrently, the longest waiting first."""
        cameras = list(self._wanted)[:CAMERAS_PER_ROUND]
        for camera in cameras:
            del self._wanted[camera]
        await run_all(*map(self._serve, cameras))

    async def _serve(self, camera: str) -> None:
        known = await self._known(camera)
        if camera in self._suspended and not self._is_due(camera, known):
            return
        try:
            await self._ask(camera, known)
        except CameraRefused as e:
            log.info("%s: keyframe requests suspended: %s", camera, e)
            self._suspend(camera, known)
        except CAMERA_ERRORS as e:
            log.info("%s could not be asked for a keyframe: %s", camera, error_message(e))
            self._clients.pop(camera, None)

    async def _known(self, camera: str) -> Known:
        async with self.database.reading() as session:
            row = await session.get(Camera, camera)
            if row is None:
                return None
            login = await session.get(Credential, row.credential) if row.credential is not None else None
            return row.address, row.credential, login.sealed if login is not None else None, row.refused_at is not None

    def _is_due(self, camera: str, known: Known) -> bool:
        since, before = self._suspended[camera]
        if known == before and self.clock.monotonic() - since < SUSPEND_S:
            return False
        del self._suspended[camera]
        return True

    def _suspend(self, camera: str, known: Known) -> None:
        self._suspended[camera] = self.clock.monotonic(), known
        self._clients.pop(camera, None)

    async def _ask(self, camera: str, known: Known) -> None:
        if camera not in self._clients and not await self._load_profiles(camera):
            self._suspend(camera, known)
            return
        client, profiles = self._clients[camera]
        answered: CameraError | None = None
        for url, namespace, token in profiles:
            profile = f"<ProfileToken>{escape(token)}</ProfileToken>"
            try:
                await client.call(
                    url, f'<SetSynchronizationPoint xmlns="{namespace}">{profile}</SetSynchronizationPoint>'
                )
            except CameraRefused:
                raise
            except CameraError as e:  # one of several profiles may decline
                answered = e
        if answered is not None:
            raise answered

    async def _load_profiles(self, camera: str) -> bool:
        """Read the camera's media profiles; return False where it has none, or cannot be reached."""
        async with self.database.reading() as session:
            row = await session.get(Camera, camera)
            if row is None or row.address is None or row.refused_at is not None:
                return False
            url = service_url(row.address)
            client = self.soap(await registry.login(session, self.vault, row.credential))
        client.probe_url = url
        client.clock_offset = (await read_camera_time(client, url, self.clock)).offset or 0.0
        services = await device.services(client, url)
        profiles: list[tuple[str, str, str]] = []
        namespace = MEDIA2 if MEDIA2 in services else MEDIA
        if namespace in services:
            reply = await client.call(services[namespace], f'<GetProfiles xmlns="{namespace}"/>')
            tokens = [t for n in reply.all("Profiles") if (t := n.attribute("token"))]
            profiles = [(services[namespace], namespace, t) for t in tokens[:MAX_PROFILES]]
        self._clients[camera] = client, profiles
        return bool(profiles)
