"""RTP transport of a stream: declared in its address, requested in SETUP, stated in the reply (RFC 2326, 12.39)."""

from __future__ import annotations

import re
from enum import StrEnum

from core.errors import TransportDeclined


class Transport(StrEnum):
    """Transport of RTP; as keywords in an address's query, named as in ffmpeg."""

    TCP = "tcp"
    UDP = "udp"
    MULTICAST = "multicast"
    HTTP = "http"


def declared_transport(url: str) -> tuple[str, Transport | None]:
    """Return (address without the keyword, transport) if the query names one (`?udp`), else (address, None)."""
    base, separator, query = url.partition("?")
    words = query.split("&") if separator else []
    named = [w for w in words if w.lower() in list(Transport)]
    if not named:
        return url, None
    rest = "&".join(w for w in words if w not in named)
    return (f"{base}?{rest}" if rest else base), Transport(named[0].lower())


def native_url(url: str) -> str:
    """Return the address without a declared transport. Raises TransportDeclined if this client does not support it."""
    address, transport = declared_transport(url)
    if transport not in (None, Transport.TCP):
        raise TransportDeclined(f"its address asks for {transport}, which the native engine does not support")
    return address


def interleaved(channel: int) -> str:
    return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"


def stated_ssrc(transport: str) -> int:
    """Return the SSRC that a SETUP reply announces (RFC 2326, 12.39), -1 where it announces none. It may be wrong."""
    found = re.search(r"ssrc\s*=\s*\"?(?:0x)?([0-9a-f]{1,8})\b", transport, re.IGNORECASE)
    return int(found.group(1), 16) if found else -1


def interleaved_channels(transport: str, asked: int) -> tuple[int, int]:
    """Return (RTP channel, RTCP channel) of a SETUP reply: those chosen by the camera, else the requested ones.

    A single number is the RTP channel. Raises TransportDeclined where the camera replies with UDP.
    """
    chosen = re.search(r"interleaved\s*=\s*\"?([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", transport, re.IGNORECASE)
    if chosen is None:
        if (
            re.search(r"(client|server)_port\s*=|multicast", transport, re.IGNORECASE)
            and "tcp" not in transport.lower()
        ):
            raise TransportDeclined("the camera offers UDP although RTP over TCP was requested")
        return asked, asked + 1
    rtp = int(chosen[1])
    rtcp = int(chosen[2]) if chosen[2] else rtp + 1
    return (rtp, rtcp) if max(rtp, rtcp) < 256 else (asked, asked + 1)
