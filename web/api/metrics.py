"""The metrics for a monitoring system, in Prometheus' text format.

By village, never by camera: 2,000 series for one figure would be of no use.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timezone

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup, outlines
from core.accounts.permissions import Permission
from core.errors import CertificateError
from core.host import backup_log
from core.settings import Settings, TlsMode
from health import order_queries
from health.checks import presence
from health.checks.presence import Presence
from health.faults import fault_queries
from health.kpi import daily_figures
from health.patrol import rounds
from health.vocabulary import FiguresKind
from nvr.archive.retention import retention_clock
from nvr.recorder import stream_status
from nvr.storage.volumes import all_volumes
from nvr.tables import VolumeState
from search.indexing.lag import lag
from web.framework.context import Context
from web.framework.counters import WebCounters
from web.framework.routing import ReplyKind, RouteTable
from web.tls.certificate import read

routes = RouteTable()


@routes.add("GET", "/metrics", Permission.PATROL_VIEW, kind=ReplyKind.FILE, scraped=True)
async def metrics(c: Context) -> web.Response:
    """Metrics of cameras, faults, orders, streams, disks and the patrol, for Prometheus."""
    async with c.services.database.reading() as session:
        settings = c.services.settings
        villages = c.identity.villages if c.identity_or_none is not None else None
        counters = WebCounters(c.services, c.request.protocol._manager) if villages is None else None
        body = await collect(session, settings, villages, counters=counters)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


async def collect(
    session: AsyncSession,
    settings: Settings,
    villages: tuple[str, ...] | None = None,
    now: datetime | None = None,
    counters: WebCounters | None = None,
) -> bytes:
    """Return the metrics as text.

    `villages`: whose figures; None: the whole station's. `now`: for tests. `counters`: the web server's own counters.
    """
    registry = CollectorRegistry()
    if counters is not None:
        registry.register(counters)
    now = now or datetime.now(timezone.utc)
    await _cameras(session, registry, villages, now)
    await _figures(session, registry, villages)
    if villages is None:
        await _station(session, registry, settings.patrol.interval_minutes * 60, now)
        _backups(registry, await asyncio.to_thread(backup_log.read, settings.data.dir))
        if settings.web.tls is TlsMode.OWN:
            await asyncio.to_thread(_certificate, registry, settings)
    return generate_latest(registry)


async def _cameras(
    session: AsyncSession, registry: CollectorRegistry, villages: tuple[str, ...] | None, now: datetime
) -> None:
    def seen(village: str | None) -> bool:
        return villages is None or village in villages

    total = Gauge("minwang_cameras", "Cameras of the registry", ["village"], registry=registry)
    for village, count in (await lookup.cameras_per_village(session)).items():
        if seen(village):
            total.labels(village).set(count)
    await _presence(session, registry, villages, now)
    faults = Gauge("minwang_faults_open", "Open faults", ["village", "family", "severity"], registry=registry)
    for whose, family, severity, count in await fault_queries.open_counts(session):
        if seen(whose):
            faults.labels(whose or "", family, severity).set(count)
    orders = Gauge("minwang_work_orders", "Work orders that run", ["village", "state"], registry=registry)
    for whose, state, count in await order_queries.running_counts(session):
        if seen(whose):
            orders.labels(whose or "", state).set(count)


async def _presence(
    session: AsyncSession, registry: CollectorRegistry, villages: tuple[str, ...] | None, now: datetime
) -> None:
    """Add the cameras that are offline now, and those of which nobody knows: without a report, none is online."""
    cameras = await outlines.in_use(session, villages)
    states = await presence.present_states(session, cameras, now)
    for state, text in ((Presence.OFFLINE, "are offline"), (Presence.UNKNOWN, "are in an unknown state")):
        gauge = Gauge(f"minwang_cameras_{state}", f"Cameras that {text}", ["village"], registry=registry)
        for camera in cameras:
            gauge.labels(camera.village).inc(states[camera.id].presence is state)


async def _figures(session: AsyncSession, registry: CollectorRegistry, villages: tuple[str, ...] | None) -> None:
    """Add the rates of the last complete day, as in the reports; unknown rates are left out."""
    rows = await daily_figures.of_last_day(session, FiguresKind.VILLAGE)
    shares = {
        name: Gauge(f"minwang_{name}_ratio", f"{text} of the last day that is over", ["village"], registry=registry)
        for name, text in (
            ("online", "Online rate (在线率)"),
            ("intact", "Soundness rate (完好率)"),
            ("recorded", "Completeness (录像完整率)"),
            ("unknown", "Share of the time that is unknown"),
        )
    }
    for row in rows:
        for name, gauge in shares.items():
            value = row.figures.get(name)
            if (villages is None or row.name in villages) and isinstance(value, int | float):
                gauge.labels(row.name).set(value)


async def _station(session: AsyncSession, registry: CollectorRegistry, interval: float, now: datetime) -> None:
    last = await rounds.last_finished(session)
    finished = Gauge(
        "minwang_patrol_finished_timestamp_seconds", "When the last round was finished; 0: never", registry=registry
    )
    finished.set(last.timestamp() if last else 0)
    planned = Gauge("minwang_patrol_interval_seconds", "Seconds between two rounds as planned", registry=registry)
    planned.set(interval)
    behind = await lag(session)
    for name, text, value in (
        ("behind_seconds", "How far search is behind what is recorded, the worst stream", behind.behind_seconds),
        ("skipped_seconds", "Footage that search skipped for lack of time", behind.skipped_seconds),
        ("quarantined_streams", "Streams excluded from search because they crash its workers", behind.quarantined),
    ):
        if value is not None:
            Gauge(f"minwang_search_{name}", text, registry=registry).set(value)
    recording = Gauge("minwang_streams", "Streams by recording state", ["state"], registry=registry)
    for state, count in (await stream_status.count_by_state(session, now)).items():
        recording.labels(state).set(count)
    await _stream_counters(session, registry, now)
    wanted = Gauge("minwang_streams_wanted", "Streams that should be recorded", registry=registry)
    wanted.set(await lookup.recorded_streams(session))
    suspended = Gauge(
        "minwang_retention_suspended", "1: nothing is deleted by age, the clock must be confirmed", registry=registry
    )
    suspended.set((await retention_clock.report(session)).suspended)
    free = Gauge("minwang_volume_free_bytes", "Free bytes of a disk", ["volume"], registry=registry)
    well = Gauge("minwang_volume_ok", "1 if the volume can be read and written", ["volume"], registry=registry)
    for volume in await all_volumes(session):
        free.labels(volume.path).set(volume.free_bytes)
        well.labels(volume.path).set(volume.state == VolumeState.OK)


async def _stream_counters(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    sums = await stream_status.sum_counters(session, now)
    for name, text, value in (
        ("packets_lost", "RTP packets of recorded streams that were lost", sums.lost_packets),
        ("packets_foreign", "Packets of another SSRC, payload type or channel: ignored", sums.foreign_packets),
        ("units_skipped", "NAL units that no decoder needs: skipped", sums.skipped_units),
        ("pictures_damaged", "Pictures dropped because a part of them is missing", sums.damaged_units),
        ("packets_duplicate", "Duplicate or late RTP packets that were dropped", sums.duplicate_packets),
        ("start_points", "Groups of pictures that begin at no keyframe", sums.start_points),
        ("readings_held_back", "Readings put off: the stream takes more than its share of the CPU", sums.held_back),
        ("holes_short", "Interruptions shorter than a second, not counted as gaps", sums.short_holes),
        ("holes_short_seconds", "What is missing in holes below a second", sums.short_hole_seconds),
    ):
        Gauge(f"minwang_stream_{name}", f"{text}, since the recorders started", registry=registry).set(value)


def _certificate(registry: CollectorRegistry, settings: Settings) -> None:
    until = Gauge(
        "minwang_certificate_expires_timestamp_seconds", "When the console's certificate expires; 0: it cannot be read",
        registry=registry,
    )  # fmt: skip
    with contextlib.suppress(CertificateError):
        until.set(min(c.not_valid_after_utc for c in read(settings.certificate_files[0]).chain).timestamp())


def _backups(registry: CollectorRegistry, runs: list[backup_log.BackupRun]) -> None:
    good = [r for r in runs if r.good]
    age = Gauge(
        "minwang_backup_age_seconds", "Seconds since the last good backup; infinite: there is none", registry=registry
    )
    age.set((datetime.now(timezone.utc) - good[-1].at).total_seconds() if good else float("inf"))
    failed = Gauge("minwang_backup_failed", "1: the last run of a backup failed", registry=registry)
    failed.set(bool(runs) and not runs[-1].good)
