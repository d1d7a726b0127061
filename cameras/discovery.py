"""WS-Discovery: multicast on every interface, and unicast sweeps of the villages' subnets.

Datagrams in, `Found` out. Probes are sent with three type variants, twice; answers are read by
local name and one camera is told from another by its endpoint reference.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import psutil

from cameras.onvif.addresses import address_of
from cameras.onvif.soap import Node, parse
from core.errors import ProtocolError, UsageError

GROUP, PORT = "239.255.255.250", 3702
MAX_SWEEP = 4096
MAX_ADDRESS = 120  # characters of Camera.address
_TYPES = (
    '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>',
    '<d:Types xmlns:tds="http://www.onvif.org/ver10/device/wsdl">tds:Device</d:Types>',
    "",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answered."""

    endpoint: str  # UUID, or the address where it gave none
    address: str  # host:port of its device service, the host being the one that answered
    url: str
    name: str
    hardware: str

    @property
    def known_as(self) -> str:
        """Its address for the registry: with the path of its service where that is not the usual one."""
        try:
            address = address_of(self.url)
        except ValueError:
            return self.address  # what it told is no address
        return address if len(address) <= MAX_ADDRESS else self.address


def probe_message(types: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
        '<s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>'
        f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID>"
        "<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f'<s:Body><d:Probe xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">{types}</d:Probe></s:Body></s:Envelope>'
    ).encode()


def read_answer(datagram: bytes, source: str) -> list[Found]:
    """Devices in a ProbeMatches datagram; an unreadable one gives an empty list."""
    try:
        body = parse(datagram)
    except ProtocolError:
        return []
    matches = [read_match(m, source) for m in body.all("ProbeMatch")]
    return [m for m in matches if m is not None]


def read_match(match: Node, source: str) -> Found | None:
    addresses = (match.text("XAddrs") or "").split()
    urls = [u for u in addresses if u.startswith(("http://", "https://"))]
    if not urls:
        return None
    url = next((u for u in urls if urlsplit(u).hostname == source), urls[0])
    parts = urlsplit(url)
    host = f"[{source}]" if ":" in source else source
    try:
        port = parts.port
    except ValueError:
        port = None
    address = f"{host}:{port}" if port else host
    endpoint = _endpoint(match)
    scopes = [unquote(s) for s in (match.text("Scopes") or "").split()]
    return Found(
        endpoint or address,
        address,
        f"{parts.scheme}://{address}{parts.path}",
        _scope(scopes, "name"),
        _scope(scopes, "hardware"),
    )


def _endpoint(node: Node) -> str:
    """UUID of an endpoint reference; it comes as urn:uuid:… and as uuid:…"""
    return re.sub(r"^(urn:)?uuid:", "", (node.text("EndpointReference/Address") or "").strip().lower())


def _scope(scopes: list[str], kind: str) -> str:
    prefix = f"onvif://www.onvif.org/{kind}/"
    return next((s[len(prefix) :] for s in scopes if s.startswith(prefix)), "")


def interfaces() -> list[str]:
    """IPv4 addresses of the interfaces that are up."""
    up = psutil.net_if_stats()
    return [
        a.address
        for name, addresses in psutil.net_if_addrs().items()
        if name in up and up[name].isup
        for a in addresses
        if a.family == socket.AF_INET
    ]


class _Collector(asyncio.DatagramProtocol):
    def __init__(self, found: dict[str, Found]):
        self._found = found

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for device in read_answer(data[:65536], addr[0]):
            # Clones share an endpoint: the address keeps them apart, and the registry reports the clash.
            self._found.setdefault(f"{device.endpoint} {device.address}", device)


async def multicast(addresses: Iterable[str], wait: float = 2.0) -> list[Found]:
    """Probe the group from each interface address; returns what answered within `wait` seconds."""
    found: dict[str, Found] = {}
    transports = [await _open(found, address) for address in addresses]
    try:
        for _ in range(2):
            for transport in transports:
                for types in _TYPES:
                    transport.sendto(probe_message(types), (GROUP, PORT))
            await asyncio.sleep(wait / 2)
    finally:
        for transport in transports:
            transport.close()
    return list(found.values())


async def sweep(subnets: Iterable[str], wait: float = 2.0, port: int = PORT) -> list[Found]:
    """Probe every address of the subnets by unicast: multicast does not cross routers.

    Raises UsageError for a subnet that is malformed or holds more than 4,096 addresses.
    """
    hosts: list[str] = []
    for subnet in subnets:
        try:
            network = ipaddress.ip_network(subnet, strict=False)
        except ValueError as e:
            raise UsageError(f"'{subnet}' is not a subnet; write it like 10.20.3.0/24") from e
        if network.num_addresses > MAX_SWEEP:
            raise UsageError(f"{subnet} holds {network.num_addresses} addresses; give subnets of at most {MAX_SWEEP}")
        hosts += [str(h) for h in network.hosts()] or [str(network.network_address)]
    found: dict[str, Found] = {}
    transport = await _open(found, "0.0.0.0")
    try:
        for types in _TYPES[:2]:
            for i, host in enumerate(hosts):
                transport.sendto(probe_message(types), (host, port))
                if i % 256 == 255:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(wait / 2)
    finally:
        transport.close()
    return list(found.values())


async def ask(host: str, wait: float = 1.0) -> list[Found]:
    """Probe one address by unicast; empty where nobody answers, or for a host name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return []
    return [] if ":" in host else await sweep([host], wait)


async def _open(found: dict[str, Found], address: str) -> asyncio.DatagramTransport:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    # Probes to empty addresses of a connected subnet wait for ARP in this buffer.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
    if address != "0.0.0.0":
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.bind((address, 0))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Collector(found), sock=sock)
    return transport


Heard = Callable[[str, Found], None]


class _Announcements(asyncio.DatagramProtocol):
    def __init__(self, heard: Heard):
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            body = parse(data[:65536])
        except ProtocolError:
            return
        if body.name in ("Hello", "Bye"):
            device = read_match(body, addr[0]) or Found(_endpoint(body) or addr[0], addr[0], "", "", "")
            self._heard(body.name, device)


@asynccontextmanager
async def announcements(addresses: Iterable[str], heard: Heard, port: int = PORT) -> AsyncIterator[None]:
    """Listen for cameras that say Hello and Bye on the given interfaces; `heard` gets the word and the device.

    A Bye carries no address of the service: its device is known by its endpoint.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((GROUP, port))
    for address in addresses:
        membership = socket.inet_aton(GROUP) + socket.inet_aton(address)
        with contextlib.suppress(OSError):  # an interface without multicast, or two addresses of one
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Announcements(heard), sock=sock)
    try:
        yield
    finally:
        transport.close()
