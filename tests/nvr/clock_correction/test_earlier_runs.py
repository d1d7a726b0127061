"""Corrections over restarts: of what earlier runs recorded, and of mistakes that a reboot undoes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import SECOND, ManualClock, SystemClock
from core.settings import RetentionSettings
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.retention import holds
from nvr.archive.retention.retention import Retention
from nvr.archive.retention.retention_clock import RetentionClock
from nvr.archive.segment_index import Segment, path_of
from nvr.clock import clock_epoch
from nvr.clock.plausibility import ClockSnapshot
from nvr.clock_correction import corrector
from nvr.tables import GapCause, Hold, RetentionClockRow
from tests.nvr.clock_correction.recorded_files import DAY, HOUR, RecordedFiles, T
from tests.nvr.conftest import segments_of


async def test_what_an_earlier_run_filed_by_the_same_clock_moves_too(filed: RecordedFiles, tmp_path: Path) -> None:
    """The recorder is restarted before the clock is set.

    What a right clock named before both, in the same time range, stays.
    """
    kept = tmp_path / "clock-0.json"
    right = T - 400 * 24 * HOUR
    await filed.prepare(right, T + 2 * HOUR)  # by a clock that was right, or in another boot: entries made before
    filed.archive.add_gap("cam/main", T + 2 * HOUR, GapCause.UNREACHABLE, "", T + 2 * HOUR + SECOND)
    await filed.archive.flush()
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    await filed.prepare(T, T + 10 * SECOND)
    filed.archive.add_gap("cam/main", T + 20 * SECOND, GapCause.RECORDER_DOWN, "", T + 30 * SECOND)
    await filed.archive.flush()
    second = corrector.ClockCorrector(filed.archive)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None and ours.since_us == T
    # Half a minute passed.
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, offset_us=ours.offset_us + 30 * SECOND))
    await second.begin(T + 30 * SECOND, kept)
    await filed.prepare(T + 30 * SECOND)
    by = 300 * 24 * HOUR
    second.clock_stepped(by)
    second.queue_step(ClockStep("cam/main", T + 30 * SECOND, T + 3 * HOUR, by, (T + 30 * SECOND,)))
    await filed.archive.flush()
    await second.finish()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == [right, T + 2 * HOUR, T + by, T + by + 10 * SECOND, T + by + 30 * SECOND]
    assert await filed.gaps() == [
        (T + 2 * HOUR, T + 2 * HOUR + SECOND), (T + by + 20 * SECOND, T + by + 30 * SECOND),
    ]  # fmt: skip
    after = await asyncio.to_thread(clock_epoch.load, kept)
    assert after is not None and after.since_us == T + by


@pytest.mark.parametrize("by", [-400 * DAY, 400 * DAY])
async def test_a_mistake_that_a_reboot_undoes_deletes_nothing(filed: RecordedFiles, by: int) -> None:
    """Twenty days of recordings move with a clock that somebody sets wrong; after a reboot the clock is right again."""
    clocks, reading = ManualClock(), [T, 10 * HOUR, 0]  # wall, uptime, boot
    guard = RetentionClock(
        filed.database, clocks, 30, lambda _: ClockSnapshot(reading[0], reading[1], str(reading[2]), True)
    )
    retention = Retention(filed.database, clocks, RetentionSettings(main_days=30, sub_days=30), guard)
    retention.measure_free, retention.measure_inodes = (lambda volume: 2**50), (lambda volume: None)
    await filed.prepare()
    clock_corrector = corrector.ClockCorrector(filed.archive)
    await clock_corrector.begin(T)
    starts = [T + k * DAY - 20 * SECOND for k in range(1, 21)]
    for start in starts:
        reading[:2] = [reading[0] + DAY, reading[1] + DAY]
        await retention.run_once()
        await filed.prepare(start)
    reading[:2] = [reading[0] + by + 5 * SECOND, reading[1] + 5 * SECOND]
    clock_corrector.clock_stepped(by)
    clock_corrector.queue_step(ClockStep("cam/main", T, T + 20 * DAY, by, tuple(starts)))
    await clock_corrector.finish()
    assert clock_corrector.moved == 20 and await retention.run_once() == 0
    reading[:] = [reading[0] - by + 300 * SECOND, 60 * SECOND, 1]
    for _ in range(3):
        reading[:2] = [reading[0] + 60 * SECOND, reading[1] + 60 * SECOND]
        assert await retention.run_once() == 0
    assert not (await guard.check()).suspended and len(await filed.names()) == 20


async def test_another_boot_or_another_clock_begins_anew(filed: RecordedFiles, tmp_path: Path) -> None:
    kept = tmp_path / "clock-0.json"
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    for other in (replace(ours, boot="another"), replace(ours, offset_us=ours.offset_us - HOUR)):
        await asyncio.to_thread(clock_epoch.save, kept, other)
        second = corrector.ClockCorrector(filed.archive)
        await second.begin(T + 50, kept)
        found = await asyncio.to_thread(clock_epoch.load, kept)
        assert found is not None and found.since_us == T + 50
    await asyncio.to_thread(kept.write_text, "[1, 2")
    assert await asyncio.to_thread(clock_epoch.load, kept) is None


@pytest.mark.parametrize("by", [-400 * DAY, -8 * HOUR, -HOUR, HOUR, 8 * HOUR, 400 * DAY])
async def test_a_mistake_that_a_restart_of_the_machine_undoes_is_taken_back(
    filed: RecordedFiles, tmp_path: Path, by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that the previous boot named, and moved, returns to its recording time once the clock is believed.

    What others named in the same hours stays. The restart is a gap.
    """
    up, kept, began = [30 * SECOND], tmp_path / "clock-0.json", T + 600 * SECOND
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    others = [began - 10 * SECOND, *([began + by - 10 * SECOND] if abs(by) > DAY else [])]
    await filed.prepare(*others)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(began, kept)
    first.register_stream("cam/main")
    starts = [began + k * 10 * SECOND for k in range(3)]
    await filed.prepare(*starts)
    first.clock_stepped(by)
    first.queue_step(ClockStep("cam/main", began, began + 30 * SECOND, by, tuple(starts)))
    await first.finish()
    await filed.prepare(began + 30 * SECOND + by)  # by the wrong clock
    up[0] += 40 * SECOND
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, boot="before"))
    up[0], again = 20 * SECOND, began + 340 * SECOND
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(again, kept)
    if by < 0:  # otherwise its timeline was in the future and continued from now
        filed.archive.add_gap("cam/main", began + 40 * SECOND + by, GapCause.RECORDER_DOWN, "", again)
    await filed.prepare(again)
    await second.check()
    assert second.moved == 0  # nobody has confirmed the clock yet
    async with filed.database.session() as session:
        session.add(
            RetentionClockRow(
                id=1,
                boot=ours.boot,
                uptime_us=up[0],
                wall_us=again,
                plausible_us=again,
                suspicion="",
                steady_us=0,
                ntp_us=0,
            )
        )
    await second.check()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == pytest.approx(sorted([*others, *starts, began + 30 * SECOND, again]), abs=5)
    assert await filed.names() == sorted(path_of(filed.archive.paths, s) for s in await segments_of(filed.database))
    assert await filed.gaps() == [(pytest.approx(began + 40 * SECOND), pytest.approx(again))]
    after = await asyncio.to_thread(clock_epoch.load, kept)
    assert after is not None and after.earlier == () and after.is_proved
    await second.check()
    assert sorted(s.start_us for s in await segments_of(filed.database)) == found


async def test_a_stream_that_only_an_earlier_run_recorded_is_corrected_too(
    filed: RecordedFiles, tmp_path: Path
) -> None:
    """Its schedule had ended before the recorder was restarted."""
    kept = tmp_path / "clock-0.json"
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    first.register_stream("cam/main")
    await filed.prepare(T, T + 10 * SECOND)
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, offset_us=ours.offset_us + 60 * SECOND))
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(T + 60 * SECOND, kept)
    second.clock_stepped(-HOUR, {"other/main"})
    await second.finish()
    assert [s.start_us for s in await segments_of(filed.database)] == [T - HOUR, T + 10 * SECOND - HOUR]


@pytest.mark.parametrize("by", [-400 * DAY, -5 * SECOND, 8 * HOUR])
async def test_a_hold_follows_the_footage_that_it_protects(filed: RecordedFiles, by: int) -> None:
    """Whichever clock was right: held recordings stay held under their new names, and when the change is undone."""
    await filed.prepare(T, T + 10 * SECOND, T + 20 * SECOND)
    now = SystemClock().now()
    held = {
        "camera": "cam",
        "owner": "li",
        "reason": "case 7",
        "created_at": now,
        "expires_at": now + timedelta(days=90),
    }
    async with filed.database.session() as session:
        session.add(Hold(start_us=T + 8 * SECOND, end_us=T + 18 * SECOND, **held))
        session.add(Hold(start_us=T, end_us=T + 20 * SECOND, released_at=now, **held | {"reason": "over"}))
        session.add(Hold(start_us=T, end_us=T + 20 * SECOND, **held | {"camera": "other"}))
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(filed.step(by, T, T + 10 * SECOND, T + 20 * SECOND))
    clock_corrector.queue_step(replace(filed.step(by, T, T + 10 * SECOND), stream="cam/sub"))
    await clock_corrector.finish()

    async def kept() -> list[bool]:
        async with filed.database.reading() as session:
            found = await holds.active_holds(session, None)
            assert all(h.end_us - h.start_us <= 20 * SECOND for h in found if h.camera == "cam")
            assert len(found) == (2 if abs(by) < 10 * SECOND else 3)
        return [holds.is_held(found, s) for s in await segments_of(filed.database)]

    assert (await kept())[:2] == [True, True]
    back = ClockStep("cam/main", T + by, T + by + 30 * SECOND, -by, tuple(T + by + k * 10 * SECOND for k in range(3)))
    clock_corrector.queue_step(back)
    await clock_corrector.finish()
    assert (await kept())[:2] == [True, True]


async def test_what_was_filed_before_the_clock_was_set_while_no_recorder_ran(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up, kept, began = [HOUR], tmp_path / "clock-0.json", T + 600 * SECOND
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(began, kept)
    first.register_stream("cam/main")
    await filed.prepare(began, began + 10 * SECOND)
    up[0] += 60 * SECOND
    await first.finish()
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(began + 60 * SECOND - 60 * SECOND - 120 * SECOND, kept)  # two minutes back: the same hour
    await filed.prepare(began - 120 * SECOND)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    async with filed.database.session() as session:
        session.add(
            RetentionClockRow(
                id=1, boot=ours.boot, uptime_us=up[0], wall_us=ours.offset_us + up[0], plausible_us=T, suspicion="",
                steady_us=0, ntp_us=0,
            )
        )  # fmt: skip
    await second.check()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == [began - 180 * SECOND, began - 170 * SECOND, began - 120 * SECOND]
    assert await filed.gaps() == [(began - 160 * SECOND, began - 120 * SECOND)]


H_MS = HOUR // 1000


@pytest.mark.parametrize(
    ("wrong", "before", "after", "moves"),
    [
        (-5 * HOUR, (0, 300, -200), (0, 300, -200), True),
        (3 * DAY, (0, 9 * H_MS, -200), (0, 9 * H_MS, -200), True),  # one camera is wrong itself, steadily
        (-5 * HOUR, (0, 9 * H_MS, -7 * H_MS), (0, 0, 0), False),  # they do not agree
        (-5 * HOUR, (0, 300, None), (0, 300, None), False),  # too few cameras
        (2 * HOUR, (-30 * 24 * H_MS,) * 3, (0, 0, 0), False),  # no restart explains what they report
        # All cameras had lost their time and have it again: the station's was right.
        (0, (-26 * 365 * 24 * H_MS,) * 3, (0, 0, 0), False),
    ],
)
async def test_a_clock_that_was_wrong_from_the_start_of_the_machine_and_never_set(
    filed: RecordedFiles,
    tmp_path: Path,
    wrong: int,
    before: tuple[int | None, ...],
    after: tuple[int | None, ...],
    moves: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cameras know the error, because their clocks continued.

    `wrong`: error of the previous boot; `before` and `after`: the cameras' own errors, ms.
    """
    up, kept = [30 * SECOND], tmp_path / "clock-0.json"
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    volume = (await filed.prepare()).archive.paths

    async def record_all(at: int, error: int, offsets: tuple[int | None, ...]) -> None:
        for number, offset in enumerate(offsets):
            stream, camera_us = f"c{number}/main", offset * 1000 - error if offset is not None else None
            segment = Segment(
                stream, next(iter(volume)), at, at + 10 * SECOND, 10 * SECOND, 4, 250, clock_offset_us=camera_us
            )
            await asyncio.to_thread(filed._write, segment)
            filed.archive.segment_opened(replace(segment, open=True))
            filed.archive.segment_closed(segment)
        await filed.archive.flush()

    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T + wrong, kept)
    for number in range(len(before)):
        first.register_stream(f"c{number}/main")
    await record_all(T + wrong, wrong, before)
    up[0] += 20 * SECOND
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, boot="before"))
    up[0], again = 20 * SECOND, T + 300 * SECOND
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(again, kept)
    await record_all(again, 0, after)
    up[0] += 60 * SECOND
    async with filed.database.session() as session:
        row = RetentionClockRow(
            id=1,
            boot=ours.boot,
            uptime_us=up[0],
            wall_us=again - 20 * SECOND + up[0],
            plausible_us=again,
            suspicion="",
            steady_us=0,
            ntp_us=0,
        )
        session.add(row)
    await second.check()
    async with filed.database.reading() as session:
        found = [s for n in range(len(before)) for s in await segment_index.between(session, [f"c{n}/main"], 0, 2**62)]
    old = [s.start_us for s in found if s.start_us != again]
    assert old == pytest.approx([T if moves else T + wrong] * len(before), abs=SECOND)
