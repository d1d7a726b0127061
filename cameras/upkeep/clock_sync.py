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
from cameras.per_camera import CAMERA_ERRORS, MAX_PROBLEM_CHARS, error_message, isolate_camera_errors
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
            stubborn = await model_quirks.models_rejecting(session, SETTING)
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(camera: Camera) -> ClockReading:
            async with slots:
                return await self._look(
                    camera, may_set=camera.id not in busy and camera.refused_at is None, stubborn=stubborn
                )

        readings = await run_all(*(one(c) for c in cameras))
        await self._keep(readings)
        for reading in readings:
            if reading.refused:
                async with isolate_camera_errors(self._database, reading.camera):
                    await self._onboarding.refused(reading.camera)
        return _summary(readings)

    async def _look(
        self, camera: Camera, *, may_set: bool, stubborn: Collection[model_quirks.ModelKey] = ()
    ) -> ClockReading:
        reading = ClockReading(camera.id)
        try:
            url = service_url(camera.address or "")
            client = await self._onboarding.client(camera)
            # camera_time sends the credential only to cameras that refuse the request without it.
            reading.told = await camera_time(client, url, self._clock)
            offset = reading.told.offset
            may_set = may_set and camera.device is not None and model_quirks.model_key(camera) not in stubborn
            if offset is not None and abs(offset) > TOLERATED and may_set:
                await self._correct(client, url, reading)
        except CameraRefused as e:
            reading.refused, reading.problem = camera.credential is not None, str(e)
        except CAMERA_ERRORS as e:
            reading.problem = error_message(e)
        return reading

    async def _correct(self, client: SoapClient, url: str, reading: ClockReading) -> None:
        assert reading.told is not None
        client.clock_offset = reading.told.offset or 0.0
        try:
            reading.after = await set_time(client, url, self._clock, reading.told)
        except ProtocolError as e:  # a refusal; a timeout would say nothing about the model
            reading.outcome = "refused"
            log.info("%s does not take a time: %s", reading.camera, e)
            return
        if reading.after.offset is None or abs(reading.after.offset) > TOLERATED:
            reading.outcome = "ignored"

    async def _keep(self, readings: Sequence[ClockReading]) -> None:
        """Store all readings in one transaction; if that fails, each reading in its own transaction."""
        try:
            async with self._database.session() as session:
                rows = {c.id: c for c in await session.scalars(select(Camera))}
                for reading in readings:
                    if (row := rows.get(reading.camera)) is not None:
                        await self._keep_one(session, row, reading)
        except CAMERA_ERRORS:
            for reading in readings:
                async with isolate_camera_errors(self._database, reading.camera), self._database.session() as session:
                    await self._keep_one(session, await session.get_one(Camera, reading.camera), reading)

    async def _keep_one(self, session: AsyncSession, row: Camera, reading: ClockReading) -> None:
        now = self._clock.now()
        if reading.told is None:
            row.problem = for_people(reading.problem, MAX_PROBLEM_CHARS)
            return
        row.seen_at, row.problem = now, for_people(reading.problem, MAX_PROBLEM_CHARS) or None
        was, told = row.clock_offset, reading.told.offset
        row.clock_offset = reading.after.offset if reading.after is not None else told
        if told is not None and (was is None or abs(told - was) > NOTEWORTHY or reading.after is not None):
            session.add(ClockSample(camera=row.id, at=now, offset=told, corrected=reading.after is not None))
        if reading.outcome:
            await model_quirks.record_quirk(session, row, SETTING, reading.outcome, now)
        subject = findings.FindingSubject.of(row)
        error = row.clock_offset
        zone = reading.told.zone_mistake and reading.after is None
        for kind, there in (
            ("zone_wrong", zone),
            ("clock_wrong", not zone and error is not None and abs(error) > ALARMING),
        ):
            if there:
                # Whole seconds, so that small clock jitter does not rewrite the finding.
                await findings.open_or_update(
                    session, now, kind, subject, offset=round(error or 0.0), zone=for_people(reading.told.zone)
                )
            else:
                await findings.close(session, now, [kind], subject)


def _summary(readings: Sequence[ClockReading]) -> ClockRound:
    result = ClockRound(asked=len(readings))
    for reading in readings:
        if reading.told is None:
            result.silent.append(reading.camera)
            continue
        now = reading.after.offset if reading.after is not None else reading.told.offset
        if reading.after is not None and not reading.outcome:
            result.corrected.append(reading.camera)
        elif now is None or abs(now) > TOLERATED:
            result.wrong.append(reading.camera)
    return result
