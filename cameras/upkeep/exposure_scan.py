"""Daily scan of what a camera exposes to its network: Telnet, UPnP, and its TLS certificate.

A camera's own list of services (GetNetworkProtocols) omits exactly the ports that worms use. The scan does not log in
anywhere: it opens and closes ports, sends a UPnP search, and starts a TLS handshake.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery import port_scan
from cameras.onvif.addresses import host_of, service_url
from cameras.per_camera import isolate_camera_errors
from cameras.registry import findings, history
from cameras.states import FindingKind
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import UsageError
from core.tasks import run_all

log = logging.getLogger(__name__)

TELNET_PORTS = (23, 2323, 9527)  # the last is a manufacturer's debug shell
TLS_PORT = 443
UPNP_PORT = 1900
MAX_PARALLEL_HOSTS = 50
TIMEOUT_S = 3.0
SSDP_SEARCH = (
    b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
)


@dataclass(slots=True)
class ExposedServices:
    """Scan result of one host. certificate: its SHA-256, None without TLS."""

    telnet: list[int] = field(default_factory=list)
    upnp: bool = False
    certificate: str | None = None


class ExposureScan:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        telnet: Sequence[int] = TELNET_PORTS,
        tls: int = TLS_PORT,
        upnp: int = UPNP_PORT,
    ) -> None:
        self._database = database
        self._clock = clock
        self._telnet, self._tls, self._upnp = telnet, tls, upnp

    async def run_once(self) -> dict[str, ExposedServices]:
        """Scan every camera with an address; return the results by camera."""
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.address.is_not(None)))
            ).all()
        hosts: dict[str, str] = {}
        for camera in cameras:
            async with isolate_camera_errors(self._database, camera.id):
                hosts[camera.id] = host_of(service_url(camera.address or ""))
        there = await port_scan.open_ports(sorted({h for h in hosts.values() if h}), (*self._telnet, self._tls))
        slots = asyncio.Semaphore(MAX_PARALLEL_HOSTS)
        seen: dict[str, ExposedServices] = {}

        async def one(camera: str) -> None:
            async with slots, isolate_camera_errors(self._database, camera):
                what = await self._scan_host(hosts[camera], there.get(hosts[camera], []))
                async with self._database.session() as session:
                    await self._store(session, await session.get_one(Camera, camera), what)
                seen[camera] = what

        await run_all(*(one(c) for c in hosts))
        return seen

    async def _scan_host(self, host: str, open_ports: Sequence[int]) -> ExposedServices:
        """Scan one host, of which the TCP ports `there` are open. Raises UsageError if the host is empty."""
        if not host:  # an empty host would connect to this machine
            raise UsageError(
                "the camera's address has no host; correct it in the inventory", ErrorCode.CAMERA_ADDRESS_INVALID
            )
        return ExposedServices(
            telnet=[p for p in open_ports if p in self._telnet],
            upnp=await answers_upnp(host, self._upnp),
            certificate=await certificate_of(host, self._tls) if self._tls in open_ports else None,
        )

    async def _store(self, session: AsyncSession, camera: Camera, seen: ExposedServices) -> None:
        now, subject = self._clock.now(), findings.FindingSubject.of(camera)
        for kind, there in (
            (FindingKind.OPEN_TELNET, seen.telnet),
            (FindingKind.OPEN_UPNP, [self._upnp] if seen.upnp else []),
        ):
            if there:
                await findings.open_or_update(session, now, kind, subject, ports=[*there])
            else:
                await findings.close(session, now, [kind], subject)
        if seen.certificate is not None and seen.certificate != camera.certificate:
            history.record_change(
                session, camera.id, now, history.SYSTEM, "certificate", camera.certificate, seen.certificate
            )
            if camera.certificate is not None:  # stays open until a person accepts it
                change = {"was": camera.certificate, "is": seen.certificate}
                await findings.open_or_update(session, now, FindingKind.CERTIFICATE_CHANGED, subject, **change)
            camera.certificate = seen.certificate


async def certificate_of(host: str, port: int = TLS_PORT) -> str | None:
    """Return the SHA-256 (hexadecimal) of a host's TLS certificate; None without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Cameras use self-signed certificates: it only matters whether the certificate is the same as before.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError, ssl.SSLError):
        return None
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return hashlib.sha256(shown).hexdigest() if shown else None


async def answers_upnp(host: str, port: int = UPNP_PORT) -> bool:
    """Return whether a host answers a UPnP search."""
    answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    class Listener(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _addr: object) -> None:
            if data.startswith(b"HTTP/1.1 200") and not answered.done():
                answered.set_result(True)

        def error_received(self, _exc: Exception) -> None:
            if not answered.done():
                answered.set_result(False)

    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Listener, remote_addr=(host, port))
    except OSError:
        return False
    try:
        transport.sendto(SSDP_SEARCH)
        async with asyncio.timeout(TIMEOUT_S):
            return await answered
    except TimeoutError:
        return False
    finally:
        transport.close()
