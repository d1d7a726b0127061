"""A certificate with its chain, and a TLS handshake in memory."""

from __future__ import annotations

import ssl

from tests.web.certificates import certificate_pair

ROOT_CA = certificate_pair("root", names=())
MIDDLE = certificate_pair("middle", ROOT_CA, names=())
GOOD = certificate_pair("good", MIDDLE)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Run a handshake in memory; return the TLS version that both sides agree on."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]
    waiting = list(sides)
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return sides[0].version()
