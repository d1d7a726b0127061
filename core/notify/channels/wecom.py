"""Application messages of WeCom (企业微信) to one person: a card whose button opens the page behind the log-in."""

from __future__ import annotations

from typing import Literal

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from core.clock import Clock
from core.notify.channels import http_answer
from core.notify.channels.base import AnswerLost, ChannelRefused, ChannelUnavailable, Outgoing, Receipt

TOKEN_INVALID = frozenset({"40014", "42001", "41001"})
UNKNOWN_RECEIVER = frozenset({"60111", "81013", "40031"})
DUPLICATE_WINDOW_S = 1800
MARGIN_S = 300.0  # a token is renewed this long before its end


class WeComTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["wecom"]
    corp_id: str
    agent_id: int
    secret: str = Field(description="Name of the application's secret")
    url: str = Field("https://qyapi.weixin.qq.com", pattern=r"^https?://")
    timeout_s: float = Field(10.0, gt=0, le=60)


class WeCom:
    """Sends text messages; the access token is fetched once and kept until shortly before its end."""

    def __init__(self, template: WeComTemplate, secret: str, http: aiohttp.ClientSession, clock: Clock):
        self._template, self._secret, self._http, self._clock = template, secret, http, clock
        self._token, self._token_until = "", 0.0

    async def send(self, message: Outgoing) -> Receipt:
        body = {
            "touser": message.address, "msgtype": "text", "agentid": self._template.agent_id,
            "text": {"content": message.text}, "safe": 0,
            # WeCom drops a repetition of the same text to the same person by itself.
            "enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_WINDOW_S,
        }  # fmt: skip
        answer = await http_answer.ask(
            self._http, "POST", f"{self._template.url}/cgi-bin/message/send", timeout_s=self._template.timeout_s,
            params={"access_token": await self._access_token()}, json=body,
        )  # fmt: skip
        http_answer.check_status(answer)
        return self._judge(answer)

    def _judge(self, answer: http_answer.Answer) -> Receipt:
        code = http_answer.field(answer.json, "errcode")
        if code == "0" and not http_answer.field(answer.json, "invaliduser"):
            return Receipt(reference=http_answer.field(answer.json, "msgid")[:120])
        if code == "0" or code in UNKNOWN_RECEIVER:
            raise ChannelRefused("WeCom does not know this receiver, or the application is not shown to him")
        if code in TOKEN_INVALID:
            self._token = ""
        raise ChannelUnavailable(f"WeCom answered with error {code[:12] or 'without a number'}")

    async def _access_token(self) -> str:
        if self._token and self._clock.monotonic() < self._token_until:
            return self._token
        try:
            answer = await http_answer.ask(
                self._http, "GET", f"{self._template.url}/cgi-bin/gettoken", timeout_s=self._template.timeout_s,
                params={"corpid": self._template.corp_id, "corpsecret": self._secret},
            )  # fmt: skip
        except AnswerLost as e:  # of the token: no message went out
            raise ChannelUnavailable(str(e)) from e
        token = http_answer.field(answer.json, "access_token")
        if not token:
            code = http_answer.field(answer.json, "errcode")
            raise ChannelUnavailable(f"WeCom gave no token (error {code[:12] or answer.status}); check id and secret")
        life = http_answer.field(answer.json, "expires_in")
        self._token = token
        self._token_until = self._clock.monotonic() + max(0.0, (float(life) if life.isdigit() else 0.0) - MARGIN_S)
        return token
