"""A village camera with a memory card, and what was recorded of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import select, update

from cameras.onvif.client import SoapClient
from cameras.virtual.clip import LoopClip
from cameras.virtual.device import Device
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SystemClock
from core.database import Database
from core.secrets import Vault
from core.settings import RecorderSettings
from nvr.edge.backfill import Backfiller
from nvr.engine_choice import EngineKind
from nvr.media.mp4 import fmp4
from nvr.recorder.recorder import Recorder
from nvr.streams import StreamSpec
from nvr.tables import Gap
from tests.nvr.conftest import LOGIN, eventually

HOST = "127.0.0.1"


@dataclass(slots=True)
class Town:
    device: Device
    server: RtspServer
    mount: Mount
    url: str
    onvif: OnvifService
    database: Database
    http: aiohttp.ClientSession
    vault: Vault

    def backfiller(self, machine: Recorder, rate: int = 50_000_000) -> Backfiller:
        clock = SystemClock()
        settings = RecorderSettings(segment_seconds=2.0, backfill_rate=rate)
        return Backfiller(
            self.database,
            machine,
            machine._archive,
            clock,
            self.vault,
            settings,
            lambda login: SoapClient(self.http, clock, login),
        )

    async def gaps(self) -> list[Gap]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Gap).order_by(Gap.start_us)))

    async def due_now(self) -> None:
        """Let the half minute after a gap pass."""
        async with self.database.session() as session:
            await session.execute(
                update(Gap).where(Gap.ask_at.is_not(None)).values(ask_at=SystemClock().now() - timedelta(seconds=1))
            )

    async def outage(self, machine: Recorder, fault: str = "dead", seconds: float = 1.5) -> None:
        """Record, lose the camera, and find it again."""
        state = machine.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 12)
        self.mount.faults.add(fault)
        await eventually(lambda: state.state != "recording")
        await asyncio.sleep(seconds)
        self.mount.faults.discard(fault)
        before = state.counters.frames
        await eventually(lambda: state.state == "recording" and state.counters.frames >= before + 12)
        await machine._archive.flush()


def spec(town: Town) -> StreamSpec:
    return StreamSpec("cam/main", town.url, LOGIN, EngineKind.NATIVE)


def first_picture(path: Path) -> bytes:
    fragment = next(iter(fmp4.scan(path)))
    with path.open("rb") as f:
        f.seek(fragment.data_offset)
        return f.read(fragment.first_size)


def keyframes_of(clip: LoopClip) -> list[bytes]:
    """Return the clip's keyframes as a file must hold them: NAL units with length prefixes, without parameter sets."""
    found = list[bytes]()
    for unit in (clip.units[k] for k in clip.keyframes):
        found.append(b"".join(len(n).to_bytes(4, "big") + n for n in unit if n[0] & 31 not in (7, 8)))
    return found
