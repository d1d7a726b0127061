"""A gateway for short messages or voice calls, reached over HTTP, described by a template (docs/core.md).

Names in braces are replaced: {address}, {text}, {title}, {key}, {severity}, {time} (ISO 8601), {nonce}, and
{secret:NAME}. In a URL they are percent-encoded; in a body they become values of JSON or of a form, so that no text can
change the request's structure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from core.clock import Clock
from core.notify.channels import http_answer
from core.notify.channels.base import ChannelRefused, ChannelUnavailable, Outgoing, Receipt

NAME = re.compile(r"\{(secret:)?([A-Za-z_][A-Za-z0-9_]*)\}")
NAMES = frozenset({"address", "text", "title", "key", "severity", "time", "nonce"})
HEADER_BREAK = re.compile(r"[\r\n\0]")


class BodyKind(StrEnum):
    JSON = "json"
    FORM = "form"
    NONE = "none"


class AliyunSignature(BaseModel):
    """Signature of Aliyun's RPC interfaces: HMAC-SHA1 over the sorted, percent-encoded parameters."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["aliyun-rpc"]
    key_secret: str = Field(description="Name of the secret that signs")


class Accepted(BaseModel):
    """How an answer that took the message reads: JSON in which `field` has one of `values`; empty: any status 2xx."""

    model_config = ConfigDict(extra="forbid")

    field: str = ""
    values: list[str] = Field(default_factory=list)
    reference: str = Field("", description="Field with the gateway's own number")
    refused: list[str] = Field(default_factory=list, description="Values that no retry changes")


class GatewayTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["http"]
    method: Literal["GET", "POST"] = "POST"
    url: str = Field(pattern=r"^https?://", max_length=1000)
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    body: dict[str, JsonValue] = Field(default_factory=dict)
    body_as: BodyKind = BodyKind.JSON
    signature: AliyunSignature | None = None
    accepted: Accepted = Accepted()
    timeout_s: float = Field(10.0, gt=0, le=60)

    @field_validator("url", "headers", "query", "body")
    @classmethod
    def _known_names(cls, value: JsonValue) -> JsonValue:
        for name in _names_in(value):
            if name not in NAMES:
                raise ValueError(f"{{{name}}} is no field of a message; use {', '.join(sorted(NAMES))} or secret:NAME")
        return value

    def secret_names(self) -> set[str]:
        found = {m[2] for part in (self.url, self.headers, self.query, self.body) for m in _placeholders(part) if m[1]}
        return found | ({self.signature.key_secret} if self.signature else set())


class HttpGateway:
    """Sends messages as a template says. Redirects are not followed; an answer is read up to 64 kB."""

    def __init__(
        self, template: GatewayTemplate, known_secrets: Mapping[str, str], http: aiohttp.ClientSession, clock: Clock
    ):
        self._template, self._secrets, self._http, self._clock = template, known_secrets, http, clock

    async def send(self, message: Outgoing) -> Receipt:
        t, now = self._template, self._clock.now()
        values = _values(message, now)
        query = {k: self._fill(v, values) for k, v in t.query.items()}
        if t.signature is not None:
            query["Signature"] = aliyun_signature(t.method, query, self._secrets[t.signature.key_secret])
        headers = {k: HEADER_BREAK.sub(" ", self._fill(v, values)) for k, v in t.headers.items()}
        body = {k: _filled(v, lambda text: self._fill(text, values)) for k, v in t.body.items()}
        answer = await http_answer.ask(
            self._http, t.method, self._fill(t.url, values, encode=True), timeout_s=t.timeout_s, params=query,
            headers=headers, json=body if t.body_as is BodyKind.JSON and t.method == "POST" else None,
            data={k: str(v) for k, v in body.items()} if t.body_as is BodyKind.FORM else None,
        )  # fmt: skip
        return self._judge(answer, message)

    def _judge(self, answer: http_answer.Answer, message: Outgoing) -> Receipt:
        rule = self._template.accepted
        http_answer.check_status(answer)
        if not rule.field:
            return Receipt()
        value = http_answer.field(answer.json, rule.field)
        if value in rule.values:
            return Receipt(reference=http_answer.field(answer.json, rule.reference)[:120] if rule.reference else "")
        error = ChannelRefused if value in rule.refused else ChannelUnavailable
        for hidden in (message.text, message.address, *self._secrets.values()):  # a gateway may repeat the request
            value = value.replace(hidden, "…") if hidden else value
        raise error(f"the gateway answered {rule.field} = {value[:60]!r}")

    def _fill(self, text: str, values: Mapping[str, str], *, encode: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            found = self._secrets[match[2]] if match[1] else values[match[2]]
            return quote(found, safe="") if encode else found

        return NAME.sub(value, text)


def aliyun_signature(method: str, parameters: Mapping[str, str], secret: str) -> str:
    """Return the signature of the parameters as Aliyun's RPC interfaces define it."""
    pairs = "&".join(f"{_rfc3986(k)}={_rfc3986(parameters[k])}" for k in sorted(parameters))
    text = f"{method}&%2F&{_rfc3986(pairs)}"
    return base64.b64encode(hmac.digest((secret + "&").encode(), text.encode(), hashlib.sha1)).decode()


def _rfc3986(text: str) -> str:
    return quote(text, safe="~")


def _values(message: Outgoing, now: datetime) -> dict[str, str]:
    return {
        "address": message.address, "text": message.text, "title": message.title, "key": message.key,
        "severity": str(message.severity), "time": f"{now:%Y-%m-%dT%H:%M:%SZ}", "nonce": secrets.token_hex(16),
    }  # fmt: skip


def _placeholders(value: JsonValue | Mapping[str, JsonValue]) -> list[re.Match[str]]:
    if isinstance(value, str):
        return list(NAME.finditer(value))
    parts = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return [m for part in parts for m in _placeholders(part)]


def _names_in(value: JsonValue) -> list[str]:
    return [m[2] for m in _placeholders(value) if not m[1]]


def _filled(value: JsonValue, fill: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [_filled(v, fill) for v in value]
    return {k: _filled(v, fill) for k, v in value.items()} if isinstance(value, dict) else value
