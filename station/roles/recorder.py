"""A recorder process: records its share of the cameras, serves their live pictures, backfills gaps."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from cameras.onvif.client import SoapClient, http_session
from core import events
from core.clock import SECOND, Clock, SystemClock, to_microseconds
from core.database import Database
from core.network.connect_limiter import ConnectLimiter
from core.secrets import Vault
from core.settings import Settings
from core.tasks import BackgroundTasks, first_of
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage import unreported_gaps
from nvr.archive.coverage.timeline import TimelineEnd
from nvr.archive.integrity import hash_backlog, recovery
from nvr.edge.backfill import Backfiller
from nvr.playback.live import LiveHub, node_token
from nvr.recorder import crash_marker, quarantine
from nvr.recorder.crash_marker import MANY_STREAMS, CrashMarker
from nvr.recorder.keyframe_requests import KeyframeRequests
from nvr.recorder.reconcile import DesiredStreams, StatusWriter, desired
from nvr.recorder.recorder import Recorder
from nvr.storage.disk_calls import DiskCalls
from station import database as station_database
from station.runtime import open_vault_of_station, tune_interpreter, until_stopped, volume_set

log = logging.getLogger(__name__)

RECONCILE_SECONDS = 5.0
STATUS_SECONDS = 4.0
KEYFRAME_REQUEST_SECONDS = 1.0
BACKFILL_SECONDS = 5.0
SEAL_SECONDS = 60.0
CAREFUL_READ_S = 3600.0  # after a crash cameras are read one by one, so that the next crash identifies the camera
# Events that on-event streams are recorded for.
TRIGGERS = (events.EventKind.CAMERA_MOTION, events.EventKind.CAMERA_TAMPER, events.EventKind.CAMERA_TRIGGER)
POST_ROLL_US = 30 * SECOND


@dataclass(slots=True)
class RecorderWorker:
    """The parts of a recorder process, and its periodic work."""

    settings: Settings
    index: int
    database: Database
    clock: Clock
    vault: Vault
    archive: ArchiveLogWriter
    recorder: Recorder
    covered: dict[str, TimelineEnd]
    recovered: set[str] = field(default_factory=set)  # streams whose remains of earlier recorders are recovered
    seal_calls: DiskCalls = field(default_factory=lambda: DiskCalls(hash_backlog.HASH_TIMEOUT_S))
    # failures of the recorder's own tasks that were reported
    reported_failures: Counter[str] = field(default_factory=Counter)
    status_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def wanted(self) -> DesiredStreams:
        async with self.database.reading() as session:
            return await desired(
                session,
                self.vault,
                self.settings.recorder.engine,
                now=self.clock.now(),
                zone=ZoneInfo(self.settings.station.timezone),
                worker=self.index,
                workers=self.settings.recorder.workers,
            )

    async def reconcile(self) -> None:
        async with self.status_lock:
            wanted = await self.wanted()
            await self.recover([s for s in wanted.streams if s not in self.recovered])
            await self.recorder.want(wanted.specs, self.covered, wanted.facts)
        self.covered.clear()

    async def recover(self, streams: list[str]) -> None:
        """Recover what earlier recorders left of these streams before recording them; scheduled streams come later."""
        if not streams:
            return
        findings = await recovery.recover(self.database, streams, self.clock.now())
        if not findings.clean:
            log.warning("recovery: %s", findings.as_dict())
        self.covered |= await unreported_gaps.timeline_ends(self.database, streams)
        self.recovered |= set(streams)

    async def write_status(self, status: StatusWriter, url: str) -> None:
        async with self.status_lock:  # what is read before the commit must not be reported after it
            async with self.database.session() as session:
                written = await status.write(session, url)
                failures = Counter(self.recorder.tasks.failures)
                for name, times in (failures - self.reported_failures).items():
                    events.append(
                        session,
                        self.clock.now(),
                        events.EventKind.RECORDER_TASK_FAILED,
                        worker=self.index,
                        task=name,
                        times=times,
                    )
            status.stored(written)
            self.reported_failures = failures

    async def recover_volume(self, number: int, streams: list[str], began_us: int) -> None:
        """Close what earlier recorders left open on a volume that is back."""
        found = await recovery.recover_volume(self.database, streams, number, began_us, self.clock.now())
        if not found.clean:
            log.warning("volume %d is back; recovery: %s", number, found.as_dict())

    async def hash_backlog(self) -> None:
        if all(d.writer.lag() < 1 for d in self.recorder.volumes.disks):
            # Only streams that closed such a file: the index of a whole town's hours is 200 MB.
            waiting, self.archive.unhashed_streams = self.archive.unhashed_streams, set()
            await self.archive.flush()  # the entries of these files must be in the database
            if await hash_backlog.hash_waiting_files(
                self.database, waiting, self.clock, self.seal_calls, self.seal_failed
            ):
                self.archive.unhashed_streams |= waiting  # keep them until a round finds nothing

    def seal_failed(self, volume: int, error: OSError) -> None:
        for disk in self.recorder.volumes.disks:
            if disk.number == volume and isinstance(error, TimeoutError):
                self.recorder.volumes.mark_slow(disk, str(error))

    async def follow_events(self) -> None:
        """Start the recording of on-event streams when their camera sends an event."""
        async with self.database.reading() as session:
            position = await events.last_id(session)
        async for event in events.tail(self.database, self.clock, position, poll_seconds=0.5):
            if event.kind in TRIGGERS and event.camera is not None:
                self.recorder.trigger(event.camera, to_microseconds(event.at) + POST_ROLL_US)


async def run(settings: Settings, index: int, ready: Callable[[], None]) -> None:
    """Run until SIGTERM. `ready` is called when the wanted streams are being recorded."""
    tune_interpreter()
    async with station_database.opened(settings) as database:
        await _record(settings, index, database, ready)


async def _record(settings: Settings, index: int, database: Database, ready: Callable[[], None]) -> None:
    clock, vault = SystemClock(), await open_vault_of_station(settings, database)
    archive = ArchiveLogWriter(database, clock)
    budget = ConnectLimiter.of_station(settings, clock)
    recorder = Recorder(settings.recorder, await volume_set(settings, database, clock), archive, clock, budget)
    recorder.clock_epoch_path = settings.data.dir / f"clock-{index}.json"
    worker = RecorderWorker(settings, index, database, clock, vault, archive, recorder, {})
    await _read_crash_marker(worker)
    streams = (await worker.wanted()).streams
    await worker.recover(streams)
    await recorder.start()
    url, runner = await _serve_live(recorder, settings)
    duties, began_us = BackgroundTasks(clock), to_microseconds(clock.now())

    def volume_back(number: int) -> None:
        duties.start(f"recovery of volume {number}", worker.recover_volume(number, streams, began_us))

    recorder.volume_back = volume_back
    try:
        async with http_session(budget) as http:
            _start_duties(duties, worker, url, http)
            ready()
            await first_of(until_stopped(), recorder.tasks.until_fatal())
            await duties.close()
    finally:
        await duties.close()
        await runner.cleanup()
        await recorder.stop()
    async with database.session() as session:
        await quarantine.reset_crashes(session, list(recorder.streams))


def _start_duties(duties: BackgroundTasks, worker: RecorderWorker, url: str, http: aiohttp.ClientSession) -> None:
    """Start the periodic work beside the recording itself."""
    status = StatusWriter(worker.recorder, worker.clock, f"recorder-{worker.index}")
    duties.repeat("reconciling", RECONCILE_SECONDS, worker.reconcile)
    duties.repeat("status", STATUS_SECONDS, partial(worker.write_status, status, url))
    duties.repeat("sealing", SEAL_SECONDS, worker.hash_backlog)
    duties.run_forever("following events", worker.follow_events)
    requests = KeyframeRequests(
        worker.database, worker.clock, worker.vault, lambda login: SoapClient(http, worker.clock, login)
    )
    worker.recorder.keyframe_wanted = requests.want
    duties.repeat("keyframe requests", KEYFRAME_REQUEST_SECONDS, requests.run_once)
    if worker.settings.recorder.backfill:
        filler = Backfiller(
            worker.database, worker.recorder, worker.archive, worker.clock, worker.vault, worker.settings.recorder,
            lambda login: SoapClient(http, worker.clock, login),
        )  # fmt: skip
        duties.repeat("backfill", BACKFILL_SECONDS, filler.run_once)


async def _read_crash_marker(worker: RecorderWorker) -> None:
    """Read which stream the previous recorder crashed over, and record the crash."""
    marker = await asyncio.to_thread(CrashMarker, crash_marker.path_of(worker.settings.data.dir, worker.index))
    worker.recorder.poll_loop.crash_marker = marker
    if not marker.crashed_stream:
        return
    worker.recorder.poll_loop.parse_one_by_one = True
    asyncio.get_running_loop().call_later(CAREFUL_READ_S, setattr, worker.recorder.poll_loop, "parse_one_by_one", False)
    if marker.crashed_stream == MANY_STREAMS:
        log.error("the last recorder crashed while reading several cameras; they are read one by one for an hour")
        return
    async with worker.database.session() as session:
        isolated = await quarantine.record_crash(session, marker.crashed_stream, worker.clock.now())
    log.error(
        "the last recorder crashed while reading %s%s",
        marker.crashed_stream,
        ", which is put in quarantine" if isolated else "",
    )


async def _serve_live(recorder: Recorder, settings: Settings) -> tuple[str, web.AppRunner]:
    runner = web.AppRunner(
        LiveHub(recorder, node_token(settings.data.dir.absolute())).application(), access_log=None, shutdown_timeout=1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}", runner
