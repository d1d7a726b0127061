"""Gateways as their companies run them, on loopback: each drops a repetition by the message's key, and says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(slots=True)
class HttpGateways:
    """What a server took: `taken` counts keys, `requests` holds path, headers, query and body.

    `behave` decides about a request before it is taken: a status to refuse it, "lose" to take it and never answer.
    """

    url: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    requests: list[tuple[str, dict[str, str], dict[str, str], dict[str, Any]]] = field(default_factory=list)
    behave: list[int | str] = field(default_factory=list)

    def take(self, key: str) -> None:
        if key in self.taken:
            self.repeated += 1
        else:
            self.taken[key] += 1


@asynccontextmanager
async def http_gateways() -> AsyncIterator[HttpGateways]:
    state = HttpGateways()

    async def sms(request: web.Request) -> web.StreamResponse:
        form = request.content_type == "application/x-www-form-urlencoded"
        body = dict(await request.post()) if form else await request.json() if request.can_read_body else {}
        state.requests.append((request.path, dict(request.headers), dict(request.query), body))
        behaviour = state.behave.pop(0) if state.behave else 200
        if isinstance(behaviour, int) and behaviour != 200:
            return web.Response(status=behaviour)
        state.take(str(body.get("key") or request.query.get("key")))
        if behaviour == "lose":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(
            {"Code": "OK" if behaviour in (200, "lose") else behaviour, "BizId": f"b{len(state.taken)}"}
        )

    async def token(request: web.Request) -> web.Response:
        assert request.query["corpsecret"] == "s3cret"
        return web.json_response({"errcode": 0, "access_token": "tok", "expires_in": 7200})

    async def wecom(request: web.Request) -> web.Response:
        body = await request.json()
        state.requests.append((request.path, dict(request.headers), dict(request.query), body))
        behaviour = state.behave.pop(0) if state.behave else 0
        if behaviour == 0:
            state.take(f"{body['touser']}/{body['text']['content']}")
        return web.json_response({"errcode": behaviour, "msgid": "m1"})

    app = web.Application()
    app.router.add_route("*", "/sms", sms)
    app.router.add_get("/cgi-bin/gettoken", token)
    app.router.add_post("/cgi-bin/message/send", wecom)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield state
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class MailServer:
    port: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    mails: list[Envelope] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.mails.append(envelope)
        return self.answer


def raw(mail: Envelope) -> bytes:
    """Return a mail as it came."""
    assert isinstance(mail.content, bytes)
    return mail.content


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    state = MailServer()
    controller = UnthreadedController(state, hostname="127.0.0.1", port=0, loop=asyncio.get_running_loop())
    server = await asyncio.get_running_loop().create_server(controller._factory_invoker, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        await server.wait_closed()
