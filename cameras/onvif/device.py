"""ONVIF device service: clock, identity, services and network of a camera, and its streams through `media`.

`identify` is the complete first inspection. Cameras announce services they lack and lack services they announce, so the
results of GetServices and GetCapabilities are merged, and an announced service may still be missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from cameras.onvif import media
from cameras.onvif.addresses import repair_http
from cameras.onvif.camera_clock import CameraTime, read_camera_time
from cameras.onvif.client import SoapClient
from cameras.onvif.media import Profile
from cameras.onvif.namespaces import CAPABILITY, DEVICE, MEDIA, MEDIA2
from cameras.onvif.soap import Node
from cameras.states import AuthMode
from core.clock import Clock
from core.errors import CameraError, CameraRefused, ProtocolError


@dataclass(slots=True)
class DeviceInformation:
    """Everything that `identify` learned."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware: str = ""
    macs: list[str] = field(default_factory=list)  # lower case with colons
    scopes: list[str] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)  # repaired addresses by XML namespace
    protocols: dict[str, int] = field(default_factory=dict)  # enabled network protocols and their ports
    time: CameraTime | None = None
    clock_offset: float | None = None  # camera minus ours, seconds
    profiles: list[Profile] = field(default_factory=list)
    mode: AuthMode | None = None  # how it authenticated the requests; None: not known
    embedded_login: tuple[str, str] | None = None  # found in one of its stream addresses
    notes: list[str] = field(default_factory=list)  # requests that failed and addresses that had to be replaced

    def scope(self, kind: str) -> str:
        """Return a scope's value (name, hardware, location …), or an empty string if the camera reports none."""
        return scope_value(self.scopes, kind)


def scope_value(scopes: Sequence[str], kind: str) -> str:
    prefix = f"onvif://www.onvif.org/{kind}/"
    return next((unquote(s[len(prefix) :]) for s in scopes if s.lower().startswith(prefix)), "")


async def identify(client: SoapClient, url: str, clock: Clock, *, thorough: bool = True) -> DeviceInformation:
    """Read a camera's identity and streams; with `thorough` also network, scopes and snapshot addresses.

    The clock offset is measured first, because WS-UsernameToken depends on it. Raises CameraUnreachable, CameraRefused
    or ProtocolError.
    """
    found = DeviceInformation()
    client.probe_url = url
    found.time = await read_camera_time(client, url, clock)
    found.clock_offset = found.time.offset
    client.clock_offset = found.clock_offset or 0.0
    info = await client.call(url, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    found.manufacturer = info.display_text("Manufacturer")
    found.model = info.display_text("Model")
    found.firmware = info.display_text("FirmwareVersion")
    found.serial = info.display_text("SerialNumber")
    found.hardware = info.display_text("HardwareId")
    found.services = await services(client, url, union=thorough)
    if thorough:
        await _network(client, url, found)
    await _streams(client, url, found, thorough=thorough)
    found.mode = client.mode
    return found


async def services(client: SoapClient, url: str, *, union: bool = True) -> dict[str, str]:
    """Return service addresses by namespace: the union of GetServices and GetCapabilities.

    Without `union`, GetCapabilities is called only if GetServices reported no media service. If the camera answers
    neither, the result holds the device service alone. Raises CameraUnreachable or CameraRefused.
    """
    found: dict[str, str] = {DEVICE: url}
    for body, read in (
        (f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>', _services_reply),
        (f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>', _capabilities_reply),
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


def _services_reply(reply: Node) -> dict[str, str]:
    pairs = ((s.text("Namespace"), s.text("XAddr")) for s in reply.all("Service"))
    return {n.rstrip("/"): a for n, a in pairs if n and a}


def _capabilities_reply(reply: Node) -> dict[str, str]:
    root = reply.get("Capabilities") or reply
    places = [root, *root.all("Extension")]
    pairs = ((n, p.text(f"{name}/XAddr")) for name, n in CAPABILITY.items() for p in places)
    return {n: a for n, a in pairs if a}


async def _network(client: SoapClient, url: str, found: DeviceInformation) -> None:
    """Read MAC addresses, scopes and protocols; a failure other than CameraRefused only adds a note."""
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
            if (m := normalise_mac(n.text() or "")) and m not in found.macs
        ]
        found.scopes += [t for n in reply.all("Scopes/ScopeItem") if (t := n.text())]
        found.protocols |= enabled_protocols(reply)


def enabled_protocols(reply: Node) -> dict[str, int]:
    """Return port by name of the enabled protocols in a GetNetworkProtocols reply."""
    found: dict[str, int] = {}
    for node in reply.all("NetworkProtocols"):
        port = node.number("Port")
        if (node.text("Enabled") or "").lower() in ("true", "1") and port:
            found[(node.text("Name") or "").upper()] = int(port)
    return found


def normalise_mac(text: str) -> str:
    """Normalise 'DE-AC-34…', 'deac.34…' and the like to lower case with colons; return '' for an invalid address."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if len(digits) == 12 and int(digits, 16) else ""


async def _streams(client: SoapClient, url: str, found: DeviceInformation, *, thorough: bool) -> None:
    """Read the profiles of media2 and media1 and merge them by token; only media2 can express H.265."""
    context = media.MediaContext(url, found.protocols.get("RTSP"), snapshots=thorough, login=client.login)
    profiles: dict[str, Profile] = {}
    failures: list[str] = []
    if MEDIA not in found.services and MEDIA2 not in found.services:
        found.services[MEDIA] = url  # no media service reported: some cameras serve everything at one address
    for namespace, read in ((MEDIA2, media.media2_profiles), (MEDIA, media.media1_profiles)):
        address = found.services.get(namespace)
        if address is None or (profiles and all(p.complete for p in profiles.values())):
            continue
        try:
            read_profiles = await read(client, context, address)
        except CameraRefused:
            raise
        except CameraError as e:
            failures.append(f"{'media2' if namespace == MEDIA2 else 'media'}: {e}")
            continue
        for profile in read_profiles:
            known = profiles.get(profile.token)
            profiles[profile.token] = media.merged(known, profile) if known else profile
    if not profiles and failures:
        raise ProtocolError(f"the camera reports no streams ({'; '.join(failures)})")
    for namespace, address in found.services.items():
        if (there := client.reachable(address)) != address:
            found.notes.append(f"{address} does not answer; using {there}")
            found.services[namespace] = there
    found.notes += failures + context.notes
    found.profiles = list(profiles.values())
    found.embedded_login = context.embedded_login
