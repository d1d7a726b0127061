"""Receive the events that cameras report: motion, tampering, failing cards.

One task per camera, reconciled with the registry every minute. A camera without a free subscription slot is polled:
once a minute with a subscription of one second. Events become event rows (motion at most one row per interval, because
a street moves all day) and findings about the camera.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from cameras.onboarding.onboarding import Onboarding
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import EVENTS
from cameras.onvif.pull_point import Notification, PullPoint, follow
from cameras.registry import findings
from cameras.tables import Camera
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, ProtocolError
from core.tasks import BackgroundTasks, end

log = logging.getLogger(__name__)

PAUSES = (5.0, 30.0, 60.0, 300.0, 600.0)  # seconds before the next attempt, by failures in a row
POLL_SECONDS = 60.0
FAILURES_BEFORE_POLLING = 2
SILENT_AFTER = 6  # failures in a row that become a finding: about 26 minutes with these delays
SELDOM = {"motion": 300.0}  # minimum seconds between two rows of a kind from one camera
RECORDING_ON_EVENT = {"motion": 20.0}  # for cameras with an event schedule: motion starts 30 s of recording
# Kinds whose findings the camera itself opens and closes.
LASTING = ("storage_failure", "disk_full", "tamper", "video_loss")


@dataclass(slots=True)
class _Followed:
    key: tuple[str, str | None]
    task: asyncio.Task[None]
    told: dict[str, float] = field(default_factory=dict)


class EventSubscriptions:
    """Keeps one event subscription task per camera and stores what the cameras report."""

    def __init__(self, database: Database, clock: Clock, onboarding: Onboarding):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding
        self._followed: dict[str, _Followed] = {}
        self._tasks = BackgroundTasks(clock)

    async def reconcile(self) -> None:
        """Subscribe to exactly the registry's cameras that have an event service."""
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.refused_at.is_(None)))
            ).all()
        wanted = {c.id: c for c in cameras if c.address and _address(c)}
        for number in [
            n for n, f in self._followed.items() if n not in wanted or _key(wanted[n]) != f.key or f.task.done()
        ]:
            await self._leave(number)
        for number, camera in wanted.items():
            if number not in self._followed:
                task = self._tasks.start(f"events of {number}", self._follow(camera))
                self._followed[number] = _Followed(_key(camera), task)

    async def close(self) -> None:
        """End all subscriptions."""
        self._followed = {}
        await self._tasks.close()

    async def _leave(self, number: str) -> None:
        await end(self._followed.pop(number).task)

    async def _follow(self, camera: Camera) -> None:
        address = _address(camera)
        failures, heard = 0, False

        async def tell(news: list[Notification]) -> None:
            nonlocal failures, heard
            if failures or not heard:
                await self._heard(camera)
            failures, heard = 0, True
            await self._keep(camera, news)

        while True:
            client = (await self._onboarding.client(camera)).companion()
            try:
                if failures < FAILURES_BEFORE_POLLING:
                    await follow(client, address, self._clock, tell)
                else:
                    await self._poll(client, address, tell)
            except CameraRefused:
                await self._onboarding.refused(camera.id)
                return
            except ProtocolError as e:
                failures += 1
                log.info("%s: events: %s", camera.id, e)
            except CameraError:
                failures = (
                    min(failures + 1, FAILURES_BEFORE_POLLING - 1)
                    if failures < FAILURES_BEFORE_POLLING
                    else failures + 1
                )
            if failures == SILENT_AFTER:
                async with self._database.session() as session:
                    subject = findings.FindingSubject.of(camera)
                    await findings.open_or_update(
                        session, self._clock.now(), "events_silent", subject, failures=failures
                    )
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])

    async def _heard(self, camera: Camera) -> None:
        async with self._database.session() as session:
            await findings.close(session, self._clock.now(), ["events_silent"], findings.FindingSubject.of(camera))

    async def _poll(
        self, client: SoapClient, address: str, tell: Callable[[list[Notification]], Awaitable[None]]
    ) -> None:
        """Poll a camera that keeps no subscription: subscribe for one second, once a minute."""
        while True:
            point = await PullPoint.open(client, address)
            try:
                await tell(await point.pull(1.0))
            finally:
                with contextlib.suppress(CameraError):
                    await point.close()
            await asyncio.sleep(POLL_SECONDS)

    async def _keep(self, camera: Camera, news: list[Notification]) -> None:
        now, ticks = self._clock.now(), self._clock.monotonic()
        on_event = any(s.schedule == "event" for s in camera.streams)
        seldom = SELDOM | (RECORDING_ON_EVENT if on_event else {})
        followed = self._followed.get(camera.id)
        told = followed.told if followed is not None else {}
        lasting = [n for n in news if n.kind in LASTING]
        rows = []
        for n in news:
            if n.first or not n.state or ticks - told.get(n.kind, -1e9) < seldom.get(n.kind, 0.0):
                continue
            told[n.kind] = ticks
            rows.append(n)
        if not rows and not lasting:
            return
        async with self._database.session() as session:
            for n in rows:
                events.append(
                    session,
                    now,
                    f"camera.{n.kind}",
                    village=camera.village,
                    camera=camera.id,
                    topic=n.topic,
                    source=n.source,
                )
            subject = findings.FindingSubject.of(camera)
            for n in lasting:
                if n.state:
                    await findings.open_or_update(session, now, n.kind, subject, topic=n.topic)
                else:
                    await findings.close(session, now, [n.kind], subject)


def _key(camera: Camera) -> tuple[str, str | None]:
    return _address(camera), camera.credential


def _address(camera: Camera) -> str:
    """Return the address of the camera's event service; empty if there is none in its record."""
    services = camera.device.get("services") if isinstance(camera.device, dict) else None
    found = services.get(EVENTS) if isinstance(services, dict) else None
    return found if isinstance(found, str) else ""
