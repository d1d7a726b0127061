"""The services that HTTP handlers use. The controller process creates them once (`web.server.build`)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from cameras.ptz import PtzControl
from core.accounts.accounts import Accounts, Identity
from core.accounts.sign_in import SignInService
from core.audit.verification import Verifier
from core.clock import Clock
from core.database import Database
from core.executors import FairExecutor
from core.settings import Settings
from core.tasks import spawn
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import snapshot
from nvr.playback.transcode import Transcoders
from reports.coverage import Reports
from search.analysis.detectors.load import detector_name
from search.models import ModelRegistry
from search.store import SightingStore
from web.doctor.runner import Doctor
from web.http.anonymous_limit import AnonymousLimit
from web.http.connection_limits import OpeningRate, SocketLimit
from web.http.request_bodies import BodyBudget, Uploads
from web.sessions.attendance import Attendance, PlaybackLog
from web.sessions.footage_grants import FootageGrants
from web.sessions.sign_in_limit import SignInLimit
from web.work.event_feed import EventFeed
from web.work.motion_jobs import MotionJobs
from web.work.onboarding_jobs import OnboardingWork
from web.work.printer import Printer

log = logging.getLogger(__name__)

TICKET_LIFETIME_S = 30.0
MAX_TICKETS = 10_000
MAX_TICKETS_PER_PERSON = 200
MAX_SNAPSHOTS = 500


@dataclass(frozen=True, slots=True)
class MediaTicket:
    """Single-use ticket to open one media socket.

    Bound to one stream and to the person, session and purpose that it was issued for.
    """

    user_id: int
    session: str
    purpose: str
    stream: str  # <camera>/<kind>
    expires: float  # monotonic seconds
    transcode: bool = False


class MediaTickets:
    """Media tickets that are issued and not yet redeemed, in memory only. Each is valid for TICKET_LIFETIME_S.

    One person holds at most MAX_TICKETS_PER_PERSON, all persons together MAX_TICKETS; beyond that the oldest are
    dropped.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._open: dict[str, MediaTicket] = {}

    def issue(self, who: Identity, stream: str, transcode: bool = False) -> str:
        """Return the key of a new ticket for `stream`."""
        now, user_id = self._clock.monotonic(), who.user_id
        self._open = {k: t for k, t in self._open.items() if t.expires > now}
        mine = [k for k, t in self._open.items() if t.user_id == user_id]
        for old in mine[: max(0, len(mine) + 1 - MAX_TICKETS_PER_PERSON)]:  # drops this person's oldest only
            del self._open[old]
        while len(self._open) >= MAX_TICKETS:
            self._open.pop(next(iter(self._open)))
        key = secrets.token_urlsafe(24)
        self._open[key] = MediaTicket(user_id, who.session, who.purpose, stream, now + TICKET_LIFETIME_S, transcode)
        return key

    def redeem(self, key: str, who: Identity) -> MediaTicket | None:
        """Return the ticket and remove it; None if expired, unknown, or of another person, session or purpose."""
        ticket = self._open.pop(key, None)
        if ticket is None or ticket.expires < self._clock.monotonic():
            return None
        bound = ticket.user_id, ticket.session, ticket.purpose
        return ticket if bound == (who.user_id, who.session, who.purpose) else None


class Snapshots:
    """JPEGs of keyframes, each decoded once however many clients request it; the newest MAX_SNAPSHOTS are kept."""

    def __init__(self, pool: DecodePool):
        self._pool = pool
        self._decodes: OrderedDict[tuple[str, int, int], asyncio.Task[bytes]] = OrderedDict()

    async def jpeg(self, frame: Keyframe, width: int) -> bytes:
        """Return `frame` as JPEG, `width` pixels wide. Raises ProtocolError if the keyframe cannot be decoded."""
        key = (frame.stream, frame.at_us, width)
        if key not in self._decodes:
            self._decodes[key] = task = spawn(self._pool.run(snapshot, frame, width), "snapshot")
            task.add_done_callback(partial(self._forget_failure, key))
            while len(self._decodes) > MAX_SNAPSHOTS:
                self._decodes.popitem(last=False)
        return await asyncio.shield(self._decodes[key])

    def _forget_failure(self, key: tuple[str, int, int], task: asyncio.Task[bytes]) -> None:
        """Drop a failed or cancelled decode from the cache, so that the next request tries again."""
        if (task.cancelled() or task.exception() is not None) and self._decodes.get(key) is task:
            del self._decodes[key]


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
    transcoders: Transcoders
    node_token: str
    data_dir: Path
    zone: ZoneInfo  # the station's time zone
    sighting_store: SightingStore
    model_registry: ModelRegistry
    body_budget: BodyBudget
    uploads: Uploads
    printer: Printer
    example_pool: DecodePool  # loads the search models; analyses example pictures
    motion_jobs: MotionJobs
    doctor: Doctor  # checks of the station itself
    sign_in_limit: SignInLimit
    anonymous_limit: AnonymousLimit
    search_executor: FairExecutor  # search queries on the sighting store
    footage_executor: FairExecutor  # reads of segment files and of their indexes
    page_executor: FairExecutor  # renders printed pages to HTML before they become PDF
    event_sockets: SocketLimit
    live_sockets: SocketLimit
    sign_in_service: SignIns
    audit_verifier: Verifier
    footage_grants: FootageGrants
    attendance: Attendance
    playback_log: PlaybackLog
    opening_rate: OpeningRate
    http: aiohttp.ClientSession | None = None
    onboarding: OnboardingWork | None = None
    ptz: PtzControl | None = None
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    def detector_name(self) -> str:
        """Return id and version of the detector that analyses the pictures. Blocking; call it from a thread."""
        return detector_name(self.settings.search, self.model_registry)


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
