"""Pan, tilt and zoom: one operator at a time, and back to the guard position when nobody operates the camera.

An operator holds a lease of 30 s, which every command renews; other operators are told who holds it. The station stops
a move that is not renewed within 1.5 s, so a browser that crashes does not leave a dome turning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from cameras.onboarding.onboarding import Onboarding
from cameras.onvif import wsdl_requests
from cameras.onvif.namespaces import PTZ
from cameras.onvif.soap import Node
from cameras.tables import Camera
from core.clock import Clock
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

LEASE_SECONDS = 30.0
HOLD_SECONDS = 1.5  # a move that is not renewed for this time is stopped
GUARD_SECONDS = 120.0  # after the last command the dome returns to its guard position
CLOSE_SECONDS = 3.0  # for stopping moving domes when the console ends
GUARD_NAMES = ("guard", "守望", "看守位", "home")


@dataclass(frozen=True, slots=True)
class Preset:
    token: str
    name: str


@dataclass(slots=True)
class _Held:
    """State of a dome that somebody operates or has operated."""

    camera: Camera
    holder: str
    until: float  # monotonic
    moving: bool = False
    written: bool = False  # the current lease is recorded in the audit trail
    timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class PtzControl:
    """PTZ control of all domes: leases, movements and presets.

    Owns the timers that stop a dome and return it to its guard position.
    """

    def __init__(self, clock: Clock, onboarding: Onboarding, guard_seconds: float = GUARD_SECONDS):
        self._clock = clock
        self._onboarding = onboarding
        self._guard_seconds = guard_seconds
        self._held: dict[str, _Held] = {}
        self._closed = False
        self._timers = BackgroundTasks(clock)

    def holder(self, camera: str) -> tuple[str, float] | None:
        """Return the operator and the remaining seconds of the lease, or None."""
        held = self._held.get(camera)
        left = held.until - self._clock.monotonic() if held is not None else 0.0
        return (held.holder, left) if held is not None and left > 0 else None

    def take(self, camera: Camera, who: str) -> bool:
        """Take or renew the lease; return whether it is already in the audit trail. Raises ConflictError."""
        return self._take(camera, who).written

    def written(self, camera: str, who: str) -> None:
        """Record that the current lease is in the audit trail."""
        held = self._held.get(camera)
        if held is not None and held.holder == who:
            held.written = True

    async def move(self, camera: Camera, who: str, pan: float, tilt: float, zoom: float) -> None:
        """Move with a speed from -1 to 1 on each axis until stopped.

        Raises ConflictError, UsageError or CameraError.
        """
        if self._closed:
            raise ConflictError("the station is shutting down")
        if not all(-1 <= v <= 1 for v in (pan, tilt, zoom)):
            raise UsageError("speeds lie between -1 and 1")
        held = self._take(camera, who)
        velocity = {"PanTilt": {"x": pan, "y": tilt}, "Zoom": {"x": zoom}}
        held.moving = True
        try:
            await self._ask(camera, "ContinuousMove", Velocity=velocity)
        except CameraUnreachable:
            raise  # only the answer was lost: the dome may be moving
        except CameraError:
            held.moving = False
            raise
        finally:
            if held.moving and not self._closed:
                self._after(camera, held, "stop", HOLD_SECONDS, lambda: self._halt(camera, held))

    async def stop(self, camera: Camera, who: str) -> None:
        held = self._take(camera, who)
        self._cancel(held, "stop")
        await self._halt(camera, held)

    async def presets(self, camera: Camera) -> list[Preset]:
        reply = await self._ask(camera, "GetPresets")
        found = ((n.attribute("token"), n.text("Name")) for n in reply.all("Preset"))
        return [Preset(token, (name or token)[:60]) for token, name in found if token]

    async def goto(self, camera: Camera, who: str, preset: str) -> None:
        """Move to a preset. Raises NotFoundError if the camera does not have it."""
        self._take(camera, who)
        try:
            await self._ask(camera, "GotoPreset", PresetToken=preset)
        except CameraRefused:
            raise
        except CameraError as e:
            if not any(p.token == preset for p in await self.presets(camera)):
                raise NotFoundError("the camera has no such preset") from e
            raise

    async def keep(self, camera: Camera, who: str, name: str) -> str:
        """Store the current position as a preset; return its token."""
        self._take(camera, who)
        reply = await self._ask(camera, "SetPreset", PresetName=name)
        return reply.text("PresetToken") or ""

    async def home(self, camera: Camera, who: str) -> None:
        self._take(camera, who)
        await self._go_home(camera)

    async def close(self) -> None:
        """Stop everything that still moves, within CLOSE_SECONDS, and accept no further move.

        No other task would stop the domes later.
        """
        self._closed = True
        await self._timers.close()
        turning = [held for held in self._held.values() if held.moving]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await run_all(*(self._halt_at_last(held) for held in turning))

    async def _halt_at_last(self, held: _Held) -> None:
        try:
            await self._halt(held.camera, held)
        except MinwangError as e:
            log.warning("%s may still turn: it did not take stop: %s", held.camera.id, e)

    def _take(self, camera: Camera, who: str) -> _Held:
        has = self.holder(camera.id)
        if has is not None and has[0] != who:
            raise ConflictError(f"{has[0]} turns this camera; it is free in {has[1]:.0f} s")
        held = self._held.setdefault(camera.id, _Held(camera, who, 0.0))
        held.holder, held.until = who, self._clock.monotonic() + LEASE_SECONDS
        held.written = held.written and has is not None
        return held

    async def _ask(self, camera: Camera, operation: str, **arguments: Any) -> Node:
        device = camera.device or {}
        address, profile = (device.get("services") or {}).get(PTZ), device.get("ptz")
        if not address or not profile:
            raise NotFoundError("this camera cannot be turned")
        client = await self._onboarding.client(camera)
        held = self._held.get(camera.id)
        if held is not None and not self._closed:
            self._after(camera, held, "guard", self._guard_seconds, lambda: self._return(camera))
        try:
            with for_person():
                answer = await wsdl_requests.call(client, address, PTZ, operation, ProfileToken=profile, **arguments)
        except CameraRefused:
            await self._onboarding.refused(camera.id)
            raise
        except CameraError as e:
            # An unknown preset is not a motor fault.
            if operation not in ("GotoPreset", "SetPreset"):
                await self._onboarding.told(camera, "ptz_failed", operation=operation, said=str(e)[:120])
            raise
        await self._onboarding.told(camera, "ptz_failed", gone=True)
        return answer

    async def _halt(self, camera: Camera, held: _Held) -> None:
        await self._ask(camera, "Stop", PanTilt=True, Zoom=True)
        held.moving = False

    async def _return(self, camera: Camera) -> None:
        """Return to the guard position after nobody has operated the dome for a while."""
        held = self._held.pop(camera.id, None)
        if held is not None:
            self._cancel(held, "stop")
        await self._go_home(camera)

    async def _go_home(self, camera: Camera) -> None:
        guard = next((p for p in await self.presets(camera) if p.name.lower() in GUARD_NAMES), None)
        if guard is not None:
            await self._ask(camera, "GotoPreset", PresetToken=guard.token)
        else:
            await self._ask(camera, "GotoHomePosition")

    def _after(
        self, camera: Camera, held: _Held, name: str, seconds: float, deed: Callable[[], Awaitable[None]]
    ) -> None:
        self._cancel(held, name)

        async def later() -> None:
            await asyncio.sleep(seconds)
            held.timers.pop(name, None)
            try:
                await deed()
            except CameraError as e:
                log.warning("%s did not take %s: %s", camera.id, name, e)

        held.timers[name] = self._timers.start(f"{name} of {camera.id}", later())

    def _cancel(self, held: _Held, name: str) -> None:
        timer = held.timers.pop(name, None)
        if timer is not None:
            timer.cancel()
