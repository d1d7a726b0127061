"""`minwang patrol`: one round over all cameras, here or by the running station."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.registry import registry
from core.clock import SystemClock
from core.database import Database
from core.errors import ConflictError
from core.host import station_lock, system_user
from core.settings import Settings
from health.faults.descriptions import describe
from health.faults.state_machine import OPEN_STATES
from health.patrol.counter_watch import CounterWatch
from health.patrol.patrol import Patrol
from health.patrol.rounds import request
from health.tables import Fault, Inspection, PatrolRound
from health.vocabulary import FaultFamily, FaultStatus
from nvr.archive import segment_index
from nvr.playback.decode_pool import DecodePool
from nvr.recorder.reconcile import recorders_alive
from station.runtime import probes_of

ROUND_POLL_S = 0.5
TESTED_FAMILY = FaultFamily.BLACK  # a fault family that is evaluated for every picture that could be judged


class OpenFaultFacts(TypedDict):
    """An open fault; `detail` is a sentence."""

    camera: str
    family: FaultFamily
    state: FaultStatus
    detail: str
    since: datetime


class PatrolFacts(TypedDict):
    """A finished round: cameras in use, those whose picture could be judged, and the open faults."""

    cameras: int
    judged: int
    not_judged: list[str]
    recorder_running: bool
    recordings: bool
    faults: list[OpenFaultFacts]


async def patrol(database: Database, settings: Settings) -> PatrolFacts:
    """Run one round now; returns the open faults and how many cameras had a picture that could be judged.

    A camera without a judged picture is listed as `not_judged`, not as good.
    """
    clock = SystemClock()
    return await _round_facts(database, clock, await _patrol_here(database, settings, clock))


async def patrol_by_station(database: Database, settings: Settings) -> PatrolFacts:
    """Do as `patrol` through the running station: two patrols at once would count each inspection twice."""
    clock = SystemClock()
    async with database.session() as session:
        number = (await request(session, clock.now(), system_user.actor())).id
    while not await _is_finished(database, number):
        if await asyncio.to_thread(station_lock.holder, settings.data.dir) is None:
            raise ConflictError(f"the station ended before it finished round {number}; the next start continues it")
        await clock.sleep(ROUND_POLL_S)
    return await _round_facts(database, clock, number)


async def _is_finished(database: Database, number: int) -> bool:
    async with database.reading() as session:
        return (await session.get_one(PatrolRound, number)).finished_at is not None


async def _patrol_here(database: Database, settings: Settings, clock: SystemClock) -> int:
    pool = DecodePool(settings.patrol.workers)
    zone = await asyncio.to_thread(ZoneInfo, settings.station.timezone)
    try:
        async with database.session() as session:
            number = (await request(session, clock.now(), system_user.actor())).id
        await CounterWatch(database, clock, settings.patrol, settings.retention).run_once()
        visiting = await probes_of(settings, database, clock)
        await Patrol(database, clock, settings.patrol, settings.data.dir.absolute(), pool, zone, visiting).run_round(
            number
        )
    finally:
        await pool.close()
    return number


async def _round_facts(database: Database, clock: SystemClock, number: int) -> PatrolFacts:
    async with database.reading() as session:
        rows = await session.scalars(select(Fault).where(Fault.state.in_(OPEN_STATES)).order_by(Fault.camera))
        faults: list[OpenFaultFacts] = [
            {
                "camera": f.camera,
                "family": f.family,
                "state": f.state,
                "detail": describe(f.family, f.figures),
                "since": f.first_seen,
            }
            for f in rows
        ]
        inspections = list(await session.scalars(select(Inspection).where(Inspection.round == number)))
        cameras = [c.id for c in await registry.cameras(session)]
        recorded = await segment_index.first_start(session) is not None
    judged = {inspection.camera for inspection in inspections if TESTED_FAMILY not in inspection.unknown}
    return {
        "cameras": len(cameras), "judged": len(judged), "not_judged": [c for c in cameras if c not in judged],
        "recorder_running": await recorders_alive(database, clock), "recordings": recorded, "faults": faults,
    }  # fmt: skip
