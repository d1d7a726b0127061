"""The controller process: web server and timed work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from aiohttp import web
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import select

from cameras.discovery import ws_discovery
from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.tables import Camera
from cameras.upkeep import reminders
from cameras.upkeep.clock_sync import ClockSync
from cameras.upkeep.config_compliance import ConfigCompliance
from cameras.upkeep.credential_rotation import CredentialRotation
from cameras.upkeep.default_password_audit import DefaultPasswordAudit
from cameras.upkeep.event_subscriptions import EventSubscriptions
from cameras.upkeep.exposure_scan import ExposureScan
from cases.units import duty
from core.accounts.accounts import Accounts
from core.audit.verification import AuditSealer
from core.clock import SystemClock
from core.database import Database
from core.executors import set_file_threads
from core.host.process_role import ProcessRole
from core.notify import outbox
from core.notify.anomalies import ContactWatch
from core.settings import Settings
from core.tasks import BackgroundTasks
from health import camera_states, orders
from health.kpi import figures
from health.patrol.rounds import request
from health.register.verification import RegisterCheck
from nvr.archive.retention import holds
from nvr.archive.retention.retention import Retention
from nvr.edge import backfill
from nvr.recorder.heartbeats import HEARTBEAT_SECONDS, Heartbeat
from reports.coverage import Reports
from search.store import SightingStore
from search.store.upkeep import Upkeep, sighting_store_of
from station import database as station_database
from station.backup.schedule import NightlyBackup
from station.roles import announcements, notifications
from station.roles.fault_messages import FaultMessages
from station.roles.needed_sightings import NeededSightings
from station.roles.picture_retention import PictureRetention
from station.roles.state_messages import StateMessages
from station.roles.stream_check import StreamCheck
from station.runtime import until_stopped
from web import server
from web.doctor import machine
from web.doctor.facts import CheckedStation, CheckState
from web.http import connection_limits
from web.http.listener import Listener
from web.services import SERVICES, Services
from web.work.onboarding_jobs import OnboardingWork

log = logging.getLogger(__name__)

STATE_INTERVAL_S = 5  # as often as recorders report; more often would show nothing new

FAULT_MESSAGES_S = 10


async def run(settings: Settings, ready: Callable[[], None]) -> None:
    """Run until SIGTERM. `ready` is called when the console answers."""
    set_file_threads()
    async with station_database.opened(settings) as database:
        clock = SystemClock()
        listener = Listener(settings, clock)
        await listener.load()
        accounts = Accounts(database, clock, timedelta(minutes=settings.web.idle_minutes))
        app = server.build(settings, database, accounts, clock)
        runner = connection_limits.Runner(app, settings.web, shutdown_timeout=3)
        try:
            await runner.setup()
            await listener.start(runner)
            ready()
            await _work(settings, database, app, listener, clock)
        finally:
            await listener.close()
            await runner.cleanup()


async def _work(
    settings: Settings, database: Database, app: web.Application, listener: Listener, clock: SystemClock
) -> None:
    """Run the timed work until SIGTERM."""
    work = app[SERVICES].onboarding
    assert work is not None
    event_subscriptions = EventSubscriptions(database, clock, work.onboarding)
    scheduler = await schedule(settings, database, clock, work.onboarding)
    scheduler.add_job(
        event_subscriptions.reconcile, "interval", minutes=1, id="camera events", next_run_time=clock.now()
    )
    _add_account_jobs(scheduler, settings, database, clock, work)
    _add_station_jobs(scheduler, settings, database, clock, app[SERVICES])
    scheduler.add_job(listener.maintain, "interval", minutes=1, id="certificate")
    tasks = BackgroundTasks(clock)
    heartbeat = Heartbeat(ProcessRole.CONTROLLER, "controller", clock)
    tasks.repeat("heartbeat", HEARTBEAT_SECONDS, partial(heartbeat.store, database))
    tasks.run_forever("messages", partial(notifications.run, settings, database, clock))
    tasks.start("announcements", announcements.follow(Survey(database, clock, work.onboarding)))
    scheduler.start()
    await until_stopped()
    scheduler.shutdown(wait=False)
    await tasks.close()
    await event_subscriptions.close()


def _add_account_jobs(
    scheduler: AsyncIOScheduler, settings: Settings, database: Database, clock: SystemClock, work: OnboardingWork
) -> None:
    """Add the jobs that look after the station's accounts on cameras."""
    audit = DefaultPasswordAudit(database, clock, work.onboarding, work.http)
    folder, check = settings.data.dir.absolute(), StreamCheck(settings, clock)
    account_rotation = CredentialRotation(database, work.vault, clock, work.onboarding, work.http, folder, check)
    work.onboarding.on_identified = account_rotation.create_first_account

    daily(scheduler, clock, "accounts", account_rotation.run_once, minutes=40)
    scheduler.add_job(account_rotation.create_first_accounts, "interval", minutes=10, id="first accounts")
    scheduler.add_job(audit.run_once, "interval", hours=1, id="passwords")


def _add_station_jobs(
    scheduler: AsyncIOScheduler, settings: Settings, database: Database, clock: SystemClock, services: Services
) -> None:
    """Add the jobs that look after the station itself: printing, audit trail, sessions, backup."""

    async def check_printing() -> None:
        for found in await asyncio.to_thread(machine.printing, CheckedStation(settings, clock, database)):
            if found.state is not CheckState.OK:
                log.warning("reports cannot be printed correctly: %s; %s", found.value, found.remedy)

    daily(scheduler, clock, "printing", check_printing, minutes=2)
    sealing = AuditSealer(database, services.data_dir, clock, services.audit_verifier)
    scheduler.add_job(
        sealing.seal, "interval", minutes=1, id="audit seal", next_run_time=clock.now() + timedelta(seconds=5)
    )
    daily(scheduler, clock, "audit", sealing.verify, minutes=15)
    daily(scheduler, clock, "registers", RegisterCheck(database, clock).run_once, minutes=20)

    contact_watch = ContactWatch(database, clock, ZoneInfo(settings.station.timezone))
    scheduler.add_job(contact_watch.run_once, "interval", minutes=10, id="contact changes")
    scheduler.add_job(partial(duty.purge, database, clock), "interval", minutes=10, id="old positions")
    scheduler.add_job(
        StateMessages(database, clock, settings).run_once, "interval", minutes=15, id="state messages",
        next_run_time=clock.now() + timedelta(minutes=8),
    )  # fmt: skip
    scheduler.add_job(
        FaultMessages(database, clock).run_once, "interval", seconds=FAULT_MESSAGES_S, id="fault messages"
    )
    daily(scheduler, clock, "old messages", partial(outbox.purge, database, clock), minutes=25)

    async def forget_sessions() -> None:
        await services.accounts.sessions.purge()
        await services.sign_in_service.attempts.purge()

    scheduler.add_job(
        forget_sessions, "interval", hours=1, id="sessions", next_run_time=clock.now() + timedelta(minutes=6)
    )
    nightly = NightlyBackup(settings, database, clock)
    scheduler.add_job(nightly.run_once, "interval", minutes=1, id="backup", max_instances=2)  # a backup may be running


async def schedule(
    settings: Settings, database: Database, clock: SystemClock, onboarding: Onboarding
) -> AsyncIOScheduler:
    """Return the scheduler of the timed work: one job per duty, never one per camera."""
    scheduler = AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 600}, timezone="UTC"
    )
    _add_health_jobs(scheduler, settings, database, clock)
    _add_camera_jobs(scheduler, settings, database, clock, onboarding)
    _add_footage_jobs(scheduler, settings, database, clock, await asyncio.to_thread(sighting_store_of, settings))
    return scheduler


def _add_health_jobs(scheduler: AsyncIOScheduler, settings: Settings, database: Database, clock: SystemClock) -> None:
    """Add patrol rounds, work orders, and the figures and reports of past days."""
    zone = ZoneInfo(settings.station.timezone)
    reports = Reports(database, clock, settings.station.timezone)

    async def request_patrol() -> None:
        async with database.session() as session:
            await request(session, clock.now(), "schedule")

    verification = timedelta(minutes=settings.orders.verification_minutes)

    async def update_orders() -> None:
        async with database.session() as session:
            await orders.verify_and_remind(session, clock.now(), verification)

    async def update_states() -> None:
        async with database.session() as session:
            await camera_states.update(session, clock.now())

    async def keep_figures() -> None:
        await figures.write_past_days(database, clock.now(), zone)
        await reports.keep_months()

    scheduler.add_job(
        request_patrol, "interval", minutes=settings.patrol.interval_minutes, id="patrol", next_run_time=clock.now()
    )
    scheduler.add_job(keep_figures, "interval", hours=1, id="figures", next_run_time=clock.now() + timedelta(minutes=3))
    scheduler.add_job(update_orders, "interval", minutes=1, id="orders")
    scheduler.add_job(
        update_states, "interval", seconds=STATE_INTERVAL_S, id="camera states", next_run_time=clock.now()
    )


def _add_camera_jobs(
    scheduler: AsyncIOScheduler, settings: Settings, database: Database, clock: SystemClock, onboarding: Onboarding
) -> None:
    """Add discovery and onboarding, and the upkeep of cameras: clocks, policies, exposure, reminders."""
    zone = ZoneInfo(settings.station.timezone)
    clock_sync = ClockSync(database, clock, onboarding)
    survey = Survey(database, clock, onboarding)

    async def onboard_missing() -> None:
        async with database.reading() as session:
            query = select(Camera).where(
                Camera.retired.is_(False), Camera.device.is_(None), Camera.refused_at.is_(None)
            )
            missing = (await session.scalars(query)).all()
        await onboarding.run(missing)

    async def check_clocks() -> None:
        async with database.reading() as session:
            busy = await backfill.cameras_in_backfill(session, clock.now())
        await clock_sync.run_once(busy)

    async def survey_network() -> None:
        await survey.run(await asyncio.to_thread(ws_discovery.interfaces))

    scheduler.add_job(onboard_missing, "interval", minutes=10, id="onboarding", next_run_time=clock.now())
    scheduler.add_job(check_clocks, "interval", hours=1, id="clocks", next_run_time=clock.now() + timedelta(minutes=2))
    scheduler.add_job(
        survey_network, "interval", hours=1, id="survey", next_run_time=clock.now() + timedelta(minutes=5)
    )
    daily(scheduler, clock, "policies", ConfigCompliance(database, clock, onboarding).run_once, minutes=10)
    daily(scheduler, clock, "exposure", ExposureScan(database, clock).run_once, minutes=20)
    daily(scheduler, clock, "reminders", partial(reminders.update_reminders, database, clock, zone), minutes=1)


def _add_footage_jobs(
    scheduler: AsyncIOScheduler, settings: Settings, database: Database, clock: SystemClock, store: SightingStore
) -> None:
    """Add the retention of footage, sightings and pictures, and the ends of holds."""
    retention = Retention(database, clock, settings.retention)

    async def announce_hold_ends() -> None:
        async with database.session() as session:
            await holds.announce_ending_holds(session, clock.now())

    scheduler.add_job(
        retention.run_once, "interval", minutes=1, id="retention", next_run_time=clock.now() + timedelta(seconds=10)
    )
    needed = NeededSightings(database, clock, retention.guard)
    upkeep = Upkeep(
        database,
        clock,
        store,
        settings.search.days,
        retention.guard,
        settings.search.unmatched_days,
        needed.of_day,
    )
    scheduler.add_job(
        upkeep.run_once, "interval", hours=1, id="sightings", next_run_time=clock.now() + timedelta(minutes=4)
    )
    pictures = PictureRetention(database, clock, settings.data.dir.absolute(), settings.pictures, retention.guard)
    scheduler.add_job(
        pictures.run_once, "interval", hours=1, id="pictures", next_run_time=clock.now() + timedelta(minutes=6)
    )
    scheduler.add_job(
        announce_hold_ends, "interval", hours=1, id="holds", next_run_time=clock.now() + timedelta(minutes=7)
    )


def daily(
    scheduler: AsyncIOScheduler, clock: SystemClock, name: str, work: Callable[[], Awaitable[object]], *, minutes: int
) -> None:
    """Schedule `work` once a day, first `minutes` after the start; its result is not used."""
    scheduler.add_job(work, "interval", hours=24, id=name, next_run_time=clock.now() + timedelta(minutes=minutes))
