"""A camera's clock: read, judged, set, and read back.

Cameras tell local time as UTC, tell only local time, tell 00:61:16, forget the date without power, and reset their
zone when the time is set. What they tell is read without credentials first, because the WS-UsernameToken needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE, SCHEMA
from cameras.onvif.soap import Node
from core.clock import Clock
from core.errors import CameraRefused, ProtocolError
from core.numbers import whole

ZONE_STEP = 1800.0  # zones lie whole half-hours apart
ZONE_TOLERANCE = 60.0  # a clock that is off by a zone and this much is still off by a zone
CHINA = "CST-8"  # POSIX: west is positive
CHINA_NAMES = (CHINA, "UTC-8", "GMT-08:00")  # what makes were seen to accept


@dataclass(frozen=True, slots=True)
class CameraTime:
    """What a camera tells of its clock. Offsets are camera minus ours, in seconds."""

    offset: float | None  # None where it tells no time that can be read
    kind: str = ""  # Manual or NTP
    zone: str = ""  # as it writes it
    daylight: bool = False

    @property
    def zone_mistake(self) -> bool:
        """The clock is right and its zone wrong: off by whole half-hours, to the minute."""
        return self.offset is not None and is_zone_mistake(self.offset)


def is_zone_mistake(offset: float) -> bool:
    steps = round(offset / ZONE_STEP)
    return 0 < abs(steps) <= 48 and abs(offset - steps * ZONE_STEP) <= ZONE_TOLERANCE


async def camera_time(client: SoapClient, url: str, clock: Clock) -> CameraTime:
    """Ask for the time, without credentials first; a camera that refuses that is asked with them."""
    body = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'
    before = clock.now()
    try:
        reply = await client.call(url, body, authenticate=False)
    except CameraRefused:
        before = clock.now()
        reply = await client.call(url, body)
    return read_time(reply, before + (clock.now() - before) / 2)


def read_time(reply: Node, now: datetime) -> CameraTime:
    """The reply's clock against `now`."""
    node = reply.get("SystemDateAndTime") or reply
    zone = node.text("TimeZone/TZ") or ""
    told = node.get("UTCDateTime")
    utc = read_datetime(told) if told is not None else None
    if utc is None and (there := node.get("LocalDateTime")) is not None and (local := read_datetime(there)) is not None:
        utc = local - (zone_offset(zone) or timedelta(hours=8))
    return CameraTime(
        offset=(utc - now).total_seconds() if utc else None,
        kind=node.text("DateTimeType") or "",
        zone=zone,
        daylight=(node.text("DaylightSavings") or "").lower() in ("true", "1"),
    )


def read_datetime(node: Node) -> datetime | None:
    """An ONVIF DateTime; None where a part is missing or out of range (00:61:16 exists)."""
    parts = [node.number(p) for p in ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")]
    if any(p is None for p in parts):
        return None
    try:
        year, month, day, hour, minute, second = (int(p or 0) for p in parts)
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def zone_offset(text: str) -> timedelta | None:
    """Offset from UTC of a zone as cameras write it: CST-8, UTC-8, GMT+08:00, +08:00, UTC8; None where it cannot be told.

    POSIX counts west as positive; ISO writes east as positive and no name before the sign.
    """
    name, sign, digits = _zone_parts(text)
    if not sign and not digits:
        return timedelta() if name in ("UTC", "GMT", "Z") else None
    hours, minutes = (*digits.split(":"), "0")[:2]
    if whole(hours, 2) is None or whole(minutes or "0", 2) is None or int(hours) > 14:
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


async def set_time(client: SoapClient, url: str, clock: Clock, told: CameraTime) -> CameraTime:
    """Set the camera's clock to ours and its zone to China's; returns what it tells afterwards.

    The camera's own word for the zone is sent back where it already means UTC+8: some refuse every other. Raises
    CameraError; ProtocolError where the camera takes no way of writing the zone.
    """
    own = [told.zone] if zone_offset(told.zone) == timedelta(hours=8) else []
    problem: ProtocolError | None = None
    for zone in dict.fromkeys([*own, *CHINA_NAMES]):
        try:
            await client.call(url, _set_body(clock.now() + timedelta(milliseconds=500), zone))
        except ProtocolError as e:
            problem = e
            continue
        return await camera_time(client, url, clock)
    assert problem is not None
    raise problem


def _set_body(now: datetime, zone: str) -> str:
    return (
        f'<SetSystemDateAndTime xmlns="{DEVICE}"><DateTimeType>Manual</DateTimeType><DaylightSavings>false</DaylightSavings>'
        f'<TimeZone><TZ xmlns="{SCHEMA}">{escape(zone)}</TZ></TimeZone><UTCDateTime>'
        f'<Time xmlns="{SCHEMA}"><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute><Second>{now.second}</Second></Time>'
        f'<Date xmlns="{SCHEMA}"><Year>{now.year}</Year><Month>{now.month}</Month><Day>{now.day}</Day></Date>'
        "</UTCDateTime></SetSystemDateAndTime>"
    )


async def set_ntp(client: SoapClient, url: str, server: str) -> bool:
    """Point the camera at our time server; True where it says afterwards that it is."""
    kind = "IPv4" if server.replace(".", "").isdigit() else "DNS"
    address = f"{'IPv4Address' if kind == 'IPv4' else 'DNSname'}"
    await client.call(
        url,
        f'<SetNTP xmlns="{DEVICE}"><FromDHCP>false</FromDHCP><NTPManual><Type xmlns="{SCHEMA}">{kind}</Type>'
        f'<{address} xmlns="{SCHEMA}">{escape(server)}</{address}></NTPManual></SetNTP>',
    )
    return server in await ntp_servers(client, url)


async def ntp_servers(client: SoapClient, url: str) -> list[str]:
    """The time servers it names, by hand or by DHCP."""
    reply = await client.call(url, f'<GetNTP xmlns="{DEVICE}"/>')
    node = reply.get("NTPInformation") or reply
    names = ("IPv4Address", "IPv6Address", "DNSname")
    return [t for kind in ("NTPManual", "NTPFromDHCP") for n in node.all(kind) for name in names if (t := n.text(name))]
