"""Each channel against a server of its protocol: what is sent, and what each answer means for the message."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from core.clock import ManualClock
from core.errors import SettingsError
from core.notify import configuration
from core.notify.channels.base import AnswerLost, Channel, ChannelError, ChannelRefused, ChannelUnavailable, Outgoing
from core.notify.channels.webhook import signature
from core.notify.configuration import ChannelsFile
from core.notify.vocabulary import ChannelKind
from tests.core.notify.gateways import HttpGateways, http_gateways, mail_server, raw
from tests.ports import free_port

ALERT = Outgoing("alert:1/x/sms/7", "13800001234", "西店派出所", '【西店】1级预警 1 "}{secret:mail}', 1)


@pytest.fixture
async def gateways() -> AsyncIterator[HttpGateways]:
    async with http_gateways() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def opened(channel: Mapping[str, object], kind: str, http: aiohttp.ClientSession, **secrets: str) -> Channel:
    file = ChannelsFile.model_validate({"channels": {kind: channel}})
    return configuration.open_channels(file, secrets, http, ManualClock())[ChannelKind(kind)]


def sms(gateways: HttpGateways, **more: object) -> dict[str, object]:
    return {
        "type": "http", "url": f"{gateways.url}/sms", "headers": {"Authorization": "Bearer {secret:sms}"},
        "body": {"phone": "{address}", "content": ["{text}"], "key": "{key}"}, "timeout_s": 2,
        "accepted": {"field": "Code", "values": ["OK"], "reference": "BizId", "refused": ["bad number"]}, **more,
    }  # fmt: skip


async def test_a_text_cannot_change_the_request(gateways: HttpGateways, http: aiohttp.ClientSession) -> None:
    receipt = await opened(sms(gateways), "sms", http, sms="t0ken").send(ALERT)
    _, headers, _, body = gateways.requests[0]
    assert headers["Authorization"] == "Bearer t0ken"
    assert body == {"phone": ALERT.address, "content": [ALERT.text], "key": ALERT.key}
    assert receipt.reference == "b1" and not receipt.delivered


async def test_aliyuns_signature_is_what_its_documentation_computes(
    gateways: HttpGateways, http: aiohttp.ClientSession
) -> None:
    channel = {
        "type": "http", "method": "GET", "url": f"{gateways.url}/sms", "body_as": "none",
        "query": {"PhoneNumbers": "{address}", "TemplateParam": "{text}", "SignatureNonce": "{nonce}", "key": "{key}"},
        "signature": {"type": "aliyun-rpc", "key_secret": "aliyun"}, "accepted": {"field": "Code", "values": ["OK"]},
    }  # fmt: skip
    await opened(channel, "sms", http, aliyun="testsecret").send(ALERT)
    query = dict(gateways.requests[0][2])
    given = query.pop("Signature")
    pairs = "&".join(f"{quote(k, safe='~')}={quote(query[k], safe='~')}" for k in sorted(query))
    text = "GET&%2F&" + quote(pairs, safe="~")
    assert given == base64.b64encode(hmac.new(b"testsecret&", text.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (404, ChannelRefused), (302, ChannelRefused), (429, ChannelUnavailable), (503, ChannelUnavailable),
        ("bad number", ChannelRefused), ("busy", ChannelUnavailable), ("lose", AnswerLost),
    ],
)  # fmt: skip
async def test_what_an_answer_means(
    behaviour: int | str, error: type[Exception], gateways: HttpGateways, http: aiohttp.ClientSession
) -> None:
    gateways.behave = [behaviour]
    with pytest.raises(error) as caught:
        await opened(sms(gateways), "sms", http, sms="t0ken").send(ALERT)
    assert ALERT.address not in str(caught.value) and "t0ken" not in str(caught.value)


async def test_an_answer_that_repeats_the_request_is_not_told(
    gateways: HttpGateways, http: aiohttp.ClientSession
) -> None:
    gateways.behave = [f"t0ken may not write to {ALERT.address}"]
    with pytest.raises(ChannelError) as told:
        await opened(sms(gateways), "sms", http, sms="t0ken").send(ALERT)
    assert "may not write to" in str(told.value)
    assert "t0ken" not in str(told.value) and ALERT.address not in str(told.value)


async def test_a_gateway_that_is_not_there(http: aiohttp.ClientSession) -> None:
    nowhere = HttpGateways(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ChannelUnavailable):
        await opened(sms(nowhere), "sms", http, sms="t").send(ALERT)


async def test_wecom(gateways: HttpGateways, http: aiohttp.ClientSession) -> None:
    described = {"type": "wecom", "corp_id": "c", "agent_id": 7, "secret": "app", "url": gateways.url}
    channel = opened(described, "wecom", http, app="s3cret")
    assert (await channel.send(ALERT)).reference == "m1"
    _, _, query, body = gateways.requests[0]
    assert query == {"access_token": "tok"} and body["touser"] == ALERT.address
    assert body["text"] == {"content": ALERT.text} and body["enable_duplicate_check"] == 1
    gateways.behave = [60111, 45009]
    with pytest.raises(ChannelRefused):
        await channel.send(ALERT)
    with pytest.raises(ChannelUnavailable):
        await channel.send(ALERT)


async def test_a_webhook_is_signed_over_time_and_body(gateways: HttpGateways, http: aiohttp.ClientSession) -> None:
    described = {"type": "webhook", "url": f"{gateways.url}/sms", "secret": "hook"}
    assert (await opened(described, "webhook", http, hook="h00k").send(ALERT)).delivered
    _, headers, _, body = gateways.requests[0]
    at = int(headers["X-Minwang-Signature"].partition("t=")[2].partition(",")[0])
    raw = json.dumps(body, ensure_ascii=False).encode()
    assert at == int(ManualClock().now().timestamp())
    assert headers["X-Minwang-Signature"] == signature("h00k", at, raw)


async def test_mail(http: aiohttp.ClientSession) -> None:
    async with mail_server() as server:
        described = {
            "type": "smtp", "host": "127.0.0.1", "port": server.port, "security": "none",
            "sender": "station@example.org",
        }  # fmt: skip
        channel = opened(described, "email", http)
        out = Outgoing("k1", "officer@example.org", "西店派出所", "一级预警 1", 1)
        await channel.send(out)
        await channel.send(out)
        mails = [email.message_from_bytes(raw(m), policy=email.policy.default) for m in server.mails]
        assert mails[0]["Message-ID"] == mails[1]["Message-ID"]  # by which a mail system drops the second
        assert mails[0]["Subject"] == out.title
        part = mails[0].get_body()
        assert part is not None and part.get_content().strip() == out.text
        for address, answer, error in (
            ("nobody@example.org", "250 OK", ChannelRefused),
            ("a@b.example\r\nBcc: x@y.example", "250 OK", ChannelRefused),
            ("officer@example.org", "451 later", ChannelUnavailable),
            ("officer@example.org", "554 no", ChannelRefused),
        ):
            server.answer = answer
            with pytest.raises(error):
                await channel.send(Outgoing("k2", address, "t", "x", 1))
    with pytest.raises(ChannelUnavailable):
        await channel.send(out)  # the server is gone


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: {sms: {type: http, url: 'ftp://x'}}", "sms.http.url"),
        ("channels: {sms: {type: http, url: 'http://x/{adress}'}}", "{adress} is no field"),
        ("channels: {pager: {}}", "pager"),
        ("channels: [", "cannot be read"),
        ("channels: {email: {type: smtp, host: h, port: 25, sender: 'a b'}}", "sender"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "notify.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        configuration.load(path)
    assert says in str(caught.value) and str(path) in str(caught.value)


async def test_a_missing_secret_is_named(gateways: HttpGateways, http: aiohttp.ClientSession) -> None:
    with pytest.raises(SettingsError, match="minwang notify secret sms"):
        opened(sms(gateways), "sms", http)
