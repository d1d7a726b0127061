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
from cameras.onvif.pull_point import Notification, NotificationKind, PullPoint, receive_events
from cameras.registry import findings
from cameras.states import FindingKind
from cameras.tables import Camera
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, ProtocolError
from core.tasks import BackgroundTasks, end

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (5.0, 30.0, 60.0, 300.0, 600.0)  # before the next attempt, by failures in a row
POLL_INTERVAL_S = 60.0
FAILURES_BEFORE_POLLING = 2
FAILURES_BEFORE_FINDING = 6  # failures in a row that become a finding: 17 minutes with these delays
MIN_EVENT_INTERVAL_S = {NotificationKind.MOTION: 300.0}  # minimum seconds between two rows of a kind from one camera
# for cameras with an event schedule: motion starts 30 s of recording
EVENT_SCHEDULE_INTERVAL_S = {NotificationKind.MOTION: 20.0}
# Findings that the camera itself opens and closes, by the event.
FINDINGS = {
    NotificationKind.STORAGE_FAILURE: FindingKind.STORAGE_FAILURE,
    NotificationKind.DISK_FULL: FindingKind.DISK_FULL,
    NotificationKind.TAMPER: FindingKind.TAMPER,
    NotificationKind.VIDEO_LOSS: FindingKind.VIDEO_LOSS,
}


@dataclass(slots=True)
class _Subscription:
    key: tuple[str, str | None]
    task: asyncio.Task[None]
    last_event_at: dict[NotificationKind, float] = field(default_factory=dict)


@dataclass(slots=True)
class Failures:
    """Failures in a row of one camera's subscription, since it last worked."""

    service: int = 0  # failures of the event service: they lead to polling and to a finding
    attempts: int = 0  # all failures

    def record(self, error: CameraError) -> None:
        """Count a failure.

        A camera that does not answer says nothing about its event service, so silence alone leads neither to polling
        nor to a finding.
        """
        self.attempts += 1
        if isinstance(error, ProtocolError) or self.service >= FAILURES_BEFORE_POLLING:
            self.service += 1
        else:
            self.service = FAILURES_BEFORE_POLLING - 1

    @property
    def delay_s(self) -> float:
        """Seconds until the next attempt.

        The delay grows while the event service fails. A camera that does not answer is tried every 30 s, so that its
        events arrive soon after it is back.
        """
        step = min(self.attempts, max(self.service, FAILURES_BEFORE_POLLING), len(RETRY_DELAYS_S))
        return RETRY_DELAYS_S[step - 1]


class EventSubscriptions:
    """Keeps one event subscription task per camera and stores what the cameras report."""

    def __init__(self, database: Database, clock: Clock, onboarding: Onboarding):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding
        self._subscriptions: dict[str, _Subscription] = {}
        self._tasks = BackgroundTasks(clock)

    async def reconcile(self) -> None:
        """Subscribe to exactly the registry's cameras that have an event service."""
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.refused_at.is_(None)))
            ).all()
        wanted = {c.id: c for c in cameras if c.address and _event_address(c)}
        for number in [
            n
            for n, f in self._subscriptions.items()
            if n not in wanted or _subscription_key(wanted[n]) != f.key or f.task.done()
        ]:
            await self._unsubscribe(number)
        for number, camera in wanted.items():
            if number not in self._subscriptions:
                task = self._tasks.start(f"events of {number}", self._follow(camera))
                self._subscriptions[number] = _Subscription(_subscription_key(camera), task)

    async def close(self) -> None:
        """End all subscriptions."""
        self._subscriptions = {}
        await self._tasks.close()

    async def _unsubscribe(self, number: str) -> None:
        await end(self._subscriptions.pop(number).task)

    async def _follow(self, camera: Camera) -> None:
        address = _event_address(camera)
        failures, is_first = Failures(), True

        async def handle(notifications: list[Notification]) -> None:
            nonlocal failures, is_first
            if failures.attempts or is_first:
                await self._close_finding(camera)
            failures, is_first = Failures(), False
            await self._store(camera, notifications)

        while True:
            client = (await self._onboarding.clients.get(camera)).companion()
            try:
                if failures.service < FAILURES_BEFORE_POLLING:
                    await receive_events(client, address, self._clock, handle)
                else:
                    await self._poll(client, address, handle)
            except CameraRefused:
                await self._onboarding.refusals.record(camera.id)
                return
            except CameraError as e:
                failures.record(e)
                if isinstance(e, ProtocolError):
                    log.info("%s: events: %s", camera.id, e)
            if failures.service == FAILURES_BEFORE_FINDING:
                await self._open_finding(camera, failures.service)
            await asyncio.sleep(failures.delay_s)

    async def _open_finding(self, camera: Camera, failures: int) -> None:
        async with self._database.session() as session:
            subject = findings.FindingSubject.of(camera)
            await findings.open_or_update(
                session, self._clock.now(), FindingKind.EVENTS_SILENT, subject, failures=failures
            )

    async def _close_finding(self, camera: Camera) -> None:
        async with self._database.session() as session:
            await findings.close(
                session, self._clock.now(), [FindingKind.EVENTS_SILENT], findings.FindingSubject.of(camera)
            )

    async def _poll(
        self, client: SoapClient, address: str, handle: Callable[[list[Notification]], Awaitable[None]]
    ) -> None:
        """Poll a camera that keeps no subscription: subscribe for one second, once a minute."""
        while True:
            point = await PullPoint.open(client, address)
            try:
                await handle(await point.pull(1.0))
            finally:
                with contextlib.suppress(CameraError):
                    await point.close()
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _store(self, camera: Camera, notifications: list[Notification]) -> None:
        now = self._clock.now()
        announced = self._without_repeats(camera, notifications)
        stateful = [(n, FINDINGS[n.kind]) for n in notifications if n.kind in FINDINGS]
        if not announced and not stateful:
            return
        async with self._database.session() as session:
            for n in announced:
                events.append(
                    session,
                    now,
                    events.EventKind(f"camera.{n.kind}"),
                    village=camera.village,
                    camera=camera.id,
                    topic=n.topic,
                    source=n.source,
                )
            subject = findings.FindingSubject.of(camera)
            for n, kind in stateful:
                if n.state:
                    await findings.open_or_update(session, now, kind, subject, topic=n.topic)
                else:
                    await findings.close(session, now, [kind], subject)

    def _without_repeats(self, camera: Camera, notifications: list[Notification]) -> list[Notification]:
        """Return the events that began, without those that follow the last of their kind too soon."""
        ticks = self._clock.monotonic()
        on_event = any(s.schedule == "event" for s in camera.streams)
        min_interval = MIN_EVENT_INTERVAL_S | (EVENT_SCHEDULE_INTERVAL_S if on_event else {})
        subscription = self._subscriptions.get(camera.id)
        last_event_at = subscription.last_event_at if subscription is not None else {}
        found = []
        for n in notifications:
            if n.first or not n.state or ticks - last_event_at.get(n.kind, -1e9) < min_interval.get(n.kind, 0.0):
                continue
            last_event_at[n.kind] = ticks
            found.append(n)
        return found


def _subscription_key(camera: Camera) -> tuple[str, str | None]:
    return _event_address(camera), camera.credential


def _event_address(camera: Camera) -> str:
    """Return the address of the camera's event service; empty if there is none in its record."""
    services = camera.device.get("services") if isinstance(camera.device, dict) else None
    found = services.get(EVENTS) if isinstance(services, dict) else None
    return found if isinstance(found, str) else ""
