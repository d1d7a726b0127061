"""Fixtures for tests of the cameras package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.onvif.client import http_session
from cameras.registry.inventory_entries import Inventory
from cameras.registry.registry import apply, set_password
from core.clock import SystemClock
from core.database import Database
from core.secrets import Vault
from tests.cameras.virtual_village import DISCOVERY_PORT, LOGIN, NET, PORTS, VirtualVillage


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP session for cameras, as the station creates it."""
    async with http_session() as session:
        yield session


@pytest.fixture
async def village(database: Database, tmp_path: Path) -> AsyncIterator[VirtualVillage]:
    clock, vault = SystemClock(), await asyncio.to_thread(Vault.open_or_create, tmp_path / "key")
    inventory = Inventory.model_validate(
        {
            "town": "t",
            "villages": [{"code": "v", "name": "V", "subnets": [f"{NET}.0/28"]}],
            "credentials": [{"name": "village", "username": LOGIN[0]}],
            "cameras": [
                {
                    "id": f"v-{i}",
                    "name": f"V {i}",
                    "village": "v",
                    "address": f"{NET}.{i}:{PORTS[0]}",
                    "credential": "village",
                }
                for i in (1, 2)
            ],
        }
    )
    async with database.session() as session:
        await apply(session, inventory, clock.now(), "test")
        await set_password(session, vault, "village", LOGIN[1], clock.now(), "test")
    async with http_session() as http:
        onboarding = Onboarding(database, vault, clock, http)
        survey = Survey(database, clock, onboarding, DISCOVERY_PORT)
        made = VirtualVillage(database, onboarding, survey, vault, http, tmp_path)
        yield made
        await made.stop()
