"""Backfill: gaps are filled from the cameras' own storage, exactly and without affecting the live streams."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.virtual import card
from cameras.virtual.clip import LoopClip
from core.clock import SECOND, SystemClock, to_microseconds
from core.events import Event
from core.units import us_to_media
from nvr.archive.integrity.verify import verify
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import SegmentFlag
from nvr.edge.backfill import uncovered
from nvr.edge.gap_fill import GapFill
from nvr.media.samples import FragmentSamples
from nvr.playback import clip as clips
from nvr.playback import mp4_writer
from nvr.playback.hls import playlist
from nvr.tables import Gap
from tests.nvr.conftest import Recording as Recordings
from tests.nvr.conftest import eventually, place_of, probe, segments_of
from tests.nvr.edge.card_town import Town, first_picture, keyframes_of, spec


@pytest.mark.parametrize("clock_error", [0.0, -7200.0])
async def test_an_outage_is_fetched_from_the_card(
    clock_error: float, town: Town, recording: Recordings, clip: LoopClip, tmp_path: Path
) -> None:
    if clock_error:
        town.mount.clock_error = clock_error
        town.device.switch("clock_wrong", True)
    async with recording(spec(town)) as machine:
        await town.outage(machine)
        (gap,) = await town.gaps()
        assert gap.cause == "unreachable" and gap.end_us is not None and gap.ask_at is not None
        filler = town.backfiller(machine)
        assert await filler.run_once() == 0, "the camera has just come back"
        await town.due_now()
        assert await filler.run_once() > 0
        assert await town.gaps() == []
    segments = await segments_of(town.database)
    fetched = [s for s in segments if s.flags & SegmentFlag.BACKFILLED]
    assert abs(fetched[0].start_us - gap.start_us) < 1000 and abs(fetched[-1].end_us - gap.end_us) < 1000
    for before, after in itertools.pairwise(segments):
        assert -20 <= after.start_us - before.end_us < 250_000, "nothing is shown twice, nothing is missing"
    for segment in fetched:
        assert (await probe(await place_of(town.database, segment)))["width"] == 320
    assert (await verify(town.database, hash_files=True)).clean
    reader = ArchiveReader(town.database, SystemClock())
    gops = await reader.gops("cam/main", segments[0].start_us, segments[-1].end_us)
    assert "EXT-X-GAP" not in await asyncio.to_thread(lambda: playlist(gops, live=False))
    made = await asyncio.to_thread(clips.plan, gops)
    await asyncio.to_thread(mp4_writer.write, made, tmp_path / "whole.mp4")
    assert (
        int((await probe(tmp_path / "whole.mp4"))["nb_read_frames"]) == made.pictures == sum(s.frames for s in segments)
    )
    assert await asyncio.to_thread(first_picture, await place_of(town.database, fetched[0])) in keyframes_of(clip)
    async with town.database.reading() as session:
        (event,) = await session.scalars(select(Event).where(Event.kind == "footage.backfilled"))
    assert event.data["missing"] == 0


async def test_a_hole_in_the_card_s_own_recording_stays_a_gap(
    town: Town, recording: Recordings, clip: LoopClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time and RTP time jump together there: what the camera's storage does not have does not count as recorded."""
    hole: list[float] = []  # UTC seconds
    skipped: set[int] = set()
    whole = card.pictures

    def with_hole(*arguments: Any) -> Iterator[tuple[int, float]]:
        inside = False
        for index, taken in whole(*arguments):
            inside = hole[0] <= taken < hole[1] or (inside and index % clip.frames not in clip.keyframes)
            if inside:
                skipped.add(index)
            else:
                yield index, taken

    monkeypatch.setattr(card, "pictures", with_hole)
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=2.5)
        (gap,) = await town.gaps()
        hole += [gap.start_us / 1e6 + 0.7, gap.start_us / 1e6 + 1.8]
        await town.due_now()
        assert await town.backfiller(machine).run_once() > 0
        (left,) = await town.gaps()
    assert left.end_us is not None and left.ask_at is None and left.cause == "unreachable"
    assert (left.end_us - left.start_us) / 1e6 == pytest.approx(len(skipped) / clip.fps, abs=0.15)
    # ONVIF gives the camera's clock in whole seconds.
    assert left.start_us / 1e6 == pytest.approx(hole[0], abs=0.75)


async def test_an_empty_card_leaves_the_gap_and_is_not_asked_again(town: Town, recording: Recordings) -> None:
    town.device.switch("no_card", True)
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=0.5)
        await town.due_now()
        filler = town.backfiller(machine)
        assert await filler.run_once() == 0
        (gap,) = await town.gaps()
        assert gap.ask_at is None and gap.cause == "unreachable"


async def test_a_long_gap_is_asked_for_piece_by_piece(
    town: Town, recording: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvr.edge.backfill.MAX_FETCH_US", SECOND)
    town.device.switch("no_card", True)
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=2.0)
        await town.due_now()
        (whole,) = await town.gaps()
        await town.backfiller(machine).run_once()
        first, rest = await town.gaps()
        assert first.ask_at is None and rest.ask_at is not None, "what was not asked for yet is still to be asked for"
        assert (first.start_us, first.end_us, rest.end_us) == (whole.start_us, rest.start_us, whole.end_us)
        town.device.switch("no_card", False)
        while any(g.ask_at for g in await town.gaps()):
            await town.backfiller(machine).run_once()
        assert [g.start_us for g in await town.gaps()] == [first.start_us]


async def test_a_card_is_not_asked_for_ever(town: Town, recording: Recordings) -> None:
    async with recording(spec(town)) as machine:
        await eventually(lambda: machine.streams["cam/main"].counters.frames >= 5)
        old = to_microseconds(SystemClock().now() - timedelta(days=8))
        async with town.database.session() as session:
            facts = {"stream": "cam/main", "cause": "unreachable", "ask_at": SystemClock().now()}
            session.add(Gap(start_us=old, end_us=old + 10 * SECOND, **facts))
        assert await town.backfiller(machine).run_once() == 0
        assert [g.ask_at for g in await town.gaps()] == [None]


async def test_a_camera_that_cannot_be_asked_is_asked_later(town: Town, recording: Recordings) -> None:
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=0.5)
        await town.due_now()
        town.device.faults.add("dead")  # ONVIF only
        await town.backfiller(machine).run_once()
        (gap,) = await town.gaps()
        assert gap.ask_at is not None and gap.ask_at > SystemClock().now() + timedelta(minutes=9)
        town.device.faults.clear()
        await town.due_now()
        assert await town.backfiller(machine).run_once() > 0


async def test_fetching_gives_way_to_the_live_stream(
    town: Town, recording: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lossy live stream stops the transfer; what arrived is kept, the rest is fetched later, slower."""
    # Pictures are handed on in small parts, so that the gap has a middle however small its pictures are.
    monkeypatch.setattr("nvr.edge.replay.RECEIVE_BYTES", 1024)
    monkeypatch.setattr("nvr.edge.replay.FRAGMENT_BYTES", 1024)
    lossy = True
    async with recording(spec(town)) as machine:

        class LosesPacketsMeanwhile(GapFill):
            def take(self, run: FragmentSamples, camera_us: int) -> bool:
                if lossy and us_to_media(camera_us - self._offset_us) >= self._start:
                    machine.streams["cam/main"].counters.lost_packets += 1
                return super().take(run, camera_us)

        monkeypatch.setattr("nvr.edge.backfill.GapFill", LosesPacketsMeanwhile)
        await town.outage(machine, seconds=3.0)
        await town.due_now()
        await town.backfiller(machine, rate=120_000).run_once()
        lossy = False
        gaps = await town.gaps()
        assert gaps and all(
            g.ask_at is not None and g.ask_at > SystemClock().now() + timedelta(minutes=9) for g in gaps
        )
        # As with a recorder that died meanwhile: the gap is unchanged, and so are the stored files.
        async with town.database.session() as session:
            gaps[0].start_us = (await segments_of(town.database))[0].end_us
            await session.merge(gaps[0])
        await town.due_now()
        assert await town.backfiller(machine).run_once() > 0
        assert await town.gaps() == []
    segments = await segments_of(town.database)
    assert all(after.start_us - before.end_us >= -20 for before, after in itertools.pairwise(segments))
    assert (await verify(town.database, hash_files=True)).clean


async def test_the_pace_is_kept(town: Town, recording: Recordings) -> None:
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=2.0)
        await town.due_now()
        loop = asyncio.get_running_loop()
        began = loop.time()
        fetched = await town.backfiller(machine, rate=200_000).run_once()
        assert (
            fetched > 30_000 and loop.time() - began >= (fetched - 20_000) * 8 / 200_000 - 1.0
        )  # it may catch up one second


async def test_a_gap_is_not_asked_for_while_the_stream_does_not_record(town: Town, recording: Recordings) -> None:
    async with recording(spec(town)) as machine:
        await town.outage(machine, seconds=1.0)
        await town.due_now()
        town.mount.faults.add("dead")
        await eventually(lambda: machine.streams["cam/main"].state != "recording")
        assert await town.backfiller(machine).run_once() == 0
        assert (await town.gaps())[0].ask_at is not None


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30)), max_size=6))
def test_missing_pieces_and_spans_make_the_gap_again(raw: list[tuple[int, int]]) -> None:
    spans: list[tuple[int, int]] = []
    for begin, length in sorted(raw):
        start = max(begin, spans[-1][1] if spans else 0) * SECOND
        spans.append((start, start + length * SECOND)) if not spans or start >= spans[-1][1] else None
    spans = [(a, b) for a, b in spans if a < b]
    pieces = uncovered(10 * SECOND, 90 * SECOND, spans)
    for t in range(10, 90):
        at = t * SECOND + SECOND // 2
        covered: Any = any(a <= at < b for a, b in spans)
        assert covered != any(a <= at < b for a, b in pieces)


def test_what_is_left_of_neighbouring_gaps_adds_up_and_is_not_dropped() -> None:
    first = uncovered(0, 5 * SECOND, [(0, 4_100_000)])
    second = uncovered(5 * SECOND, 10 * SECOND, [(5_900_000, 10 * SECOND)])
    assert first == [(4_100_000, 5 * SECOND)] and second == [(5 * SECOND, 5_900_000)]


async def test_gaps_below_a_second_side_by_side_are_kept(town: Town) -> None:
    """A stream whose trouble changes its cause twice leaves short gaps: they are not fetched, but kept."""
    now = to_microseconds(SystemClock().now()) - 100 * SECOND
    async with town.database.session() as session:
        for at in (0, 700_000):
            session.add(
                Gap(
                    stream="cam/main", start_us=now + at, end_us=now + at + 700_000, cause="unreachable", detail="",
                    ask_at=SystemClock().now() - timedelta(minutes=1),
                )
            )  # fmt: skip
    machine: Any = SimpleNamespace(
        streams={"cam/main": SimpleNamespace(spec=spec(town), state="recording")}, _archive=None
    )
    assert await town.backfiller(machine).run_once() == 0
    assert [(g.start_us - now, g.ask_at) for g in await town.gaps()] == [(0, None), (700_000, None)]
