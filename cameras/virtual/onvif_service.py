"""The virtual camera's ONVIF device and media services and its answer to WS-Discovery probes.

WS-UsernameToken (with the 5-minute window that real cameras keep) and HTTP Digest are both
accepted. A small control address, /virtual/faults, switches faults while the camera runs.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from aiohttp import web

from cameras.discovery import GROUP, PORT
from cameras.onvif.names import DEVICE, MEDIA, RECORDING, REPLAY, SCHEMA, SEARCH
from cameras.onvif.soap import Node, parse, password_digest
from cameras.virtual.card import CardService
from cameras.virtual.rtsp_server import FAULTS, Mount, check_digest
from core.errors import ProtocolError

WINDOW = timedelta(minutes=5)


@dataclass(slots=True)
class Device:
    """Identity and streams of one virtual camera."""

    name: str
    serial: str
    host: str
    http_port: int
    rtsp_port: int
    mounts: dict[str, Mount]  # by profile token: 'main', 'sub'
    sizes: dict[str, tuple[int, int]]
    login: tuple[str, str] | None = None
    manufacturer: str = "Minwang"
    model: str = "Virtual-1"
    firmware: str = "1.0"
    card: bool = True  # it has a card and offers Profile G
    faults: set[str] = field(default_factory=set)

    @property
    def uuid(self) -> str:
        return f"4d574e47-0000-4000-8000-{int(self.serial, 16):012x}"

    @property
    def service(self) -> str:
        return f"http://{self.host}:{self.http_port}/onvif/device_service"

    def switch(self, fault: str, on: bool) -> None:
        for faults in (self.faults, *(m.faults for m in self.mounts.values())):
            (faults.add if on else faults.discard)(fault)

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=next(iter(self.mounts.values())).clock_offset)


class OnvifService:
    """HTTP side of one device."""

    def __init__(self, device: Device):
        self.device = device
        self._nonce = secrets.token_hex(16)
        self._operations: dict[str, tuple[str, Callable[[Node], str]]] = {
            "GetDeviceInformation": (DEVICE, self._information),
            "GetCapabilities": (DEVICE, self._capabilities),
            "GetServices": (DEVICE, self._services),
            "GetProfiles": (MEDIA, self._profiles),
            "GetStreamUri": (MEDIA, self._stream_uri),
            "GetSnapshotUri": (MEDIA, self._snapshot_uri),
        }
        if device.card:
            self._operations |= CardService(
                next(iter(device.mounts.values())).path,
                device.rtsp_port,
                time.time(),
                device.now,
                lambda: "no_card" in device.faults,
            ).operations()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=100_000)
        app.router.add_post("/onvif/{service}", self._handle)
        app.router.add_get("/snapshot.jpg", self._snapshot)
        app.router.add_post("/virtual/faults", self._switch)
        return app

    async def _switch(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("fault") not in FAULTS:
            raise web.HTTPBadRequest(text=f"faults are: {', '.join(FAULTS)}\n")
        self.device.switch(body["fault"], bool(body.get("on", True)))
        return web.json_response({"faults": sorted(self.device.faults)})

    async def _snapshot(self, request: web.Request) -> web.Response:
        if not self._authorised(request, b""):
            raise web.HTTPUnauthorized(headers=self._challenge())
        clip = next(iter(self.device.mounts.values())).clip()
        return web.Response(body=await asyncio.to_thread(clip.snapshot), content_type="image/jpeg")

    def _challenge(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Digest realm="virtual", nonce="{self._nonce}", algorithm=MD5, qop="auth"'}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if "dead" in self.device.faults:
            if request.transport:
                request.transport.close()
            raise web.HTTPServiceUnavailable
        raw = await request.read()
        try:
            operation = parse(raw)
        except ProtocolError:
            return self._fault("ter:WellFormed", 400)
        if operation.name == "GetSystemDateAndTime":
            return self._reply(self._time(), DEVICE)
        namespace, handler = self._operations.get(operation.name, ("", None))
        if handler is None:
            return self._fault("ter:ActionNotSupported", 500)
        if not self._authorised(request, raw):
            # The answer offers Digest; a WS-UsernameToken in the body is accepted as well.
            return self._fault("ter:NotAuthorized", 401, self._challenge())
        return self._reply(handler(operation), namespace)

    def _authorised(self, request: web.Request, raw: bytes) -> bool:
        if self.device.login is None:
            return True
        if "wrong_password" in self.device.faults:
            return False
        user, password = self.device.login
        given = request.headers.get("Authorization", "")
        if given:
            return check_digest(given, request.method, user, password, self._nonce)
        return self._token_is_good(raw.decode("utf-8", "replace"), user, password)

    def _token_is_good(self, envelope: str, user: str, password: str) -> bool:
        found = {
            k: re.search(rf"<(?:\w+:)?{k}\b[^>]*>([^<]*)<", envelope) for k in ("Username", "Password", "Nonce", "Created")
        }
        fields = {k: m.group(1) for k, m in found.items() if m}
        if len(fields) < 4 or fields["Username"] != user:
            return False
        try:
            created = datetime.fromisoformat(fields["Created"])
            nonce = base64.b64decode(fields["Nonce"])
        except ValueError:
            return False
        if abs(self.device.now() - created) > WINDOW:
            return False
        return hmac.compare_digest(password_digest(nonce, fields["Created"], password), fields["Password"])

    def _reply(self, body: str, namespace: str) -> web.Response:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f'<s:Body xmlns:t="{namespace}" xmlns:tt="{SCHEMA}">{body}</s:Body></s:Envelope>'
        )
        return web.Response(text=text, content_type="application/soap+xml")

    def _fault(self, subcode: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
            f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en">{subcode}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
        )
        return web.Response(text=text, status=status, content_type="application/soap+xml", headers=headers)

    def _time(self) -> str:
        n = self.device.now()
        return (
            "<t:GetSystemDateAndTimeResponse><t:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{n.hour}</tt:Hour><tt:Minute>{n.minute}</tt:Minute><tt:Second>{n.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{n.year}</tt:Year><tt:Month>{n.month}</tt:Month><tt:Day>{n.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></t:SystemDateAndTime></t:GetSystemDateAndTimeResponse>"
        )

    def _information(self, _: Node) -> str:
        d = self.device
        return (
            f"<t:GetDeviceInformationResponse><t:Manufacturer>{escape(d.manufacturer)}</t:Manufacturer>"
            f"<t:Model>{escape(d.model)}</t:Model><t:FirmwareVersion>{escape(d.firmware)}</t:FirmwareVersion>"
            f"<t:SerialNumber>{d.serial}</t:SerialNumber><t:HardwareId>virtual</t:HardwareId></t:GetDeviceInformationResponse>"
        )

    def _capabilities(self, _: Node) -> str:
        address = self.device.service
        media = address.replace("device_service", "media_service")
        return (
            f"<t:GetCapabilitiesResponse><t:Capabilities><tt:Device><tt:XAddr>{address}</tt:XAddr></tt:Device>"
            f"<tt:Media><tt:XAddr>{media}</tt:XAddr><tt:StreamingCapabilities><tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP>"
            "</tt:StreamingCapabilities></tt:Media></t:Capabilities></t:GetCapabilitiesResponse>"
        )

    def _services(self, _: Node) -> str:
        def service(namespace: str, path: str) -> str:
            address = self.device.service.replace("device_service", path)
            return (
                f"<t:Service><t:Namespace>{namespace}</t:Namespace><t:XAddr>{address}</t:XAddr>"
                "<t:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></t:Version></t:Service>"
            )

        offered = [(DEVICE, "device_service"), (MEDIA, "media_service")]
        if self.device.card:
            offered += [(RECORDING, "recording_service"), (SEARCH, "search_service"), (REPLAY, "replay_service")]
        return f"<t:GetServicesResponse>{''.join(service(n, p) for n, p in offered)}</t:GetServicesResponse>"

    def _profiles(self, _: Node) -> str:
        return f"<t:GetProfilesResponse>{''.join(self._profile(t) for t in self.device.mounts)}</t:GetProfilesResponse>"

    def _profile(self, token: str) -> str:
        clip = self.device.mounts[token].clips["healthy"]
        width, height = self.device.sizes[token]
        kilobits = round(clip.offsets[-1] * 8 / (clip.frames / clip.fps) / 1000)
        bounds = f'<tt:Bounds x="0" y="0" width="{width}" height="{height}"/>'
        return (
            f'<t:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name>'
            f'<tt:VideoSourceConfiguration token="vs"><tt:Name>vs</tt:Name><tt:UseCount>2</tt:UseCount>'
            f"<tt:SourceToken>source</tt:SourceToken>{bounds}</tt:VideoSourceConfiguration>"
            f'<tt:VideoEncoderConfiguration token="ve-{token}"><tt:Name>{token}</tt:Name><tt:UseCount>1</tt:UseCount>'
            f"<tt:Encoding>{clip.codec.upper()}</tt:Encoding>"
            f"<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>"
            f"<tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>{round(clip.fps)}</tt:FrameRateLimit>"
            f"<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>{kilobits}</tt:BitrateLimit></tt:RateControl>"
            "</tt:VideoEncoderConfiguration></t:Profiles>"
        )

    def _stream_uri(self, operation: Node) -> str:
        mount = self.device.mounts.get(operation.text("ProfileToken") or "", next(iter(self.device.mounts.values())))
        # 0.0.0.0, as many cheap cameras say it: the client must put the host that answered.
        return (
            f"<t:GetStreamUriResponse><t:MediaUri><tt:Uri>rtsp://0.0.0.0:{self.device.rtsp_port}{mount.path}</tt:Uri>"
            "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
            "<tt:Timeout>PT0S</tt:Timeout></t:MediaUri></t:GetStreamUriResponse>"
        )

    def _snapshot_uri(self, _: Node) -> str:
        address = self.device.service.replace("/onvif/device_service", "/snapshot.jpg")
        return (
            f"<t:GetSnapshotUriResponse><t:MediaUri><tt:Uri>{address}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></t:MediaUri></t:GetSnapshotUriResponse>"
        )


class DiscoveryAnswer:
    """Answers probes for devices: each on its own address, as real cameras do, plus one ear on the group."""

    def __init__(self) -> None:
        self._transports: list[asyncio.DatagramTransport] = []

    @classmethod
    async def start(cls, devices: list[Device], interface: str = "127.0.0.1", port: int = PORT) -> DiscoveryAnswer:
        answer = cls()
        mouths = [(d, await answer._open(_Ear([]), (d.host, port))) for d in devices]
        for device, transport in mouths:
            _ear_of(transport).mouths.append((device, transport))
        group = await answer._open(_Ear(mouths), (GROUP, port))
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface))
        group.get_extra_info("socket").setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        return answer

    async def _open(self, ear: _Ear, address: tuple[str, int]) -> asyncio.DatagramTransport:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: ear, sock=sock)
        self._transports.append(transport)
        return transport

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


class _Ear(asyncio.DatagramProtocol):
    """Hears probes and lets its devices answer."""

    def __init__(self, mouths: list[tuple[Device, asyncio.DatagramTransport]]):
        self.mouths = mouths

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            probe = parse(data)
        except ProtocolError:
            return
        wanted = {t.rpartition(":")[2] for t in (probe.text("Types") or "").split()}
        if probe.name != "Probe" or (wanted and not wanted & {"NetworkVideoTransmitter", "Device"}):
            return
        message_id = re.search(rb"<(?:\w+:)?MessageID\b[^>]*>([^<]+)<", data)
        for device, transport in self.mouths:
            if "dead" not in device.faults:
                transport.sendto(_match(device, message_id.group(1).decode() if message_id else ""), addr)


def _ear_of(transport: asyncio.DatagramTransport) -> _Ear:
    protocol = transport.get_protocol()
    assert isinstance(protocol, _Ear)
    return protocol


def _match(device: Device, relates_to: str) -> bytes:
    scopes = f"onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/{device.name} onvif://www.onvif.org/hardware/{device.model}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
        f"<s:Header><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action><a:RelatesTo>{escape(relates_to)}</a:RelatesTo>"
        "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To></s:Header>"
        "<s:Body><d:ProbeMatches><d:ProbeMatch><a:EndpointReference>"
        f"<a:Address>urn:uuid:{device.uuid}</a:Address></a:EndpointReference>"
        f'<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types><d:Scopes>{escape(scopes)}</d:Scopes>'
        f"<d:XAddrs>{device.service}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()
