"""A patrol round: look at every camera, look again where something is suspicious, open and close faults.

Rounds are rows: the schedule or a person asks for one (`ask`), the analyst process does it (`Patrol`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras import registry
from cameras.tables import Camera, Stream
from core import audit, events
from core.clock import Clock
from core.database import Database
from core.errors import ProtocolError
from core.settings import PatrolSettings
from health import picture as picture_checks
from health import stream as stream_checks
from health.faults import FAMILIES, LIVE_STATES, OPEN, RECOVERING, advance, judge
from health.tables import Fault, Look, PatrolRound
from nvr.decode_pool import DecodePool
from nvr.reader import ArchiveReader
from nvr.tables import StreamStatus

log = logging.getLogger(__name__)

AT_ONCE = 4
HISTORY = 60  # earlier looks a camera is compared with
KEYFRAMES = 8


async def ask(session: AsyncSession, at: datetime, by: str) -> PatrolRound:
    """Ask for a round; one that waits already is returned instead of a second."""
    waiting = await session.scalar(select(PatrolRound).where(PatrolRound.started_at.is_(None)).limit(1))
    if waiting is not None:
        return waiting
    row = PatrolRound(asked_at=at, asked_by=by)
    session.add(row)
    await session.flush()
    events.append(session, at, "patrol.asked", round=row.id, by=by)
    if by != "schedule":
        await audit.record(session, at, by, "patrol.ask", str(row.id))
    return row


class Patrol:
    def __init__(self, database: Database, clock: Clock, settings: PatrolSettings, data_dir: Path, pool: DecodePool):
        self._database = database
        self._clock = clock
        self._settings = settings
        self._data_dir = data_dir
        self._pool = pool
        self._reader = ArchiveReader(database, clock)

    async def run_waiting(self) -> bool:
        """Do the oldest round that waits; False where none does."""
        async with self._database.session() as session:
            row = await session.scalar(
                select(PatrolRound).where(PatrolRound.finished_at.is_(None)).order_by(PatrolRound.id).limit(1)
            )
            if row is None:
                return False
            row.started_at = row.started_at or self._clock.now()
            number = row.id
        await self.run_round(number)
        return True

    async def run_round(self, number: int) -> None:
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
        undecided = await self._look_at_all(number, cameras)
        for _ in range(2):
            if not undecided:
                break
            await self._clock.sleep(self._settings.look_again_seconds)
            undecided = await self._look_at_all(number, undecided)
        await self._finish(number, len(cameras))

    async def _look_at_all(self, number: int, cameras: Sequence[Camera]) -> list[Camera]:
        """Look at each; returns those with a fault that still wants confirmation."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(camera: Camera) -> bool:
            async with slots:
                return await self.look(number, camera)

        undecided = await asyncio.gather(*(one(c) for c in cameras))
        return [c for c, again in zip(cameras, undecided, strict=True) if again]

    async def look(self, number: int, camera: Camera) -> bool:
        """One look at one camera; True where another look is needed to decide."""
        now = self._clock.now()
        stream = registry.watched_stream(camera)
        async with self._database.reading() as session:
            status = await session.get(StreamStatus, stream.id) if stream else None
            accepted = await _accepted(session, camera.id)
        figures: dict[str, Any] = dict(stream_checks.figures(status))
        found, unknown = stream_checks.findings(status, now, stream.fps if stream else None, accepted)
        jpeg = b""
        if stream is not None and not {"no_stream", "auth"} & set(found):
            jpeg = await self._look_at_picture(stream, accepted, figures, found, unknown)
        else:
            unknown |= {"black", "frozen", "blurred"}
        verdict = judge(found, unknown)
        return await self._store(number, camera, now, found, verdict, figures, jpeg)

    async def _look_at_picture(
        self, stream: Stream, accepted: list[dict[str, Any]], figures: dict[str, Any], found: dict[str, str], unknown: set[str]
    ) -> bytes:
        span = self._settings.frozen_seconds + 8
        frames = await self._reader.latest_keyframes(stream.id, span, KEYFRAMES)
        pictures = {"black", "frozen", "blurred"}
        if not frames:
            unknown |= pictures
            return b""
        try:
            measured, jpeg = await self._pool.run(picture_checks.examine, frames)
        except ProtocolError as e:
            log.warning("%s: %s", stream.id, e)
            unknown |= pictures
            return b""
        references = [a for a in accepted if "fine" in a]
        more, untestable = picture_checks.findings(measured, references, self._settings.frozen_seconds)
        figures |= measured.as_dict()
        found |= more
        unknown |= untestable
        return jpeg

    async def _store(
        self, number: int, camera: Camera, now: datetime, found: dict[str, str], verdict: dict[str, bool | None],
        figures: dict[str, Any], jpeg: bytes,
    ) -> bool:  # fmt: skip
        async with self._database.session() as session:
            look = Look(round=number, camera=camera.id, at=now, findings=found, figures=figures, picture=None)
            session.add(look)
            reference = await _reference(session, camera.id)
            # A picture is kept as evidence of a finding, and the first good one as reference.
            if jpeg and (found or reference is None):
                look.picture = f"patrol/{camera.id}/{now:%Y%m%dT%H%M%S%f}.jpg"
                await asyncio.to_thread(_write, self._data_dir / look.picture, jpeg)
            faults = {
                f.family: f
                for f in await session.scalars(select(Fault).where(Fault.camera == camera.id, Fault.state.in_(LIVE_STATES)))
            }
            undecided = False
            for family in FAMILIES:
                undecided |= self._move(
                    session, camera, now, family, faults.get(family), verdict[family], found, look.picture, reference
                )
        return undecided

    def _move(
        self, session: AsyncSession, camera: Camera, now: datetime, family: str, fault: Fault | None, verdict: bool | None,
        found: dict[str, str], picture: str | None, reference: str | None,
    ) -> bool:  # fmt: skip
        """Advance one fault; True while it is between two decided states."""
        state, looks, step = advance(fault.state if fault else None, fault.looks if fault else 0, verdict)
        if state is None:
            return False
        if fault is None:
            fault = Fault(
                camera=camera.id,
                family=family,
                severity=FAMILIES[family].severity,
                first_seen=now,
                reference=reference,
                detail="",
                state=state,
            )
            session.add(fault)
        fault.state, fault.looks = state, looks
        if verdict:
            fault.detail = found[family][:300]
            fault.picture = picture or fault.picture
        if step == "opened":
            fault.opened_at = now
        elif step in ("closed", "dismissed"):
            fault.closed_at = now
        if step in ("opened", "closed", "relapsed"):
            events.append(
                session, now, f"fault.{step}", village=camera.village, camera=camera.id, family=family, detail=fault.detail
            )
        return state in ("suspect", RECOVERING)

    async def _finish(self, number: int, cameras: int) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(PatrolRound, number)
            row.finished_at, row.cameras = now, cameras
            row.faulty = (
                await session.scalar(select(func.count(Fault.camera.distinct())).where(Fault.state.in_((OPEN, RECOVERING))))
                or 0
            )
            events.append(session, now, "patrol.finished", round=number, cameras=cameras, faulty=row.faulty)


async def _accepted(session: AsyncSession, camera: str) -> list[dict[str, Any]]:
    """Figures of the camera's newest looks without findings, oldest first."""
    looks = await session.scalars(select(Look).where(Look.camera == camera).order_by(Look.id.desc()).limit(HISTORY))
    return [look.figures for look in reversed(looks.all()) if not look.findings]


async def _reference(session: AsyncSession, camera: str) -> str | None:
    query = (
        select(Look.picture, Look.findings).where(Look.camera == camera, Look.picture.is_not(None)).order_by(Look.id).limit(50)
    )
    return next((picture for picture, findings in await session.execute(query) if not findings), None)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
