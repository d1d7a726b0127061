"""A database with officers' contacts, alerts as messages, and a gateway that drops repetitions by the message's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import func, select

from core import settings as core_settings
from core.clock import Clock
from core.database import Database
from core.notify import outbox
from core.notify.configuration import ChannelsFile
from core.notify.outbox import Message
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content, Letterhead
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from station import database as station_database

CHANNELS = (ChannelKind.WECOM, ChannelKind.SMS, ChannelKind.VOICE)
HEAD = Letterhead("西店派出所", "https://station.example", ZoneInfo("Asia/Shanghai"))


@dataclass(slots=True)
class Gateway:
    """`taken`: messages by key; `repeated`: those that came again with their key, and were dropped.

    `shown`: how often a person saw each text on a channel.
    """

    url: str = ""
    taken: set[str] = field(default_factory=set)
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeated: int = 0


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    state = Gateway()

    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        if body["key"] in state.taken:
            state.repeated += 1
        else:
            state.taken.add(body["key"])
            state.shown[request.match_info["channel"], body["text"]] += 1
        return web.json_response({"ok": "yes"})

    app = web.Application()
    app.router.add_post("/{channel}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield state
    finally:
        await runner.cleanup()


def channels(url: str, at_once: int) -> ChannelsFile:
    """Return three channels that go to one gateway."""
    template = {
        "type": "http", "body": {"key": "{key}", "to": "{address}", "text": "{text}"},
        "accepted": {"field": "ok", "values": ["yes"]},
    }  # fmt: skip
    limits = {kind.value: {"per_minute": 60_000, "at_once": at_once} for kind in CHANNELS}
    return ChannelsFile.model_validate(
        {"channels": {kind.value: {**template, "url": f"{url}/{kind.value}"} for kind in CHANNELS}, "limits": limits}
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "minwang.toml"
    path.write_text(f'[data]\ndir = "{folder}"\n')
    database = await station_database.ready(core_settings.load(path))
    try:
        yield database
    finally:
        await database.close()


async def contacts(database: Database, clock: Clock) -> list[Contact]:
    """Write one officer's contact on each channel."""
    rows = [
        Contact(
            account="patrol", channel=kind, address="13800000000", since=clock.now(), until=None, changed_by="patrol",
            second_person=None, replaces=None,
        )
        for kind in CHANNELS
    ]  # fmt: skip
    async with database.session() as session:
        session.add_all(rows)
    return rows


async def put_alert(database: Database, clock: Clock, number: int, to: Sequence[Contact]) -> None:
    """Write an alert's messages in one transaction, as its dispatch does."""
    now = clock.now()
    content = Content(number=str(number), village="王家村", at=now, page=f"/m/alerts/{number}")
    said = Message(f"alert:{number}/dispatched", f"alert:{number}", MessageKind.ALERT, outbox.URGENT, content)
    async with database.session() as session:
        for contact in to:
            await outbox.put(session, now, said, contact)


async def counts(database: Database) -> dict[DeliveryState, int]:
    async with database.reading() as session:
        rows = await session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return dict(rows.tuples().all())
