"""A recorder is killed while it moves wrongly named recordings: the next one continues."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import SECOND, from_microseconds
from core.database import Database
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage import clock_corrections, unreported_gaps
from nvr.archive.coverage.clock_corrections import Correction
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.integrity import recovery
from nvr.archive.segment_index import path_of
from nvr.clock import clock_epoch
from nvr.clock_correction import corrector
from nvr.tables import ClockCorrection, Gap, GapCause
from tests.commands import forked
from tests.nvr import clock_correction_child
from tests.nvr.clock_correction.recorded_files import HOUR, RecordedFiles, T
from tests.nvr.conftest import segments_of

STARTS = [T + k * 10 * SECOND for k in range(8)]


async def killed(filed: RecordedFiles, kept: Path, moment: str, links: bool, by: int) -> None:
    arguments = (filed.database.url, kept, moment, links, T, by, STARTS)
    status = await asyncio.to_thread(forked, clock_correction_child.run, *arguments)
    assert status == -signal.SIGKILL


async def corrections(database: Database) -> list[ClockCorrection]:
    async with database.reading() as session:
        return list(await session.scalars(select(ClockCorrection)))


@pytest.mark.parametrize("by", [-15 * SECOND, HOUR])
@pytest.mark.parametrize("moment", ["stored", "named", "exchanged", "unlinked"])
@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
async def test_a_kill_while_files_move(filed: RecordedFiles, tmp_path: Path, moment: str, links: bool, by: int) -> None:
    """Each file ends up once, under its right name, with its entry; the gap moves once."""
    kept = tmp_path / "clock-0.json"
    await filed.prepare(*STARTS)
    filed.archive.add_gap("cam/main", T + 72 * SECOND, GapCause.UNREACHABLE, "", T + 75 * SECOND)
    await filed.archive.flush()
    await killed(filed, kept, moment, links, by)
    (row,) = await corrections(filed.database)
    assert len(row.files) == {"stored": 8, "named": 5, "exchanged": 5, "unlinked": 2}[moment] if links else row.files
    now = from_microseconds(T + by) + timedelta(minutes=5)
    await recovery.recover(filed.database, ["cam/main"], now)
    assert (await unreported_gaps.timeline_ends(filed.database, ["cam/main"]))["cam/main"].until_us == pytest.approx(
        T + 80 * SECOND + by, abs=3
    )
    again = corrector.ClockCorrector(filed.archive)
    await again.begin(T + by + 100 * SECOND, kept)
    await again.finish()
    found = await segments_of(filed.database)
    assert [s.start_us for s in found] == pytest.approx([s + by for s in STARTS], abs=3)
    assert await filed.names() == sorted(path_of(filed.archive.paths, s) for s in found)
    assert await corrections(filed.database) == []
    assert await filed.gaps() == [(T + 72 * SECOND + by, T + 75 * SECOND + by)]


async def test_two_corrections_follow_each_other_over_a_start(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first correction fails (its disk is read-only), the second undoes it.

    Neither moves files alone, and together they move nothing.
    """
    kept = tmp_path / "clock-0.json"
    await filed.prepare(*STARTS)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)

    def refuses(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuses)
        first.queue_step(ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS)))
        first.queue_step(
            ClockStep("cam/main", T + HOUR, T + HOUR + 80 * SECOND, -HOUR, tuple(s + HOUR for s in STARTS))
        )
        await first.finish()
    assert len(await corrections(filed.database)) == 2 and first.moved == 0
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(T + 100 * SECOND, kept)
    await second.finish()
    assert second.moved == 16 and await corrections(filed.database) == []
    assert [s.start_us for s in await segments_of(filed.database)] == STARTS


async def test_a_stream_that_changed_its_recorder_is_corrected_once(filed: RecordedFiles, tmp_path: Path) -> None:
    await filed.prepare(*STARTS)
    step = ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS))
    ours = Correction(step)
    async with filed.database.session() as session:
        await clock_corrections.store(session, "clock-0", ours, STARTS)
    other = corrector.ClockCorrector(ArchiveLogWriter(filed.database, filed.archive._clock))
    await other.begin(T + HOUR, tmp_path / "clock-1.json")
    await other.check()
    assert other._waiting.empty()  # it does not record the stream
    other.register_stream("cam/main")
    await other.check()
    first = corrector.ClockCorrector(filed.archive)
    first._worker = "clock-0"
    await first._correct(replace_row(ours), 1)  # it had begun before
    assert first.moved == 0 and [s.start_us for s in await segments_of(filed.database)] == STARTS
    await other.finish()
    assert other.moved == len(STARTS) and await corrections(filed.database) == []
    assert len(await filed.names()) == len(STARTS)  # it used the second names of the first one


def replace_row(correction: Correction) -> Correction:
    return replace(correction, resumed=True, protected=True)


async def test_other_files_at_the_new_names_are_kept(filed: RecordedFiles) -> None:
    """A file without an entry that is no second name is adopted, or, as here, quarantined; a second name stays."""
    await filed.prepare(*STARTS[:2])
    async with filed.database.session() as session:
        step = ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS[:2]))
        await clock_corrections.store(session, "", Correction(step), STARTS[:2])
    other, copy = (path_of(filed.archive.paths, replace(s, start_us=s.start_us + HOUR)) for s in filed.segments)
    await asyncio.to_thread(other.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(other.write_bytes, b"film of somebody else")
    await asyncio.to_thread(shutil.copyfile, path_of(filed.archive.paths, filed.segments[1]), copy)
    async with filed.database.reading() as session:
        moves = await clock_corrections.moves(session, "cam/main")
    paths, known = filed.archive.paths, [replace(s, start_us=s.start_us + HOUR) for s in filed.segments]
    assert [await asyncio.to_thread(clock_corrections.is_second_name, paths, s, moves) for s in known] == [False, True]
    found = await recovery.recover(filed.database, ["cam/main"], from_microseconds(T + HOUR) + timedelta(minutes=5))
    assert found.quarantined == [str(other)] and await asyncio.to_thread(copy.exists)


async def test_gaps_of_the_boot_before_are_moved_back_once(filed: RecordedFiles, tmp_path: Path) -> None:
    """A recorder that is killed among many streams continues with the next one."""
    clock_corrector = corrector.ClockCorrector(filed.archive)
    kept = tmp_path / "clock-0.json"
    await clock_corrector.begin(T, kept)
    assert clock_corrector.epochs.current is not None
    past = replace(clock_corrector.epochs.current, streams=("a/main", "b/main"))
    clock_corrector.epochs.current = replace(clock_corrector.epochs.current, earlier=(past,))
    await clock_corrector.epochs.forget_stream("a/main")
    kept_now = await asyncio.to_thread(clock_epoch.load, kept)
    assert kept_now is not None and kept_now.earlier[0].streams == ("b/main",)
    async with filed.database.reading() as session:
        assert (await session.scalars(select(Gap))).all() == []
