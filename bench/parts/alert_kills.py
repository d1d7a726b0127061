"""The dispatcher, a process of its own, is killed (SIGKILL) again and again while alerts come over three channels.

The gateway lives in the bench's process. It drops a repetition by the message's key, as those of companies do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from pathlib import Path

import aiohttp
from sqlalchemy import func, select

from bench.common import Figure
from bench.parts import alert_town
from core.clock import SystemClock
from core.database import Database
from core.notify import configuration, texts
from core.notify.dispatcher import Dispatcher
from core.notify.tables import Delivery
from core.notify.vocabulary import DeliveryState

MAX_LIFE_S = 0.5  # of a dispatcher after it has begun
EMPTY_S = 120.0


def _dispatch(folder: str, url: str, began: str) -> None:
    asyncio.run(_dispatch_until_killed(Path(folder), url, Path(began)))


async def _dispatch_until_killed(folder: Path, url: str, began: Path) -> None:
    clock = SystemClock()
    async with alert_town.opened(folder) as database, aiohttp.ClientSession() as http:
        file = alert_town.channels(url, at_once=2)
        channels = configuration.open_channels(file, {}, http, clock)
        began.touch()
        await Dispatcher(database, clock, channels, texts.load(), alert_town.HEAD, file.limits).run()


def run(folder: Path, kills: int) -> list[Figure]:
    return asyncio.run(_run(folder, kills))


async def _run(folder: Path, kills: int) -> list[Figure]:
    # Each dispatcher is forked from a server that has the modules: starting Python a thousand times would take an hour.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.parts.alert_kills", "station.schema"])
    rng, clock, alerts = random.Random(7), SystemClock(), 0
    async with alert_town.opened(folder) as database, alert_town.gateway() as gateway:
        to = await alert_town.contacts(database, clock)
        for n in range(kills + 1):
            for _ in range(rng.randrange(1, 4)):
                await alert_town.put_alert(database, clock, alerts, to)
                alerts += 1
            began = folder / f"began{n}"
            process = context.Process(target=_dispatch, args=(str(folder), gateway.url, str(began)))
            process.start()
            while not await asyncio.to_thread(began.exists):
                assert process.is_alive(), "the dispatcher did not start"
                await asyncio.sleep(0.005)
            await asyncio.to_thread(began.unlink)
            await (asyncio.sleep(rng.random() * MAX_LIFE_S) if n < kills else _until_empty(database))
            process.kill()
            await asyncio.to_thread(process.join)
        async with database.reading() as session:
            unanswered = await session.scalar(select(func.sum(Delivery.unanswered))) or 0
            states = await alert_town.counts(database)
    due, doubled = alerts * len(to), sum(gateway.shown.values()) - len(gateway.shown)
    counted = unanswered >= gateway.repeated
    return [
        Figure("kills", kills, ""),
        Figure("messages", due, ""),
        Figure("lost", due - len(gateway.taken), "", "0", len(gateway.taken) == due),
        Figure("shown to a person twice", doubled, "", "0", doubled == 0),
        Figure("handed over again, dropped by the gateway", gateway.repeated, ""),
        Figure("of these counted by the station", unanswered, "", f"≥ {gateway.repeated}", counted),
        Figure("not known as sent in the end", due - states.get(DeliveryState.SENT, 0), "", "0",
               states.get(DeliveryState.SENT, 0) == due),
    ]  # fmt: skip


async def _until_empty(database: Database) -> None:
    async with asyncio.timeout(EMPTY_S):
        while set(await alert_town.counts(database)) - {DeliveryState.SENT}:
            await asyncio.sleep(0.1)
