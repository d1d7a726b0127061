"""What the handlers work with, made once by the controller process."""

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
from core.accounts.sign_in import SignIns
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
from search.analysis.detectors.load import name as detector_name
from search.models import ModelRegistry
from search.store import SightingStore
from web.doctor.runner import Doctor
from web.http.anonymous_limit import AnonymousLimit
from web.http.connection_limits import OpeningRate, SocketLimit
from web.http.request_bodies import Budget, Uploads
from web.sessions.attendance import Attendance, PlaybackLog
from web.sessions.footage_grants import FootageGrants
from web.sessions.sign_in_limit import SignInLimit
from web.work.event_feed import EventFeed
from web.work.motion_jobs import MotionJobs
from web.work.onboarding_jobs import OnboardingWork
from web.work.printer import Printer

log = logging.getLogger(__name__)

TICKET_SECONDS = 30.0
MAX_TICKETS = 10_000
MAX_TICKETS_PERSON = 200
MAX_SNAPSHOTS = 500


@dataclass(frozen=True, slots=True)
class MediaTicket:
    """Single-use leave to open one media socket: of one stream, for the person, session and purpose that asked for it."""

    user_id: int
    session: str
    purpose: str
    stream: str  # <camera>/<kind>
    expires: float  # monotonic
    transcode: bool = False


class Tickets:
    def __init__(self, clock: Clock):
        self._clock = clock
        self._open: dict[str, MediaTicket] = {}

    def issue(self, who: Identity, stream: str, transcode: bool = False) -> str:
        now, user_id = self._clock.monotonic(), who.user_id
        self._open = {k: t for k, t in self._open.items() if t.expires > now}
        mine = [k for k, t in self._open.items() if t.user_id == user_id]
        for old in mine[: max(0, len(mine) + 1 - MAX_TICKETS_PERSON)]:  # of one person never others'
            del self._open[old]
        while len(self._open) >= MAX_TICKETS:
            self._open.pop(next(iter(self._open)))
        key = secrets.token_urlsafe(24)
        self._open[key] = MediaTicket(user_id, who.session, who.purpose, stream, now + TICKET_SECONDS, transcode)
        return key

    def redeem(self, key: str, who: Identity) -> MediaTicket | None:
        """The ticket, if it opens something for this person in this session for its present purpose; once."""
        ticket = self._open.pop(key, None)
        if ticket is None or ticket.expires < self._clock.monotonic():
            return None
        bound = ticket.user_id, ticket.session, ticket.purpose
        return ticket if bound == (who.user_id, who.session, who.purpose) else None


class Snapshots:
    """JPEGs of keyframes: each is decoded once, however many look at it."""

    def __init__(self, pool: DecodePool):
        self._pool = pool
        self._kept: OrderedDict[tuple[str, int, int], asyncio.Task[bytes]] = OrderedDict()

    async def of(self, frame: Keyframe, width: int) -> bytes:
        """Raises ProtocolError where the keyframe does not decode."""
        key = (frame.stream, frame.at_us, width)
        if key not in self._kept:
            self._kept[key] = task = spawn(self._pool.run(snapshot, frame, width), "snapshot")
            task.add_done_callback(partial(self._forget_failure, key))
            while len(self._kept) > MAX_SNAPSHOTS:
                self._kept.popitem(last=False)
        return await asyncio.shield(self._kept[key])

    def _forget_failure(self, key: tuple[str, int, int], task: asyncio.Task[bytes]) -> None:
        """Whatever it failed of is over perhaps when it is asked for again."""
        if (task.cancelled() or task.exception() is not None) and self._kept.get(key) is task:
            del self._kept[key]


@dataclass
class Services:
    settings: Settings
    database: Database
    clock: Clock
    accounts: Accounts
    reader: ArchiveReader
    reports: Reports
    feed: EventFeed
    tickets: Tickets
    pool: DecodePool
    snapshots: Snapshots
    transcoders: Transcoders
    node_token: str
    data_dir: Path
    zone: ZoneInfo  # of the station
    days: SightingStore
    shelf: ModelRegistry
    bodies: Budget
    uploads: Uploads
    printer: Printer
    looker: DecodePool  # with the search models loaded, for example pictures
    motion: MotionJobs
    doctor: Doctor  # of the station itself
    sign_ins: SignInLimit
    anonymous: AnonymousLimit
    searching: FairExecutor  # questions to the index of sightings
    footage: FairExecutor  # reads of segment files and their indexes
    pages: FairExecutor  # printed pages before they are a PDF
    event_sockets: SocketLimit
    live_sockets: SocketLimit
    sign_in: SignIns
    audit: Verifier
    looks: FootageGrants
    attendance: Attendance
    playback_log: PlaybackLog
    opening_rate: OpeningRate
    http: aiohttp.ClientSession | None = None
    onboarding: OnboardingWork | None = None
    ptz: PtzControl | None = None
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    def detector_name(self) -> str:
        """Id and version of what looks at the pictures. Not for the loop."""
        return detector_name(self.settings.search, self.shelf)


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
