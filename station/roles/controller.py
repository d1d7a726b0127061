"""The controller process: web server and timed work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
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
from core.accounts.accounts import Accounts
from core.audit.verification import AuditSealer
from core.clock import SystemClock
from core.database import Database
from core.executors import set_file_threads
from core.settings import Settings
from core.tasks import BackgroundTasks
from health import orders
from health.kpi import figures
from health.patrol.rounds import ask
from health.register.verification import RegisterCheck
from nvr.archive import holds
from nvr.archive.retention import Retention
from nvr.edge import backfill
from reports.coverage import Reports
from search.store.upkeep import Upkeep, sighting_store_of
from station import database as station_database
from station.backup.schedule import NightlyBackup
from station.roles import announcements
from station.roles.needed_sightings import NeededSightings
from station.roles.picture_retention import PictureRetention
from station.roles.stream_check import StreamCheck
from station.runtime import until_stopped
from web import server
from web.doctor import machine
from web.doctor.facts import CheckState, StationFacts
from web.http import connection_limits
from web.http.listener import Listener
from web.services import SERVICES

log = logging.getLogger(__name__)


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
    event_care = EventSubscriptions(database, clock, work.onboarding)
    scheduler = schedule(settings, database, clock, work.onboarding)
    duties = BackgroundTasks(clock)
    duties.start("announcements", announcements.follow(Survey(database, clock, work.onboarding)))
    audit = DefaultPasswordAudit(database, clock, work.onboarding, work.http)
    folder, check = settings.data.dir.absolute(), StreamCheck(settings, clock)
    account_rotation = CredentialRotation(database, work.vault, clock, work.onboarding, work.http, folder, check)
    work.onboarding.on_identified = account_rotation.create_first_account

    async def look_at_printing() -> None:
        for found in await asyncio.to_thread(machine.printing, StationFacts(settings, clock, database)):
            if found.state is not CheckState.OK:
                log.warning("reports cannot be printed correctly: %s; %s", found.value, found.remedy)

    daily(scheduler, clock, "printing", look_at_printing, minutes=2)
    daily(scheduler, clock, "accounts", account_rotation.run_once, minutes=40)
    scheduler.add_job(account_rotation.create_first_accounts, "interval", minutes=10, id="first accounts")
    scheduler.add_job(audit.run_once, "interval", hours=1, id="passwords")
    scheduler.add_job(event_care.reconcile, "interval", minutes=1, id="camera events", next_run_time=clock.now())
    services = app[SERVICES]
    sealing = AuditSealer(database, services.data_dir, clock, services.audit)
    scheduler.add_job(
        sealing.seal, "interval", minutes=1, id="audit seal", next_run_time=clock.now() + timedelta(seconds=5)
    )
    daily(scheduler, clock, "audit", sealing.verify, minutes=15)
    daily(scheduler, clock, "registers", RegisterCheck(database, clock).run_once, minutes=20)

    async def forget_sessions() -> None:
        await services.accounts.purge()
        await services.sign_in.purge()

    scheduler.add_job(
        forget_sessions, "interval", hours=1, id="sessions", next_run_time=clock.now() + timedelta(minutes=6)
    )
    nightly = NightlyBackup(settings, database, clock)
    scheduler.add_job(nightly.run_once, "interval", minutes=1, id="backup", max_instances=2)  # a backup may be running
    scheduler.add_job(listener.care, "interval", minutes=1, id="certificate")
    scheduler.start()
    await until_stopped()
    scheduler.shutdown(wait=False)
    await duties.close()
    await event_care.close()


def schedule(settings: Settings, database: Database, clock: SystemClock, onboarding: Onboarding) -> AsyncIOScheduler:
    """Return the scheduler of the timed work: one job per duty, never one per camera."""
    zone = ZoneInfo(settings.station.timezone)
    retention = Retention(database, clock, settings.retention)
    clock_care = ClockSync(database, clock, onboarding)
    policy_care = ConfigCompliance(database, clock, onboarding)
    survey = Survey(database, clock, onboarding)
    reports = Reports(database, clock, settings.station.timezone)

    async def ask_for_patrol() -> None:
        async with database.session() as session:
            await ask(session, clock.now(), "schedule")

    async def care_for_orders() -> None:
        async with database.session() as session:
            await orders.care(session, clock.now())

    async def keep_figures() -> None:
        await figures.keep_days(database, clock.now(), zone)
        await reports.keep_months()

    async def onboard_missing() -> None:
        async with database.reading() as session:
            query = select(Camera).where(
                Camera.retired.is_(False), Camera.device.is_(None), Camera.refused_at.is_(None)
            )
            missing = (await session.scalars(query)).all()
        await onboarding.run(missing)

    async def look_at_clocks() -> None:
        async with database.reading() as session:
            busy = await backfill.cameras_being_read(session, clock.now())
        await clock_care.run_once(busy)

    async def look_at_settings() -> None:
        await policy_care.run_once()

    async def look_at_papers() -> None:
        await reminders.update_reminders(database, clock, zone)

    async def tell_of_holds() -> None:
        async with database.session() as session:
            await holds.tell_of_ends(session, clock.now())

    async def look_around() -> None:
        await survey.run(await asyncio.to_thread(ws_discovery.interfaces))

    scheduler = AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 600}, timezone="UTC"
    )
    scheduler.add_job(
        ask_for_patrol, "interval", minutes=settings.patrol.interval_minutes, id="patrol", next_run_time=clock.now()
    )
    scheduler.add_job(keep_figures, "interval", hours=1, id="figures", next_run_time=clock.now() + timedelta(minutes=3))
    scheduler.add_job(care_for_orders, "interval", minutes=1, id="orders")
    scheduler.add_job(
        retention.run_once, "interval", minutes=1, id="retention", next_run_time=clock.now() + timedelta(seconds=10)
    )
    needed = NeededSightings(database, clock, retention.guard)
    upkeep = Upkeep(
        database,
        clock,
        sighting_store_of(settings),
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
    scheduler.add_job(tell_of_holds, "interval", hours=1, id="holds", next_run_time=clock.now() + timedelta(minutes=7))
    scheduler.add_job(onboard_missing, "interval", minutes=10, id="onboarding", next_run_time=clock.now())
    scheduler.add_job(
        look_at_clocks, "interval", hours=1, id="clocks", next_run_time=clock.now() + timedelta(minutes=2)
    )
    daily(scheduler, clock, "policies", look_at_settings, minutes=10)
    daily(scheduler, clock, "doors", ExposureScan(database, clock).run_once, minutes=20)
    daily(scheduler, clock, "papers", look_at_papers, minutes=1)
    scheduler.add_job(look_around, "interval", hours=1, id="survey", next_run_time=clock.now() + timedelta(minutes=5))
    return scheduler


def daily(
    scheduler: AsyncIOScheduler, clock: SystemClock, name: str, work: Callable[[], Awaitable[Any]], *, minutes: int
) -> None:
    """Schedule `work` once a day, first `minutes` after the start."""
    scheduler.add_job(work, "interval", hours=24, id=name, next_run_time=clock.now() + timedelta(minutes=minutes))
