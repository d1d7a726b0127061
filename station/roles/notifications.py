"""Runs the dispatcher of messages with the channels of notify.yaml."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

import aiohttp

from cameras.vault import open_vault
from core.clock import Clock
from core.database import Database
from core.notify import channel_secrets, configuration, contacts, texts
from core.notify.configuration import ChannelsFile
from core.notify.dispatcher import Dispatcher
from core.notify.texts import Language, Letterhead
from core.notify.vocabulary import SYSTEM_CHANNELS
from core.secrets import KEY_FILE, Vault
from core.settings import Settings


def channels_file(settings: Settings) -> ChannelsFile:
    """Return the described channels; none where there is no file. Raises SettingsError."""
    return configuration.load_if_there(settings.notify.channels)


async def vault(settings: Settings, database: Database) -> Vault:
    """Return the station's vault. Raises SecretError."""
    return await open_vault(database, settings.data.dir.absolute() / KEY_FILE)


def letterhead(settings: Settings) -> Letterhead:
    url = settings.notify.url or f"http://{settings.web.host}:{settings.web.port}"
    return Letterhead(
        settings.station.name, url, ZoneInfo(settings.station.timezone), Language(settings.notify.language)
    )


async def run(settings: Settings, database: Database, clock: Clock) -> None:
    """Hand over messages; never ends. Raises SettingsError if file, texts or secrets are not as they must be."""
    file = await asyncio.to_thread(channels_file, settings)
    said = await asyncio.to_thread(texts.load, settings.notify.texts or texts.SHIPPED)
    async with database.session() as session:
        known = await channel_secrets.read(session, await vault(settings, database))
        for kind in SYSTEM_CHANNELS:
            await contacts.set_system(session, clock.now(), kind, used=kind in file.channels)
    async with aiohttp.ClientSession() as http:
        channels = configuration.open_channels(file, known, http, clock)
        await Dispatcher(database, clock, channels, said, letterhead(settings), file.limits).run()
