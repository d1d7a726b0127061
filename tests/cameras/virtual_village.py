"""A village of virtual cameras with its registry, for tests of everything that talks to cameras."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import select

from cameras.discovery import ws_discovery
from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.registry import findings
from cameras.states import MatchKind
from cameras.tables import Camera
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras, create_device
from core.database import Database
from core.secrets import Vault
from tests.ports import free_port

LOGIN = ("minwang", "geheim-123")
PORTS = (free_port(), free_port())
DISCOVERY_PORT = free_port(socket.SOCK_DGRAM)
NET = "127.78.0"
PLAIN, LOCKING = MAKES[0], next(m for m in MAKES if "locks_out" in m.quirks)
CLONE = next(m for m in MAKES if "clone" in m.quirks)


@dataclass
class VirtualVillage:
    """A village of virtual cameras and its registry."""

    database: Database
    onboarding: Onboarding
    survey: Survey
    vault: Vault
    http: aiohttp.ClientSession
    folder: Path
    crowd: VirtualCameras | None = None

    async def start(self, makes: Sequence[tuple[int, int, VirtualMake]], clip: LoopClip) -> VirtualCameras:
        """Start cameras given as (last address byte, serial number, make); stop the ones of an earlier call."""
        await self.stop()
        self.crowd = VirtualCameras(
            [create_device(n, make, clip, f"{NET}.{host}", LOGIN, PORTS) for host, n, make in makes]
        )
        await self.crowd.start(discovery_port=DISCOVERY_PORT)
        return self.crowd

    async def stop(self) -> None:
        if self.crowd is not None:
            await self.crowd.stop()
            self.crowd = None

    async def survey_counts(self) -> dict[MatchKind, int]:
        found = await ws_discovery.sweep([f"{NET}.0/28"], 0.4, DISCOVERY_PORT)
        return (await self.survey.match_and_store(found)).counts

    async def identify(self) -> dict[str, str]:
        async with self.database.reading() as session:
            cameras = (await session.scalars(select(Camera))).all()
        return (await self.onboarding.run(cameras)).failed

    async def camera(self, number: str) -> Camera:
        async with self.database.reading() as session:
            return await session.get_one(Camera, number)

    async def findings(self) -> list[tuple[str, str | None]]:
        async with self.database.reading() as session:
            return sorted((f.kind, f.camera) for f in await findings.list_open(session))
