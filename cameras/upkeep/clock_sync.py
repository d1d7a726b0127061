"""Hourly check of every camera: whether it answers, and its clock.

Each camera gets one request, without credentials if it allows that. A clock with an error of more than 2 s is set,
together with its time zone, and read again: the value read afterwards counts, not the success reply. Clocks of cameras
whose card is being read are not changed, because recordings are found by the camera's clock. A model that does not
accept the setting is remembered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onboarding.onboarding import AT_ONCE, Onboarding
from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import CameraTime, camera_time, set_time
from cameras.onvif.client import SoapClient
from cameras.onvif.soap import for_people
from cameras.per_camera import MAX_PROBLEM, TROUBLE, own_trouble, why
from cameras.registry import findings, model_quirks
from cameras.tables import Camera, ClockSample
from core.clock import Clock
from core.database import Database
from core.errors import CameraRefused, ProtocolError
from core.tasks import run_all

log = logging.getLogger(__name__)

TOLERATED = 2.0  # seconds
NOTEWORTHY = 0.5  # seconds; smallest change of the error that is stored
ALARMING = 60.0  # seconds; larger errors become a finding
SETTING = "clock"


@dataclass(slots=True)
class ClockReading:
    """The reading of one camera. `problem` is an error message if it did not answer."""

    camera: str
    told: CameraTime | None = None
    after: CameraTime | None = None  # read again after the clock was set
    problem: str = ""
    refused: bool = False
    outcome: str = ""  # result of the Set, for model_quirks: refused, ignored


@dataclass(slots=True)
class ClockRound:
    """Result of one run: number of cameras asked, and the ids of silent, corrected and still wrong ones."""

    asked: int = 0
    silent: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class ClockSync:
    """Reads and corrects the clocks of all cameras; stores clock samples and findings."""

    def __init__(self, database: Database, clock: Clock, onboarding: Onboarding):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding

    async def run_once(self, busy: Collection[str] = ()) -> ClockRound:
        """Read every camera's clock; `busy` are the cameras whose clock must not be changed now."""
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.address.is_not(None)))
            ).all()
            stubborn = await model_quirks.with_setting(session, SETTING)
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(camera: Camera) -> ClockReading:
            async with slots:
                return await self._look(
                    camera, may_set=camera.id not in busy and camera.refused_at is None, stubborn=stubborn
                )

        looks = await run_all(*(one(c) for c in cameras))
        await self._keep(looks)
        for look in looks:
            if look.refused:
                async with own_trouble(self._database, look.camera):
                    await self._onboarding.refused(look.camera)
        return _summary(looks)

    async def _look(
        self, camera: Camera, *, may_set: bool, stubborn: Collection[model_quirks.Key] = ()
    ) -> ClockReading:
        look = ClockReading(camera.id)
        try:
            url = service_url(camera.address or "")
            client = await self._onboarding.client(camera)
            # camera_time sends the credential only to cameras that refuse the request without it.
            look.told = await camera_time(client, url, self._clock)
            offset = look.told.offset
            may_set = may_set and camera.device is not None and model_quirks.key(camera) not in stubborn
            if offset is not None and abs(offset) > TOLERATED and may_set:
                await self._correct(client, url, look)
        except CameraRefused as e:
            look.refused, look.problem = camera.credential is not None, str(e)
        except TROUBLE as e:
            look.problem = why(e)
        return look

    async def _correct(self, client: SoapClient, url: str, look: ClockReading) -> None:
        assert look.told is not None
        client.clock_offset = look.told.offset or 0.0
        try:
            look.after = await set_time(client, url, self._clock, look.told)
        except ProtocolError as e:  # a refusal; a timeout would say nothing about the model
            look.outcome = "refused"
            log.info("%s does not take a time: %s", look.camera, e)
            return
        if look.after.offset is None or abs(look.after.offset) > TOLERATED:
            look.outcome = "ignored"

    async def _keep(self, looks: Sequence[ClockReading]) -> None:
        """Store all readings in one transaction; if that fails, each reading in its own transaction."""
        try:
            async with self._database.session() as session:
                rows = {c.id: c for c in await session.scalars(select(Camera))}
                for look in looks:
                    if (row := rows.get(look.camera)) is not None:
                        await self._keep_one(session, row, look)
        except TROUBLE:
            for look in looks:
                async with own_trouble(self._database, look.camera), self._database.session() as session:
                    await self._keep_one(session, await session.get_one(Camera, look.camera), look)

    async def _keep_one(self, session: AsyncSession, row: Camera, look: ClockReading) -> None:
        now = self._clock.now()
        if look.told is None:
            row.problem = for_people(look.problem, MAX_PROBLEM)
            return
        row.seen_at, row.problem = now, for_people(look.problem, MAX_PROBLEM) or None
        was, told = row.clock_offset, look.told.offset
        row.clock_offset = look.after.offset if look.after is not None else told
        if told is not None and (was is None or abs(told - was) > NOTEWORTHY or look.after is not None):
            session.add(ClockSample(camera=row.id, at=now, offset=told, corrected=look.after is not None))
        if look.outcome:
            await model_quirks.note(session, row, SETTING, look.outcome, now)
        about = findings.FindingSubject.of(row)
        error = row.clock_offset
        zone = look.told.zone_mistake and look.after is None
        for kind, there in (
            ("zone_wrong", zone),
            ("clock_wrong", not zone and error is not None and abs(error) > ALARMING),
        ):
            if there:
                # Whole seconds, so that small clock jitter does not rewrite the finding.
                await findings.tell(
                    session, now, kind, about, offset=round(error or 0.0), zone=for_people(look.told.zone)
                )
            else:
                await findings.gone(session, now, [kind], about)


def _summary(looks: Sequence[ClockReading]) -> ClockRound:
    result = ClockRound(asked=len(looks))
    for look in looks:
        if look.told is None:
            result.silent.append(look.camera)
            continue
        now = look.after.offset if look.after is not None else look.told.offset
        if look.after is not None and not look.outcome:
            result.corrected.append(look.camera)
        elif now is None or abs(now) > TOLERATED:
            result.wrong.append(look.camera)
    return result
