"""Web Push (RFC 8030): rings a phone whose page is closed, over the push service of the phone's browser.

An extra beside the other channels, never instead of them: the push services are on the internet, and Chrome's is not
reached from mainland China. The service carries the message encrypted for the phone (RFC 8291); it learns when the
station sends one, and how long it is. The station names itself with the key of the settings (VAPID, RFC 8292).
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from fnmatch import fnmatch
from typing import Literal, Self
from urllib.parse import urlsplit

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.clock import Clock
from core.errors import SettingsError
from core.notify.channels import http_answer
from core.notify.channels.base import AddressGone, ChannelRefused, Outgoing, Receipt

PACKAGE = "pywebpush"
SERVICES = ["https://fcm.googleapis.com", "https://updates.push.services.mozilla.com", "https://*.push.apple.com",
            "https://*.notify.windows.com"]  # fmt: skip
GONE = frozenset({404, 410})  # the subscription ended (RFC 8030, section 7.3)
TOKEN_LIFE_S = 12 * 3600  # of a VAPID token; a service refuses more than 24 h


class WebPushTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["webpush"]
    secret: str = Field(description="Name of the station's key (minwang notify secret NAME --push-key)")
    contact: str = Field(pattern=r"^(mailto:|https://)\S+$", description="Whom a push service may ask, mailto:…")
    services: list[str] = Field(
        default_factory=SERVICES.copy,
        min_length=1,
        description="Origins that phones may name; * stands for a part",
    )
    keep_s: int = Field(600, ge=0, le=86_400, description="The service keeps a message so long for a phone without net")
    timeout_s: float = Field(10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _package_is_there(self) -> Self:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ValueError(f"the optional package {PACKAGE} is missing; install it (docs/core.md, Messages)")
        return self

    def knows(self, endpoint: str) -> bool:
        """Return whether an address is one of a push service: the station calls what a phone names."""
        try:
            parts = urlsplit(endpoint)
            origin = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        except ValueError:
            return False
        return parts.username is None and any(fnmatch(origin, s) for s in self.services)


def new_key() -> str:
    """Return a new key of the station as PEM."""
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, *form).decode()


def public_key(key: str) -> str:
    """Return the public half as browsers take it (base64url of the point). Raises SettingsError."""
    form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return _base64url(_load(key).public_key().public_bytes(*form))


def _load(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        found = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise SettingsError("the secret of webpush is no key; run: minwang notify secret NAME --push-key") from e
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise SettingsError("the secret of webpush is no P-256 key; run: minwang notify secret NAME --push-key")
    return found


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class WebPush:
    """Sends to subscriptions: `Outgoing.address` is JSON with endpoint and keys, as the browser gave them."""

    def __init__(self, template: WebPushTemplate, key: str, http: aiohttp.ClientSession, clock: Clock):
        from py_vapid import Vapid02  # optional

        self._template, self._http, self._clock = template, http, clock
        self._vapid = Vapid02(_load(key))

    async def send(self, message: Outgoing) -> Receipt:
        from pywebpush import WebPusher  # optional

        subscription, t = json.loads(message.address), self._template
        endpoint = subscription["endpoint"]
        if not t.knows(endpoint):
            raise ChannelRefused("the phone's push service is none of notify.yaml")
        said = {"title": message.title, "text": message.text, "page": message.page, "severity": message.severity}
        try:
            body = WebPusher(subscription).encode(json.dumps(said, ensure_ascii=False).encode())["body"]
        except ValueError as e:  # a point that is not on the curve
            raise AddressGone("the phone's keys are no keys") from e
        answer = await http_answer.ask(
            self._http, "POST", endpoint, timeout_s=t.timeout_s, data=body, headers=self._headers(endpoint, message)
        )
        if answer.status in GONE:
            raise AddressGone("the phone's subscription has ended")
        http_answer.check_status(answer)
        return Receipt()

    def _headers(self, endpoint: str, message: Outgoing) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}", "sub": self._template.contact,
            "exp": int(self._clock.now().timestamp()) + TOKEN_LIFE_S,
        }  # fmt: skip
        return {
            **self._vapid.sign(claims), "Content-Type": "application/octet-stream", "Content-Encoding": "aes128gcm",
            "TTL": str(self._template.keep_s), "Urgency": "high" if message.severity == 1 else "normal",
            # A repetition replaces the message that the phone has not fetched yet (RFC 8030, section 5.4).
            "Topic": _base64url(hashlib.sha256(message.key.encode()).digest())[:32],
        }  # fmt: skip
