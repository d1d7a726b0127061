from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cameras.registry import inventory, registry
from core.accounts.accounts import Accounts
from core.accounts.permissions import ROLES_REQUIRING_VILLAGES, Role
from core.clock import SystemClock
from core.database import Database
from core.settings import AccountSettings, DataSettings, SecondFactorPolicy, Settings
from search.store import SightingStore
from search.store.upkeep import sighting_store_of
from tests import postgres
from tests.conftest import ROOT, open_database
from web import server
from web.http import connection_limits
from web.services import SERVICES

PASSWORD = "a long password"
Client: TypeAlias = TestClient[web.Request, web.Application]
SignIn = Callable[..., Awaitable[Client]]
# What every request of the console carries. Not to be changed by what it is given to.
HEADERS: Mapping[str, str] = MappingProxyType({"X-Minwang": "1"})


async def state_purpose(client: Client, purpose: str = "值班巡查") -> None:
    async with client.post("/api/session/purpose", json={"purpose": purpose}, headers=HEADERS) as reply:
        assert reply.status == 200, await reply.text()


class LimitedServer(TestServer):
    """A test server with the connection limits of the product's server."""

    async def _make_runner(self, **options: Any) -> web.AppRunner:
        return connection_limits.Runner(self.app, self.app[SERVICES].settings.web)


_inventory_database: list[bytes] = []  # content of a database file with the inventory applied; made once per process


async def _apply(database: Database) -> None:
    town = await asyncio.to_thread(inventory.load, ROOT / "inventory.yaml")
    async with database.session() as session:
        await registry.apply(session, town, SystemClock().now(), "test")


async def _town_file(folder: Path) -> bytes:
    if not _inventory_database:
        async with open_database(folder, "town.db") as database:
            await _apply(database)
        _inventory_database.append(await asyncio.to_thread((folder / "town.db").read_bytes))
    return _inventory_database[0]


@pytest.fixture
async def database(chosen_address: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A new database of the kind that `--database` names, with the town's villages and cameras in it."""
    if chosen_address:
        async with postgres.open_database(chosen_address) as made:
            await _apply(made)
            yield made
        return
    content = await _town_file(tmp_path)
    async with open_database(tmp_path, content=content) as made:
        yield made


@pytest.fixture
async def station_settings(database: Database, tmp_path: Path) -> Settings:
    """The station's settings. No second factor is demanded: tests/web/test_second_factor.py has its own."""
    off = AccountSettings(second_factor=SecondFactorPolicy.OFF)
    return Settings(data=DataSettings(dir=tmp_path, database=database.url), accounts=off)


@pytest.fixture
def sightings(station_settings: Settings) -> Iterator[SightingStore]:
    """The station's sighting store, for tests to fill as the analyst does."""
    store = sighting_store_of(station_settings)
    yield store
    store.close()


@pytest.fixture
async def sign_in(database: Database, station_settings: Settings) -> AsyncIterator[SignIn]:
    """`await sign_in(role)` returns a client with a session of that role; None: a client without a session."""
    clock = SystemClock()
    accounts = Accounts(database, clock)
    app = await asyncio.to_thread(server.build, station_settings, database, accounts, clock)
    test_server = LimitedServer(app)
    await test_server.start_server()
    clients: list[Client] = []
    known: set[str] = set()

    async def add(role: Role, name: str, villages: list[str] | None) -> None:
        if name not in known:
            known.add(name)
            company = "Ning Hai" if role is Role.CONTRACTOR else ""
            await accounts.create(name, PASSWORD, role, villages=villages, vendor=company, actor="test")

    async def make(role: Role | None, villages: list[str] | None = None) -> Client:
        client = TestClient(test_server)
        clients.append(client)
        if role is not None:
            if villages is None and role in ROLES_REQUIRING_VILLAGES:
                villages = ["wangjia"]
            name = f"{role.value}-{'-'.join(villages or ['all'])}"
            if role is Role.ADMINISTRATOR:  # the duties are separate, as on a station that is set up
                await add(Role.SECURITY_ADMINISTRATOR, f"{Role.SECURITY_ADMINISTRATOR.value}-all", None)
            await add(role, name, villages)
            reply = await client.post("/api/session", json={"name": name, "password": PASSWORD}, headers=HEADERS)
            assert reply.status == 200, await reply.text()
        return client

    yield make
    for client in clients:
        await client.session.close()
    await test_server.close()
