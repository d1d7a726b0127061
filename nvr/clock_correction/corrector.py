"""Corrects recordings that a wrong clock named, after the station's clock was set: moves them, or marks the time.

A station without a battery for its clock starts in the past, or an hour ahead, and a time service sets it right minutes
later. What the recorder named until then, in this run and in earlier ones by the same clock (nvr.clock.clock_epoch), is
known, and by how much its times are wrong. Its files get their right names and entries and its gaps their right times,
so that nothing overlaps what comes. A stream remembers its first files by name; the others have entries that were made
since the clock is set as it is.

nvr.clock_correction.file_moves moves the files, nvr.clock_correction.gap_moves the gaps.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND, from_microseconds
from core.errors import StorageError
from core.ids import StreamId
from nvr.archive import segment_index
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage import clock_corrections
from nvr.archive.coverage.clock_corrections import Correction
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.retention import holds, retention_clock
from nvr.clock import clock_epoch
from nvr.clock.clock_epoch import Epoch
from nvr.clock_correction import camera_clock_error, file_moves, gap_moves
from nvr.clock_correction.epochs import EpochKeeper, epoch_range, names_of_epoch
from nvr.tables import GapCause

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 30
MAX_ENTRY_WAIT_S = 60  # longest wait for a file's entry


class ClockCorrector:
    """Corrects streams one after another. `stepped` queues a stream; `run` must be running."""

    def __init__(self, archive: ArchiveLogWriter):
        self._database = archive.database
        self._archive = archive
        self._waiting: asyncio.Queue[Correction] = asyncio.Queue()
        self._worker = ""  # owner of the corrections
        self.epochs = EpochKeeper(archive.database)
        self._stepped_us: Counter[str] = Counter()  # sum of the clock changes that each stream has adopted since
        self._moving = asyncio.Lock()
        self._extended_holds = set[
            tuple[str, int, int]
        ]()  # (camera, sum of clock changes, change) for which holds were extended
        self._recorded = set[str]()  # streams of this run
        self.moved = 0

    async def begin(self, wall_us: int, epoch_file: Path | None = None) -> None:
        """Begin a run of the recorder. The file `epoch_file` says whether earlier runs used the same clock."""
        self._worker = epoch_file.stem if epoch_file is not None else ""
        await self.epochs.begin(wall_us, epoch_file)
        async with self._database.reading() as session:
            for left in await clock_corrections.load(session, self._worker):  # left by a run that was killed
                self._waiting.put_nowait(left)
        await self.epochs.save()

    def register_stream(self, stream: str) -> None:
        """Register a stream that this run records."""
        self._recorded.add(stream)
        self.epochs.register_stream(stream)

    async def watch(self) -> None:
        """Check at intervals whether the clock is confirmed meanwhile, and store the epoch."""
        while True:
            for _ in range(clock_epoch.SAVE_INTERVAL_S // CHECK_INTERVAL_S):
                await asyncio.sleep(CHECK_INTERVAL_S)
                await self.check()
            async with self._database.reading() as session:  # hours that the clock reaches next
                await self.epochs.count_rows(session, self.epochs.wall_us() + 2 * HOUR_US)
            await self.epochs.save()

    async def check(self) -> None:
        """Once retention believes the clock, correct what earlier boots and clocks named."""
        async with self._database.reading() as session:
            left = await clock_corrections.rows_of_other_workers(session, self._worker, self._recorded)
            waits = await clock_corrections.has_corrections(session, self._worker)
        if left:
            async with self._database.session() as session:
                for one in await clock_corrections.take_over(session, self._worker, self._recorded):
                    self._waiting.put_nowait(one)
        if (
            left
            or waits
            or self.epochs.current is None
            or not (self.epochs.current.earlier or not self.epochs.current.is_proved)
            or not await self.epochs.is_believed(self.epochs.current)
        ):
            return
        while self.epochs.current.earlier:
            old, *later = (*self.epochs.current.earlier, self.epochs.current)
            said = await self._error_by_cameras(old, later[-1])
            if by := clock_epoch.correction(old, later, said):
                log.warning(
                    "recordings named by a wrong clock until %s are moved by %+.1f s",
                    from_microseconds(old.end_us),
                    by / SECOND,
                )
                for stream in old.streams:
                    if not await self._correct_epoch(stream, old, later[0], by):
                        return
            self.epochs.current = replace(self.epochs.current, earlier=self.epochs.current.earlier[1:])
            await self.epochs.save()
        self.epochs.current.is_proved = True
        await self.epochs.save()

    async def _error_by_cameras(self, old: Epoch, newest: Epoch) -> int | None:
        if old.boot == newest.boot or old.is_proved:
            return None
        async with self._database.reading() as session:
            return await camera_clock_error.error_of(session, old, newest, self.epochs.wall_us())

    async def _correct_epoch(self, stream: str, old: Epoch, later: Epoch, by_us: int) -> bool:
        """Move what an earlier epoch named for a stream. Return False if nothing has moved and it must be tried again.

        Once its row is stored, the next recorder continues the correction if necessary.
        """
        since, until = epoch_range(old)
        try:
            async with self._moving:
                await self._archive.flush()
                step = await self._with_names(ClockStep(stream, since, until, by_us, (), True), old, later)
                correction = Correction(step, resumed=True)
                async with self._database.session() as session:
                    await gap_moves.move_gaps(session, replace(step, files=()), old.first_gap, later.first_gap)
                    await gap_moves.add_restart_gap(session, step, later)
                    await clock_corrections.store(session, self._worker, correction, step.files or ())
        except StorageError as e:
            log.error(
                "%s: recordings named by a wrong clock cannot be moved now: %s; it is tried again",
                stream,
                e,
                extra={"stream": stream},
            )
            return False
        await self.epochs.forget_stream(stream)
        await self._apply(correction, 0)
        return True

    def clock_stepped(self, by_us: int, followed: Collection[str] | None = None) -> None:
        """Handle a change of the station's clock.

        Streams of this run follow at their next keyframes (`stepped`); streams of earlier runs, which are not in
        `followed`, follow at once.
        """
        if self.epochs.current is None:
            return
        self._extended_holds.clear()
        old, self.epochs.current = self.epochs.current, clock_epoch.stepped(self.epochs.current, by_us)
        since = self.epochs.current.since_us
        # Before this epoch adds or moves anything there.
        self._archive.queue(lambda session: self.epochs.count_rows(session, since))
        for stream in old.streams if followed is not None else ():
            if stream not in (followed or ()):
                self.queue_step(
                    ClockStep(stream, old.since_us, old.offset_us + clock_epoch.since_boot(), by_us, (), True)
                )

    def queue_step(self, step: ClockStep) -> None:
        """Queue the correction of a stream that adopted a change of the clock.

        The stream has reported all its facts by the old clock before.
        """
        if step.files is None:
            if step.by_us > 0:
                self._archive.add_gap(
                    step.stream,
                    step.until_us,
                    GapCause.CLOCK_STEP,
                    "the station's clock was set forward",
                    step.until_us + step.by_us,
                    fillable=False,
                )
            return
        earlier = self._with_earlier(step)
        first = self.epochs.current.first_gap if self.epochs.current is not None and earlier is not step else 0
        correction = Correction(earlier) if step.files or earlier.has_unlisted_files else None

        async def write(session: AsyncSession) -> None:
            await gap_moves.move_gaps(session, earlier, first)
            if correction is not None:
                await self._store(session, correction)

        self._archive.queue(write)
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
        if not await clock_corrections.is_pending(session, step.stream):
            files |= await names_of_epoch(session, step, self.epochs.current if step.has_unlisted_files else None)
            opened = (
                await segment_index.open_segments(session, [step.stream], step.until_us + 1)
                if step.has_unlisted_files
                else []
            )
            files |= {s.start_us for s in opened if s.start_us >= step.since_us}
        await clock_corrections.store(session, self._worker, correction, files - set(step.later_files))

    def _with_earlier(self, step: ClockStep) -> ClockStep:
        """Return the step, extended over what earlier runs of the recorder named by the same clock."""
        stepped, epoch = self._stepped_us[step.stream], self.epochs.current
        self._stepped_us[step.stream] += step.by_us
        if epoch is None:
            return step
        # The epoch already includes the newest step, and others that the stream adopts later.
        since = epoch.since_us - (epoch.offset_us - self.epochs.first_offset_us) + stepped
        if since + SECOND > self.epochs.began_us + stepped:  # the clock was set, or the machine started, in this run
            return step
        return replace(step, since_us=min(step.since_us, since), has_unlisted_files=True)

    async def run(self) -> None:
        while True:
            correction = await self._waiting.get()
            try:
                await self._correct(correction, MAX_ENTRY_WAIT_S)
            except asyncio.CancelledError:
                self._waiting.put_nowait(correction)  # for `finish`
                raise

    async def finish(self) -> None:
        """Do what is still queued, when nothing records any more."""
        while not self._waiting.empty():
            await self._correct(self._waiting.get_nowait(), 1)
        await self.epochs.save()

    async def _correct(self, correction: Correction, patience: int) -> None:
        """Do a correction after the stream's earlier ones that failed: each starts from the names of the one before."""
        await self.epochs.save()
        await self._archive.flush()
        async with self._database.reading() as session:
            if await clock_corrections.is_done(session, correction):  # it was done before another one of its stream
                return
            before = (
                await clock_corrections.load(session, self._worker, correction) if correction.row is not None else []
            )
        for one in (*before, correction):
            if not await self._apply(one, patience):
                return

    async def _apply(self, correction: Correction, patience: int) -> bool:
        step = correction.step
        try:
            await self._wait_for_entries(step, patience)
            async with self._moving:
                async with self._database.reading() as session:
                    correction = await clock_corrections.current(session, correction)
                step = correction.step
                if not correction.resumed:
                    step = await self._with_names(step, self.epochs.current if step.has_unlisted_files else None)
                if not correction.protected:
                    await self._protect(step, correction)
                await self._move(step, correction)
        except (OSError, StorageError) as e:
            log.error(
                "%s: recordings named by a wrong clock are not moved until the recorder restarts "
                "(from %s to %s, wrong by %.1f s): %s",
                step.stream,
                from_microseconds(step.since_us),
                from_microseconds(step.until_us),
                -step.by_us / SECOND,
                e,
                extra={"stream": step.stream},
            )
            return False
        return True

    async def _move(self, step: ClockStep, correction: Correction) -> None:
        for batch in file_moves.batches(step):
            self.moved += await file_moves.move_files(self._database, batch, partial(self._record_moved, correction))
        async with self._database.session() as session:
            await clock_corrections.delete_row(session, correction)

    async def _record_moved(self, correction: Correction, session: AsyncSession, files: set[int]) -> None:
        await clock_corrections.remove_moved_files(session, self._worker, correction, files)

    async def _protect(self, step: ClockStep, correction: Correction) -> None:
        """Store what must hold before a file gets its new name.

        Nobody may take the file for older than it is, should the new clock be the wrong one, or for one without a hold.
        """
        async with self._database.session() as session:
            await clock_corrections.store_files(session, self._worker, correction, step.files or ())
            if step.files:
                since, until = min(step.since_us, step.files[0]), max(step.until_us, step.files[-1])
                await retention_clock.shift_periods(session, since, until, step.by_us)
                await self._hold(session, step, since, until + segment_index.MAX_SEGMENT_US)

    async def _hold(self, session: AsyncSession, step: ClockStep, since_us: int, until_us: int) -> None:
        """Extend the holds, once for all streams of a camera and for everything that it named by the clock."""
        camera = StreamId(step.stream).camera
        follows = (camera, self._stepped_us[step.stream], step.by_us)
        if follows in self._extended_holds:
            return
        if self.epochs.current is not None:
            since_us = min(since_us, self.epochs.current.since_us - step.by_us)
        await holds.extend_to_moved_footage(session, self._archive.now(), camera, since_us, until_us, step.by_us)
        self._extended_holds.add(follows)

    async def _with_names(self, step: ClockStep, epoch: Epoch | None, later: Epoch | None = None) -> ClockStep:
        """Return the step with the names of all its files.

        Those that the stream does not remember have entries made since the epoch began and before the later one.
        Recordings from the camera's storage lie in gaps of the old clock, and move with them.
        """
        async with self._database.reading() as session:
            named = await names_of_epoch(session, step, epoch, later)
        return replace(step, files=tuple(sorted(named - set(step.later_files) | set(step.files or ()))))

    async def _wait_for_entries(self, step: ClockStep, patience: int) -> None:
        for _ in range(patience):
            await self._archive.flush()
            async with self._database.reading() as session:
                opened = await segment_index.open_segments(session, [step.stream], 2**62)
            waits = {s.start_us for s in opened} - set(step.later_files)
            if not step.has_unlisted_files:
                waits &= set(step.files or ())
            if not any(step.since_us <= start <= step.until_us for start in waits):
                return
            await asyncio.sleep(1)
