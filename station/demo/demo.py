"""`minwang demo`: the whole station over a small town of virtual cameras.

Nothing is staged: the cameras are discovered by WS-Discovery, queried over ONVIF and recorded from RTSP; then three of
them fail, and the patrol has to detect it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import socket
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.onvif.client import http_session
from cameras.registry import inventory, registry
from cameras.registry.inventory_entries import Inventory
from cameras.states import MatchKind
from cases.register import case_files
from cases.tables import Alert
from cases.watch import proposals
from core import events
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.errors import StorageError
from core.host import station_lock
from core.host.child_environment import child_environment
from core.host.station_lock import StationLock
from core.network.connect_limiter import ConnectLimiter
from core.settings import Settings
from core.tasks import end, running, spawn
from health.faults.descriptions import describe
from health.tables import Fault
from health.vocabulary import FaultStatus
from nvr.archive import segment_index
from nvr.archive.reader import ArchiveReader
from nvr.tables import StreamStatus
from search.query.find import Query, find_ids
from search.store.upkeep import sighting_store_of
from search.vocabulary import classes
from station import database as station_database
from station.runtime import open_vault_of_station, until_stopped
from station.supervision.supervisor import Supervisor, roles

ROOT = Path(__file__).parents[2]
H265 = "xd-02"  # a newer model, whose main stream most browsers cannot play
DOME = "yj-01"
RTSP_PORT = 8554  # of every virtual camera, each at its own address
DRAWING_LIMIT_S = 900.0
FAULTS = {"wj-02": "black", "yj-02": "frozen", "xd-03": "dead"}
EXPECTED = {"wj-02": "black", "yj-02": "frozen", "xd-03": "unreachable"}
PASSWORD = "minwang-demo"
CONTRACTOR = "天目维护"  # the contractor's account sees the orders of this company
ACCOUNTS = (
    ("video", "张视频", Role.VIDEO_OFFICER, None),
    ("investigator", "李侦查", Role.INVESTIGATOR, None),
    ("leader", "陈所长", Role.APPROVER, None),
    ("patrol", "王巡逻", Role.PATROL_OFFICER, None),
    ("wangjia", "王家村委", Role.FUNDER, ["wangjia"]),
    ("admin", "系统管理", Role.ADMINISTRATOR, None),
    ("auditor", "审计员", Role.AUDITOR, None),
    ("tianmu", "天目维护", Role.CONTRACTOR, None),
)


@dataclass(slots=True)
class DemoProgress:
    """Prints one line per step, with the seconds since the start, to stderr (stdout is for the summary)."""

    started: float = field(default_factory=time.monotonic)

    def report(self, text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - self.started:5.1f} s] {text}\n")
        sys.stderr.flush()


async def run(seconds: float | None, port: int, database: str = "") -> int:
    """Run the demo; returns the exit status: 0 if every promised step happened."""
    _check_port(port)
    lock = await asyncio.to_thread(
        station_lock.acquire, ROOT / ".demo", "demo", "one demo runs at a time in a checkout"
    )
    try:
        return await _run(seconds, port, database, lock)
    finally:
        await asyncio.to_thread(lock.release)


async def _run(seconds: float | None, port: int, database_address: str, lock: StationLock) -> int:
    await asyncio.to_thread(_check_addresses, inventory.load(ROOT / "inventory.yaml"))
    progress, folder = DemoProgress(), lock.folder
    await asyncio.to_thread(_empty, folder)
    values = _values(folder, port, database_address)
    config, settings = _write_settings(folder, values), Settings(**values)
    town = inventory.load(ROOT / "inventory.yaml")
    stopping = spawn(until_stopped(), "signals")
    camera_password = secrets.token_urlsafe(12)
    progress.report("starting 8 virtual cameras (they draw and encode their streets first)")
    cameras = await _start_cameras(folder, town, camera_password, stopping)
    database = await station_database.ready(settings)
    supervisor = Supervisor(roles(settings), config, SystemClock(), folder / "station.log", lock)
    story = DemoStory(settings, database, town, camera_password, progress)
    telling = spawn(story.run(supervisor, port), "story")
    failing = spawn(supervisor.until_failed())
    try:
        # Count the seconds from here: how long drawing takes depends on the machine and is not part of the demo.
        await asyncio.wait({stopping, telling, failing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()  # it never returns: if it ended, it failed
    finally:
        await end(failing, stopping, *(() if telling.done() else (telling,)))
        summary = await story.summary()
        progress.report("stopping")
        await supervisor.stop()
        await _stop_cameras(cameras)
        await database.close()
    if supervisor.failed is not None:
        raise supervisor.failed
    if seconds is None:
        return 0
    sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=1) + "\n")
    return 0 if summary["complete"] else 1


class DemoStory:
    """The steps of the demo in order, and which of them succeeded."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        town: Inventory,
        camera_password: str,
        progress: DemoProgress,
    ):
        self._settings = settings
        self._database = database
        self._town = town
        self._password = camera_password
        self._progress = progress
        self._clock = SystemClock()
        self._discovered = 0
        self._identified = 0

    async def run(self, supervisor: Supervisor, port: int) -> None:
        await self._prepare()
        await self._find_cameras()
        await supervisor.start()
        async with running(self._report_events(), "events") as watching:
            await self._until(self._all_recording, 30)
            self._progress.report(f"all {self._identified} cameras record, main and sub-stream")
            self._progress.report(f"console: http://127.0.0.1:{port}")
            self._progress.report("log-ins: " + ", ".join(a[0] for a in ACCOUNTS) + f"; password of each: {PASSWORD}")
            self._progress.report(f"phone page of the patrol officer: http://127.0.0.1:{port}/m")
            await self._until(self._first_patrol, 40)
            await self._break_cameras()
            await watching

    async def _prepare(self) -> None:
        now = self._clock.now()
        vault = await open_vault_of_station(self._settings, self._database)
        async with self._database.session() as session:
            await registry.apply(session, self._town, now, "demo")
            await registry.set_password(session, vault, "village", self._password, now, "demo")
        accounts = Accounts(self._database, self._clock)
        for name, display, role, villages in ACCOUNTS:
            company = CONTRACTOR if role is Role.CONTRACTOR else ""
            await accounts.create(
                name, PASSWORD, role, display_name=display, villages=villages, vendor=company, actor="demo"
            )
        async with self._database.session() as session:
            case = await case_files.open_case(session, now, "video", "西店-2026-0087", "电动自行车被盗", "wangjia")
            subject = await proposals.propose(
                session,
                now,
                "video",
                case=case.id,
                title="红上衣男子",
                cls="person",
                upper="red",
                lower=None,
                villages=None,
                reason="监控显示嫌疑人着红色上衣",
                expires_at=now + timedelta(days=10),
            )
            await proposals.approve(session, now, "leader", subject.id, yes=True, auto_dispatch=True)
        self._progress.report(
            "registry filled: 3 villages, 8 expected cameras; one watch-list subject approved by a second person"
        )

    async def _find_cameras(self) -> None:
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
        async with http_session(ConnectLimiter.of_station(self._settings, self._clock)) as http:
            vault = await open_vault_of_station(self._settings, self._database)
            onboarding = Onboarding(self._database, vault, self._clock, http)
            report = await Survey(self._database, self._clock, onboarding).run(["127.0.0.1"], wait=1.0)
            found = {m.verdict.camera for m in report.of(MatchKind.FIRST, MatchKind.KNOWN, MatchKind.MOVED)}
            self._discovered = len(found)
            strangers = len(report.of(MatchKind.NEW, MatchKind.CLONE))
            self._progress.report(
                f"WS-Discovery: {len(found)} of {len(cameras)} expected cameras answered, {strangers} strangers"
            )
            outcome = await onboarding.run([c for c in cameras if c.id in found])
        self._identified = len(outcome.identified)
        self._progress.report(f"ONVIF: identity and streams of {self._identified} cameras queried")
        for camera, reason in outcome.failed.items():
            self._progress.report(f"{camera}: {reason}")

    async def _all_recording(self) -> bool:
        async with self._database.reading() as session:
            count = await session.scalar(
                select(func.count(StreamStatus.stream)).where(StreamStatus.state == "recording")
            )
        return bool(self._identified) and (count or 0) >= 2 * self._identified

    async def _first_patrol(self) -> bool:
        async with self._database.reading() as session:
            looks = await session.scalar(
                select(func.count(events.Event.id)).where(events.Event.kind == "patrol.finished")
            )
        return bool(looks)

    async def _until(self, true: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not await true():
            await self._clock.sleep(0.5)

    async def _break_cameras(self) -> None:
        addresses = {c.id: c.address for c in self._town.cameras}
        async with aiohttp.ClientSession() as http:
            for camera, fault in FAULTS.items():
                async with http.post(
                    f"http://{addresses[camera]}/virtual/faults", json={"fault": fault, "on": True}
                ) as reply:
                    reply.raise_for_status()
        self._progress.report("now three cameras fail: " + ", ".join(f"{c} ({f})" for c, f in FAULTS.items()))

    async def _report_events(self) -> None:
        async for row in events.tail(self._database, self._clock, 0):
            text = self._describe(row)
            if text:
                self._progress.report(text)

    def _describe(self, row: events.Event) -> str:
        data = row.data
        match row.kind:
            case "patrol.finished":
                return f"patrol round {data['round']}: {data['cameras']} cameras inspected, {data['faulty']} faulty"
            case "fault.opened":
                return (
                    f"fault opened: {row.camera or data['name']} {data['family']}: "
                    f"{describe(data['family'], data['figures'])}"
                )
            case "fault.closed":
                return f"fault closed: {row.camera} {data['family']}"
            case "alert.raised":
                return f"alert {data['alert']}: watch-list subject seen by {row.camera}"
            case "alert.dispatched":
                return f"alert {data['alert']} is on the patrol officers' phones"
            case "alert.acked" | "alert.answered":
                return f"{row.kind}: alert {data['alert']}"
        return ""

    def _seen(self) -> tuple[int, int]:
        """Return the number of people, and of sightings of all classes."""
        days = sighting_store_of(self._settings)
        try:
            return len(find_ids(days, Query(classes=classes(["person"])))), len(find_ids(days, Query()))
        finally:
            days.close()

    async def summary(self) -> dict[str, Any]:
        now_us = to_microseconds(self._clock.now())
        reader = ArchiveReader(self._database, self._clock)
        async with self._database.reading() as session:
            first = await segment_index.first_start(session) or now_us
            faults = [
                {"camera": f.camera, "family": f.family, "detail": describe(f.family, f.figures)}
                for f in await session.scalars(
                    select(Fault).where(Fault.state == FaultStatus.OPEN).order_by(Fault.camera)
                )
            ]
            alerts = await session.scalar(select(func.count(Alert.id))) or 0
            cameras = await registry.cameras(session)
        people, sightings = await asyncio.to_thread(self._seen)
        recorded, gaps = 0.0, []
        for camera in cameras:
            spans = await reader.coverage(f"{camera.id}/main", first, now_us)
            recorded += sum((s.end_us - s.start_us) / 1e6 for s in spans if not s.cause)
            gaps += [
                {"camera": camera.id, "seconds": round((s.end_us - s.start_us) / 1e6, 1), "cause": s.cause}
                for s in spans
                if s.cause
            ]
        flagged = {f["camera"]: f["family"] for f in faults}
        happened = {
            "discovered": self._discovered == len(cameras) and self._identified == len(cameras),
            "recorded": recorded > 5 * len(cameras),
            "patrolled": flagged == EXPECTED,
            "searched": people > 0,
            "alerted": alerts > 0,
        }
        return {
            "complete": all(happened.values()),
            "happened": happened,
            "cameras_found": self._discovered,
            "villages": len(self._town.villages),
            "recorded_seconds": round(recorded, 1),
            "gaps": gaps,
            "faults": faults,
            "sightings": sightings,
            "people": people,
            "alerts": alerts,
        }


def _empty(folder: Path) -> None:
    """Remove what the last demo left, except the lock that this one holds."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != station_lock.LOCK_FILE:
            entry.unlink()


def _check_port(port: int) -> None:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as e:
            raise StorageError(f"port {port} cannot be used ({e.strerror}); choose another with --port") from e


def _values(folder: Path, port: int, database: str) -> dict[str, Any]:
    return {
        "station": {"name": "西店派出所(演示)"},
        "data": {"dir": str(folder), "database": database},
        "web": {"port": port},
        "recorder": {"segment_seconds": 20.0},
        "retention": {"min_free_bytes": 100_000_000},
        "patrol": {"interval_minutes": 0.25, "light_seconds": 2.0, "pace": 0.004, "learning_looks": 5},
        "inventory": str(ROOT / "inventory.yaml"),
    }


def _check_addresses(town: Inventory) -> None:
    """Raise StorageError if an address is in use: the addresses are fixed, so one demo per machine can run."""
    for camera in town.cameras:
        host, _, port = (camera.address or "").partition(":")
        for number in (int(port), RTSP_PORT):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind((host, number))
                except OSError as e:
                    raise StorageError(
                        f"{host}:{number}, an address of the virtual cameras, cannot be used ({e.strerror});"
                        " is another demo or a test run going on? end it first"
                    ) from e


def _write_settings(folder: Path, values: dict[str, Any]) -> Path:
    values = dict(values)
    lines = [f"inventory = {json.dumps(values.pop('inventory'))}"]
    for section, keys in values.items():
        lines += ["", f"[{section}]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in keys.items())]
    path = folder / "minwang.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def _start_cameras(
    folder: Path, town: Inventory, password: str, stopping: asyncio.Task[None]
) -> asyncio.subprocess.Process:
    entries = [
        {
            "name": c.id,
            "host": (c.address or "").partition(":")[0],
            "seed": i + 1,
            "codec": "h265" if c.id == H265 else "h264",
            "dome": c.id == DOME,
            "variants": [f] if (f := FAULTS.get(c.id, "dead")) != "dead" else [],
        }
        for i, c in enumerate(town.cameras)
    ]
    plan = folder / "town.json"
    await asyncio.to_thread(plan.write_text, json.dumps(entries))
    log = await asyncio.to_thread((folder / "cameras.log").open, "wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cameras.virtual",
        "--town",
        str(plan),
        "--user",
        "minwang",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        env=child_environment(MINWANG_VIRTUAL_PASSWORD=password, MINWANG_DIE_WITH_PARENT="1"),
    )
    log.close()
    assert process.stdout is not None
    reading = spawn(process.stdout.readline())
    await asyncio.wait({reading, stopping}, timeout=DRAWING_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    if not reading.done() or not reading.result().startswith(b"ready"):
        await end(reading)
        await _stop_cameras(process)
        if stopping.done():
            raise StorageError("the demo was ended while its cameras were being drawn")
        raise StorageError(f"the virtual cameras did not start; {folder / 'cameras.log'} says why")
    return process


async def _stop_cameras(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
