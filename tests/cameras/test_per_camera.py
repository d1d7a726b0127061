"""An unusable database row of one camera affects only that camera, in every loop over cameras."""

from __future__ import annotations

import asyncio
import datetime
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sqlalchemy import select, update

from cameras.discovery.port_scan import open_ports
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey, networks_of
from cameras.onvif.camera_clock import CameraTime
from cameras.onvif.client import http_session
from cameras.onvif.namespaces import EVENTS
from cameras.registry import findings
from cameras.registry.import_list import _ExistingCameras
from cameras.tables import Camera, ClockSample, Credential, DeviceSeen, Policy, Stream, Village
from cameras.upkeep import reminders
from cameras.upkeep.clock_sync import ClockReading, ClockSync
from cameras.upkeep.config_compliance import ConfigCompliance
from cameras.upkeep.credential_rotation import CredentialRotation
from cameras.upkeep.default_password_audit import DefaultPasswordAudit
from cameras.upkeep.event_subscriptions import EventSubscriptions
from cameras.upkeep.exposure_scan import ExposureScan
from core.clock import SystemClock
from core.database import Database
from core.secrets import Vault
from nvr.recorder.reconcile import desired
from tests.ports import free_port

HOST = "127.79.0.1"
UTC = ZoneInfo("UTC")
BAD: dict[str, dict[str, object]] = {
    "a-bracket": {"address": "[x"},
    "a-label": {"address": "h" * 70},
    "a-port": {"address": "10.0.0.1:99999"},
    "a-nowhere": {"address": "http:///onvif/device_service"},
    "b-sealed": {"credential": "foreign"},
    "c-device": {"device": ["odd"]},
    "c-services": {"device": {"services": "x", "macs": [["m"]], "model": "m"}},
    "d-policy": {"profile": {"policy": ["street"]}},
    "d-rules": {"profile": {"policy": "broken", "in_use_since": "soon"}},
    "e-profile": {"profile": ["odd"]},
}


class Station:
    """A registry of unusable rows and one good camera after them, whose server counts connections."""

    def __init__(self, database: Database, vault: Vault, http: aiohttp.ClientSession, port: int, folder: Path) -> None:
        self.database, self.vault, self.http, self.port, self.folder = database, vault, http, port, folder
        self.onboarding = Onboarding(database, vault, SystemClock(), http)
        self.visits = 0

    def connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()

    async def row(self, number: str = "z-good") -> Camera:
        async with self.database.reading() as session:
            return await session.get_one(Camera, number)


@pytest.fixture
async def station(either_database: Database, tmp_path: Path) -> AsyncIterator[Station]:
    vault, foreign = await asyncio.to_thread(
        lambda: (Vault.open_or_create(tmp_path / "key"), Vault.open_or_create(tmp_path / "other"))
    )
    port, device = free_port(), {"services": {EVENTS: "http://127.0.0.1:9/e"}, "model": "m"}
    good = {"address": f"{HOST}:{port}", "credential": "ours", "device": device, "profile": {"policy": "street"}}
    async with either_database.session() as session:
        session.add(Village(code="v", name="V", funding=[], subnets=["127.79.0.0/28"], boundary=[]))
        session.add(Village(code="w", name="W", funding=[], subnets=["10.0.0.0/99", 7], boundary=[]))
        for name, by in (("ours", vault), ("foreign", foreign)):
            session.add(Credential(name=name, username="u", sealed=by.seal("geheim-123", f"credential:{name}")))
        session.add(Policy(name="street", rules={"discoverable": False, "account_days": 30}))
        session.add(Policy(name="broken", rules={"nonsense": 1, "account_days": "soon"}))
        await session.flush()
        for i, (number, odd) in enumerate((*BAD.items(), ("z-good", {}))):
            where = {} if number == "z-good" else {"address": f"127.79.0.{i + 2}:{port}"}
            camera = Camera(id=number, name="c", village="v", auth_mode="digest", **(good | where | odd))
            camera.streams = [
                Stream(id=f"{number}/main", kind="main", url="rtsp://h/a", schedule="" if odd == {} else "soon")
            ]
            session.add(camera)
    async with http_session() as http:
        made = Station(either_database, vault, http, port, tmp_path)
        server = await asyncio.start_server(made.connected, HOST, port)
        yield made
        server.close()
        await server.wait_closed()


async def test_no_row_ends_the_others_turn(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    """Exposure scan, clocks, policies, accounts, passwords, onboarding and events."""
    database, clock, onboarding = station.database, SystemClock(), station.onboarding
    seen = await ExposureScan(
        database, clock, telnet=(station.port,), tls=free_port(), upnp=free_port(socket.SOCK_DGRAM)
    ).run_once()
    assert seen["z-good"].telnet == [station.port] and not {"a-bracket", "a-nowhere"} & set(seen)
    assert "has no host" in ((await station.row("a-nowhere")).problem or "")

    async def visited(work: object) -> None:
        station.visits = 0
        await work  # type: ignore[misc]
        assert station.visits > 0, work

    await visited(ClockSync(database, clock, onboarding).run_once())
    assert "key" in ((await station.row("b-sealed")).problem or ""), "its credential was sealed elsewhere"
    compliance = ConfigCompliance(database, clock, onboarding)
    await visited(compliance.run_once())
    await visited(
        CredentialRotation(database, station.vault, clock, onboarding, station.http, station.folder).run_once()
    )
    await visited(DefaultPasswordAudit(database, clock, onboarding, station.http).run_once())
    async with database.reading() as session:
        cameras = (await session.scalars(select(Camera))).all()
    outcome = await onboarding.run(cameras)
    assert set(outcome.failed) == {*BAD, "z-good"} and outcome.identified == []
    events = EventSubscriptions(database, clock, onboarding)
    await events.reconcile()
    assert set(events._subscriptions) >= {"z-good"} and "c-device" not in events._subscriptions
    await events.close()
    caplog.clear()  # records with an unexpected structure are logged with a traceback


async def test_no_row_ends_a_survey_or_the_recorders_reconciling(station: Station) -> None:
    database, clock = station.database, SystemClock()
    survey = Survey(database, clock, station.onboarding)
    async with database.session() as session:
        await session.execute(update(Camera).values(seen_at=None))
    assert (await survey._scan_silent_cameras(set()))["z-good"] == [station.port]
    met = await survey.match_and_store(
        [DiscoveredDevice("u-1", f"{HOST}:{station.port}", f"http://{HOST}:{station.port}/x", "n", "h")]
    )
    assert met.counts == {"known": 1}
    async with database.reading() as session:
        assert (await session.get_one(DeviceSeen, f"{HOST}:{station.port}")).camera == "z-good"
        villages = (await session.scalars(select(Village))).all()
        assert [code for _, code in networks_of(villages)] == ["v"]
        wanted = await desired(session, station.vault, "auto", now=clock.now(), zone=UTC)
        known = _ExistingCameras((await session.scalars(select(Camera))).all())
        assert known.find("v", {"address": f"{HOST}:{station.port}"}) == "z-good"
    assert set(wanted.streams) == {f"{n}/main" for n in (*BAD, "z-good")}, (
        "a schedule that cannot be read records always"
    )
    assert wanted.facts["b-sealed/main"].refused and not wanted.facts["z-good/main"].refused
    async with database.session() as session:
        good = await session.get_one(Camera, "z-good")
        good.profile = {"in_use_since": "2026-01-01"}
    await reminders.update_reminders(database, clock, UTC)
    async with database.reading() as session:
        assert [f.camera for f in await findings.list_open(session)] == ["z-good"]


async def test_what_the_database_refuses_of_one_clock_is_kept_of_the_others(station: Station) -> None:
    """SQLite cannot store NaN in the column; a row may have been deleted meanwhile."""
    looks = [
        ClockReading("e-profile", CameraTime(float("nan"))),
        ClockReading("gone", CameraTime(1.0)),
        ClockReading("z-good", CameraTime(1.5)),
    ]
    await ClockSync(station.database, SystemClock(), station.onboarding)._store(looks)
    async with station.database.reading() as session:
        assert "z-good" in set(await session.scalars(select(ClockSample.camera)))
    assert (await station.row()).clock_offset == 1.5 and isinstance((await station.row()).seen_at, datetime.datetime)


async def test_a_name_that_none_can_be_has_no_open_port() -> None:
    assert await open_ports(["h" * 70, "nul\0", "a..b", "[x"], [1]) == {}
