"""The services that HTTP handlers use. The controller process creates them once (`web.server.build`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from cameras.ptz import PtzControl
from core.accounts.accounts import Accounts
from core.accounts.second_factor.service import SecondFactors
from core.accounts.sign_in import SignInService
from core.audit.verification import Verifier
from core.clock import Clock
from core.database import Database
from core.executors import FairExecutor
from core.settings import Settings
from nvr.archive.reader import ArchiveReader
from nvr.playback.decode_pool import DecodePool
from nvr.playback.transcode import Transcoders
from reports.coverage import Reports
from search.analysis.detectors.load import detector_name
from search.models import ModelRegistry
from search.query.unseen import Abilities, abilities
from search.store import SightingStore
from web.doctor.runner import Doctor
from web.http.anonymous_limit import AnonymousLimit
from web.http.connection_limits import OpeningRate, SocketLimit
from web.http.request_bodies import BodyBudget, Uploads
from web.sessions.attendance import Attendance, PlaybackLog
from web.sessions.footage_grants import FootageGrants
from web.sessions.media_tickets import MediaTickets
from web.sessions.sign_in_limit import SignInLimit
from web.work.event_feed import EventFeed
from web.work.map_files import MapFiles
from web.work.motion_jobs import MotionJobs
from web.work.onboarding_jobs import OnboardingWork
from web.work.printer import Printer
from web.work.snapshots import Snapshots
from web.work.today_tables import TodayTables


@dataclass
class Services:
    """The objects that handlers share: one instance per controller, in the application under `SERVICES`."""

    settings: Settings
    database: Database
    clock: Clock
    accounts: Accounts
    reader: ArchiveReader
    reports: Reports
    event_feed: EventFeed
    tickets: MediaTickets
    decode_pool: DecodePool
    snapshots: Snapshots
    node_token: str
    data_dir: Path
    zone: ZoneInfo  # the station's time zone
    sighting_store: SightingStore
    model_registry: ModelRegistry
    uploads: Uploads
    example_pool: DecodePool  # loads the search models; analyses example pictures
    motion_jobs: MotionJobs
    map_files: MapFiles
    doctor: Doctor  # checks of the station itself
    sign_in_limit: SignInLimit
    anonymous_limit: AnonymousLimit
    search_executor: FairExecutor  # search queries on the sighting store
    footage_executor: FairExecutor  # reads of segment files and of their indexes
    page_executor: FairExecutor  # renders printed pages to HTML before they become PDF
    event_sockets: SocketLimit
    live_sockets: SocketLimit
    sign_in_service: SignInService
    second_factors: SecondFactors
    audit_verifier: Verifier
    footage_grants: FootageGrants
    attendance: Attendance
    playback_log: PlaybackLog
    opening_rate: OpeningRate
    downloads: SocketLimit  # clips and time-lapses that are being sent
    transcoders: Transcoders = field(default_factory=Transcoders)
    body_budget: BodyBudget = field(default_factory=BodyBudget)
    printer: Printer = field(default_factory=Printer)
    today_tables: TodayTables = field(default_factory=TodayTables)
    http: aiohttp.ClientSession | None = None
    onboarding: OnboardingWork | None = None
    ptz: PtzControl | None = None
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    def detector_name(self) -> str:
        """Return id and version of the detector that analyses the pictures. Blocking; call it from a thread."""
        return detector_name(self.settings.search, self.model_registry)

    def search_abilities(self) -> Abilities | None:
        """Return what the model packs in use can tell. Blocking; call it from a thread."""
        return abilities(self.settings.search, self.model_registry)


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
