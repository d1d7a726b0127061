"""The channels of a station: `notify.yaml` beside minwang.toml, with the names of secrets instead of their values.

channels:
  sms:   {type: http, url: …, body: {phone: "{address}", text: "{text}"}, per_minute: 60}
  wecom: {type: wecom, corp_id: …, agent_id: 1000002, secret: wecom}
  email: {type: smtp, host: mail.example.org, port: 465, user: …, secret: mail, sender: …}
  mqtt:  {type: mqtt, host: broker.example.org, user: …, secret: mqtt, topic: "minwang/{kind}"}
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Annotated

import aiohttp
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.clock import Clock
from core.errors import SettingsError
from core.notify.channels.base import Channel
from core.notify.channels.gateway import GatewayTemplate, HttpGateway
from core.notify.channels.mail import Mail, MailTemplate
from core.notify.channels.mqtt import Mqtt, MqttTemplate
from core.notify.channels.webhook import Webhook, WebhookTemplate
from core.notify.channels.webpush import WebPush, WebPushTemplate
from core.notify.channels.wecom import WeCom, WeComTemplate
from core.notify.vocabulary import ChannelKind

Template = Annotated[
    GatewayTemplate | WeComTemplate | MailTemplate | WebhookTemplate | MqttTemplate | WebPushTemplate,
    Field(discriminator="type"),
]


class ChannelLimits(BaseModel):
    """How much a channel is given at a time."""

    model_config = ConfigDict(extra="forbid")

    per_minute: float = Field(120.0, gt=0, le=60_000)
    at_once: int = Field(4, ge=1, le=64)


class ChannelsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channels: dict[ChannelKind, Template] = Field(default_factory=dict)
    limits: dict[ChannelKind, ChannelLimits] = Field(default_factory=dict)

    def secret_names(self) -> set[str]:
        found: set[str] = set()
        for t in self.channels.values():
            if isinstance(t, GatewayTemplate):
                found |= t.secret_names()
            elif t.secret:
                found.add(t.secret)
        return found


def load(path: Path) -> ChannelsFile:
    """Read the file. Raises SettingsError with the place and what to do."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise SettingsError(f"{path}: cannot be read ({_problem(e)}); mend the file") from e
    try:
        return ChannelsFile.model_validate(given or {})
    except ValidationError as e:
        places = "; ".join(
            f"{'.'.join(str(p) for p in x['loc'])}: {x['msg']}" for x in e.errors(include_input=False)[:5]
        )
        raise SettingsError(f"{path}: {places}") from e


def load_if_there(path: Path) -> ChannelsFile:
    """Return the described channels; none where there is no file. Raises SettingsError."""
    return load(path) if path.exists() else ChannelsFile()


def _problem(error: Exception) -> str:
    """Say what is wrong and where, without the line itself: somebody may have written a password there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: no YAML"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def require_secrets(file: ChannelsFile, known: Container[str]) -> None:
    """Raise SettingsError if a secret that the file names is not set."""
    missing = sorted(name for name in file.secret_names() if name not in known)
    if missing:
        raise SettingsError(
            f"the secret '{missing[0]}' of notify.yaml is not set; run: minwang notify secret {missing[0]}"
        )


def open_channels(
    file: ChannelsFile, secrets: Mapping[str, str], http: aiohttp.ClientSession, clock: Clock
) -> dict[ChannelKind, Channel]:
    """Return the channels. Raises SettingsError if a secret is missing."""
    require_secrets(file, secrets)
    return {kind: _open(template, secrets, http, clock) for kind, template in file.channels.items()}


def _open(template: Template, secrets: Mapping[str, str], http: aiohttp.ClientSession, clock: Clock) -> Channel:
    match template:
        case GatewayTemplate():
            return HttpGateway(template, secrets, http, clock)
        case WeComTemplate():
            return WeCom(template, secrets[template.secret], http, clock)
        case WebhookTemplate():
            return Webhook(template, secrets[template.secret], http, clock)
        case MailTemplate():
            return Mail(template, secrets.get(template.secret, ""), clock)
        case WebPushTemplate():
            return WebPush(template, secrets[template.secret], http, clock)
        case MqttTemplate():
            return Mqtt(template, secrets.get(template.secret, ""))
