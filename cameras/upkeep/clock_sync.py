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

from cameras.onboarding.onboarding import MAX_PARALLEL_CAMERAS, Onboarding
from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import CameraTime, read_camera_time, set_time
from cameras.onvif.client import SoapClient
from cameras.onvif.soap import display_text
from cameras.per_camera import CAMERA_ERRORS, MAX_PROBLEM_CHARS, error_message, isolate_camera_errors
from cameras.registry import findings, model_quirks
from cameras.states import FindingKind, QuirkOutcome
from cameras.tables import Camera, ClockSample
from core.clock import Clock
from core.database import Database
from core.errors import CameraRefused, ProtocolError
from core.tasks import run_all

log = logging.getLogger(__name__)

MAX_CLOCK_ERROR_S = 2.0  # seconds
SAMPLE_CHANGE_S = 0.5  # seconds; smallest change of the error that is stored
FINDING_CLOCK_ERROR_S = 60.0  # seconds; larger errors become a finding
SETTING = "clock"


@dataclass(slots=True)
class ClockReading:
    """The reading of one camera. `problem` is an error message if it did not answer."""

    camera: str
    before: CameraTime | None = None
    after: CameraTime | None = None  # read again after the clock was set
    problem: str = ""
    refused: bool = False
    outcome: QuirkOutcome | None = None  # what the model did with the new time; None: it accepted it


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
            rejecting = await model_quirks.models_rejecting(session, SETTING)
        slots = asyncio.Semaphore(MAX_PARALLEL_CAMERAS)

        async def one(camera: Camera) -> ClockReading:
            async with slots:
                return await self._check(
                    camera, may_set=camera.id not in busy and camera.refused_at is None, rejecting=rejecting
                )

        readings = await run_all(*(one(c) for c in cameras))
        await self._store(readings)
        for reading in readings:
            if reading.refused:
                async with isolate_camera_errors(self._database, reading.camera):
                    await self._onboarding.refusals.record(reading.camera)
        return _summary(readings)

    async def _check(
        self, camera: Camera, *, may_set: bool, rejecting: Collection[model_quirks.ModelKey] = ()
    ) -> ClockReading:
        reading = ClockReading(camera.id)
        try:
            url = service_url(camera.address or "")
            client = await self._onboarding.clients.get(camera)
            # read_camera_time sends the credential only to cameras that refuse the request without it.
            reading.before = await read_camera_time(client, url, self._clock)
            offset = reading.before.offset
            may_set = may_set and camera.device is not None and model_quirks.model_key(camera) not in rejecting
            if offset is not None and abs(offset) > MAX_CLOCK_ERROR_S and may_set:
                await self._correct(client, url, reading)
        except CameraRefused as e:
            reading.refused, reading.problem = camera.credential is not None, str(e)
        except CAMERA_ERRORS as e:
            reading.problem = error_message(e)
        return reading

    async def _correct(self, client: SoapClient, url: str, reading: ClockReading) -> None:
        assert reading.before is not None
        client.clock_offset = reading.before.offset or 0.0
        try:
            reading.after = await set_time(client, url, self._clock, reading.before)
        except ProtocolError as e:  # a refusal; a timeout would say nothing about the model
            reading.outcome = QuirkOutcome.REFUSED
            log.info("%s refuses to set its clock: %s", reading.camera, e)
            return
        if reading.after.offset is None or abs(reading.after.offset) > MAX_CLOCK_ERROR_S:
            reading.outcome = QuirkOutcome.IGNORED

    async def _store(self, readings: Sequence[ClockReading]) -> None:
        """Store all readings in one transaction; if that fails, each reading in its own transaction."""
        try:
            async with self._database.session() as session:
                rows = {c.id: c for c in await session.scalars(select(Camera))}
                for reading in readings:
                    if (row := rows.get(reading.camera)) is not None:
                        await self._store_one(session, row, reading)
        except CAMERA_ERRORS:
            for reading in readings:
                async with isolate_camera_errors(self._database, reading.camera), self._database.session() as session:
                    await self._store_one(session, await session.get_one(Camera, reading.camera), reading)

    async def _store_one(self, session: AsyncSession, row: Camera, reading: ClockReading) -> None:
        now = self._clock.now()
        if reading.before is None:
            row.problem = display_text(reading.problem, MAX_PROBLEM_CHARS)
            return
        row.seen_at, row.problem = now, display_text(reading.problem, MAX_PROBLEM_CHARS) or None
        was, offset = row.clock_offset, reading.before.offset
        row.clock_offset = reading.after.offset if reading.after is not None else offset
        if offset is not None and (was is None or abs(offset - was) > SAMPLE_CHANGE_S or reading.after is not None):
            session.add(ClockSample(camera=row.id, at=now, offset=offset, corrected=reading.after is not None))
        if reading.outcome:
            await model_quirks.record_quirk(session, row, SETTING, reading.outcome, now)
        subject = findings.FindingSubject.of(row)
        error = row.clock_offset
        zone = reading.before.zone_mistake and reading.after is None
        for kind, is_wrong in (
            (FindingKind.ZONE_WRONG, zone),
            (FindingKind.CLOCK_WRONG, not zone and error is not None and abs(error) > FINDING_CLOCK_ERROR_S),
        ):
            if is_wrong:
                # Whole seconds, so that small clock jitter does not rewrite the finding.
                await findings.open_or_update(
                    session, now, kind, subject, offset=round(error or 0.0), zone=display_text(reading.before.zone)
                )
            else:
                await findings.close(session, now, [kind], subject)


def _summary(readings: Sequence[ClockReading]) -> ClockRound:
    result = ClockRound(asked=len(readings))
    for reading in readings:
        if reading.before is None:
            result.silent.append(reading.camera)
            continue
        now = reading.after.offset if reading.after is not None else reading.before.offset
        if reading.after is not None and not reading.outcome:
            result.corrected.append(reading.camera)
        elif now is None or abs(now) > MAX_CLOCK_ERROR_S:
            result.wrong.append(reading.camera)
    return result
