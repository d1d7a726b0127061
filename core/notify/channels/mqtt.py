"""Messages to a broker of MQTT 5, for a siren or a village loudspeaker that subscribes to the topic.

Each message has a connection of its own and quality of service 1: the broker confirms it (PUBACK). A broker does not
drop a repetition, so whoever subscribes must, by the message's `key`.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import BaseModel, ConfigDict, Field

from core.notify.channels.base import AnswerLost, ChannelRefused, ChannelUnavailable, Outgoing, Receipt

# Reason codes of PUBACK (MQTT 5.0, section 3.4.2.1).
NO_SUBSCRIBER = 0x10
PERMANENT = frozenset({0x90, 0x99})  # topic name invalid, payload format invalid
QOS = 1


class MqttSecurity(StrEnum):
    TLS = "tls"
    NONE = "none"  # only where the broker is on this machine or on a network of one's own


class MqttTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["mqtt"]
    host: str
    port: int = Field(8883, ge=1, le=65535)
    security: MqttSecurity = MqttSecurity.TLS
    ca: Path | None = Field(None, description="File with the broker's own CA; empty: those of the system")
    user: str = ""
    secret: str = Field("", description="Name of the password's secret; empty: no sign-in")
    topic: str = Field(
        "minwang/{kind}", pattern=r"^([^$+#{}\x00]|\{kind\})+$", max_length=200,
        description="{kind}: alert, alert_recalled or fault",
    )  # fmt: skip
    expires_s: int = Field(600, ge=1, le=86_400, description="The broker keeps a message so long for who is away")
    timeout_s: float = Field(10.0, gt=0, le=60)


class _Client(aiomqtt.Client):
    """Keeps the reason of the broker's PUBACK, which aiomqtt drops: a broker may confirm and refuse at once."""

    confirmed: ReasonCode | None = None

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self.confirmed = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def close(self) -> None:
        """Close the connection where aiomqtt leaves it open: after a refusal, an expired time limit, a cancellation."""
        if self._client.socket() is not None:
            self._client._sock_close()  # paho has no public way without a farewell to the broker


class Mqtt:
    def __init__(self, template: MqttTemplate, password: str):
        self._template, self._password = template, password

    async def send(self, message: Outgoing) -> Receipt:
        t, sent, confirmed = self._template, False, None
        client = await self._client()
        expiry = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # of paho
        expiry.MessageExpiryInterval = t.expires_s
        try:
            async with asyncio.timeout(t.timeout_s), client:
                sent = True
                await client.publish(
                    t.topic.replace("{kind}", message.kind), _payload(message), QOS, timeout=math.inf, properties=expiry
                )
                confirmed = client.confirmed
        except MqttConnectError as e:
            raise ChannelUnavailable(f"the broker refused the connection ({e.rc}); check user and secret") from e
        except (aiomqtt.MqttError, OSError, TimeoutError) as e:
            if confirmed is None:  # else only the farewell failed
                error = AnswerLost if sent else ChannelUnavailable
                raise error(f"the broker did not answer as it should ({type(e).__name__})") from e
        finally:
            client.close()
        return _judge(confirmed)

    async def _client(self) -> _Client:
        t = self._template
        try:
            tls = await asyncio.to_thread(_tls, t.ca) if t.security is MqttSecurity.TLS else None
        except OSError as e:  # also a file that is no certificate (ssl.SSLError)
            raise ChannelUnavailable(f"the file of the broker's CA cannot be read ({type(e).__name__})") from e
        return _Client(
            t.host, t.port, username=t.user or None, password=self._password or None, tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5, timeout=t.timeout_s,
        )  # fmt: skip


def _tls(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def _payload(message: Outgoing) -> bytes:
    said = {
        "key": message.key, "kind": message.kind, "title": message.title, "text": message.text,
        "severity": message.severity,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False).encode()


def _judge(confirmed: ReasonCode | None) -> Receipt:
    """Say what a confirmation means. Delivered: the broker has somebody to hand it to."""
    if confirmed is None:
        raise AnswerLost("the broker did not confirm the message")
    if confirmed.is_failure:
        error = ChannelRefused if confirmed.value in PERMANENT else ChannelUnavailable
        raise error(f"the broker did not take the message ({confirmed}); check its rules for this user and topic")
    if confirmed.value == NO_SUBSCRIBER:
        return Receipt(reference="no subscriber")
    return Receipt(delivered=True)
