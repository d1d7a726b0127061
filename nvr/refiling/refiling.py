"""Corrects recordings that a wrong clock named, after the station's clock was set: moves them, or marks the time.

A station without a battery for its clock starts in the past, or an hour ahead, and a time service sets it right minutes
later. What the recorder named until then, in this run and in earlier ones by the same clock (nvr.clock.clock_epoch), is
known, and by how much its times are wrong. Its files get their right names and entries and its gaps their right times,
so that nothing overlaps what comes. A stream remembers its first files by name; the others have entries that were made
since the clock is set as it is.

nvr.refiling.file_moves moves the files, nvr.refiling.gap_moves the gaps.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from core.errors import StorageError
from core.ids import StreamId
from nvr.archive import clock_corrections, holds, retention_clock, segment_index
from nvr.archive.archive_log import ArchiveDatabase
from nvr.archive.clock_corrections import Correction
from nvr.archive.timeline import ClockStep
from nvr.clock import clock_epoch
from nvr.clock.clock_epoch import Epoch
from nvr.clock.plausibility import STEP_US
from nvr.refiling import camera_witness, file_moves, gap_moves
from nvr.tables import Footage, Gap, RetentionClockRow

log = logging.getLogger(__name__)

LOOK_SECONDS = 30
ROWS_HOURS = 26  # around its start; an epoch counts older entries of these hours' rows, to tell them from its own
MAX_ROWS = 200_000  # that are counted so; what a wrong clock named in more rows stays where it is
CLOSING_SECONDS = 60  # longest wait for a file's entry


class Refiler:
    """Corrects streams one after another. `stepped` queues a stream; `run` must be running."""

    def __init__(self, archive: ArchiveDatabase):
        self._database = archive.database
        self._archive = archive
        self._waiting: asyncio.Queue[Correction] = asyncio.Queue()
        self._worker = ""  # owner of the corrections
        self._epoch: Epoch | None = None
        self._kept_in: Path | None = None
        self._first_offset_us = 0  # of the epoch, when this run began
        self._began_us = 0  # wall time at which this run began, by its first clock
        self._stepped_us: Counter[str] = Counter()  # sum of the clock changes that each stream has adopted since
        self._moving = asyncio.Lock()
        self._held = set[tuple[str, int, int]]()  # (camera, sum of clock changes, change) for which holds were extended
        self._recorded = set[str]()  # streams of this run
        self.moved = 0

    async def begin(self, wall_us: int, kept_in: Path | None = None) -> None:
        """Begin a run of the recorder. The file `kept_in` says whether earlier runs used the same clock."""
        async with self._database.reading() as session:
            row, gap = [await session.scalar(select(func.max(t.id))) or 0 for t in (Footage, Gap)]
        epoch = await asyncio.to_thread(clock_epoch.current_epoch, wall_us, row + 1, gap + 1)
        before = await asyncio.to_thread(clock_epoch.load, kept_in) if kept_in is not None else None
        if before is not None and before.continues(epoch):
            epoch = before
        else:
            epoch.rows = await self._rows_around(wall_us, before.streams if before is not None else ())
            epoch = clock_epoch.next_epoch(before, epoch) if before is not None else epoch
        self._epoch = epoch = await self._forget_stored(epoch)
        self._kept_in, self._began_us, self._first_offset_us = kept_in, wall_us, epoch.offset_us
        self._worker = kept_in.stem if kept_in is not None else ""
        async with self._database.reading() as session:
            for left in await clock_corrections.load(session, self._worker):  # left by a run that was killed
                self._waiting.put_nowait(left)
        await self._keep()

    async def _rows_around(self, wall_us: int, streams: Sequence[str]) -> dict[int, int]:
        """Return how many entries the rows have to which this epoch adds its own."""
        now = wall_us // HOUR_US
        query = select(Footage.id, func.length(Footage.entries)).where(
            Footage.hour.between(now - ROWS_HOURS, now + ROWS_HOURS)
        )
        async with self._database.reading() as session:
            rows = await session.execute(query.where(Footage.stream.in_(streams)) if streams else query)
            return {row: length // segment_index.ENTRY_BYTES for row, length in rows}

    def _wall_us(self) -> int:
        return self._epoch.offset_us + clock_epoch.since_boot() if self._epoch is not None else 0

    async def _note_rows(self, session: AsyncSession, since_us: int) -> None:
        """Record how many entries the rows of the hours from `since_us` on have, before this epoch adds any there."""
        epoch, until = self._epoch, self._wall_us() // HOUR_US + ROWS_HOURS
        if epoch is None:
            return
        query = select(Footage.id, func.length(Footage.entries)).where(
            Footage.hour.between(since_us // HOUR_US - 1, until),
            Footage.id < epoch.first_row,
            Footage.stream.in_(epoch.streams),
        )
        for row, length in await session.execute(query.limit(MAX_ROWS)):
            if len(epoch.rows) < MAX_ROWS:
                epoch.rows.setdefault(row, length // segment_index.ENTRY_BYTES)

    def records(self, stream: str) -> None:
        """Register a stream that this run records."""
        self._recorded.add(stream)
        if self._epoch is not None and stream not in self._epoch.streams:
            self._epoch.streams = (*self._epoch.streams, stream)

    async def watch(self) -> None:
        """Check at intervals whether the clock is confirmed meanwhile, and store the epoch."""
        while True:
            for _ in range(clock_epoch.SAVE_INTERVAL_S // LOOK_SECONDS):
                await asyncio.sleep(LOOK_SECONDS)
                await self.look()
            async with self._database.reading() as session:  # hours that the clock reaches next
                await self._note_rows(session, self._wall_us() + 2 * HOUR_US)
            await self._keep()

    async def look(self) -> None:
        """Once retention believes the clock, correct what earlier boots and clocks named."""
        async with self._database.reading() as session:
            left = await clock_corrections.left_to(session, self._worker, self._recorded)
            waits = await clock_corrections.any_of(session, self._worker)
        if left:
            async with self._database.session() as session:
                for one in await clock_corrections.take_over(session, self._worker, self._recorded):
                    self._waiting.put_nowait(one)
        if (
            left
            or waits
            or self._epoch is None
            or not (self._epoch.earlier or not self._epoch.is_proved)
            or not await self._believed(self._epoch)
        ):
            return
        while self._epoch.earlier:
            old, *later = (*self._epoch.earlier, self._epoch)
            said = await self._said_by_cameras(old, later[-1])
            if by := clock_epoch.correction(old, later, said):
                log.warning("what was filed until %s µs by a wrong clock moves by %+.1f s", old.end_us, by / SECOND)
                for stream in old.streams:
                    if not await self._bring_back(stream, old, later[0], by):
                        return
            self._epoch = replace(self._epoch, earlier=self._epoch.earlier[1:])
            await self._keep()
        self._epoch.is_proved = True
        await self._keep()

    async def _said_by_cameras(self, old: Epoch, newest: Epoch) -> int | None:
        if old.boot == newest.boot or old.is_proved:
            return None
        async with self._database.reading() as session:
            return await camera_witness.error_of(session, old, newest, self._wall_us())

    async def _forget(self, stream: str) -> None:
        """Remove a finished stream from the oldest epoch, so that a killed recorder does not move its gaps again."""
        if self._epoch is not None:
            left = tuple(s for s in self._epoch.earlier[0].streams if s != stream)
            self._epoch = replace(
                self._epoch, earlier=(replace(self._epoch.earlier[0], streams=left), *self._epoch.earlier[1:])
            )
            await self._keep()

    async def _believed(self, epoch: Epoch) -> bool:
        async with self._database.reading() as session:
            row = await session.get(RetentionClockRow, retention_clock.ROW)
        if row is None or row.suspicion or row.boot != epoch.boot[:40]:
            return False
        return abs(row.wall_us - row.uptime_us - epoch.offset_us) <= STEP_US

    async def _bring_back(self, stream: str, old: Epoch, later: Epoch, by_us: int) -> bool:
        """Move what an earlier epoch named for a stream. Return False if nothing has moved and it must be tried again.

        Once its row is stored, the next recorder continues the correction if necessary.
        """
        since, until = _stretch(old)
        try:
            async with self._moving:
                await self._archive.flush()
                step = await self._named(ClockStep(stream, since, until, by_us, (), True), old, later)
                correction = Correction(step, resumed=True)
                async with self._database.session() as session:
                    await gap_moves.move(session, replace(step, files=()), old.first_gap, later.first_gap)
                    await gap_moves.name_hole(session, step, later)
                    await clock_corrections.store(session, self._worker, correction, step.files or ())
        except StorageError as e:
            log.error(
                "%s: what a wrong clock filed stays where it is for now (%s)", stream, e, extra={"stream": stream}
            )
            return False
        await self._forget(stream)
        await self._do(correction, 0)
        return True

    async def _forget_stored(self, epoch: Epoch) -> Epoch:
        """Return the epoch without the streams whose stored correction a killed recorder did not get to remove."""
        streams = {s for old in epoch.earlier for s in old.streams}
        if not streams:
            return epoch
        async with self._database.reading() as session:
            stored = await clock_corrections.stretches(session, streams)
        past = [
            replace(old, streams=tuple(s for s in old.streams if (s, *_stretch(old)) not in stored))
            for old in epoch.earlier
        ]
        return replace(epoch, earlier=tuple(past))

    async def _keep(self) -> None:
        if self._kept_in is None or self._epoch is None:
            return
        self._epoch.saved_uptime_us = max(self._epoch.saved_uptime_us, clock_epoch.since_boot())
        try:
            await asyncio.to_thread(clock_epoch.save, self._kept_in, self._epoch)
        except OSError as e:
            log.warning("since when the clock runs as it does cannot be kept in %s: %s", self._kept_in, e.strerror)

    def clock_stepped(self, by_us: int, followed: Collection[str] | None = None) -> None:
        """Handle a change of the station's clock.

        Streams of this run follow at their next keyframes (`stepped`); streams of earlier runs, which are not in
        `followed`, follow at once.
        """
        if self._epoch is None:
            return
        self._held.clear()
        old, self._epoch = self._epoch, clock_epoch.stepped(self._epoch, by_us)
        since = self._epoch.since_us
        # Before this epoch adds or moves anything there.
        self._archive.write(lambda session: self._note_rows(session, since))
        for stream in old.streams if followed is not None else ():
            if stream not in (followed or ()):
                self.stepped(ClockStep(stream, old.since_us, old.offset_us + clock_epoch.since_boot(), by_us, (), True))

    def stepped(self, step: ClockStep) -> None:
        """Queue the correction of a stream that adopted a change of the clock.

        The stream has reported all its facts by the old clock before.
        """
        if step.files is None:
            if step.by_us > 0:
                self._archive.gap(
                    step.stream,
                    step.until_us,
                    "clock_step",
                    "the station's clock was set forward",
                    step.until_us + step.by_us,
                    fillable=False,
                )
            return
        earlier = self._with_earlier(step)
        first = self._epoch.first_gap if self._epoch is not None and earlier is not step else 0
        correction = Correction(earlier) if step.files or earlier.more else None

        async def write(session: AsyncSession) -> None:
            await gap_moves.move(session, earlier, first)
            if correction is not None:
                await self._store(session, correction)

        self._archive.write(write)
        if correction is not None:
            self._waiting.put_nowait(correction)

    async def _store(self, session: AsyncSession, correction: Correction) -> None:
        """Store a correction with the files that it concerns.

        All files by the old clock have their entries, or are open, and none by the new one has. While an earlier
        correction of the stream is pending, the archive's names are not final: then only the names that the stream
        remembers are used.
        """
        step = correction.step
        files = set(step.files or ())
        if not await clock_corrections.is_waiting(session, step.stream):
            files |= await self._names(session, step, self._epoch if step.more else None)
            opened = await segment_index.still_open(session, [step.stream], step.until_us + 1) if step.more else []
            files |= {s.start_us for s in opened if s.start_us >= step.since_us}
        await clock_corrections.store(session, self._worker, correction, files - set(step.after))

    def _with_earlier(self, step: ClockStep) -> ClockStep:
        """Return the step, extended over what earlier runs of the recorder named by the same clock."""
        stepped, epoch = self._stepped_us[step.stream], self._epoch
        self._stepped_us[step.stream] += step.by_us
        if epoch is None:
            return step
        # The epoch already includes the newest step, and others that the stream adopts later.
        since = epoch.since_us - (epoch.offset_us - self._first_offset_us) + stepped
        if since + SECOND > self._began_us + stepped:  # the clock was set, or the machine started, in this run
            return step
        return replace(step, since_us=min(step.since_us, since), more=True)

    async def run(self) -> None:
        while True:
            correction = await self._waiting.get()
            try:
                await self._correct(correction, CLOSING_SECONDS)
            except asyncio.CancelledError:
                self._waiting.put_nowait(correction)  # for `finish`
                raise

    async def finish(self) -> None:
        """Do what is still queued, when nothing records any more."""
        while not self._waiting.empty():
            await self._correct(self._waiting.get_nowait(), 1)
        await self._keep()

    async def _correct(self, correction: Correction, patience: int) -> None:
        """Do a correction after the stream's earlier ones that failed: each starts from the names of the one before."""
        await self._keep()
        await self._archive.flush()
        async with self._database.reading() as session:
            if await clock_corrections.is_done(session, correction):  # it was done before another one of its stream
                return
            before = (
                await clock_corrections.load(session, self._worker, correction) if correction.row is not None else []
            )
        for one in (*before, correction):
            if not await self._do(one, patience):
                return

    async def _do(self, correction: Correction, patience: int) -> bool:
        step = correction.step
        try:
            await self._wait_for_entries(step, patience)
            async with self._moving:
                async with self._database.reading() as session:
                    correction = await clock_corrections.current(session, correction)
                step = correction.step
                if not correction.resumed:
                    step = await self._named(step, self._epoch if step.more else None)
                if not correction.protected:
                    await self._protect(step, correction)
                await self._move(step, correction)
        except (OSError, StorageError) as e:
            log.error(
                "%s: footage of a wrong clock keeps its names until the recorder starts again "
                "(from %s to %s µs, wrong by %s µs): %s",
                step.stream,
                step.since_us,
                step.until_us,
                -step.by_us,
                e,
                extra={"stream": step.stream},
            )
            return False
        return True

    async def _move(self, step: ClockStep, correction: Correction) -> None:
        for batch in file_moves.batches(step):
            self.moved += await file_moves.refile(self._database, batch, partial(self._told, correction))
        async with self._database.session() as session:
            await clock_corrections.forget(session, correction)

    async def _told(self, correction: Correction, session: AsyncSession, files: set[int]) -> None:
        await clock_corrections.moved(session, self._worker, correction, files)

    async def _protect(self, step: ClockStep, correction: Correction) -> None:
        """Store what must hold before a file gets its new name.

        Nobody may take the file for older than it is, should the new clock be the wrong one, or for one without a hold.
        """
        async with self._database.session() as session:
            await clock_corrections.keep(session, self._worker, correction, step.files or ())
            if step.files:
                since, until = min(step.since_us, step.files[0]), max(step.until_us, step.files[-1])
                await retention_clock.refiled(session, since, until, step.by_us)
                await self._hold(session, step, since, until + segment_index.LONGEST_US)

    async def _hold(self, session: AsyncSession, step: ClockStep, since_us: int, until_us: int) -> None:
        """Extend the holds, once for all streams of a camera and for everything that it named by the clock."""
        camera = StreamId(step.stream).camera
        follows = (camera, self._stepped_us[step.stream], step.by_us)
        if follows in self._held:
            return
        if self._epoch is not None:
            since_us = min(since_us, self._epoch.since_us - step.by_us)
        await holds.follow(session, self._archive.now(), camera, since_us, until_us, step.by_us)
        self._held.add(follows)

    async def _named(self, step: ClockStep, epoch: Epoch | None, later: Epoch | None = None) -> ClockStep:
        """Return the step with the names of all its files.

        Those that the stream does not remember have entries made since the epoch began and before the later one.
        Recordings from the camera's storage lie in gaps of the old clock, and move with them.
        """
        async with self._database.reading() as session:
            named = await self._names(session, step, epoch, later)
        return replace(step, files=tuple(sorted(named - set(step.after) | set(step.files or ()))))

    async def _names(
        self, session: AsyncSession, step: ClockStep, epoch: Epoch | None, later: Epoch | None = None
    ) -> set[int]:
        hours = Footage.hour.between(step.since_us // HOUR_US, step.until_us // HOUR_US)
        rows = await session.scalars(select(Footage).where(Footage.stream == step.stream, hours))
        found = (
            (r.id, at, s)
            for r in rows
            for at, s in enumerate(segment_index.unpack(r.stream, r.hour, r.volume, r.entries))
        )
        return {
            s.start_us
            for row, at, s in found
            if step.since_us <= s.start_us <= step.until_us
            and (s.flags & segment_index.BACKFILLED or (epoch is not None and epoch.filed(row, at)))
            and not (later is not None and later.filed(row, at))
        }

    async def _wait_for_entries(self, step: ClockStep, patience: int) -> None:
        for _ in range(patience):
            await self._archive.flush()
            async with self._database.reading() as session:
                opened = await segment_index.still_open(session, [step.stream], 2**62)
            waits = {s.start_us for s in opened} - set(step.after)
            if not step.more:
                waits &= set(step.files or ())
            if not any(step.since_us <= start <= step.until_us for start in waits):
                return
            await asyncio.sleep(1)


def _stretch(old: Epoch) -> tuple[int, int]:
    """Return the time range of what an earlier clock named, slightly extended. It also identifies the correction."""
    return old.since_us - SECOND, old.end_us + 2 * clock_epoch.SAVE_INTERVAL_S * SECOND
