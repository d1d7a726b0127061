"""Daily check of cameras against the policy of their class: differences are reported or corrected.

Each setting is read, compared, written if it differs, and read again. A setting that a model refuses or ignores is
stored for that model and firmware and not tried on its other cameras; a value that the model rounds is accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onboarding.onboarding import MAX_PARALLEL_CAMERAS, Onboarding
from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import ntp_servers, set_ntp
from cameras.onvif.client import SoapClient
from cameras.onvif.encoder_settings import EncoderSettings
from cameras.onvif.namespaces import DEVICE, MEDIA
from cameras.onvif.settings import CameraSettings, Polygon
from cameras.per_camera import isolate_camera_errors
from cameras.records import DeviceRecord
from cameras.registry import findings, history, model_quirks
from cameras.registry.inventory_entries import EncoderPolicy, PolicyEntry
from cameras.states import FindingKind, QuirkOutcome, StreamKind
from cameras.tables import Camera, ModelQuirk, Policy
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, CameraUnreachable, MinwangError
from core.tasks import run_all

log = logging.getLogger(__name__)


class SettingState(StrEnum):
    """Result of checking one setting."""

    OK = "ok"
    SET = "set"
    DRIFT = "drift"  # it differs, and nothing was written
    REFUSED = "refused"
    IGNORED = "ignored"
    ROUNDED = "rounded"
    KNOWN = "known"  # the model is known to round the setting to this value, which is accepted
    UNSUPPORTED = "unsupported"  # the model is known to refuse or ignore the setting: it is not tried


_QUIRKS = {
    SettingState.REFUSED: QuirkOutcome.REFUSED,
    SettingState.IGNORED: QuirkOutcome.IGNORED,
    SettingState.ROUNDED: QuirkOutcome.ROUNDED,
}
# The camera differs from its policy.
_DRIFTED = (SettingState.DRIFT, SettingState.REFUSED, SettingState.IGNORED, SettingState.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class SettingResult:
    """Result for one setting, with its values before and after."""

    setting: str
    state: SettingState
    was: str = ""
    now: str = ""


@dataclass(slots=True)
class ComplianceResult:
    """Results for the settings of one camera. `problem` is an error message if the camera failed before the end."""

    camera: str
    results: list[SettingResult] = field(default_factory=list)
    problem: str = ""
    refused: bool = False

    def of(self, *states: SettingState) -> list[str]:
        return [d.setting for d in self.results if d.state in states]


Value = TypeVar("Value")


class _CheckedSetting(Protocol):
    """A setting whatever the type of its value."""

    @property
    def name(self) -> str: ...

    async def apply(self, note: ModelQuirk | None, *, write: bool) -> SettingResult:
        """Check the setting and write it if it differs. `note`: what is known of the model; `write`: False only checks.

        Raises CameraUnreachable and CameraRefused; other errors are part of the result.
        """


@dataclass(frozen=True, slots=True)
class _Setting(Generic[Value]):
    """One setting: `good` tests the value read, `write` receives it; `read` and `write` may raise CameraError."""

    name: str
    read: Callable[[], Awaitable[Value]]
    good: Callable[[Value], bool]
    write: Callable[[Value], Awaitable[None]]

    async def apply(self, note: ModelQuirk | None, *, write: bool) -> SettingResult:
        try:
            was = await self.read()
        except (CameraRefused, CameraUnreachable):
            raise
        except MinwangError as e:
            state = SettingState.UNSUPPORTED if note is not None else SettingState.REFUSED
            return SettingResult(self.name, state, now=str(e))
        if self.good(was):
            return SettingResult(self.name, SettingState.OK)
        if note is not None:
            if note.outcome is not QuirkOutcome.ROUNDED:
                return SettingResult(self.name, SettingState.UNSUPPORTED, str(was), str(was))
            if note.detail == str(was)[:200]:
                return SettingResult(self.name, SettingState.KNOWN, str(was), str(was))
        return await self._change(was) if write else SettingResult(self.name, SettingState.DRIFT, str(was))

    async def _change(self, was: Value) -> SettingResult:
        """Write the setting and read it again: only the value read then counts."""
        try:
            await self.write(was)
        except (CameraRefused, CameraUnreachable):
            raise
        except MinwangError as e:
            return SettingResult(self.name, SettingState.REFUSED, str(was), str(e))
        now = await self.read()
        if self.good(now):
            return SettingResult(self.name, SettingState.SET, str(was), str(now))
        state = SettingState.IGNORED if now == was else SettingState.ROUNDED
        return SettingResult(self.name, state, str(was), str(now))


class ConfigCompliance:
    """Applies the policies of the registry to the cameras; stores findings and model quirks."""

    def __init__(self, database: Database, clock: Clock, onboarding: Onboarding):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding

    async def run_once(self, only: Sequence[str] | None = None, *, write: bool = True) -> list[ComplianceResult]:
        """Check every camera that has a policy (or only the given ones); with `write` False only report differences."""
        async with self._database.reading() as session:
            query = select(Camera).where(
                Camera.retired.is_(False), Camera.refused_at.is_(None), Camera.address.is_not(None)
            )
            cameras = [c for c in await session.scalars(query) if c.device and (only is None or c.id in only)]
            policies = {
                p.name: entry for p in await session.scalars(select(Policy)) if (entry := _entry(p)) is not None
            }
            notes: dict[model_quirks.ModelKey, dict[str, ModelQuirk]] = {}
            for n in await session.scalars(select(ModelQuirk)):
                notes.setdefault((n.manufacturer, n.model, n.firmware), {})[n.setting] = n
        slots = asyncio.Semaphore(MAX_PARALLEL_CAMERAS)

        results: list[ComplianceResult] = []

        async def one(camera: Camera) -> None:
            async with slots, isolate_camera_errors(self._database, camera.id):
                policy = policies.get(camera.profile.get("policy") or "")
                if policy is None:
                    return
                known = notes.get(model_quirks.model_key(camera), {})
                results.append(result := await self._check(camera, policy, known, write=write and policy.enforce))
                await self._store(result)

        await run_all(*(one(c) for c in cameras))
        return sorted(results, key=lambda r: r.camera)

    async def _check(
        self, camera: Camera, policy: PolicyEntry, known: dict[str, ModelQuirk], *, write: bool
    ) -> ComplianceResult:
        result = ComplianceResult(camera.id)
        client = await self._onboarding.clients.get(camera)
        device: DeviceRecord = camera.device or {}
        url = service_url(camera.address or "")
        settings = CameraSettings(client, {**(device.get("services") or {}), DEVICE: url})
        try:
            for setting in _settings(settings, policy, camera, client, url):
                result.results.append(await setting.apply(known.get(setting.name), write=write))
        except CameraRefused as e:
            result.refused, result.problem = True, str(e)
        except CameraError as e:
            result.problem = str(e)
        return result

    async def _store(self, result: ComplianceResult) -> None:
        if result.refused:
            await self._onboarding.refusals.record(result.camera)
            return
        now = self._clock.now()
        async with self._database.session() as session:
            camera = await session.get_one(Camera, result.camera)
            for outcome in result.results:
                await _record(session, camera, outcome, now)
            subject = findings.FindingSubject.of(camera)
            if drifted := result.of(*_DRIFTED):
                if not await findings.is_accepted(session, FindingKind.DRIFT, subject, settings=[*drifted]):
                    await findings.open_or_update(session, now, FindingKind.DRIFT, subject, settings=[*drifted])
            elif not result.problem:
                await findings.close(session, now, [FindingKind.DRIFT], subject)
            if done := result.of(SettingState.SET, SettingState.ROUNDED):
                await audit_trail.record(
                    session, now, history.SYSTEM, AuditAction.CAMERA_CONFIGURE, camera.id, settings=done
                )


def _entry(policy: Policy) -> PolicyEntry | None:
    """Return a policy's rules, or None if they are invalid; the cameras then stay unchanged."""
    try:
        return PolicyEntry(name=policy.name, **policy.rules)
    except (ValueError, TypeError) as e:
        log.error("policy '%s' is invalid: %s; correct it in the inventory", policy.name, str(e).splitlines()[0])
        return None


async def _record(session: AsyncSession, camera: Camera, outcome: SettingResult, now: datetime) -> None:
    if outcome.state in (SettingState.SET, SettingState.ROUNDED):
        history.record_change(
            session, camera.id, now, history.SYSTEM, f"policy.{outcome.setting}", outcome.was, outcome.now
        )
    if (quirk := _QUIRKS.get(outcome.state)) is not None:
        await model_quirks.record_quirk(session, camera, outcome.setting, quirk, now, outcome.now)


def _settings(
    s: CameraSettings, policy: PolicyEntry, camera: Camera, client: SoapClient, url: str
) -> list[_CheckedSetting]:
    device: DeviceRecord = camera.device or {}
    found: list[_CheckedSetting] = []
    if policy.ntp is not None:
        found.append(_time_server(client, url, policy.ntp))
    if policy.discoverable is not None:
        found.append(_discoverable(s, policy.discoverable))
    found += [_disabled_protocol(s, service) for service in policy.shut]
    for kind in StreamKind:
        rules, token = policy.encoder(kind), (device.get("encoders") or {}).get(kind)
        if rules is not None and token is not None:
            found.append(_encoder(s, kind, token, rules))
    source = device.get("source")
    if source is not None and MEDIA in (device.get("services") or {}):
        texts = [("name_in_picture", camera.name)] * policy.name_in_picture
        texts += [("time_in_picture", "DateAndTime")] * policy.time_in_picture
        found += [_osd_text(s, name, source, text) for name, text in texts]
    if source is not None and (masks := camera.profile.get("masks")):
        found.append(_masks(s, source, masks))
    return found


def _time_server(client: SoapClient, url: str, server: str) -> _Setting[list[str]]:
    async def write(_: list[str]) -> None:
        await set_ntp(client, url, server)

    return _Setting("ntp", lambda: ntp_servers(client, url), lambda now: server in now, write)


def _discoverable(s: CameraSettings, wanted: bool) -> _Setting[bool]:
    return _Setting("discoverable", s.discoverable, lambda now: now == wanted, lambda _: s.set_discoverable(wanted))


def _masks(s: CameraSettings, source: str, wanted: Sequence[Polygon]) -> _Setting[dict[str, Polygon]]:
    async def write(_: dict[str, Polygon]) -> None:
        await s.set_masks(source, wanted)

    # Cameras that support only rectangles enlarge a polygon; it counts that the required area is hidden.
    return _Setting("masks", lambda: s.masks(source), lambda now: masks_cover(wanted, list(now.values())), write)


def masks_cover(wanted: Sequence[Polygon], masks: Sequence[Polygon]) -> bool:
    """Return whether the masks hide at least 98 % of each wanted polygon."""
    from shapely import Polygon as Shape  # imported here: with numpy it takes 25 MB, and recorders read inventories too
    from shapely import unary_union

    there = unary_union([Shape(m).buffer(0) for m in masks if len(m) > 2])
    return all((shape := Shape(w).buffer(0)).difference(there).area <= 0.02 * shape.area for w in wanted)


def _disabled_protocol(s: CameraSettings, service: str) -> _Setting[dict[str, int]]:
    async def write(now: dict[str, int]) -> None:
        await s.disable_protocol(service, now[service])

    return _Setting(f"shut {service}", s.enabled_protocols, lambda now: service not in now, write)


def _encoder(s: CameraSettings, kind: StreamKind, token: str, rules: EncoderPolicy) -> _Setting[EncoderSettings]:
    async def read() -> EncoderSettings:
        return (await s.encoders()).get(token, EncoderSettings())

    def wanted(now: EncoderSettings) -> EncoderSettings:
        fps = rules.fps or now.fps or 25.0
        gop = round(rules.gop_seconds * fps) if rules.gop_seconds is not None else None
        return EncoderSettings(rules.codec, rules.width, rules.height, rules.fps, rules.bitrate, gop)

    async def write(now: EncoderSettings) -> None:
        await s.set_encoder(token, wanted(now))

    return _Setting(f"encoder {kind}", read, lambda now: not now.differs(wanted(now)), write)


def _osd_text(s: CameraSettings, name: str, source: str, text: str) -> _Setting[dict[str, str]]:
    async def write(_: dict[str, str]) -> None:
        await s.set_osd_text(source, text)

    return _Setting(name, s.osd_texts, lambda now: text in now.values(), write)
