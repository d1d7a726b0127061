"""Routes for the administrator's station page: disks, processes, queues, models, settings, and a bundle of all of it.

Everything is read from what the running station recorded; nothing is measured for a request, and every list is bounded.
Secrets are never told: of a setting that is one, only whether it is set.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta

from aiohttp import hdrs, web
from pydantic import BaseModel, Field, JsonValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

import core
from core import events
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.events import Event
from core.host.process_role import ProcessRole
from core.logs import redact
from core.settings_section import Section
from health import order_queries
from health.faults import fault_queries
from nvr.recorder import stream_status
from nvr.recording_state import RecordingState
from nvr.storage.volumes import all_volumes
from nvr.tables import Hold, Shortfall, ShortfallReason, VolumeState, Worker
from search.indexing.lag import lag
from search.models import ModelRegistry
from web.api.station import OutlookView, StationReply, retention_outlook
from web.doctor.runner import worst
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable

routes = RouteTable()

MAX_SHORTFALLS = 200
MAX_KINDS = 100
SECRET_WORDS = ("password", "secret", "token", "key")
EVENT_DAYS = timedelta(days=1)


class VolumeView(BaseModel):
    number: int
    path: str
    state: VolumeState | str = Field(description="Text that is not listed comes from another release")
    detail: str
    total_bytes: int
    free_bytes: int
    checked_at: datetime | None


class ProcessView(BaseModel):
    name: str
    role: ProcessRole | str = Field(description="Text that is not listed comes from another release")
    pid: int
    seen_at: datetime
    alive: bool = Field(description="It reported within the last minute")
    release: str = Field(description="Version of the program that it runs; empty: an old one that did not say")
    started_at: datetime | None
    other_release: bool = Field(description="It does not run the station's version: it was not restarted")


class ShortfallView(BaseModel):
    stream: str
    day: str
    held_days: float
    required_days: float
    reason: ShortfallReason | str = Field(description="Text that is not listed comes from another release")


class QueueView(BaseModel):
    index_behind_seconds: float | None = Field(
        description="Of the stream that search lags behind most; null: nobody knows, nothing is analysed"
    )
    index_skipped_seconds: int
    index_quarantined: int
    events_position: int
    events_last_day: dict[str, int] = Field(description="Kind → number within a day, the most frequent kinds")
    open_orders: int
    late_orders: int
    open_faults: int


class ModelView(BaseModel):
    name: str = Field(description="Id and version of the pack")
    task: str
    licence: str


class StationState(BaseModel):
    release: str
    at: datetime
    volumes: list[VolumeView]
    forecast: list[OutlookView]
    shortfalls: list[ShortfallView] = Field(description="Footage removed before its time, the newest days first")
    holds: int = Field(description="Holds that are not released")
    processes: list[ProcessView]
    streams: dict[RecordingState, int] = Field(description="State → number of streams, of fresh reports only")
    queues: QueueView
    models: list[ModelView]


class SettingView(BaseModel):
    key: str
    value: JsonValue = Field(description='Of a secret "set" or "not set"')
    default: bool = Field(description="Nobody changed it")
    description: str


@routes.add("GET", "/api/station/state", Permission.STATION_VIEW, reply=StationState)
async def station_state(c: Context) -> StationState:
    """Disks with their forecast, processes, recording, queues, and installed models, as the station recorded them."""
    return await _state(c)


@routes.add("GET", "/api/station/settings", Permission.STATION_VIEW, reply=list[SettingView])
async def station_settings(c: Context) -> list[SettingView]:
    """The settings as the station runs with them."""
    return _settings(c)


@routes.add("GET", "/api/station/bundle", Permission.STATION_VIEW, kind=ReplyKind.FILE)
async def station_bundle(c: Context) -> web.Response:
    """Checks, state and settings in one JSON file without secrets, to send to whoever helps. Audited."""
    now = c.services.clock.now()
    facts = await c.services.doctor.facts()
    bundle = StationBundle(
        checks=StationReply(state=worst(facts), facts=facts), state=await _state(c), settings=_settings(c)
    )
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, now, c.identity.name, AuditAction.STATION_BUNDLE, "station", by_session=c.identity.session
        )
    headers = {
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="station-{now:%Y%m%dT%H%M%S}.json"',
        hdrs.CACHE_CONTROL: "no-store",
    }
    return web.Response(text=bundle.model_dump_json(indent=1), content_type="application/json", headers=headers)


class StationBundle(BaseModel):
    checks: StationReply
    state: StationState
    settings: list[SettingView]


async def _state(c: AnyContext) -> StationState:
    now = c.services.clock.now()
    models = await asyncio.to_thread(_models, c.services.model_registry)
    async with c.services.database.reading() as session:
        volumes = await all_volumes(session)
        shortfalls = await session.scalars(
            select(Shortfall).order_by(Shortfall.day.desc(), Shortfall.stream).limit(MAX_SHORTFALLS)
        )
        workers = await session.scalars(select(Worker).order_by(Worker.name))
        return StationState(
            release=core.__version__,
            at=now,
            volumes=[
                VolumeView(
                    number=v.number, path=v.path, state=v.state, detail=redact(v.detail), total_bytes=v.total_bytes,
                    free_bytes=v.free_bytes, checked_at=v.checked_at,
                )
                for v in volumes
            ],
            forecast=await retention_outlook(c, session),
            shortfalls=[ShortfallView.model_validate(s, from_attributes=True) for s in shortfalls],
            holds=await session.scalar(select(func.count()).select_from(Hold).where(Hold.released_at.is_(None))) or 0,
            processes=[
                ProcessView(
                    name=w.name, role=w.role, pid=w.pid, seen_at=w.seen_at, alive=now - w.seen_at < stream_status.FRESH,
                    release=w.release, started_at=w.started_at, other_release=w.release != core.__version__
                )
                for w in workers
            ],
            streams=await stream_status.count_by_state(session, now),
            queues=await _queues(session, now),
            models=models,
        )  # fmt: skip


async def _queues(session: AsyncSession, now: datetime) -> QueueView:
    behind = await lag(session)
    opened, late = await order_queries.open_and_late(session, None, now)
    kinds = await session.execute(
        select(Event.kind, func.count())
        .where(Event.at > now - EVENT_DAYS)
        .group_by(Event.kind)
        .order_by(func.count().desc(), Event.kind)
        .limit(MAX_KINDS)
    )
    return QueueView(
        index_behind_seconds=behind.behind_seconds,
        index_skipped_seconds=behind.skipped_seconds,
        index_quarantined=behind.quarantined,
        events_position=await events.last_id(session),
        events_last_day={row[0]: row[1] for row in kinds},
        open_orders=opened,
        late_orders=late,
        open_faults=sum(count for *_, count in await fault_queries.open_counts(session)),
    )


def _models(registry: ModelRegistry) -> list[ModelView]:
    """Return the installed packs. Blocking."""
    return [ModelView(name=m.pack.name, task=m.pack.task, licence=m.pack.licence) for m in registry.installed()]


def _settings(c: AnyContext) -> list[SettingView]:
    settings, found = c.services.settings, list[SettingView]()
    for name in type(settings).model_fields:
        section = getattr(settings, name)
        if not isinstance(section, Section):
            continue
        values, defaults = section.model_dump(mode="json"), type(section)().model_dump(mode="json")
        for key, field in type(section).model_fields.items():
            found.append(
                SettingView(
                    key=f"{name}.{key}",
                    value=shown_value(key, values[key]),
                    default=values[key] == defaults[key],
                    description=field.description or "",
                )
            )
    return found


def shown_value(key: str, value: JsonValue) -> JsonValue:
    """Return a setting as it may be told: no secret, and no password in an address."""
    if any(word in SECRET_WORDS for word in key.split("_")):
        return "set" if value else "not set"
    if isinstance(value, str):
        return re.sub(r"//[^/@\s]*@", "//…@", value)
    if isinstance(value, list):
        return [shown_value(key, item) for item in value]
    return value
