"""What we ask a camera over ONVIF: clock, identity, services, network, and by `media` its streams.

`identify` is the whole first conversation. Cameras claim services they lack and lack services they have: what
GetServices and GetCapabilities tell is united, and 'advertised' means 'maybe'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from cameras.onvif import media
from cameras.onvif.addresses import repair_http
from cameras.onvif.camera_clock import CameraTime, camera_time
from cameras.onvif.client import SoapClient
from cameras.onvif.media import Profile
from cameras.onvif.namespaces import CAPABILITY, DEVICE, MEDIA, MEDIA2
from cameras.onvif.soap import Node
from core.clock import Clock
from core.errors import CameraError, CameraRefused, ProtocolError


@dataclass(slots=True)
class DeviceInformation:
    """All that the first conversation brought."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware: str = ""
    macs: list[str] = field(default_factory=list)  # small letters with colons
    scopes: list[str] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)  # repaired addresses by namespace
    protocols: dict[str, int] = field(default_factory=dict)  # enabled network protocols and their ports
    time: CameraTime | None = None
    clock_offset: float | None = None  # camera minus ours, seconds
    profiles: list[Profile] = field(default_factory=list)
    mode: str = ""  # how it was asked: none (it lets everybody in), digest, wsse
    embedded_login: tuple[str, str] | None = None  # written into one of its stream addresses
    notes: list[str] = field(default_factory=list)  # what it refused or told wrongly

    def scope(self, kind: str) -> str:
        """A scope's value: name, hardware, location …; empty where it is not told."""
        return scope_value(self.scopes, kind)


def scope_value(scopes: Sequence[str], kind: str) -> str:
    prefix = f"onvif://www.onvif.org/{kind}/"
    return next((unquote(s[len(prefix) :]) for s in scopes if s.lower().startswith(prefix)), "")


async def identify(client: SoapClient, url: str, clock: Clock, *, thorough: bool = True) -> DeviceInformation:
    """Ask a camera who it is and where its streams are; `thorough` also network, scopes and snapshot addresses.

    Raises CameraUnreachable, CameraRefused or ProtocolError. The clock's offset is measured first, because
    WS-UsernameToken depends on it.
    """
    found = DeviceInformation()
    client.probe_url = url
    found.time = await camera_time(client, url, clock)
    found.clock_offset = found.time.offset
    client.clock_offset = found.clock_offset or 0.0
    info = await client.call(url, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    found.manufacturer = info.words("Manufacturer")
    found.model = info.words("Model")
    found.firmware = info.words("FirmwareVersion")
    found.serial = info.words("SerialNumber")
    found.hardware = info.words("HardwareId")
    found.services = await services(client, url, union=thorough)
    if thorough:
        await _network(client, url, found)
    await _streams(client, url, found, thorough=thorough)
    found.mode = client.mode or ""
    return found


async def services(client: SoapClient, url: str, *, union: bool = True) -> dict[str, str]:
    """Addresses of the services by namespace: the union of GetServices and GetCapabilities.

    Without `union` the second is asked only where the first told no media service.

    Raises CameraUnreachable or CameraRefused; a camera that answers neither gets the device service alone.
    """
    found: dict[str, str] = {DEVICE: url}
    for body, read in (
        (f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>', _of_services),
        (f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>', _of_capabilities),
    ):
        if not union and (MEDIA in found or MEDIA2 in found):
            break
        try:
            reply = await client.call(url, body)
        except ProtocolError:
            continue
        for namespace, address in read(reply).items():
            found.setdefault(namespace, repair_http(address, url))
    return found


def _of_services(reply: Node) -> dict[str, str]:
    pairs = ((s.text("Namespace"), s.text("XAddr")) for s in reply.all("Service"))
    return {n.rstrip("/"): a for n, a in pairs if n and a}


def _of_capabilities(reply: Node) -> dict[str, str]:
    root = reply.get("Capabilities") or reply
    places = [root, *root.all("Extension")]
    pairs = ((n, p.text(f"{name}/XAddr")) for name, n in CAPABILITY.items() for p in places)
    return {n: a for n, a in pairs if a}


async def _network(client: SoapClient, url: str, found: DeviceInformation) -> None:
    """MAC addresses, scopes and protocols: each worth having, none worth failing for."""
    for operation in ("GetNetworkInterfaces", "GetScopes", "GetNetworkProtocols"):
        try:
            reply = await client.call(url, f'<{operation} xmlns="{DEVICE}"/>')
        except CameraRefused:
            raise
        except CameraError as e:
            found.notes.append(f"{operation}: {e}")
            continue
        found.macs += [
            m
            for n in reply.all("NetworkInterfaces/Info/HwAddress")
            if (m := mac(n.text() or "")) and m not in found.macs
        ]
        found.scopes += [t for n in reply.all("Scopes/ScopeItem") if (t := n.text())]
        found.protocols |= enabled_protocols(reply)


def enabled_protocols(reply: Node) -> dict[str, int]:
    """Ports of the enabled protocols by name, of a GetNetworkProtocols reply."""
    found: dict[str, int] = {}
    for node in reply.all("NetworkProtocols"):
        port = node.number("Port")
        if (node.text("Enabled") or "").lower() in ("true", "1") and port:
            found[(node.text("Name") or "").upper()] = int(port)
    return found


def mac(text: str) -> str:
    """'DE-AC-34…', 'deac.34…' and the like as small letters with colons; empty for what is none."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if len(digits) == 12 and int(digits, 16) else ""


async def _streams(client: SoapClient, url: str, found: DeviceInformation, *, thorough: bool) -> None:
    """Profiles of media2 and media1, merged by token; the newer service knows H.265."""
    asked = media.MediaContext(url, found.protocols.get("RTSP"), snapshots=thorough, login=client.login)
    profiles: dict[str, Profile] = {}
    failures: list[str] = []
    if MEDIA not in found.services and MEDIA2 not in found.services:
        found.services[MEDIA] = url  # neither told: some answer everything on one address
    for namespace, read in ((MEDIA2, media.profiles2), (MEDIA, media.profiles1)):
        address = found.services.get(namespace)
        if address is None or (profiles and all(p.complete for p in profiles.values())):
            continue
        try:
            brought = await read(client, asked, address)
        except CameraRefused:
            raise
        except CameraError as e:
            failures.append(f"{'media2' if namespace == MEDIA2 else 'media'}: {e}")
            continue
        for profile in brought:
            known = profiles.get(profile.token)
            profiles[profile.token] = media.merged(known, profile) if known else profile
    if not profiles and failures:
        raise ProtocolError(f"the camera tells no streams ({'; '.join(failures)})")
    for namespace, address in found.services.items():
        if (there := client.reachable(address)) != address:
            found.notes.append(f"{address} does not answer; {there} does")
            found.services[namespace] = there
    found.notes += failures + asked.notes
    found.profiles = list(profiles.values())
    found.embedded_login = asked.embedded_login
