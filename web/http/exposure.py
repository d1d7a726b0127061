"""Whether the console's traffic can be read on the network."""

from __future__ import annotations

from ipaddress import ip_address

from core.settings import TlsMode, WebSettings


def exposure(where: WebSettings) -> str:
    """Return why passwords and pictures can be read on the network, and the remedy; empty if they cannot."""
    if is_loopback(where.host) or where.tls is TlsMode.OWN:
        return ""
    if where.tls is TlsMode.OFF:
        return (
            f"the console is served without encryption on {where.host}: passwords and pictures can be read on the way; "
            "run 'minwang cert' and set web.tls (docs/https.md)"
        )
    if where.trusted_proxies:
        return ""  # the proxy runs on another machine
    return (
        f"the console also answers without encryption on {where.host}, not only through its proxy; "
        'set web.host = "127.0.0.1", or web.trusted_proxies where the proxy is another machine (docs/https.md)'
    )


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
