"""The SOAP clients of the cameras: one per camera, shared by everything that talks to it.

A camera comes in; a client with its credential comes out. Sharing keeps one request in flight per camera and reuses
Digest nonces.
"""

from __future__ import annotations

import aiohttp

from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.soap_transport import Listener
from cameras.registry import registry
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database
from core.secrets import Vault


class ClientPool:
    """Creates and keeps the client of each camera. `listener` gets every exchange (cameras.onvif.capture)."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        http: aiohttp.ClientSession,
        listener: Listener | None = None,
    ):
        self._database = database
        self._vault = vault
        self._clock = clock
        self._http = http
        self._listener = listener
        self._clients: dict[str, SoapClient] = {}

    async def get(self, camera: Camera, *, shared: bool = True) -> SoapClient:
        """Return a camera's client; without `shared` a separate one, for a device that may not be the camera.

        The client has no credential if the camera refused it; that lasts until a person acts. Raises SecretError if the
        credential cannot be opened.
        """
        login = None
        if camera.refused_at is None:
            async with self._database.reading() as session:
                login = await registry.login(session, self._vault, camera.credential)
        known = self._clients.get(camera.id)
        if known is not None and known.login == login and shared:
            known.probe_url = service_url(camera.address or "")
            return known
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode, listener=self._listener)
        client.clock_offset, client.probe_url = camera.clock_offset or 0.0, service_url(camera.address or "")
        if shared:
            self._clients[camera.id] = client
        return client

    def discard(self, camera: str) -> None:
        """Forget a camera's shared client; the next `get` creates a new one."""
        self._clients.pop(camera, None)
