"""A push service and a browser on loopback: the service checks VAPID, the browser decrypts (RFC 8291, RFC 8292)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class PushService:
    """`status` is answered to the next requests; `rung` holds headers and messages as the phone sees them."""

    url: str = ""
    status: int = 201
    rung: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    station_key: str = ""  # of the last request's VAPID token, which was valid
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    def subscription(self, path: str = "/push/1") -> dict[str, str]:
        """Return what the browser gives to the page."""
        return {
            "endpoint": f"{self.url}{path}", "p256dh": base64url(self.private.public_key().public_bytes(*POINT)),
            "auth": base64url(self.auth),
        }  # fmt: skip

    def check_token(self, header: str) -> None:
        """Check an Authorization header. Raises AssertionError, or InvalidSignature."""
        scheme, _, rest = header.partition(" ")
        assert scheme == "vapid"
        parts = dict(p.strip().split("=", 1) for p in rest.split(","))
        signed, _, signature = parts["t"].rpartition(".")
        raw = decoded(signature)
        der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(parts["k"]))
        key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims = json.loads(decoded(signed.split(".")[1]))
        assert claims["aud"] == self.url and claims["sub"].startswith("mailto:") and claims["exp"] > 0
        self.station_key = parts["k"]


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    state = PushService()

    async def take(request: web.Request) -> web.Response:
        state.check_token(request.headers["Authorization"])
        assert request.headers["Content-Encoding"] == "aes128gcm"
        text = http_ece.decrypt(await request.read(), private_key=state.private, auth_secret=state.auth)
        if state.status == 201:
            state.rung.append((dict(request.headers), json.loads(text)))
        return web.Response(status=state.status)

    app = web.Application()
    app.router.add_post("/push/{id}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield state
    finally:
        await runner.cleanup()
