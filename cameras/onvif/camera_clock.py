"""Read, assess and set a camera's clock.

Cameras report local time as UTC, report only local time, report 00:61:16, lose the date without power, and reset their
time zone when the time is set. The time is first requested without credentials, because WS-UsernameToken needs the
camera's time.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE, SCHEMA
from cameras.onvif.soap import Node
from core.clock import Clock
from core.errors import CameraRefused, ProtocolError
from core.numbers import parse_whole_number

ZONE_STEP_S = 1800.0  # seconds; time zone offsets are multiples of half an hour
ZONE_TOLERANCE_S = 60.0  # seconds; an error within this distance of a multiple of ZONE_STEP is a wrong time zone
CHINA_ZONE = "CST-8"  # POSIX: west of UTC is positive
CHINA_ZONE_SPELLINGS = (CHINA_ZONE, "UTC-8", "GMT-08:00")  # spellings that different makes accept


@dataclass(frozen=True, slots=True)
class CameraTime:
    """The clock state that a camera reports. Offsets are the camera's clock minus ours, in seconds."""

    offset: float | None  # None if the camera reports no readable time
    kind: str = ""  # Manual or NTP
    zone: str = ""  # in the camera's own spelling
    daylight: bool = False

    @property
    def zone_mistake(self) -> bool:
        """Return whether the clock is off by a multiple of half an hour, to the minute: only its time zone is wrong."""
        return self.offset is not None and is_zone_mistake(self.offset)


def is_zone_mistake(offset: float) -> bool:
    """Return whether an offset in seconds is a multiple of half an hour, up to 24 hours, to the minute."""
    steps = round(offset / ZONE_STEP_S)
    return 0 < abs(steps) <= 48 and abs(offset - steps * ZONE_STEP_S) <= ZONE_TOLERANCE_S


async def read_camera_time(client: SoapClient, url: str, clock: Clock) -> CameraTime:
    """Request the camera's time, first without credentials; if the camera refuses that, with credentials."""
    body = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'
    before = clock.now()
    try:
        reply = await client.call(url, body, authenticate=False)
    except CameraRefused:
        before = clock.now()
        reply = await client.call(url, body)
    return read_time(reply, before + (clock.now() - before) / 2)


def read_time(reply: Node, now: datetime) -> CameraTime:
    """Compare the clock of a GetSystemDateAndTime reply with `now`."""
    node = reply.get("SystemDateAndTime") or reply
    zone = node.text("TimeZone/TZ") or ""
    utc_node = node.get("UTCDateTime")
    utc = read_datetime(utc_node) if utc_node is not None else None
    if (
        utc is None
        and (local_node := node.get("LocalDateTime")) is not None
        and (local := read_datetime(local_node)) is not None
    ):
        utc = local - (zone_offset(zone) or timedelta(hours=8))
    return CameraTime(
        offset=(utc - now).total_seconds() if utc else None,
        kind=node.text("DateTimeType") or "",
        zone=zone,
        daylight=(node.text("DaylightSavings") or "").lower() in ("true", "1"),
    )


def read_datetime(node: Node) -> datetime | None:
    """Parse an ONVIF DateTime; return None if a part is missing or out of range (cameras send 00:61:16)."""
    parts = [node.number(p) for p in ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")]
    if any(p is None for p in parts):
        return None
    try:
        year, month, day, hour, minute, second = (int(p or 0) for p in parts)
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def zone_offset(text: str) -> timedelta | None:
    """Return the UTC offset of a time zone as cameras write it: CST-8, UTC-8, GMT+08:00, +08:00, UTC8; None if unknown.

    POSIX notation has a name before the sign and counts west as positive; ISO 8601 has no name and counts east as
    positive.
    """
    name, sign, digits = _zone_parts(text)
    if not sign and not digits:
        return timedelta() if name in ("UTC", "GMT", "Z") else None
    hours, minutes = (*digits.split(":"), "0")[:2]
    if parse_whole_number(hours, 2) is None or parse_whole_number(minutes or "0", 2) is None or int(hours) > 14:
        return None
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    east = sign == "-" if name else sign != "-"
    return size if east else -size


def _zone_parts(text: str) -> tuple[str, str, str]:
    text = text.strip().split(",")[0]
    at = next((i for i, c in enumerate(text) if c in "+-" or c.isdigit()), len(text))
    name, rest = text[:at], text[at:]
    sign = rest[:1] if rest[:1] in "+-" else ""
    digits = rest[len(sign) :]
    end = next((i for i, c in enumerate(digits) if not (c.isdigit() or c == ":")), len(digits))
    return name, sign, digits[:end]


async def set_time(client: SoapClient, url: str, clock: Clock, reported: CameraTime) -> CameraTime:
    """Set the camera's clock to ours and its time zone to China's; return the time that it reports afterwards.

    If the camera's own spelling of the zone already means UTC+8, it is sent first: some cameras refuse every other
    spelling. Raises CameraError; ProtocolError if the camera accepts no spelling of the zone.
    """
    own = [reported.zone] if zone_offset(reported.zone) == timedelta(hours=8) else []
    problem: ProtocolError | None = None
    for zone in dict.fromkeys([*own, *CHINA_ZONE_SPELLINGS]):
        try:
            await client.call(url, _set_body(clock.now() + timedelta(milliseconds=500), zone))
        except ProtocolError as e:
            problem = e
            continue
        return await read_camera_time(client, url, clock)
    assert problem is not None
    raise problem


def _set_body(now: datetime, zone: str) -> str:
    return (
        f'<SetSystemDateAndTime xmlns="{DEVICE}"><DateTimeType>Manual</DateTimeType>'
        "<DaylightSavings>false</DaylightSavings>"
        f'<TimeZone><TZ xmlns="{SCHEMA}">{escape(zone)}</TZ></TimeZone><UTCDateTime>'
        f'<Time xmlns="{SCHEMA}"><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute>'
        f"<Second>{now.second}</Second></Time>"
        f'<Date xmlns="{SCHEMA}"><Year>{now.year}</Year><Month>{now.month}</Month><Day>{now.day}</Day></Date>'
        "</UTCDateTime></SetSystemDateAndTime>"
    )


async def set_ntp(client: SoapClient, url: str, server: str) -> bool:
    """Configure our time server on the camera; return whether the camera then reports it."""
    kind, address = _ntp_type(server)
    await client.call(
        url,
        f'<SetNTP xmlns="{DEVICE}"><FromDHCP>false</FromDHCP><NTPManual><Type xmlns="{SCHEMA}">{kind}</Type>'
        f'<{address} xmlns="{SCHEMA}">{escape(server)}</{address}></NTPManual></SetNTP>',
    )
    return server in await ntp_servers(client, url)


def _ntp_type(server: str) -> tuple[str, str]:
    """Return the type of a server in ONVIF's NetworkHost, and the element that holds it."""
    try:
        version = ipaddress.ip_address(server).version
    except ValueError:
        return "DNS", "DNSname"
    return f"IPv{version}", f"IPv{version}Address"


async def ntp_servers(client: SoapClient, url: str) -> list[str]:
    """Return the time servers that the camera reports, configured manually or by DHCP."""
    reply = await client.call(url, f'<GetNTP xmlns="{DEVICE}"/>')
    node = reply.get("NTPInformation") or reply
    names = ("IPv4Address", "IPv6Address", "DNSname")
    return [t for kind in ("NTPManual", "NTPFromDHCP") for n in node.all(kind) for name in names if (t := n.text(name))]
