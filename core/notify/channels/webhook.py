"""Messages to another system as signed JSON.

`X-Minwang-Signature: t=<Unix seconds>,v1=<hex>` is the HMAC-SHA256 over "<t>.<body>": the receiver checks it and the
age, so that nobody else can send or repeat a message.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Literal

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from core.clock import Clock
from core.notify.channels import http_answer
from core.notify.channels.base import Outgoing, Receipt


class WebhookTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["webhook"]
    url: str = Field(pattern=r"^https?://", max_length=1000)
    secret: str = Field(description="Name of the secret that signs")
    timeout_s: float = Field(10.0, gt=0, le=60)


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the value of the signature's header. `at`: Unix seconds."""
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hex()}"


class Webhook:
    def __init__(self, template: WebhookTemplate, secret: str, http: aiohttp.ClientSession, clock: Clock):
        self._template, self._secret, self._http, self._clock = template, secret, http, clock

    async def send(self, message: Outgoing) -> Receipt:
        said = {"key": message.key, "title": message.title, "text": message.text, "severity": message.severity}
        body = json.dumps(said, ensure_ascii=False).encode()
        answer = await http_answer.ask(
            self._http, "POST", self._template.url, timeout_s=self._template.timeout_s, data=body,
            headers={
                "Content-Type": "application/json",
                "X-Minwang-Signature": signature(self._secret, int(self._clock.now().timestamp()), body),
            },
        )  # fmt: skip
        http_answer.check_status(answer)
        return Receipt(delivered=True)
