"""WS-Discovery: multicast probes on every interface, and unicast sweeps of the villages' subnets.

Datagrams come in, DiscoveredDevice objects go out. A multicast probe is sent with three variants of Types, twice.
Answers are read by local name; the endpoint reference distinguishes cameras.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

import psutil

from cameras.onvif.addresses import DEFAULT_PATH, MAX_URL_CHARS, address_of, host_port
from cameras.onvif.device import scope_value
from cameras.onvif.soap import Node, display_text, parse
from core.error_codes import ErrorCode
from core.errors import ProtocolError, UsageError

log = logging.getLogger(__name__)

GROUP, PORT = "239.255.255.250", 3702
MAX_SWEEP_ADDRESSES = 4096
MAX_ADDRESS_CHARS, MAX_ENDPOINT_CHARS = (
    120,
    80,
)  # characters; the sizes of the columns Camera.address and Camera.endpoint
# Limits for devices that answer: per host (a recorder may have one port per channel), and in all. Anybody on the
# cameras' network can answer with thousands of devices from invented addresses; cameras of the registry do not count.
MAX_DEVICES_PER_HOST, MAX_DEVICES = 20, 5000
_TYPES = (
    '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>',
    '<d:Types xmlns:tds="http://www.onvif.org/ver10/device/wsdl">tds:Device</d:Types>',
    "",
)


@dataclass(frozen=True, slots=True)
class DiscoveredDevice:
    """A device that answered."""

    endpoint: str  # UUID, or the address if it reported none
    address: str  # host:port of its device service, with the host that answered
    url: str
    name: str
    hardware: str
    is_proven: bool = False  # it answered a probe that was sent to its address alone

    @property
    def registry_address(self) -> str:
        """Return its address for the registry: with the path of its service if that is not the default one."""
        try:
            address = address_of(self.url)
        except ValueError:
            return self.address  # the reported URL is invalid
        return address if len(address) <= MAX_ADDRESS_CHARS else self.address


def probe_message(types: str, message_id: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
        '<s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>'
        f"<a:MessageID>uuid:{message_id or uuid.uuid4()}</a:MessageID>"
        "<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f'<s:Body><d:Probe xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">{types}</d:Probe></s:Body>'
        "</s:Envelope>"
    ).encode()


def read_answer(datagram: bytes, source: str) -> list[DiscoveredDevice]:
    """Return the devices in a ProbeMatches datagram; an unreadable datagram gives an empty list."""
    try:
        body = parse(datagram)
    except ProtocolError:
        return []
    matches = [read_match(m, source) for m in body.all("ProbeMatch")]
    return [m for m in matches if m is not None]


def read_match(match: Node, source: str) -> DiscoveredDevice | None:
    """Return the device of a ProbeMatch or Hello that came from `source`, or None without a service address."""
    service_urls = [p for u in (match.text("XAddrs") or "").split() if (p := _service(u)) is not None]
    if not service_urls:
        return None
    parts = next((p for p in service_urls if p.hostname == source), service_urls[0])
    host = f"[{source}]" if ":" in source else source
    try:
        port = parts.port
    except ValueError:
        port = None
    address = f"{host}:{port}" if port else host
    path = parts.path if len(parts.path) <= MAX_URL_CHARS - MAX_ADDRESS_CHARS else DEFAULT_PATH
    scopes = (match.text("Scopes") or "").split()
    return DiscoveredDevice(
        _endpoint(match) or address,
        address,
        f"{parts.scheme}://{address}{path}",
        display_text(scope_value(scopes, "name")),
        display_text(scope_value(scopes, "hardware")),
    )


def _service(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
    except ValueError:  # a malformed URL must not end the parsing
        return None
    return parts if parts.scheme in ("http", "https") else None


def _endpoint(node: Node) -> str:
    """Return the UUID of an endpoint reference, written as urn:uuid:… or uuid:…; '' if it is too long."""
    endpoint = re.sub(r"^(urn:)?uuid:", "", (node.text("EndpointReference/Address") or "").strip().lower())
    return endpoint if len(endpoint) <= MAX_ENDPOINT_CHARS and endpoint.isprintable() else ""


def interfaces() -> list[str]:
    """Return the IPv4 addresses of the interfaces that are up."""
    up = psutil.net_if_stats()
    return [
        a.address
        for name, addresses in psutil.net_if_addrs().items()
        if name in up and up[name].isup
        for a in addresses
        if a.family == socket.AF_INET
    ]


class _Collector(asyncio.DatagramProtocol):
    """Collects the devices that answer, in limited number.

    `known` holds host:port of the registry's cameras, which are collected however many others answered. Anybody on the
    network can send a datagram in a camera's name and can read multicast probes. Only an answer to a probe that went to
    the device's address alone, with the message ID of that probe, proves that the device is there.
    """

    def __init__(self, known: Collection[str] = ()):
        self._known = known
        self._message_ids: dict[str, list[bytes]] = {}  # message IDs of the probes sent to each address
        self._found: dict[str, DiscoveredDevice] = {}
        self._of_host: Counter[str] = Counter()
        self._ignored = 0

    @property
    def devices(self) -> list[DiscoveredDevice]:
        return list(self._found.values())

    def log_ignored(self) -> None:
        if self._ignored:
            log.warning(
                "ignored %d devices that answered discovery (limit reached); registered cameras are not affected",
                self._ignored,
            )

    def probe(self, types: str, host: str) -> bytes:
        """Return a probe for one address."""
        number = str(uuid.uuid4())
        self._message_ids.setdefault(host, []).append(number.encode())
        return probe_message(types, number)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        data = data[:65536]
        numbers = self._message_ids.get(addr[0])
        is_proven = numbers is not None and any(n in data.lower() for n in numbers)
        for device in read_answer(data, addr[0]):
            self._add(replace(device, is_proven=True) if is_proven else device, addr[0])

    def _add(self, device: DiscoveredDevice, host: str) -> None:
        known = host_port(device.address) in self._known
        # Clones share an endpoint: the address keeps them apart, and the registry reports the clash. The address of a
        # known camera is one device, whatever endpoint an answer reports.
        key = host_port(device.address) if known else f"{device.endpoint} {device.address}"
        if (before := self._found.get(key)) is not None:
            if device.is_proven and not before.is_proven:
                self._found[key] = device
            return
        host = f"{host} asked" if device.is_proven else host  # unproven answers in its name do not use up its limit
        if not known:
            if self._of_host[host] >= MAX_DEVICES_PER_HOST or self._of_host.total() >= MAX_DEVICES:
                self._ignored += 1
                return
            self._of_host[host] += 1
        self._found[key] = device


async def multicast(addresses: Iterable[str], wait: float = 2.0, known: Collection[str] = ()) -> list[DiscoveredDevice]:
    """Probe the group from each interface address; return the devices that answered within `wait` seconds.

    At most 20 devices per host and 5,000 in all, besides those at the `known` addresses (host:port).
    """
    found = _Collector(known)
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
    found.log_ignored()
    return found.devices


async def sweep(
    subnets: Iterable[str], wait: float = 2.0, port: int = PORT, known: Collection[str] = ()
) -> list[DiscoveredDevice]:
    """Probe every address of the subnets by unicast, because multicast does not cross routers.

    Limited like `multicast`.

    Raises UsageError for a subnet that is malformed or holds more than 4,096 addresses.
    """
    hosts: list[str] = []
    for subnet in subnets:
        try:
            network = ipaddress.ip_network(subnet, strict=False)
        except ValueError as e:
            raise UsageError(
                f"'{subnet}' is not a subnet; write it like 10.20.3.0/24", ErrorCode.SUBNET_INVALID, subnet=subnet
            ) from e
        if network.num_addresses > MAX_SWEEP_ADDRESSES:
            raise UsageError(
                f"{subnet} holds {network.num_addresses} addresses; give subnets of at most {MAX_SWEEP_ADDRESSES}",
                ErrorCode.SUBNET_TOO_LARGE,
                subnet=subnet,
                count=network.num_addresses,
                limit=MAX_SWEEP_ADDRESSES,
            )
        hosts += [str(h) for h in network.hosts()] or [str(network.network_address)]
    found = _Collector(known)
    transport = await _open(found, "0.0.0.0")
    try:
        for types in _TYPES[:2]:
            for i, host in enumerate(hosts):
                transport.sendto(found.probe(types, host), (host, port))
                if i % 256 == 255:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(wait / 2)
    finally:
        transport.close()
    found.log_ignored()
    return found.devices


async def probe_hosts(hosts: Iterable[str], wait: float = 1.0, port: int = PORT) -> list[DiscoveredDevice]:
    """Probe single addresses by unicast. Hosts that do not answer or are not IPv4 addresses are omitted."""
    addresses = []
    for host in hosts:
        with contextlib.suppress(ValueError):
            addresses.append(str(ipaddress.IPv4Address(host)))
    return await sweep(addresses, wait, port) if addresses else []


async def _open(found: _Collector, address: str) -> asyncio.DatagramTransport:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    # Probes to unused addresses of a connected subnet wait for ARP in this buffer.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
    if address != "0.0.0.0":
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.bind((address, 0))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: found, sock=sock)
    return transport


AnnouncementHandler = Callable[[str, DiscoveredDevice], None]


class _Announcements(asyncio.DatagramProtocol):
    def __init__(self, on_announcement: AnnouncementHandler):
        self._on_announcement = on_announcement

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            body = parse(data[:65536])
        except ProtocolError:
            return
        if body.name in ("Hello", "Bye"):
            device = read_match(body, addr[0]) or DiscoveredDevice(_endpoint(body) or addr[0], addr[0], "", "", "")
            self._on_announcement(body.name, device)


@asynccontextmanager
async def announcements(
    addresses: Iterable[str], on_announcement: AnnouncementHandler, port: int = PORT
) -> AsyncIterator[None]:
    """Listen for Hello and Bye messages on the given interfaces; `heard` gets the message name and the device.

    A Bye carries no service address: its device is identified by its endpoint.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((GROUP, port))
    for address in addresses:
        membership = socket.inet_aton(GROUP) + socket.inet_aton(address)
        with contextlib.suppress(OSError):  # an interface without multicast, or a second address of one
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Announcements(on_announcement), sock=sock
    )
    try:
        yield
    finally:
        transport.close()
