"""Pan, tilt and zoom: one operator at a time, and back to the guard position when nobody operates the camera.

An operator holds a lease of 30 s, which every command renews; other operators are told who holds it. The station stops
a move that is not renewed within 1.5 s, so a browser that crashes does not leave a dome turning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cameras.onboarding.onboarding import Onboarding
from cameras.onvif import wsdl_requests
from cameras.onvif.namespaces import PTZ
from cameras.onvif.soap import Node
from cameras.onvif.wsdl_requests import Argument
from cameras.records import DeviceRecord
from cameras.states import FindingKind
from cameras.tables import Camera
from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import (
    CameraError,
    CameraRefused,
    CameraUnreachable,
    ConflictError,
    MinwangError,
    NotFoundError,
    UsageError,
)
from core.network.connect_limiter import for_person
from core.tasks import BackgroundTasks, run_all

log = logging.getLogger(__name__)

LEASE_S = 30.0
MOVE_TIMEOUT_S = 1.5  # a move that is not renewed for this time is stopped
GUARD_DELAY_S = 120.0  # after the last command the dome returns to its guard position
CLOSE_TIMEOUT_S = 3.0  # for stopping moving domes when the console ends
GUARD_NAMES = ("guard", "守望", "看守位", "home")


@dataclass(frozen=True, slots=True)
class Preset:
    token: str
    name: str


@dataclass(slots=True)
class _Lease:
    """State of a dome that somebody operates or has operated."""

    camera: Camera
    holder: str
    expires: float  # monotonic
    moving: bool = False
    audited: bool = False  # the current lease is recorded in the audit trail
    timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class PtzControl:
    """PTZ control of all domes: leases, movements and presets.

    Owns the timers that stop a dome and return it to its guard position.
    """

    def __init__(self, clock: Clock, onboarding: Onboarding, guard_seconds: float = GUARD_DELAY_S):
        self._clock = clock
        self._onboarding = onboarding
        self._guard_seconds = guard_seconds
        self._leases: dict[str, _Lease] = {}
        self._closed = False
        self._timers = BackgroundTasks(clock)

    def lease_holder(self, camera: str) -> tuple[str, float] | None:
        """Return the operator and the remaining seconds of the lease, or None."""
        lease = self._leases.get(camera)
        left = lease.expires - self._clock.monotonic() if lease is not None else 0.0
        return (lease.holder, left) if lease is not None and left > 0 else None

    def acquire_lease(self, camera: Camera, who: str) -> bool:
        """Take or renew the lease; return whether it is already in the audit trail. Raises ConflictError."""
        return self._acquire(camera, who).audited

    def mark_audited(self, camera: str, who: str) -> None:
        """Record that the current lease is in the audit trail."""
        lease = self._leases.get(camera)
        if lease is not None and lease.holder == who:
            lease.audited = True

    async def move(self, camera: Camera, who: str, pan: float, tilt: float, zoom: float) -> None:
        """Move with a speed from -1 to 1 on each axis until stopped.

        Raises ConflictError, UsageError or CameraError.
        """
        if self._closed:
            raise ConflictError("the station is shutting down", ErrorCode.STATION_STOPPING)
        if not all(-1 <= v <= 1 for v in (pan, tilt, zoom)):
            raise UsageError("speeds lie between -1 and 1", ErrorCode.PTZ_SPEED_INVALID)
        lease = self._acquire(camera, who)
        velocity = {"PanTilt": {"x": pan, "y": tilt}, "Zoom": {"x": zoom}}
        lease.moving = True
        try:
            await self._call(camera, "ContinuousMove", Velocity=velocity)
        except CameraUnreachable:
            raise  # only the answer was lost: the dome may be moving
        except CameraError:
            lease.moving = False
            raise
        finally:
            if lease.moving and not self._closed:
                self._start_timer(camera, lease, "stop", MOVE_TIMEOUT_S, lambda: self._halt(camera, lease))

    async def stop(self, camera: Camera, who: str) -> None:
        lease = self._acquire(camera, who)
        self._cancel(lease, "stop")
        await self._halt(camera, lease)

    async def presets(self, camera: Camera) -> list[Preset]:
        reply = await self._call(camera, "GetPresets")
        found = ((n.attribute("token"), n.text("Name")) for n in reply.all("Preset"))
        return [Preset(token, (name or token)[:60]) for token, name in found if token]

    async def goto(self, camera: Camera, who: str, preset: str) -> None:
        """Move to a preset. Raises NotFoundError if the camera does not have it."""
        self._acquire(camera, who)
        try:
            await self._call(camera, "GotoPreset", PresetToken=preset)
        except CameraRefused:
            raise
        except CameraError as e:
            if not any(p.token == preset for p in await self.presets(camera)):
                raise NotFoundError("the camera has no such preset", ErrorCode.PRESET_NOT_FOUND) from e
            raise

    async def save_preset(self, camera: Camera, who: str, name: str) -> str:
        """Store the current position as a preset; return its token."""
        self._acquire(camera, who)
        reply = await self._call(camera, "SetPreset", PresetName=name)
        return reply.text("PresetToken") or ""

    async def home(self, camera: Camera, who: str) -> None:
        self._acquire(camera, who)
        await self._go_home(camera)

    async def close(self) -> None:
        """Stop everything that still moves, within CLOSE_SECONDS, and accept no further move.

        No other task would stop the domes later.
        """
        self._closed = True
        await self._timers.close()
        turning = [lease for lease in self._leases.values() if lease.moving]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await run_all(*(self._halt_at_last(lease) for lease in turning))

    async def _halt_at_last(self, lease: _Lease) -> None:
        try:
            await self._halt(lease.camera, lease)
        except MinwangError as e:
            log.warning("%s may still be moving: stop failed: %s", lease.camera.id, e)

    def _acquire(self, camera: Camera, who: str) -> _Lease:
        has = self.lease_holder(camera.id)
        if has is not None and has[0] != who:
            raise ConflictError(
                f"{has[0]} controls this camera; it is available in {has[1]:.0f} s",
                ErrorCode.PTZ_TAKEN,
                account=has[0],
                seconds=math.ceil(has[1]),
            )
        lease = self._leases.setdefault(camera.id, _Lease(camera, who, 0.0))
        lease.holder, lease.expires = who, self._clock.monotonic() + LEASE_S
        lease.audited = lease.audited and has is not None
        return lease

    async def _call(self, camera: Camera, operation: str, **arguments: Argument) -> Node:
        device: DeviceRecord = camera.device or {}
        address, profile = (device.get("services") or {}).get(PTZ), device.get("ptz")
        if not address or not profile:
            raise NotFoundError("this camera has no PTZ", ErrorCode.NO_PTZ)
        client = await self._onboarding.clients.get(camera)
        lease = self._leases.get(camera.id)
        if lease is not None and not self._closed:
            self._start_timer(camera, lease, "guard", self._guard_seconds, lambda: self._return(camera))
        try:
            with for_person():
                answer = await wsdl_requests.call(client, address, PTZ, operation, ProfileToken=profile, **arguments)
        except CameraRefused:
            await self._onboarding.refusals.record(camera.id)
            raise
        except CameraError as e:
            # An unknown preset is not a motor fault.
            if operation not in ("GotoPreset", "SetPreset"):
                await self._onboarding.set_finding(
                    camera, FindingKind.PTZ_FAILED, operation=operation, said=str(e)[:120]
                )
            raise
        await self._onboarding.set_finding(camera, FindingKind.PTZ_FAILED, close=True)
        return answer

    async def _halt(self, camera: Camera, lease: _Lease) -> None:
        await self._call(camera, "Stop", PanTilt=True, Zoom=True)
        lease.moving = False

    async def _return(self, camera: Camera) -> None:
        """Return to the guard position after nobody has operated the dome for a while."""
        lease = self._leases.pop(camera.id, None)
        if lease is not None:
            self._cancel(lease, "stop")
        await self._go_home(camera)

    async def _go_home(self, camera: Camera) -> None:
        guard = next((p for p in await self.presets(camera) if p.name.lower() in GUARD_NAMES), None)
        if guard is not None:
            await self._call(camera, "GotoPreset", PresetToken=guard.token)
        else:
            await self._call(camera, "GotoHomePosition")

    def _start_timer(
        self, camera: Camera, lease: _Lease, name: str, seconds: float, action: Callable[[], Awaitable[None]]
    ) -> None:
        self._cancel(lease, name)

        async def later() -> None:
            await asyncio.sleep(seconds)
            lease.timers.pop(name, None)
            try:
                await action()
            except CameraError as e:
                log.warning("%s: %s failed: %s", camera.id, name, e)

        lease.timers[name] = self._timers.start(f"{name} of {camera.id}", later())

    def _cancel(self, lease: _Lease, name: str) -> None:
        timer = lease.timers.pop(name, None)
        if timer is not None:
            timer.cancel()
