"""Reconciliation: read the desired streams from the database, write the observed state back."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onboarding import own_account
from cameras.registry import registry
from cameras.tables import Camera, Stream
from core.clock import Clock, from_microseconds
from core.database import Database
from core.errors import SecretError
from core.host.process_role import ProcessRole
from core.ids import StreamId
from core.network.authenticator import PlainPasswordLogin
from core.secrets import Vault
from nvr.archive.coverage.short_gaps import HourCounts
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.engine_choice import EngineKind
from nvr.media.pictures.start_points import NO_IDR
from nvr.media.rtp.sequence_numbers import NUMBERS_IGNORED_TEXT
from nvr.media.samples import StreamCounters
from nvr.media.work_budget import THROTTLED_TEXT
from nvr.recorder import quarantine, schedule, stream_status
from nvr.recorder.heartbeats import Heartbeat
from nvr.recorder.recorder import Recorder
from nvr.recorder.watchdog import REQUEST_AGAIN_S
from nvr.recording_state import RecordingState
from nvr.rtsp import server_memory
from nvr.storage import volume_set
from nvr.storage.rendezvous import score
from nvr.streams import StreamFacts, StreamSpec, StreamState
from nvr.tables import GapCause, StreamStatus, Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

JUMP_SECONDS = 300.0
KEYFRAME_WANTED_SECONDS = REQUEST_AGAIN_S + 5.0  # a waiting stream repeats its request within this time


@dataclass(slots=True)
class DesiredStreams:
    """The streams wanted now, and separately what was observed of each."""

    specs: list[StreamSpec]
    facts: dict[str, StreamFacts]

    @property
    def streams(self) -> list[str]:
        return [s.id for s in self.specs]


def shard(camera: str, workers: int) -> int:
    """Return a camera's recorder by rendezvous hashing.

    A changed number of workers moves as few cameras as possible.
    """
    return max(range(workers), key=lambda w: score(camera, f"worker {w}"))


async def desired(
    session: AsyncSession,
    vault: Vault,
    default_engine: str,
    *,
    now: datetime,
    zone: ZoneInfo,
    worker: int = 0,
    workers: int = 1,
) -> DesiredStreams:
    """Return what recorder `worker` of `workers` must record at `now`."""
    known = await session.execute(select(StreamStatus.stream, StreamStatus.fell_back_at, StreamStatus.quarantined_at))
    before = {stream: (fell_back, quarantined) for stream, fell_back, quarantined in known}
    logins = _Logins(session, vault)
    found = DesiredStreams([], {})
    wanting = await own_account.villages_requiring(session)
    for camera in await registry.cameras(session):
        if shard(camera.id, workers) != worker:
            continue
        first_use = not any(stream.id in before for stream in camera.streams)
        if first_use and own_account.must_wait(camera, wanting):
            continue
        login = await logins.of(camera)
        for stream in camera.streams:
            if not (stream.record and stream.url and _is_time(stream, now, zone)):
                continue
            found.specs.append(
                StreamSpec(
                    stream.id, stream.url, login, EngineKind(stream.engine or default_engine), audio=stream.audio,
                    on_event=stream.schedule == schedule.ON_EVENT,
                )
            )  # fmt: skip
            fell_back_at, quarantined_at = before.get(stream.id, (None, None))
            found.facts[stream.id] = StreamFacts(
                refused=camera.refused_at is not None or camera.credential in logins.sealed_elsewhere,
                quarantined=quarantine.is_active(quarantined_at, now),
                fell_back_at=fell_back_at,
                has_digest=camera.rtsp_digest_at is not None,
            )
    return found


class _Logins:
    """The logins of the cameras in one pass; each credential is opened once."""

    def __init__(self, session: AsyncSession, vault: Vault):
        self._session = session
        self._vault = vault
        self._opened: dict[str | None, tuple[str, str] | None] = {}
        self.sealed_elsewhere: set[str | None] = set()  # credentials that this station's key does not open

    async def of(self, camera: Camera) -> tuple[str, str] | None:
        name = camera.credential
        if name not in self._opened:
            try:
                self._opened[name] = await registry.login(self._session, self._vault, name)
            except SecretError as e:  # only the cameras with this credential wait for the password
                log.error("the cameras of credential '%s' are not recorded: %s", name, e)
                self._opened[name] = None
                self.sealed_elsewhere.add(name)
        login = self._opened[name]
        return PlainPasswordLogin(login) if login is not None and registry.allows_plain_password(camera) else login


def _is_time(stream: Stream, now: datetime, zone: ZoneInfo) -> bool:
    """Return whether the stream's schedule includes `now`; an invalid schedule counts as always."""
    try:
        return schedule.includes(stream.schedule, now, zone)
    except ValueError as e:
        log.error(
            "the schedule of %s is invalid (%s); the stream is recorded continuously; correct it in the inventory",
            stream.id,
            e,
        )
        return True


async def recorders_alive(database: Database, clock: Clock) -> bool:
    """Return whether a recorder wrote its state within the last 15 seconds."""
    async with database.reading() as session:
        query = select(Worker.name).where(
            Worker.role == ProcessRole.RECORDER, Worker.seen_at > clock.now() - timedelta(seconds=15)
        )
        return (await session.scalars(query)).first() is not None


async def bit_rates(session: AsyncSession, now: datetime) -> dict[str, float]:
    """Return bits per second of each stream that is enabled and recording, as observed within the last minute."""
    query = (
        select(StreamStatus.stream, StreamStatus.bitrate)
        .join(Stream, Stream.id == StreamStatus.stream)
        .join(Camera, Camera.id == Stream.camera)
        .where(
            StreamStatus.state == RecordingState.RECORDING,
            stream_status.is_fresh(now),
            Stream.record,
            Camera.retired.is_(False),
        )
    )
    return {row.stream: row.bitrate for row in await session.execute(query)}


async def store_digest_offer(session: AsyncSession, cameras: Collection[str], now: datetime) -> None:
    """Store that the cameras' RTSP servers offered Digest; an earlier time stays."""
    if cameras:
        first = update(Camera).where(Camera.id.in_(sorted(cameras)), Camera.rtsp_digest_at.is_(None))
        await session.execute(first.values(rtsp_digest_at=now))


def _keep(known: dict[str, T], streams: Collection[str]) -> None:
    """Remove the entries of other streams."""
    for stream in known.keys() - streams:
        del known[stream]


class KeyframeIntervals:
    """Keyframe interval of each stream, from counters that are read every few seconds."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, float, float | None]] = {}  # keyframes, since when, previous interval

    def observe(self, state: StreamState, now: float) -> float | None:
        """Return the seconds between the newest keyframes, or since the newest if that is longer; None if unknown."""
        count = state.counters.keyframes
        known, at, interval = self._before.get(state.spec.id, (count, now, None))
        if state.state != RecordingState.RECORDING:
            self._before[state.spec.id] = (count, now, None)
            return None
        if count != known:
            known, at, interval = count, now, (now - at) / (count - known) if count > known else None
        self._before[state.spec.id] = (known, at, interval)
        return max(interval or 0.0, now - at) or None

    def keep(self, streams: Collection[str]) -> None:
        """Forget all other streams."""
        _keep(self._before, streams)


@dataclass(frozen=True, slots=True)
class CameraUpdates:
    """Streams whose camera rows were updated."""

    refused: set[StreamState]
    with_digest: set[StreamState]


class StatusWriter:
    """Writes each stream's observed state, with rates since the last write."""

    def __init__(self, recorder: Recorder, clock: Clock, worker: str):
        self._recorder = recorder
        self._clock = clock
        self._worker = worker
        self._heartbeat = Heartbeat(ProcessRole.RECORDER, worker, clock)
        self._before: dict[str, tuple[float, StreamCounters]] = {}
        self._jumps: dict[str, float] = {}
        self._keyframes = KeyframeIntervals()
        self._written: set[str] = set()
        self._holes = HourCounts()

    async def write(self, session: AsyncSession, url: str) -> CameraUpdates:
        """Write the state; return the changes to cameras, which must be passed to `stored` after the commit."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        await self._heartbeat.write(session, url)
        await volume_set.store_state(session, self._clock, self._recorder.volumes.disks)
        updates = await self._write_camera_updates(session, now)
        self._forget_removed(self._recorder.streams)
        states = list(self._recorder.streams.values())
        rows = [self._row(state, now, monotonic) for state in states]
        for state, row in zip(states, rows, strict=True):
            if state.spec.id not in self._written:  # its row may be missing, or another worker's
                await session.merge(StreamStatus(**row))
                self._written.add(state.spec.id)
        if rows:
            await session.execute(update(StreamStatus), rows)  # one statement for all, by primary key
        await self._holes.write(session, now, {n: s.sink.timeline for n, s in self._recorder.streams.items()})
        return updates

    async def _write_camera_updates(self, session: AsyncSession, now: datetime) -> CameraUpdates:
        """Write refusals and offers of Digest once. Afterwards a person may have acted, which must not be undone."""
        streams = list(self._recorder.streams.values())
        updates = CameraUpdates(
            {s for s in streams if s.refused is not None and not s.facts.refused},
            {s for s in streams if server_memory.offered_digest(s.spec.url) and not s.facts.has_digest},
        )
        if updates.refused:
            refused = [StreamId(s.spec.id).camera for s in updates.refused]
            for camera in await session.scalars(
                select(Camera).where(Camera.id.in_(refused), Camera.refused_at.is_(None))
            ):
                camera.refused_at = now
        await store_digest_offer(session, {StreamId(s.spec.id).camera for s in updates.with_digest}, now)
        return updates

    def _forget_removed(self, streams: Collection[str]) -> None:
        _keep(self._before, streams)
        _keep(self._jumps, streams)
        self._keyframes.keep(streams)
        self._written.intersection_update(streams)

    def stored(self, updates: CameraUpdates) -> None:
        """Mark the changes that `write` returned as committed."""
        self._holes.mark_stored()
        for state in updates.refused:
            state.facts = replace(state.facts, refused=True)
        for state in updates.with_digest:
            state.facts = replace(state.facts, has_digest=True)

    def _row(self, state: StreamState, now: datetime, monotonic: float) -> dict[str, object]:
        c = state.counters
        before_at, before = self._before.get(state.spec.id, (monotonic - 1e9, StreamCounters()))
        seconds = max(monotonic - before_at, 1e-3)
        packets, lost = c.packets - before.packets, c.lost_packets - before.lost_packets
        self._before[state.spec.id] = (monotonic, replace(c))
        # Exponential decay with a time constant of JUMP_SECONDS: repeated jumps add up, a single one fades.
        faded = self._jumps.get(state.spec.id, 0.0) * math.exp(-seconds / JUMP_SECONDS)
        self._jumps[state.spec.id] = jumps = faded + max(0, c.timestamp_jumps - before.timestamp_jumps)
        cause, detail = _status_text(state, before, monotonic)
        return {
            "stream": state.spec.id,
            "worker": self._worker,
            "state": state.state,
            "engine": state.engine,
            "cause": cause,
            "fell_back_at": state.fell_back_at,
            "detail": detail[:200],
            "at": now,
            "since": now - timedelta(seconds=monotonic - state.since),
            "fps": (c.frames - before.frames) / seconds,
            "bitrate": (c.bytes - before.bytes) * 8 / seconds,
            "loss": lost / (packets + lost) if packets + lost > 0 else 0.0,
            "reconnects": max(state.reconnects, 0),
            "jumps": round(jumps, 2),
            "keyframe_seconds": self._keyframes.observe(state, monotonic),
            **_counter_columns(c),
            **_sink_columns(state.sink),
        }


def _counter_columns(c: StreamCounters) -> dict[str, object]:
    return {
        "foreign_packets": c.foreign_packets,
        "skipped_units": c.skipped_units,
        "damaged_units": c.damaged_units,
        "duplicate_packets": c.duplicate_packets,
        "start_points": c.start_points,
        "held_back": c.held_back,
        "packets": c.packets,
        "lost_packets": c.lost_packets,
    }


def _sink_columns(sink: SegmentWriter) -> dict[str, object]:
    until, offset_us = sink.covered_until, sink.clock.offset_us
    return {
        "last_picture": from_microseconds(until) if until and sink.segments_made else None,
        "short_holes": sink.timeline.short_holes,
        "short_hole_seconds": sink.timeline.short_holes_us / 1e6,
        "clock_offset": offset_us / 1e6 if offset_us is not None else None,
    }


def _status_text(state: StreamState, before: StreamCounters, monotonic: float) -> tuple[GapCause | None, str]:
    """Return cause and detail of a stream's status."""
    if state.state != RecordingState.RECORDING:
        return state.cause, state.detail
    if monotonic - state.keyframe_wanted_at < KEYFRAME_WANTED_SECONDS:
        return GapCause.NO_KEYFRAME, "waiting for a keyframe; pictures cannot be decoded without it"
    return state.cause, "; ".join(filter(None, [*status_remarks(state.counters, before), state.detail]))


def status_remarks(now: StreamCounters, before: StreamCounters) -> list[str]:
    """Return the remarks for the status of a stream that is recording."""
    found = {
        NO_IDR: now.start_points > before.start_points,
        THROTTLED_TEXT: now.held_back > before.held_back,
        NUMBERS_IGNORED_TEXT: now.unordered_packets > before.unordered_packets,
    }
    return [text for text, holds in found.items() if holds]
