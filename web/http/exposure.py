"""Whether the console's traffic can be read on the network."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address

from core.settings import TlsMode, WebSettings


class Exposure(StrEnum):
    UNENCRYPTED = "unencrypted"
    BESIDE_PROXY = "beside_proxy"  # served encrypted by a proxy, and unencrypted beside it


def exposure(where: WebSettings) -> Exposure | None:
    """Return why passwords and pictures can be read on the network; None if they cannot."""
    if is_loopback(where.host) or where.tls is TlsMode.OWN:
        return None
    if where.tls is TlsMode.OFF:
        return Exposure.UNENCRYPTED
    return None if where.trusted_proxies else Exposure.BESIDE_PROXY  # a trusted proxy runs on another machine


def exposure_sentence(where: WebSettings, how: Exposure) -> str:
    """Return the exposure and the remedy for the log."""
    if how is Exposure.UNENCRYPTED:
        return (
            f"the console is served without encryption on {where.host}: passwords and pictures can be read on the way; "
            "run 'minwang cert' and set web.tls (docs/https.md)"
        )
    return (
        f"the console also answers without encryption on {where.host}, not only through its proxy; "
        'set web.host = "127.0.0.1", or web.trusted_proxies where the proxy is another machine (docs/https.md)'
    )


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
