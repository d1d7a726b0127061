"""The camera with a memory card."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cameras.tables import Camera, Credential, Stream, Village
from cameras.virtual.clip import LoopClip
from cameras.virtual.device import Device
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.database import Database
from core.secrets import Vault
from tests.nvr.conftest import LOGIN
from tests.nvr.edge.card_town import HOST, Town


@pytest.fixture
async def town(clip: LoopClip, database: Database, tmp_path: Path) -> AsyncIterator[Town]:
    mount = Mount("/main", {"healthy": clip}, login=LOGIN)
    server = RtspServer([mount])
    port = await server.start(HOST, 0)
    device = Device("gate", "0c0001", HOST, 0, port, {"main": mount}, {"main": (320, 180)}, LOGIN)
    onvif = OnvifService(device)
    runner = web.AppRunner(onvif.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    device.http_port = runner.addresses[0][1]
    vault = await asyncio.to_thread(Vault.open_or_create, tmp_path / "key")
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        session.add(Credential(name="all", username=LOGIN[0], sealed=vault.seal(LOGIN[1], "credential:all")))
        await session.flush()
        address = f"{HOST}:{device.http_port}"
        session.add(Camera(id="cam", name="c", village="v", address=address, credential="all", profile={}))
        await session.flush()
        session.add(Stream(id="cam/main", camera="cam", kind="main", url=f"rtsp://{HOST}:{port}/main"))
    async with aiohttp.ClientSession() as http:
        yield Town(device, server, mount, f"rtsp://{HOST}:{port}/main", onvif, database, http, vault)
    await runner.cleanup()
    await server.stop()
