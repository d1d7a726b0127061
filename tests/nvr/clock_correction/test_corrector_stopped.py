"""A recorder is stopped, or meets another one, while it moves wrongly named recordings: each file is kept, once."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.clock import SECOND, from_microseconds
from core.database import Database
from core.errors import StorageError
from core.tasks import end, spawn
from nvr.archive.coverage import clock_corrections
from nvr.archive.coverage.clock_corrections import Correction
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.integrity import recovery
from nvr.archive.retention import file_removal
from nvr.archive.segment_index import path_of
from nvr.clock import clock_epoch
from nvr.clock_correction import corrector, file_moves
from nvr.tables import GapCause, RetentionClockRow
from tests.nvr.clock_correction.recorded_files import HOUR, RecordedFiles, T
from tests.nvr.clock_correction.test_corrector_killed import corrections
from tests.nvr.conftest import segments_of

STARTS = [T + k * 10 * SECOND for k in range(8)]
NOW = from_microseconds(T + HOUR) + timedelta(minutes=5)


@pytest.fixture
async def filed(database: Database, tmp_path: Path) -> RecordedFiles:
    """Return files with different bytes."""
    filed = await RecordedFiles(database, tmp_path / "video").prepare(*STARTS)
    for segment in filed.segments:
        path = path_of(filed.archive.paths, segment)
        await asyncio.to_thread(path.write_bytes, b"%d" % segment.start_us)
    return filed


async def whole(filed: RecordedFiles, starts: Sequence[int]) -> None:
    """Assert that exactly these files exist, with entries and their own bytes."""
    found = await segments_of(filed.database)
    assert [s.start_us for s in found] == list(starts)
    paths = [path_of(filed.archive.paths, s) for s in found]
    assert await filed.names() == sorted(paths)
    assert [await asyncio.to_thread(p.read_bytes) for p in paths] == [b"%d" % s for s in STARTS]


@pytest.mark.parametrize("moment", ["linked", "exchanged", "told"])
async def test_another_recorder_recovers_the_stream_meanwhile(
    filed: RecordedFiles, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of recorders changed: both begin at the same time."""
    other, calls = Database(filed.database.url), [0]

    async def recover() -> None:
        calls[0] += 1
        found = await recovery.recover(other, ["cam/main"], NOW)
        assert (found.adopted, found.quarantined) == ([], [])

    exchange, finish = file_moves._exchange, file_removal.finish_deletion

    async def linked(*given: Any) -> None:
        await recover()
        await exchange(*given)

    async def told(*given: Any, **more: Any) -> Any:
        if "run" in more:
            await recover()
        return await finish(*given, **more)

    if moment == "linked":
        monkeypatch.setattr(file_moves, "_exchange", linked)
    elif moment == "told":
        monkeypatch.setattr(file_removal, "finish_deletion", told)
    else:  # it has read the state, and acts after the first one has registered the names
        reading, goes_on = asyncio.Event(), asyncio.Event()
        recovering: asyncio.Task[None] | None = None

        to_thread = asyncio.to_thread

        async def late(function: Any, *given: Any, **more: Any) -> Any:
            if asyncio.current_task() is recovering and not reading.is_set() and moved:
                reading.set()
                await goes_on.wait()
            return await to_thread(function, *given, **more)

        moved = list[bool]()

        async def between(*given: Any) -> None:
            nonlocal recovering
            moved.append(True)
            recovering = spawn(recover())
            await asyncio.wait_for(reading.wait(), 5)
            await exchange(*given)

        async def then(*given: Any, **more: Any) -> Any:
            if "run" in more and recovering is not None and not goes_on.is_set():
                goes_on.set()
                await recovering
            return await finish(*given, **more)

        monkeypatch.setattr(asyncio, "to_thread", late)
        monkeypatch.setattr(file_moves, "_exchange", between)
        monkeypatch.setattr(file_removal, "finish_deletion", then)
    async with filed.database.session() as session:
        step = ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS))
        await clock_corrections.store(session, "clock-0", Correction(step), STARTS)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T + HOUR, tmp_path / "clock-0.json")
    await first.finish()
    await other.close()
    assert calls[0] == 1 and first.moved == len(STARTS)
    await whole(filed, [s + HOUR for s in STARTS])


async def test_a_correction_that_changes_hands_while_files_have_two_names(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first recorder learns of it after the other one has registered the same names."""
    async with filed.database.session() as session:
        step = ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS))
        await clock_corrections.store(session, "clock-0", Correction(step), STARTS)
    first, second = corrector.ClockCorrector(filed.archive), corrector.ClockCorrector(filed.archive)
    await first.begin(T + HOUR, tmp_path / "clock-0.json")
    await second.begin(T + HOUR, tmp_path / "clock-1.json")
    second.register_stream("cam/main")
    named, calls = file_moves._create_second_names, file_moves._DISK_CALLS
    reached, goes_on = asyncio.Event(), asyncio.Event()
    run = calls.run

    async def linked(volume: Any, function: Any, *more: Any) -> Any:
        done = await run(volume, function, *more)
        if getattr(function, "func", None) is named and not reached.is_set():
            reached.set()
            await goes_on.wait()
        return done

    monkeypatch.setattr(calls, "run", linked)
    work = spawn(first.finish())
    await asyncio.wait_for(reached.wait(), 5)
    await second.check()
    finish = file_removal.finish_deletion

    async def told(*given: Any, **more: Any) -> Any:
        goes_on.set()
        await work
        return await finish(*given, **more)

    monkeypatch.setattr(file_removal, "finish_deletion", told)
    await second.finish()
    assert (first.moved, second.moved) == (0, len(STARTS))
    await whole(filed, [s + HOUR for s in STARTS])


@pytest.mark.parametrize("by", [HOUR, -15 * SECOND, 10 * SECOND])
@pytest.mark.parametrize("committed", [True, False])
async def test_a_stop_while_files_have_two_names(
    filed: RecordedFiles, tmp_path: Path, by: int, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "clock-0.json"
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    first.queue_step(ClockStep("cam/main", T, T + 80 * SECOND, by, tuple(STARTS)))
    exchange, finish, reached = file_moves._exchange, file_removal.finish_deletion, asyncio.Event()

    async def stops(*_: Any, **__: Any) -> Any:
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        if committed:

            async def unlinks(*given: Any, **more: Any) -> Any:
                await stops()
                return await finish(*given, **more)

            patch.setattr(file_removal, "finish_deletion", unlinks)
        else:

            async def exchanges(*given: Any) -> None:
                await stops()
                await exchange(*given)

            patch.setattr(file_moves, "_exchange", exchanges)
        running = spawn(first.run())
        await asyncio.wait_for(reached.wait(), 5)
        await end(running)
        await first.finish()
    assert await corrections(filed.database) == []
    await recovery.recover(filed.database, ["cam/main"], from_microseconds(T + by) + timedelta(minutes=5))
    found = await segments_of(filed.database)
    assert len(found) == len(STARTS)
    await whole(filed, [s + by for s in STARTS] if by != 10 * SECOND else [s.start_us for s in found])
    assert [s.start_us for s in found] == pytest.approx([s + by for s in STARTS], abs=2)


async def test_a_database_that_is_locked_and_a_second_step(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, tmp_path / "clock-0.json")

    async def locked(*_: Any) -> None:
        raise StorageError("the database was locked")

    first.queue_step(ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS)))
    with monkeypatch.context() as patch:
        patch.setattr(file_moves, "_exchange", locked)
        await first.finish()
    assert first.moved == 0
    first.queue_step(ClockStep("cam/main", T + HOUR, T + HOUR + 80 * SECOND, HOUR, tuple(s + HOUR for s in STARTS)))
    await first.finish()
    await whole(filed, [s + 2 * HOUR for s in STARTS])
    assert await corrections(filed.database) == []


async def test_a_stop_amid_the_files_that_an_epoch_knows_moves_none_twice(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has moved lies within the range that moves, by entries of this epoch."""
    monkeypatch.setattr(file_moves, "FILES_PER_TRANSACTION", 3)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, tmp_path / "clock-0.json")
    assert first.epochs.current is not None
    first.epochs.current = replace(first.epochs.current, first_row=0, first_gap=0)
    by = -25 * SECOND
    first.queue_step(ClockStep("cam/main", T - HOUR, T + 80 * SECOND, by, (), True))
    refile, calls = file_moves.move_files, [0]

    async def stops(*given: Any) -> int:
        calls[0] += 1
        if calls[0] == 2:
            await asyncio.Event().wait()
        return await refile(*given)

    monkeypatch.setattr(file_moves, "move_files", stops)
    running = spawn(first.run())
    for _ in range(500):
        if calls[0] == 2:
            break
        await asyncio.sleep(0.01)
    with suppress(asyncio.CancelledError):
        await end(running)
    await first.finish()
    await whole(filed, [s + by for s in STARTS])


async def brought_back(filed: RecordedFiles, kept: Path, monkeypatch: pytest.MonkeyPatch) -> corrector.ClockCorrector:
    """Return a recorder with a believed clock, by which the files of the previous recorder must move by BACK."""
    up = [HOUR]
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    monkeypatch.setattr(file_moves, "FILES_PER_TRANSACTION", 3)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    assert first.epochs.current is not None
    first.epochs.current = replace(first.epochs.current, first_row=0, first_gap=0)
    first.register_stream("cam/main")
    filed.archive.add_gap("cam/main", T + 80 * SECOND, GapCause.UNREACHABLE, "", T + 85 * SECOND)
    await filed.archive.flush()
    up[0] += 90 * SECOND
    await first.finish()
    up[0] += 10 * SECOND
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(T + 100 * SECOND + BACK, kept)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None and len(ours.earlier) == 1
    async with filed.database.session() as session:
        wall = ours.offset_us + up[0]
        session.add(
            RetentionClockRow(
                id=1,
                boot=ours.boot,
                uptime_us=up[0],
                wall_us=wall,
                plausible_us=wall,
                suspicion="",
                steady_us=0,
                ntp_us=0,
            )
        )
    return second


BACK = -65 * SECOND


@pytest.mark.parametrize("moment", ["stored", "forgotten", "moving", "refused"])
async def test_a_stop_or_an_error_while_an_earlier_clock_is_taken_back(
    filed: RecordedFiles, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next recorder continues: files and gaps move, each once."""
    kept = tmp_path / "clock-0.json"
    second = await brought_back(filed, kept, monkeypatch)
    reached, refile = asyncio.Event(), file_moves.move_files
    calls = [0]

    async def stops() -> None:
        reached.set()
        await asyncio.Event().wait()

    async def refiles(*given: Any) -> int:
        calls[0] += 1
        if calls[0] == 2 and moment == "refused":
            raise OSError(30, "Read-only file system")
        if calls[0] == 2:
            await stops()
        return await refile(*given)

    with monkeypatch.context() as patch:
        if moment == "stored":
            patch.setattr(second.epochs, "forget_stream", lambda _stream: stops())
        elif moment == "forgotten":
            patch.setattr(second, "_protect", lambda *_: stops())
        else:
            patch.setattr(file_moves, "move_files", refiles)
        looking = spawn(second.check())
        if moment == "refused":
            await asyncio.wait_for(looking, 5)
        else:
            await asyncio.wait_for(reached.wait(), 5)
            await end(looking)
    assert second.moved == (3 if moment in ("moving", "refused") else 0)
    await second.finish()
    third = corrector.ClockCorrector(filed.archive)
    await third.begin(T + 100 * SECOND + BACK, kept)
    await third.check()
    await third.finish()
    await third.check()
    assert second.moved + third.moved == len(STARTS)
    await whole(filed, [s + BACK for s in STARTS])
    assert await filed.gaps() == [(T + 80 * SECOND + BACK, T + 85 * SECOND + BACK)]
    assert await corrections(filed.database) == []
    after = await asyncio.to_thread(clock_epoch.load, kept)
    assert after is not None and after.earlier == () and after.is_proved


async def test_a_database_that_is_locked_while_an_earlier_clock_is_taken_back(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves, and it is tried again."""
    second = await brought_back(filed, tmp_path / "clock-0.json", monkeypatch)

    async def locked(*_: Any) -> None:
        raise StorageError("the database was locked")

    with monkeypatch.context() as patch:
        patch.setattr(clock_corrections, "store", locked)
        await second.check()
    await whole(filed, STARTS)
    assert await filed.gaps() == [(T + 80 * SECOND, T + 85 * SECOND)]
    await second.check()
    await whole(filed, [s + BACK for s in STARTS])
    assert await filed.gaps() == [(T + 80 * SECOND + BACK, T + 85 * SECOND + BACK)]


async def test_a_look_reads_no_lists_of_files(filed: RecordedFiles, tmp_path: Path) -> None:
    """A month of 500 streams is millions of starts, and the check runs every half minute beside the poll loop."""
    async with filed.database.session() as session:
        for worker in ("clock-0", "clock-1"):
            step = ClockStep(f"{worker}/main", T, T + 80 * SECOND, HOUR, ())
            await clock_corrections.store(session, worker, Correction(step), STARTS)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    await clock_corrector.begin(T + HOUR, tmp_path / "clock-0.json")
    clock_corrector.register_stream("clock-0/main")
    asked = list[str]()
    event.listen(
        filed.database.engine.sync_engine, "before_cursor_execute", lambda _c, _cursor, said, *_: asked.append(said)
    )
    await clock_corrector.check()
    assert asked and not [s for s in asked if "clock_correction.files" in s]
    async with filed.database.reading() as session:
        asked.clear()
        assert set(await clock_corrections.pending_moves(session, ["clock-1/main"])) == {"clock-1/main"}
    assert "clock_correction.stream IN" in asked[-1]


async def test_old_names_that_their_disk_keeps(filed: RecordedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files have their new names and entries once; the old names go with the next removal."""

    def refuses(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(file_removal, "_unlink", refuses)
        clock_corrector = corrector.ClockCorrector(filed.archive)
        clock_corrector.queue_step(ClockStep("cam/main", T, T + 80 * SECOND, HOUR, tuple(STARTS)))
        await clock_corrector.finish()
    assert clock_corrector.moved == len(STARTS)
    await recovery.recover(filed.database, ["cam/main"], NOW)
    await whole(filed, [s + HOUR for s in STARTS])
