"""WS-Discovery answers of virtual cameras: each from its own address like a real one, plus one socket for the group."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Sequence
from xml.sax.saxutils import escape

from cameras.discovery.ws_discovery import GROUP, PORT
from cameras.onvif.soap import parse
from cameras.virtual.device import Device
from cameras.virtual.device_service import scopes
from core.errors import ProtocolError


class DiscoveryAnswer:
    """Answers probes for devices, and sends Hello and Bye messages."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transports: dict[str, asyncio.DatagramTransport] = {}  # sockets by host address
        self._group: asyncio.DatagramTransport | None = None

    @classmethod
    async def start(cls, devices: Sequence[Device], interface: str = "127.0.0.1", port: int = PORT) -> DiscoveryAnswer:
        answer = cls(port)
        group_responder = _ProbeResponder([])
        for device in devices:
            responder = _ProbeResponder([])
            transport = await answer._open(responder, (device.host, port))
            responder.transports.append((device, transport))
            group_responder.transports.append((device, transport))
            answer._transports[device.host] = transport
        answer._group = await answer._open(group_responder, (GROUP, port))
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface))
        answer._group.get_extra_info("socket").setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        return answer

    def announce(self, device: Device, kind: str = "Hello") -> None:
        """Send Hello or Bye to the group."""
        self._transports[device.host].sendto(announcement(device, kind), (GROUP, self._port))

    async def _open(self, responder: _ProbeResponder, address: tuple[str, int]) -> asyncio.DatagramTransport:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        if address[0].startswith("127."):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.bind(address)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: responder, sock=sock)
        return transport

    def close(self) -> None:
        for transport in (*self._transports.values(), *([self._group] if self._group else [])):
            transport.close()


class _ProbeResponder(asyncio.DatagramProtocol):
    """Receives probes and answers them for its devices."""

    def __init__(self, transports: list[tuple[Device, asyncio.DatagramTransport]]):
        self.transports = transports

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            probe = parse(data)
        except ProtocolError:
            return
        wanted = {t.rpartition(":")[2] for t in (probe.text("Types") or "").split()}
        if probe.name != "Probe" or (wanted and not wanted & {"NetworkVideoTransmitter", "Device"}):
            return
        message_id = re.search(rb"<(?:\w+:)?MessageID\b[^>]*>([^<]+)<", data)
        for device, transport in self.transports:
            if "dead" not in device.faults and device.discoverable:
                transport.sendto(match(device, message_id.group(1).decode() if message_id else ""), addr)


def match(device: Device, relates_to: str) -> bytes:
    return _message(
        "ProbeMatches", f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>",
        f"<d:ProbeMatches><d:ProbeMatch>{_about(device)}</d:ProbeMatch></d:ProbeMatches>",
    )  # fmt: skip


def announcement(device: Device, kind: str) -> bytes:
    return _message(kind, "", f"<d:{kind}>{_about(device)}</d:{kind}>")


def _about(device: Device) -> str:
    return (
        f"<a:EndpointReference><a:Address>urn:uuid:{device.uuid}</a:Address></a:EndpointReference>"
        '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>'
        f"<d:Scopes>{escape(' '.join(scopes(device)))}</d:Scopes><d:XAddrs>{device.service}</d:XAddrs>"
        "<d:MetadataVersion>1</d:MetadataVersion>"
    )


def _message(action: str, header: str, body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
        f"<s:Header><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/{action}</a:Action>{header}"
        "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
