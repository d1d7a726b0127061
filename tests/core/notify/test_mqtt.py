"""Messages to a real broker: who gets them, what a refusal means, and what a lost confirmation leaves behind."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import pytest

from core import tasks
from core.clock import Clock, ManualClock, SystemClock
from core.database import Database
from core.notify import configuration, contacts, outbox
from core.notify.channels.base import AnswerLost, Channel, ChannelUnavailable, Outgoing
from core.notify.configuration import ChannelLimits, ChannelsFile
from core.notify.dispatcher import Dispatcher
from core.notify.outbox import Message
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from tests.core.notify.broker import PASSWORD, Broker, mosquitto, relay
from tests.core.notify.test_outbox import HEAD, NOW, SAID, rows
from tests.waiting import eventually
from web.tls.authority import Authority

ALERT = Outgoing("alert:1/dispatched/mqtt/7", "", "西店派出所", "【西店】1级预警 1", 1, MessageKind.ALERT)
MQTT = ChannelKind.MQTT


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    async with mosquitto(tmp_path) as running:
        yield running


def described(port: int, **more: object) -> dict[str, object]:
    return {
        "type": "mqtt", "host": "127.0.0.1", "port": port, "security": "none", "user": "station", "secret": "siren",
        "timeout_s": 2, **more,
    }  # fmt: skip


async def channel(template: Mapping[str, object], password: str = PASSWORD) -> Channel:
    file = ChannelsFile.model_validate({"channels": {"mqtt": template}})
    async with aiohttp.ClientSession() as http:
        return configuration.open_channels(file, {"siren": password}, http, ManualClock())[MQTT]


@asynccontextmanager
async def siren(port: int, topic: str = "minwang/#") -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
    """Yield what a subscriber hears: topic and message."""
    heard: list[tuple[str, dict[str, Any]]] = []

    async def listen() -> None:
        async for m in client.messages:
            assert isinstance(m.payload, bytes)
            heard.append((m.topic.value, json.loads(m.payload)))

    async with aiomqtt.Client("127.0.0.1", port, username="station", password=PASSWORD) as client:
        await client.subscribe(topic, qos=1)
        async with tasks.running(listen()):
            yield heard


async def test_a_siren_hears_an_alert_and_the_broker_confirms_it(broker: Broker) -> None:
    sender = await channel(described(broker.port))
    async with siren(broker.port) as heard:
        assert (await sender.send(ALERT)).delivered
        await eventually(lambda: heard)
    said = {"key": ALERT.key, "kind": "alert", "title": ALERT.title, "text": ALERT.text, "severity": 1}
    assert heard == [("minwang/alert", said)]


async def test_a_message_that_nobody_hears_is_taken_but_not_delivered(broker: Broker) -> None:
    receipt = await (await channel(described(broker.port))).send(ALERT)
    assert (receipt.delivered, receipt.reference) == (False, "no subscriber")


async def test_a_wrong_password_and_a_forbidden_topic_are_told_without_the_secret(broker: Broker) -> None:
    for template, password in ((described(broker.port), "wr0ng"), (described(broker.port, topic="other"), PASSWORD)):
        with pytest.raises(ChannelUnavailable, match="check") as told:
            await (await channel(template, password)).send(ALERT)
        assert password not in str(told.value)


async def test_a_broker_that_is_gone_and_comes_back(database: Database, broker: Broker) -> None:
    clock = SystemClock()
    await put(database, clock, 1)
    sender = await dispatcher(database, clock, broker.port)
    await broker.kill()
    assert await sender.send_next(MQTT)
    (row,) = await rows(database)
    assert (row.state, row.unanswered) == (DeliveryState.QUEUED, 0)
    await broker.start()
    async with siren(broker.port) as heard, tasks.running(sender.run()):
        await eventually(lambda: heard)
        await eventually(lambda: _is(database, DeliveryState.DELIVERED))
    assert [m["key"] for _, m in heard] == [row.key]


async def test_a_lost_confirmation_repeats_the_message_with_its_key_and_is_counted(
    database: Database, broker: Broker
) -> None:
    """The dispatcher dies between PUBLISH and PUBACK; the next one cannot know that the broker has the message."""
    clock = SystemClock()
    await put(database, clock, 1)
    async with relay(broker.port) as way, siren(broker.port) as heard:
        way.mute = True
        dying = tasks.spawn((await dispatcher(database, clock, way.port)).run())
        await way.held.wait()
        await tasks.end(dying)
        await eventually(lambda: heard)
        way.mute = False
        async with tasks.running((await dispatcher(database, clock, way.port)).run()):
            await eventually(lambda: _is(database, DeliveryState.DELIVERED))
            await eventually(lambda: len(heard) == 2)
    (row,) = await rows(database)
    assert row.unanswered == 1 and [m["key"] for _, m in heard] == [row.key] * 2


async def test_a_broker_that_never_confirms_may_have_the_message(broker: Broker) -> None:
    async with relay(broker.port) as way:
        way.mute = True
        with pytest.raises(AnswerLost):
            await (await channel(described(way.port, timeout_s=0.3))).send(ALERT)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made, now = Authority(tmp_path), SystemClock().now()
    made.create([], now)
    made.issue(["127.0.0.1"], now)
    return made


@pytest.mark.filterwarnings("ignore:unclosed.*SSLSocket:ResourceWarning")  # paho leaves it to the garbage collector
async def test_over_tls_the_brokers_certificate_is_checked(tmp_path: Path, authority: Authority) -> None:
    async with mosquitto(tmp_path, authority.server) as broker:
        with_tls = described(broker.port, security="tls")
        trusting = await channel({**with_tls, "ca": str(authority.path)})
        assert (await trusting.send(ALERT)).reference == "no subscriber"
        for wrong in (with_tls, {**with_tls, "ca": str(tmp_path / "missing")}, described(broker.port)):
            with pytest.raises(ChannelUnavailable):
                await (await channel(wrong)).send(ALERT)
    gc.collect()  # here, where its warning is expected


@pytest.mark.parametrize("topic", ["", "minwang/#", "a/+", "{text}", "$SYS/x", "{kind"])
def test_a_topic_is_a_name_and_no_pattern(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        ChannelsFile.model_validate({"channels": {"mqtt": described(1883, topic=topic)}})


async def put(database: Database, clock: Clock, number: int) -> None:
    content = Content(number=str(number), village="王家村", at=NOW, page=f"/m/alerts/{number}")
    said = Message(f"alert:{number}/dispatched", f"alert:{number}", MessageKind.ALERT, outbox.URGENT, content)
    async with database.session() as session:
        await contacts.set_system(session, clock.now(), MQTT, used=True)
        await session.flush()
        assert await outbox.send_to_systems(session, clock.now(), said) == 1


async def dispatcher(database: Database, clock: Clock, port: int) -> Dispatcher:
    limits = {MQTT: ChannelLimits(per_minute=60_000)}
    return Dispatcher(database, clock, {MQTT: await channel(described(port))}, SAID, HEAD, limits)


async def _is(database: Database, state: DeliveryState) -> bool:
    return all(r.state is state for r in await rows(database))
