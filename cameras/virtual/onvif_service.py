"""HTTP server of a virtual camera: all its ONVIF services, with the quirks of its make.

A control interface, /virtual/faults, switches faults while the camera runs; /virtual/event triggers an event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from aiohttp import web

from cameras.onvif.namespaces import DEVICE, EVENTS, MEDIA, MEDIA2, SCHEMA
from cameras.onvif.soap import Node, parse
from cameras.virtual.card import CardService
from cameras.virtual.device import Device
from cameras.virtual.device_service import DeviceService, OperationRefused
from cameras.virtual.dialects import apply_quirks
from cameras.virtual.event_service import TOPICS, EventService
from cameras.virtual.media_service import MediaService
from cameras.virtual.ptz_service import PtzService
from cameras.virtual.rtsp_server import FAULTS
from core.errors import ProtocolError

MAX_REQUEST_BYTES = 100_000


class OnvifService:
    """One device. `restart(token)` interrupts one of its streams."""

    def __init__(self, device: Device, restart: Callable[[str], None] = lambda _: None):
        self.device = device
        self.clock = DeviceService(device)
        self.events = EventService(device)
        self.ptz = PtzService(device)
        self._in_flight = 0
        # number of requests per connection
        self._transports: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self.calls = 0
        media = MediaService(device, restart)
        # By service path, because media1 and media2 share operation names.
        self._media = {MEDIA: media.operations(MEDIA), MEDIA2: media.operations(MEDIA2)}
        self._operations = self.clock.operations()
        if device.dome:
            self._operations |= self.ptz.operations()
        if device.card:
            self._operations |= CardService(
                next(iter(device.mounts.values())).path,
                device.rtsp_port,
                time.time(),
                device.now,
                lambda: "no_card" in device.faults,
            ).operations()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle any request to this camera's address."""
        if request.path.startswith("/onvif/") and request.method == "POST":
            return await self._soap(request)
        if request.path == "/snapshot.jpg":
            return await self._snapshot(request)
        if request.path == "/virtual/faults" and request.method == "POST":
            return await self._switch(request)
        if request.path == "/virtual/event" and request.method == "POST":
            return await self._trigger_event(request)
        return web.Response(status=404, text="no such page\n")

    async def _switch(self, request: web.BaseRequest) -> web.Response:
        body = await request.json()
        if body.get("fault") not in FAULTS:
            return web.Response(status=400, text=f"unknown fault; allowed: {', '.join(FAULTS)}\n")
        self.device.switch(body["fault"], bool(body.get("on", True)))
        return web.json_response({"faults": sorted(self.device.faults)})

    async def _trigger_event(self, request: web.BaseRequest) -> web.Response:
        body = await request.json()
        if body.get("kind") not in TOPICS:
            return web.Response(status=400, text=f"unknown kind; allowed: {', '.join(TOPICS)}\n")
        self.events.emit(body["kind"], bool(body.get("state", True)))
        return web.json_response({"subscriptions": len(self.events.subscriptions)})

    async def _snapshot(self, request: web.BaseRequest) -> web.Response:
        if not self._authorised(request, b""):
            return web.Response(status=401, headers=self._challenge())
        clip = next(iter(self.device.mounts.values())).clip()
        return web.Response(body=await asyncio.to_thread(clip.snapshot), content_type="image/jpeg")

    async def _soap(self, request: web.BaseRequest) -> web.StreamResponse:
        quirks = self.device.quirks
        if "dead" in self.device.faults or ("single_threaded" in quirks and self._in_flight):
            return _cut_off(request)
        if "odd_path" in quirks and request.path.endswith("/device_service"):
            return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
        self._in_flight += 1
        self.calls += 1
        if request.transport:
            self._transports[request.transport] = self._transports.get(request.transport, 0) + 1
        try:
            reply = await self._answer(request)
        except ConnectionResetError:
            return _cut_off(request)
        finally:
            self._in_flight -= 1
        if "closes_silently" in quirks and request.transport:
            asyncio.get_running_loop().call_later(
                0.02, self._close_if_idle, request.transport, self._transports[request.transport]
            )
        return reply

    def _close_if_idle(self, transport: asyncio.Transport, requests: int) -> None:
        if self._transports.get(transport) == requests:
            transport.close()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        raw = await request.read()
        try:
            operation = parse(raw)
        except ProtocolError:
            return self._fault("ter:WellFormed", 400)
        quirks = self.device.quirks
        if "needs_action" in quirks and f"/{operation.name}" not in request.headers.get("Content-Type", ""):
            return self._fault("ter:Action", 400)
        open_to_all = operation.name == "GetSystemDateAndTime" and "time_needs_login" not in quirks
        if not open_to_all and not self._authorised(request, raw):
            return self._refusal()
        if operation.name == "GetSystemDateAndTime":
            return self._reply(self.clock.time(), DEVICE)
        try:
            return await self._operate(request, operation)
        except OperationRefused as e:
            return self._fault(str(e), 400 if "Invalid" in str(e) else 500)

    async def _operate(self, request: web.BaseRequest, operation: Node) -> web.Response:
        name, quirks = operation.name, self.device.quirks
        if "ignores_sets" in quirks and name.startswith(("Set", "Create", "Delete")) and "PullPoint" not in name:
            return self._reply(f"<t:{name}Response/>", DEVICE)
        service = request.path.rpartition("/")[2]
        if service == "event_service" or "Pull" in name:
            if "claims_events" in quirks:
                raise OperationRefused("ter:ActionNotSupported")
            return self._reply(await self._event(request, operation), EVENTS)
        operations = self._operations | self._media[MEDIA2 if service.startswith("media2") else MEDIA]
        namespace, handler = operations.get(name, ("", None))
        if handler is None:
            raise OperationRefused("ter:ActionNotSupported")
        return self._reply(handler(operation), namespace)

    async def _event(self, request: web.BaseRequest, operation: Node) -> str:
        number = parse_qs(request.query_string).get("sub", ["0"])[0]
        sub = int(number) if number.isdigit() else 0
        match operation.name:
            case "CreatePullPointSubscription":
                return self.events.create(operation)
            case "PullMessages":
                return await self.events.pull(
                    operation, sub, lambda: request.transport is None or request.transport.is_closing()
                )
            case "Renew":
                return self.events.renew(operation, sub)
            case "Unsubscribe":
                return self.events.unsubscribe(operation, sub)
        raise OperationRefused("ter:ActionNotSupported")

    def _authorised(self, request: web.BaseRequest, raw: bytes) -> bool:
        guard = self.device.access_control
        if not guard.users or "open_access" in self.device.quirks:
            return True
        if guard.refusing:
            return False
        given = request.headers.get("Authorization", "")
        if given:
            return guard.digest(given, request.method)
        return guard.token(raw.decode("utf-8", "replace"), self.device.now())

    def _challenge(self) -> dict[str, str]:
        challenge = self.device.access_control.challenge()
        return {"WWW-Authenticate": challenge} if challenge else {}

    def _refusal(self) -> web.Response:
        """Refuse a request; the 401 offers Digest, and a WS-UsernameToken in the body is accepted as well."""
        if "refuses_in_200" in self.device.quirks:
            return self._fault("ter:NotAuthorized", 200)
        if "refuses_in_400" in self.device.quirks or self.device.access_control.challenge() is None:
            return self._fault("ter:NotAuthorized", 400)
        return self._fault("ter:NotAuthorized", 401, self._challenge())

    def _reply(self, body: str, namespace: str) -> web.Response:
        return self._response(
            '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f'<s:Body xmlns:t="{namespace}" xmlns:tt="{SCHEMA}" xmlns:tns1="http://www.onvif.org/ver10/topics">'
            f"{body}</s:Body></s:Envelope>"
        )

    def _response(self, text: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        body, kind = apply_quirks(text, self.device.quirks)
        return web.Response(body=body, status=status, headers={"Content-Type": kind, **(headers or {})})

    def _fault(self, subcode: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
        if "html_errors" in self.device.quirks and "NotAuthorized" not in subcode:
            return web.Response(
                status=500,
                text="<html><body><h1>Error</h1><p>Please enable ActiveX</p></body></html>",
                content_type="text/html",
            )
        return self._response(
            '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
            f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en">{subcode}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>',
            status,
            headers,
        )


def _cut_off(request: web.BaseRequest) -> web.Response:
    if request.transport:
        request.transport.abort() if isinstance(request.transport, asyncio.Transport) else request.transport.close()
    return web.Response(status=503)
