"""Determines the client's address, scheme and host behind trusted proxies.

X-Forwarded-For (or Forwarded, RFC 7239) is a list to which every hop appends the address that it saw. It is read from
the right: the first address that is not a trusted proxy's is the client's. The client may have written anything further
left. Headers from a peer that is not a trusted proxy are ignored. Of the two headers only the one that the settings
name counts: a proxy that writes one of them forwards the other as the client sent it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.audit import audit_trail
from core.settings import TlsMode, WebSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MAX_HOPS = 20
_HOST = re.compile(r"[\w.-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")
_PAIR = re.compile(r'\s*(for|proto|host)\s*=\s*("[^"]*"|[^\s;,"]+)\s*', re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy reported of the request that reached it; empty fields are unknown."""

    client: str
    scheme: str = ""
    host: str = ""


def resolve(peer: str, headers: Sequence[Hop], trusted: Sequence[Network]) -> tuple[str, Hop | None]:
    """Return the client's address, and what the trusted proxy nearest to the client reported (None: nothing).

    `headers`: the hops, oldest first.
    """
    address, believed = parse(peer), None
    if address is None:
        return peer, None
    for hop in reversed(headers[-MAX_HOPS:]):
        if not _in(address, trusted):
            break
        said = parse(hop.client)
        if said is None:
            break  # "unknown" or invalid: the last known address counts
        address, believed = said, hop
    return str(address), believed


def parse(text: str) -> Address | None:
    """Return an IP address given with or without brackets, port and zone; IPv4-mapped IPv6 as IPv4; None if invalid."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def hops(request: web.Request, header: str) -> list[Hop]:
    """Return the hops listed in `header` (WebSettings.forwarded_header), oldest first."""
    if header == "forwarded":
        return [_forwarded(element) for element in _list(request, "Forwarded")]
    clients = _list(request, "X-Forwarded-For")
    schemes, hosts = _list(request, "X-Forwarded-Proto"), _list(request, "X-Forwarded-Host")
    # Most proxies overwrite Proto and Host, some append to them: a single value comes from the nearest proxy and counts
    # for all hops.
    return [Hop(c, _of(schemes, i - len(clients)), _of(hosts, i - len(clients))) for i, c in enumerate(clients)]


def middleware(settings: WebSettings) -> Middleware:
    """Return the middleware that sets `remote`, `scheme`, `host` and the audit address to the client's."""
    trusted = settings.proxies

    @web.middleware
    async def forwarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        client, hop = resolve(
            request.remote or "", hops(request, settings.forwarded_header) if trusted else [], trusted
        )
        scheme = request.scheme
        if settings.tls is TlsMode.PROXY:
            scheme = "https"  # the setting says so; a proxy that also serves plain HTTP sends X-Forwarded-Proto
        if hop is not None and hop.scheme in DEFAULT_PORTS:
            scheme = hop.scheme
        host = hop.host if hop is not None and _HOST.fullmatch(hop.host) else request.host
        token = audit_trail.CLIENT_ADDRESS.set(client)
        try:
            return await handler(request.clone(remote=client, scheme=scheme, host=host))
        finally:
            audit_trail.CLIENT_ADDRESS.reset(token)

    return forwarded


def same_origin(origin: str, scheme: str, host: str) -> bool:
    """Return whether an Origin header names this site: same scheme, host and port (RFC 6454)."""
    found_scheme, _, found_host = origin.partition("://")
    return found_scheme == scheme and _with_port(found_scheme, found_host) == _with_port(scheme, host)


def _with_port(scheme: str, host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":") if re.search(r":[0-9]{1,5}$", host) else (host, "", "")
    return name.lower(), int(port) if port else DEFAULT_PORTS.get(scheme, 0)


def _forwarded(element: str) -> Hop:
    pairs = {k.lower(): v.strip('"') for k, v in _PAIR.findall(element)}
    return Hop(pairs.get("for", ""), pairs.get("proto", "").lower(), pairs.get("host", ""))


def _list(request: web.Request, name: str) -> list[str]:
    """Return the newest MAX_HOPS elements, oldest first: a client may send a million before the proxies add theirs."""
    newest = ",".join(request.headers.getall(name, ())).rsplit(",", 2 * MAX_HOPS)[-2 * MAX_HOPS :]
    return [v.strip() for v in newest if v.strip()][-MAX_HOPS:]


def _of(values: list[str], from_right: int) -> str:
    if not values:
        return ""
    return values[from_right] if len(values) >= -from_right else values[0]


def is_trusted(peer: str, settings: WebSettings) -> bool:
    """Return whether the address is a trusted proxy's."""
    address = parse(peer)
    return address is not None and _in(address, settings.proxies)


def _in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == n.version and address in n for n in networks)
