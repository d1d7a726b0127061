"""What we ask a camera over ONVIF: clock, identity, profiles, stream and snapshot addresses.

`identify` is the whole first conversation. Addresses that a camera gives (old host, 0.0.0.0,
embedded password) are repaired here and nowhere else.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape

from cameras.soap import Node, SoapClient
from core.clock import Clock
from core.errors import CameraError, ProtocolError

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
DEFAULT_PATH = "/onvif/device_service"


@dataclass(frozen=True, slots=True)
class Profile:
    """A media profile with what it promises; rates in frames a second and bits a second."""

    token: str
    name: str
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    stream_url: str | None = None
    snapshot_url: str | None = None


@dataclass(slots=True)
class Identity:
    """All that the first conversation brought."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware: str = ""
    clock_offset: float | None = None  # camera minus ours, seconds
    profiles: list[Profile] = field(default_factory=list)


def service_url(address: str) -> str:
    return f"http://{address}{DEFAULT_PATH}"


async def identify(client: SoapClient, url: str, clock: Clock) -> Identity:
    """Ask a camera who it is and where its streams are.

    Raises CameraUnreachable, CameraRefused or ProtocolError; the clock's offset is measured first,
    because WS-UsernameToken depends on it.
    """
    offset = await clock_offset(client, url, clock)
    client.clock_offset = offset or 0.0
    info = await client.call(url, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    media_url = await _media_service(client, url)
    profiles = await _profiles(client, media_url, url)
    return Identity(
        manufacturer=info.text("Manufacturer") or "",
        model=info.text("Model") or "",
        firmware=info.text("FirmwareVersion") or "",
        serial=info.text("SerialNumber") or "",
        hardware=info.text("HardwareId") or "",
        clock_offset=offset,
        profiles=profiles,
    )


async def clock_offset(client: SoapClient, url: str, clock: Clock) -> float | None:
    """Camera clock minus ours in seconds; None where it tells no UTC time."""
    before = clock.now()
    reply = await client.call(url, f'<GetSystemDateAndTime xmlns="{DEVICE}"/>', authenticate=False)
    middle = before + (clock.now() - before) / 2
    utc = reply.get("SystemDateAndTime/UTCDateTime")
    moment = read_datetime(utc) if utc else None
    return (moment - middle).total_seconds() if moment else None


def read_datetime(node: Node) -> datetime | None:
    """An ONVIF DateTime; None where a part is missing or out of range (00:61:16 exists)."""
    parts = [node.number(p) for p in ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")]
    if any(p is None for p in parts):
        return None
    year, month, day, hour, minute, second = (int(p or 0) for p in parts)
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None


async def _media_service(client: SoapClient, url: str) -> str:
    """Address of the media service: GetCapabilities, else GetServices, else the device service itself."""
    for body, path in (
        (f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>', "Capabilities/Media/XAddr"),
        (f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>', ""),
    ):
        try:
            reply = await client.call(url, body)
        except ProtocolError:
            continue
        found = reply.text(path) if path else service_of(reply, MEDIA)
        if found:
            return repair_http(found, url)
    return url


def service_of(reply: Node, namespace: str) -> str | None:
    return next((s.text("XAddr") for s in reply.all("Service") if s.text("Namespace") == namespace), None)


async def _profiles(client: SoapClient, media_url: str, device_url: str) -> list[Profile]:
    reply = await client.call(media_url, f'<GetProfiles xmlns="{MEDIA}"/>')
    profiles = []
    for node in reply.all("Profiles"):
        token = node.attribute("token")
        if token is None:
            continue
        encoder = node.get("VideoEncoderConfiguration")
        profiles.append(
            Profile(
                token=token,
                name=node.text("Name") or token,
                codec=encoder.text("Encoding") if encoder else None,
                width=_whole(encoder, "Resolution/Width"),
                height=_whole(encoder, "Resolution/Height"),
                fps=encoder.number("RateControl/FrameRateLimit") if encoder else None,
                bitrate=_kilobits(encoder),
                stream_url=await _stream_url(client, media_url, device_url, token),
                snapshot_url=await _snapshot_url(client, media_url, device_url, token),
            )
        )
    return profiles


async def _stream_url(client: SoapClient, media_url: str, device_url: str, token: str) -> str | None:
    body = (
        f'<GetStreamUri xmlns="{MEDIA}"><StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
        f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
        f"<ProfileToken>{escape(token)}</ProfileToken></GetStreamUri>"
    )
    reply = await client.call(media_url, body)
    found = reply.text("MediaUri/Uri")
    return repair_rtsp(found, device_url) if found else None


async def _snapshot_url(client: SoapClient, media_url: str, device_url: str, token: str) -> str | None:
    body = f'<GetSnapshotUri xmlns="{MEDIA}"><ProfileToken>{escape(token)}</ProfileToken></GetSnapshotUri>'
    try:
        found = (await client.call(media_url, body)).text("MediaUri/Uri")
    except CameraError:
        return None  # many cameras have none
    return repair_http(found, device_url) if found else None


def repair_http(found: str, device_url: str) -> str:
    """Keep path and port of an address that the camera gave, on the host that answered us."""
    parts, known = urlsplit(found), urlsplit(device_url)
    host = known.hostname or ""
    port = f":{parts.port}" if _port(parts) else ""
    return urlunsplit((parts.scheme or "http", _bracket(host) + port, parts.path, parts.query, ""))


def repair_rtsp(found: str, device_url: str) -> str:
    """RTSP address without credentials, on the host that answered; ports 80 and ':80:554' become 554."""
    scheme, _, rest = found.partition("://")
    authority, slash, path = rest.partition("/")
    authority = authority.rpartition("@")[2]
    port = authority.rpartition(":")[2] if ":" in authority and not authority.endswith("]") else ""
    port = port if port.isdigit() and port not in ("80", "554") else ""
    host = urlsplit(device_url).hostname or ""
    return f"{scheme or 'rtsp'}://{_bracket(host)}{':' + port if port else ''}{slash}{path}"


def _port(parts: object) -> int | None:
    try:
        return getattr(parts, "port", None)
    except ValueError:  # ':80:554'
        return None


def _bracket(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _whole(node: Node | None, path: str) -> int | None:
    number = node.number(path) if node else None
    return int(number) if number is not None else None


def _kilobits(encoder: Node | None) -> int | None:
    limit = encoder.number("RateControl/BitrateLimit") if encoder else None
    return int(limit * 1000) if limit else None
