"""Backfill: fetches what could not be recorded from the camera's own storage once the camera is back.

A gap that ended, with a cause that did not affect the camera itself (its link was down, the station's disk was full …),
carries the time at which to ask for it (`Gap.ask_at`). Few cameras are read at a time, at a bounded rate, and the live
stream has priority: at its first lost packet the transfer stops and is tried again later, slower.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.addresses import service_url
from cameras.onvif.camera_clock import read_camera_time
from cameras.onvif.client import SoapClient
from cameras.onvif.recordings import EdgeStorage
from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.registry import registry
from cameras.states import StreamKind
from cameras.tables import Camera, Stream
from core import events
from core.clock import SECOND, Clock, from_microseconds, to_microseconds
from core.database import Database
from core.errors import CameraError, CameraRefused
from core.ids import StreamId
from core.network.places import subnet_of
from core.secrets import Vault
from core.settings import RecorderSettings
from core.tasks import run_all
from nvr.archive import segment_index
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.edge.gap_fill import GapFill
from nvr.edge.replay import ReplayReader
from nvr.recorder.recorder import Recorder
from nvr.recording_state import RecordingState
from nvr.rtsp.client import Replay, open_session
from nvr.streams import StreamState
from nvr.tables import Gap

log = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=10)
MAX_GAP_AGE = timedelta(days=7)  # after this, the camera has overwritten it
MAX_CONCURRENT_CAMERAS = 2  # cameras, in different subnets
MAX_FETCH_US = 1800 * SECOND  # fetched per turn, so that other cameras get theirs
MAX_DUE_GAPS = 200  # oldest due gaps from which jobs are chosen
MIN_FETCH_US = SECOND  # shorter ranges are not requested; they stay gaps
MAX_JOINT_US = SECOND // 4  # between fetched and recorded pictures: no hole
LEAD_US = 6 * SECOND  # requested before the gap, because the keyframe is there
MIN_RATE_BPS = 1_000_000  # bits a second
STORE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class BackfillJob:
    """A gap that is due. Times in µs UTC of the station's clock."""

    gap: int
    camera: str
    stream: str
    address: str
    subnet: str
    start_us: int
    end_us: int
    login: tuple[str, str] | None


@dataclass(slots=True)
class Backfiller:
    """One per recorder. `soap` makes the ONVIF client of a camera."""

    database: Database
    recorder: Recorder
    archive: ArchiveLogWriter
    clock: Clock
    vault: Vault
    settings: RecorderSettings
    soap: Callable[[tuple[str, str] | None], SoapClient]
    _rates: dict[str, float] = field(default_factory=dict)

    async def run_once(self) -> int:
        """Fetch what is due; return the bytes received."""
        chosen: dict[str, BackfillJob] = {}
        for job in await self._due():
            chosen.setdefault(job.subnet, job)
        fetched = await run_all(*(self._fetch_gap(j) for j in list(chosen.values())[:MAX_CONCURRENT_CAMERAS]))
        return sum(fetched)

    async def _due(self) -> list[BackfillJob]:
        """Return jobs for due gaps of streams that record steadily, oldest first: cameras overwrite the oldest."""
        now = self.clock.now()
        steady = [s.spec.id for s in self.recorder.streams.values() if s.state == RecordingState.RECORDING]
        async with self.database.session() as session:
            long_ago = to_microseconds(now - MAX_GAP_AGE)
            await session.execute(update(Gap).where(Gap.ask_at.is_not(None), Gap.end_us < long_ago).values(ask_at=None))
            query = (
                select(Gap, Camera)
                .join(Stream, Stream.id == Gap.stream)
                .join(Camera, Camera.id == Stream.camera)
                .where(Gap.ask_at <= now, Stream.kind == StreamKind.MAIN, Gap.stream.in_(steady))
                .order_by(Gap.start_us)
                .limit(MAX_DUE_GAPS)
            )
            jobs = []
            for gap, camera in await session.execute(query):
                if gap.end_us is not None and gap.end_us - gap.start_us < MIN_FETCH_US:
                    gap.ask_at = None
                    continue
                pieces = await _uncovered_parts(session, gap)
                if not pieces:
                    await session.delete(gap)
                    continue
                worth_it = [piece for piece in pieces if piece[1] - piece[0] >= MIN_FETCH_US]
                if camera.address is None or camera.refused_at is not None or not worth_it:
                    gap.ask_at = None
                    continue
                try:
                    subnet = subnet_of(service_url(camera.address))
                    login = await registry.stream_login(session, self.vault, camera)
                except CAMERA_ERRORS as e:  # its storage waits; the others are read
                    log.warning("%s: its storage cannot be queried: %s", gap.stream, error_message(e))
                    gap.ask_at = now + RETRY_AFTER
                    continue
                start, end = worth_it[0]
                end = end if end - start < MAX_FETCH_US + MIN_FETCH_US else start + MAX_FETCH_US
                jobs.append(BackfillJob(gap.id, camera.id, gap.stream, camera.address, subnet, start, end, login))
            return jobs

    async def _fetch_gap(self, job: BackfillJob) -> int:
        """Fetch the range of one gap. The outcome, whatever it is, is stored in the gap."""
        retry_after: timedelta | None = None
        fetched = 0
        try:
            whole, fetched = await self._fetch(job)
            retry_after = None if whole else RETRY_AFTER
        except CameraRefused as e:
            log.warning(
                "%s: it refuses access to its storage: %s; this gap is not fetched again", job.stream, e
            )  # never retried: cameras lock out
        except CameraError as e:
            log.info("%s: its storage cannot be read now: %s; it is tried again in 10 minutes", job.stream, e)
            retry_after = RETRY_AFTER
        await self._replace_gap(job, retry_after)
        return fetched

    async def _fetch(self, job: BackfillJob) -> tuple[bool, int]:
        """Return (whether everything that the camera has was fetched, bytes). Raises CameraError."""
        client, url = self.soap(job.login), service_url(job.address)
        clock_offset = (await read_camera_time(client, url, self.clock)).offset or 0.0
        client.clock_offset = clock_offset
        storage = await EdgeStorage.of(client, url)
        if storage is None:
            return True, 0
        offset_us = self._offset(
            job.stream, int(clock_offset * 1e6) + SECOND // 2
        )  # ONVIF truncates the second's fraction
        start, end = (from_microseconds(t + offset_us) for t in (job.start_us, job.end_us))
        for recording in await storage.recordings():
            if recording.touches(start, end):
                return await self._replay(job, await storage.replay_url(recording), offset_us)
        return True, 0

    def _offset(self, stream: str, told_us: int) -> int:
        """Return the camera's clock minus the station's, µs.

        Sender reports have the milliseconds that ONVIF leaves out.
        """
        state = self.recorder.streams.get(stream)
        fine = state.sink.clock.offset_us if state is not None else None
        return fine if fine is not None and abs(fine - told_us) < 2 * SECOND else told_us

    async def _replay(self, job: BackfillJob, url: str, offset_us: int) -> tuple[bool, int]:
        replay_range = Replay(_moment(job.start_us + offset_us - LEAD_US), _moment(job.end_us + offset_us + SECOND))
        live = self.recorder.streams[job.stream].spec.url
        async with self.recorder.connect_limiter.attempt(url):
            session = await open_session(url, job.login, replay=replay_range, remembered_as=live)
        fill = GapFill(
            job.stream, job.start_us, job.end_us, offset_us, self.recorder.volumes, self.archive,
            self.settings.segment_seconds, asyncio.get_running_loop().call_soon_threadsafe,
        )  # fmt: skip
        reader = ReplayReader(session, fill.take, fill.begin_after_break, self.clock)
        rate = self._rates.get(job.camera, float(self.settings.backfill_rate))
        guard = _LiveStreamGuard(self.recorder.streams[job.stream])
        try:
            whole = await reader.read(rate, guard)
        finally:
            reader.close()
            fill.close()
            await self._wait_until_stored(fill)
        if not whole:
            self._rates[job.camera] = max(MIN_RATE_BPS, rate / 2)
            log.warning(
                "%s: reading its storage disturbed the live stream; it continues later at half the rate", job.stream
            )
        return whole, fill.bytes

    async def _wait_until_stored(self, fill: GapFill) -> None:
        """Wait until the writers have closed the files, but at most STORE_TIMEOUT_S, because a disk may hang."""
        until = self.clock.monotonic() + STORE_TIMEOUT_S
        while not fill.is_stored and self.clock.monotonic() < until:
            self.recorder.volumes.submit()
            await self.clock.sleep(0.05)

    async def _replace_gap(self, job: BackfillJob, retry_after: timedelta | None) -> None:
        """Replace the gap by what is still missing of it, after the entries of the fetched files."""

        async def write(session: AsyncSession) -> None:
            gap = await session.get(Gap, job.gap)
            if gap is None or gap.end_us is None:
                return
            now = self.clock.now()
            pieces = await _uncovered_parts(session, gap)
            for start, end in _split(pieces, job.end_us):
                # What lies after this turn's range has not been requested.
                ask = now if start > job.end_us - MIN_FETCH_US else now + retry_after if retry_after else None
                ask = ask if end - start >= MIN_FETCH_US else None
                session.add(
                    Gap(stream=gap.stream, start_us=start, end_us=end, cause=gap.cause, detail=gap.detail, ask_at=ask)
                )
            await session.execute(delete(Gap).where(Gap.id == job.gap))
            left = sum(end - start for start, end in pieces)
            filled = gap.end_us - gap.start_us - left
            if filled >= MIN_FETCH_US:
                seconds, rest = round(filled / SECOND, 1), round(left / SECOND, 1)
                events.append(
                    session, now, events.EventKind.FOOTAGE_BACKFILLED, camera=job.camera, seconds=seconds, missing=rest
                )

        self.archive.queue(write)
        await self.archive.flush()


async def _uncovered_parts(session: AsyncSession, gap: Gap) -> list[tuple[int, int]]:
    """Return the parts of a gap that are in no file. A recorder that died during a fetch may have stored some of it."""
    end = gap.end_us if gap.end_us is not None else gap.start_us
    found = await segment_index.spans(session, [gap.stream], gap.start_us, end)
    return uncovered(gap.start_us, end, segment_index.merge_spans(found[gap.stream], MAX_JOINT_US))


class _LiveStreamGuard:
    """Whether the live stream is as healthy as when the fetch began."""

    def __init__(self, state: StreamState):
        self._state = state
        self._lost = state.counters.lost_packets

    def __call__(self) -> bool:
        return self._state.state == RecordingState.RECORDING and self._state.counters.lost_packets == self._lost


def uncovered(start_us: int, end_us: int, covered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the parts of [start, end) that lie in none of the spans (given in order).

    Parts too short to be fetched are included, because those of neighbouring gaps add up; holes up to MAX_JOINT_US are
    not.
    """
    pieces, at = list[tuple[int, int]](), start_us
    for begin, until in [*covered, (end_us, end_us)]:
        if begin - at > MAX_JOINT_US:
            pieces.append((at, min(begin, end_us)))
        at = max(at, until)
    return pieces


def _split(pieces: list[tuple[int, int]], at: int) -> list[tuple[int, int]]:
    """Return the same parts, with the one that contains `at` split there if both halves are long enough to fetch."""
    halves = (([(a, at), (at, b)] if min(at - a, b - at) >= MIN_FETCH_US else [(a, b)]) for a, b in pieces)
    return [piece for pair in halves for piece in pair]


def _moment(us: int) -> str:
    """Format a time as ISO 8601 basic, as RTSP's Range header requires (RFC 2326, 3.7)."""
    return from_microseconds(us).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


async def cameras_in_backfill(session: AsyncSession, now: datetime) -> set[str]:
    """Return the cameras whose storage is read now or soon: their clocks must not be set."""
    streams = await session.scalars(select(Gap.stream).where(Gap.ask_at <= now + timedelta(minutes=10)).distinct())
    return {StreamId(s).camera for s in streams}
