"""Builds the aiohttp application of the controller: API, console and printed pages.

`build` takes settings, database, accounts and clock and returns the application. It creates the shared `Services`; the
application closes them on cleanup. `web.http.listener` serves the result.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from cameras.onvif.client import http_session
from cameras.ptz import PtzControl
from cameras.registry import firmware
from cameras.vault import open_vault
from core.accounts.accounts import Accounts
from core.accounts.second_factor.service import SecondFactors
from core.accounts.sign_in import SignInService
from core.audit.verification import Verifier
from core.clock import Clock
from core.database import Database
from core.executors import FairExecutor
from core.network.connect_limiter import ConnectLimiter
from core.secrets import KEY_FILE
from core.settings import Settings
from core.tasks import BackgroundTasks
from nvr.archive.reader import ArchiveReader
from nvr.playback.decode_pool import DecodePool
from nvr.playback.live import node_token
from reports.coverage import Reports
from search.analysis import pipeline
from search.models import ModelRegistry
from search.store.upkeep import model_dir_of, sighting_store_of
from web import api
from web.doctor.checks import CHECKS
from web.doctor.facts import CheckedStation
from web.doctor.runner import Doctor
from web.framework import enforcement, refusals
from web.http import anonymous_limit, not_found, phone_site, proxies, security_headers
from web.http.anonymous_limit import AnonymousLimit
from web.http.connection_limits import MAX_DOWNLOADS, MAX_EVENT_SOCKETS, MAX_LIVE_SOCKETS, OpeningRate, SocketLimit
from web.http.file_response import FileResponse, Static
from web.http.request_bodies import MAX_JSON_BYTES, Uploads
from web.services import SERVICES, Services
from web.sessions.attendance import Attendance, PlaybackLog, ask_after_s
from web.sessions.footage_grants import FootageGrants
from web.sessions.known_callers import KnownCallers, caller_names
from web.sessions.media_tickets import MediaTickets
from web.sessions.sign_in_limit import SignInLimit
from web.work.event_feed import EventFeed
from web.work.map_files import MapFiles
from web.work.motion_jobs import MotionJobs
from web.work.onboarding_jobs import OnboardingWork
from web.work.snapshots import Snapshots

DIST = Path(__file__).parent / "console" / "dist"
# Files whose names contain a hash of their content never change.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
# The console's own pages; each path is answered with index.html.
CONSOLE_PATHS = (
    "/",
    "/login",
    "/today",
    "/wall",
    "/map",
    "/cameras/{camera}",
    "/admin",
    "/admin/{part}",
    "/live",
    "/playback",
    "/patrol",
    "/search",
    "/watch",
    "/cases",
    "/holds",
    "/reports",
    "/cameras",
    "/audit",
    "/account",
    "/accounts",
    "/password",
    "/second-factor",
    "/orders",
    "/review",
)


def build(settings: Settings, database: Database, accounts: Accounts, clock: Clock) -> web.Application:
    """Return the application, ready to run; needs a running event loop."""
    services = _services(settings, database, accounts, clock)
    names = partial(caller_names, settings=settings.web)
    limited = anonymous_limit.middleware(services.anonymous_limit, settings.web, names, refusals.too_many)
    app = web.Application(
        middlewares=[
            proxies.middleware(settings.web),
            security_headers.middleware,
            limited,
            not_found.middleware(_page_of, refusals.error),
        ],
        client_max_size=MAX_JSON_BYTES,
    )
    app[SERVICES] = services
    app[security_headers.MAP_ORIGIN] = security_headers.origin_of(settings.map.wmts_url)
    enforcement.install(app, api.ROUTES)
    for page in CONSOLE_PATHS:
        app.router.add_get(page, _index)
    phone_site.add_routes(app.router, lambda: DIST)
    if (DIST / "assets").is_dir():
        app.router.register_resource(Static("/assets", DIST / "assets", headers=ASSET_HEADERS))
    app.cleanup_ctx.append(_background)
    app.on_shutdown.append(_close_sockets)
    return app


def _services(settings: Settings, database: Database, accounts: Accounts, clock: Clock) -> Services:
    data_dir = settings.data.dir.absolute()
    vault = partial(open_vault, database, data_dir / KEY_FILE)
    sign_in = SignInService(database, clock, accounts, vault)
    known = KnownCallers(clock, accounts, sign_in.attempts, data_dir)
    footage = FairExecutor("footage", 8, max_running_per_account=4, max_waiting=600, max_waiting_per_account=200)
    search = FairExecutor("search", 4, max_running_per_account=2, max_waiting=40, max_waiting_per_account=10)
    pool, reader = DecodePool(1), ArchiveReader(database, clock, footage.run)
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        accounts=accounts,
        reader=reader,
        reports=Reports(database, clock, settings.station.timezone),
        event_feed=EventFeed(database, clock),
        tickets=MediaTickets(clock),
        decode_pool=pool,
        snapshots=Snapshots(pool),
        node_token=node_token(data_dir),
        data_dir=data_dir,
        zone=ZoneInfo(settings.station.timezone),
        sighting_store=sighting_store_of(settings),
        model_registry=ModelRegistry(model_dir_of(settings)),
        motion_jobs=MotionJobs(clock, reader),
        sign_in_limit=SignInLimit(clock),
        sign_in_service=sign_in,
        second_factors=SecondFactors(database, clock, sign_in.attempts, vault, settings.station.name),
        anonymous_limit=AnonymousLimit(clock, known.first_known),
        search_executor=search,
        footage_executor=footage,
        page_executor=FairExecutor("pages", 2, max_running_per_account=1, max_waiting=20, max_waiting_per_account=4),
        audit_verifier=Verifier(database, data_dir),
        footage_grants=FootageGrants(clock),
        attendance=Attendance(clock, ask_after_s(timedelta(minutes=settings.web.idle_minutes))),
        playback_log=PlaybackLog(database, clock),
        event_sockets=SocketLimit(MAX_EVENT_SOCKETS),
        live_sockets=SocketLimit(MAX_LIVE_SOCKETS),
        opening_rate=OpeningRate(clock),
        downloads=SocketLimit(MAX_DOWNLOADS),
        map_files=MapFiles(data_dir),
        doctor=Doctor(CHECKS, CheckedStation(settings, clock, database)),
        uploads=Uploads(data_dir),
        example_pool=DecodePool(1, 40.0, pipeline.prepare, (settings.search, model_dir_of(settings))),
    )


def _page_of(path: str) -> Path:
    """Return the document that answers for an address which nobody serves."""
    return DIST / ("phone.html" if path.startswith(phone_site.PHONE) else "index.html")


async def _index(_request: web.Request) -> web.StreamResponse:
    page = DIST / "index.html"
    if not await asyncio.to_thread(page.is_file):
        return web.Response(status=503, text="The console is not built; run ./minwang, which builds it.\n")
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


async def _background(app: web.Application):  # type: ignore[no-untyped-def]
    services = app[SERVICES]
    services.http = aiohttp.ClientSession()
    cameras_http = http_session(ConnectLimiter.of_station(services.settings, services.clock))
    vault = await open_vault(services.database, services.data_dir / KEY_FILE)
    holes = await asyncio.to_thread(firmware.load, services.data_dir)
    services.onboarding = OnboardingWork(services.database, vault, services.clock, cameras_http, holes)
    services.ptz = PtzControl(services.clock, services.onboarding.onboarding)
    tasks = BackgroundTasks(services.clock)
    tasks.run_forever("event feed", services.event_feed.run)
    tasks.run_forever("playback log", services.playback_log.run)
    yield
    await tasks.close()
    await services.ptz.close()
    await services.onboarding.close()
    await cameras_http.close()
    await services.http.close()
    await services.transcoders.close()
    await services.decode_pool.close()
    await services.motion_jobs.close()
    await services.example_pool.close()
    await services.uploads.close()
    await services.printer.close()
    await asyncio.to_thread(services.sighting_store.close)
    await services.playback_log.close()  # last: the database may be unreachable


async def _close_sockets(app: web.Application) -> None:
    for socket in list(app[SERVICES].sockets):
        await socket.close(code=1001, message=b"the station is shutting down")
