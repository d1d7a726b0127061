"""Alerts a second through the outbox: from the transaction of the alert to the gateway's answer in the database."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
from sqlalchemy import select

from bench.common import Figure
from bench.parts import alert_town
from core import tasks
from core.clock import SystemClock
from core.notify import configuration, texts
from core.notify.dispatcher import Dispatcher
from core.notify.tables import Delivery
from core.notify.vocabulary import DeliveryState

LIMIT_S = 300.0


async def run(folder: Path, alerts: int) -> list[Figure]:
    clock = SystemClock()
    async with alert_town.opened(folder) as database, alert_town.gateway() as gateway, aiohttp.ClientSession() as http:
        to = await alert_town.contacts(database, clock)
        file = alert_town.channels(gateway.url, at_once=4)
        channels = configuration.open_channels(file, {}, http, clock)
        sender = Dispatcher(database, clock, channels, texts.load(), alert_town.HEAD, file.limits)
        began = time.monotonic()
        async with tasks.running(sender.run()):
            for number in range(alerts):
                await alert_town.put_alert(database, clock, number, to)
            written = time.monotonic() - began
            while (await alert_town.counts(database)).get(DeliveryState.SENT, 0) < alerts * len(to):
                assert time.monotonic() - began < LIMIT_S, await alert_town.counts(database)
                await asyncio.sleep(0.05)
            took = time.monotonic() - began
        async with database.reading() as session:
            rows = (await session.execute(select(Delivery.due_at, Delivery.sent_at))).all()
    waited = sorted((sent - due).total_seconds() for due, sent in rows)
    rate = alerts / took
    return [
        Figure(f"alerts a second, each over {len(to)} channels", round(rate, 1), "", "≥ 50", rate >= 50),
        Figure("alerts a second written meanwhile", round(alerts / written, 1), ""),
        Figure("from the alert to the gateway's answer, p95", round(waited[int(len(waited) * 0.95)], 2), "s"),
        Figure("lost", alerts * len(to) - len(gateway.taken), "", "0", len(gateway.taken) == alerts * len(to)),
        Figure("repeated to the gateway", gateway.repeated, "", "0", gateway.repeated == 0),
    ]
