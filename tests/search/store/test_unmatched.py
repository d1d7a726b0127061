"""Thumbnails and vectors of sightings without a match are erased earlier than the sightings."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cases.tables import Alert, Case, WatchSubject
from core import erase as erasing
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.erase import erase_ranges
from nvr.tables import Hold
from search.query.find import Query
from search.query.similar import similar
from search.store import Sighting, SightingStore, camera_numbers, ids, thumbnails, unmatched, vectors
from search.store.sighting_store import Batch
from search.store.unmatched import UnmatchedErasure
from search.store.upkeep import Upkeep
from search.store.verify import problems
from search.tables import Judgement
from station.roles.needed_sightings import NeededSightings
from tests.search.sightings import sighting

COUNT = 40


def picture(n: int) -> bytes:
    return b"\xff\xd8" + bytes([n + 1]) * 5_000


def unit(n: int) -> vectors.Floats:
    made = np.zeros(256, np.float32)
    made[n] = 1.0
    return made


async def filled(database: Database, store: SightingStore, at_ms: int) -> list[Sighting]:
    """Store sightings of two cameras on one day, each with its own picture and vector."""
    async with database.session() as session:
        cameras = [await camera_numbers.of_camera(session, c, "v") for c in ("c-1", "c-2")]
    seen = [sighting(at_ms + n * 1000, cameras[n % 2], n) for n in range(COUNT)]

    def write() -> None:
        day = ids.day_of(at_ms)
        folder = store.day_dir(day)
        thumbnails.append(folder, [picture(200)])  # an earlier, worse picture that no row refers to
        vectors.append(folder, 1, "p@1", [seen[0].id], unit(200)[None])
        vectors.append(folder, 2, "former@1", [s.id for s in seen], np.stack([unit(n) for n in range(COUNT)]))
        for s, (offset, size) in zip(seen, thumbnails.append(folder, [picture(n) for n in range(COUNT)]), strict=True):
            s.thumb, s.thumb_size, s.embedder = offset, size, 1
        places = vectors.append(folder, 1, "p@1", [s.id for s in seen], np.stack([unit(n) for n in range(COUNT)]))
        for s, place in zip(seen, places, strict=True):
            s.vector = place
        store.write(day, [Batch("c-1/main", at_ms * 1000, new=seen)])

    await asyncio.to_thread(write)
    return seen


async def needed_of(database: Database, clock: ManualClock, seen: list[Sighting]) -> set[int]:
    """Add an alert, a rejected alert, a candidate, a rejected candidate, and a hold on ten seconds of one camera.

    Returns the indices of the sightings that keep picture and vector.
    """
    async with database.session() as session:
        now = clock.now()
        case = Case(number="1", title="t", opened_at=now, opened_by="x")
        session.add(case)
        await session.flush()
        subject = WatchSubject(
            case=case.id,
            title="t",
            cls="person",
            upper="red",
            reason="r",
            state="active",
            proposed_by="a",
            proposed_at=now,
            expires_at=now,
        )
        session.add(subject)
        await session.flush()
        for n, state in ((0, "acked"), (1, "rejected")):
            session.add(
                Alert(
                    subject=subject.id,
                    sighting=seen[n].id,
                    camera="c-1",
                    village="v",
                    at_us=0,
                    thumbnail="",
                    state=state,
                    raised_at=now,
                )
            )
        for n, verdict in ((2, "candidate"), (3, "rejected")):
            session.add(
                Judgement(reason="r", sighting=seen[n].id, camera="c-1", village="v", verdict=verdict, by="x", at=now)
            )
        start = seen[20].start_ms * 1000
        session.add(
            Hold(
                camera="c-2", start_us=start, end_us=start + 10_000_000, owner="x", reason="r", created_at=now,
                expires_at=now + timedelta(days=90),
            )
        )  # fmt: skip
    return {0, 2, 21, 23, 25, 27, 29}


@pytest.mark.parametrize("batch", [7, 5_000])
async def test_unmatched_content_is_erased_and_kept_content_is_unchanged(
    database: Database, clock: ManualClock, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmatched, "BATCH_ROWS", batch)
    monkeypatch.setattr(unmatched, "MAX_PER_RUN", 15)
    store = SightingStore(tmp_path / "sightings")
    at_ms = to_microseconds(clock.now()) // 1000 // ids.DAY_MS * ids.DAY_MS + 3_600_000
    seen = await filled(database, store, at_ms)
    kept = await needed_of(database, clock, seen)
    upkeep = Upkeep(database, clock, store, 31, None, 14, NeededSightings(database, clock).of_day)
    clock.advance(13 * 86_400)
    await upkeep.run_once()
    assert len(await asyncio.to_thread(_complete, store, seen)) == COUNT  # not old enough yet
    clock.advance(3 * 86_400)
    runs = []
    for _ in range(4):
        await upkeep.run_once()
        runs.append(len(await asyncio.to_thread(_complete, store, seen)))
    assert runs[0] >= COUNT - 15 - 6 and runs[-1] == len(kept) and runs == sorted(runs, reverse=True)
    assert await asyncio.to_thread(_complete, store, seen) == kept
    content = await asyncio.to_thread((store.day_dir(ids.day_of(at_ms)) / thumbnails.FILE_NAME).read_bytes)
    raw = await asyncio.to_thread((store.day_dir(ids.day_of(at_ms)) / "vectors-1.i8").read_bytes)
    for n in (*range(COUNT), 200):
        assert (picture(n) in content) is (n in kept)
    former = await asyncio.to_thread((store.day_dir(ids.day_of(at_ms)) / "vectors-2.i8").read_bytes)
    assert not np.any(np.frombuffer(former[64:], np.int8))
    assert np.count_nonzero(np.frombuffer(raw[64:], np.int8)) == len(kept)
    assert await asyncio.to_thread(problems, store) == []
    found = await asyncio.to_thread(similar, store, unit(21), 1, Query())
    assert found[0].sighting.id == seen[21].id and {m.sighting.id for m in found} <= {seen[n].id for n in kept}
    rows = await asyncio.to_thread(store.many, [s.id for s in seen])
    assert len(rows) == COUNT and rows[seen[5].id].upper == seen[5].upper  # filters still find it
    async with database.reading() as session:
        audited = await session.scalars(select(AuditRow.data).where(AuditRow.action == "sightings.unmatched"))
        assert sum(int(str(d["erased"])) for d in audited) == COUNT - len(kept)
    await asyncio.to_thread(store.close)


def _complete(store: SightingStore, seen: list[Sighting]) -> set[int]:
    """Return the indices of the sightings that have their own picture and vector."""
    rows = store.many([s.id for s in seen])
    found = store.vectors(list(rows.values()))
    whole = set()
    for n, s in enumerate(seen):
        row = rows[s.id]
        if row.thumb < 0 or s.id not in found:
            assert row.thumb < 0 and row.vector < 0
            continue
        assert thumbnails.read(store.day_dir(ids.day_of(s.start_ms)), row.thumb, row.thumb_size) == picture(n)
        assert found[s.id] @ unit(n) > 0.99
        whole.add(n)
    return whole


async def test_crash_between_bytes_and_rows_repeats_the_work(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SightingStore(tmp_path / "sightings")
    at_ms = to_microseconds(clock.now()) // 1000 // ids.DAY_MS * ids.DAY_MS
    seen = await filled(database, store, at_ms)
    work = UnmatchedErasure(clock, store, NeededSightings(database, clock).of_day)
    with monkeypatch.context() as broken:
        broken.setattr(SightingStore, "connected", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            await work.run_once([ids.day_of(at_ms)])
    assert await work.run_once([ids.day_of(at_ms)]) == {ids.day_of(at_ms): COUNT}
    assert await asyncio.to_thread(_complete, store, seen) == set()
    assert await work.run_once([ids.day_of(at_ms)]) == {}
    await asyncio.to_thread(store.close)


spans = st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)).map(lambda p: (min(p), max(p))), max_size=6)


@settings(max_examples=40, deadline=None)
@given(spans, st.booleans())
def test_erase_changes_only_its_spans(
    tmp_path_factory: pytest.TempPathFactory, some: list[tuple[int, int]], holes: bool
) -> None:
    path = tmp_path_factory.mktemp("e") / "f"
    content = bytearray(b"x" * 30_000)
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        if not holes:  # as on a file system without hole punching
            patched.setattr(erasing, "_PUNCH_HOLE", 1 << 20)
        erase_ranges(path, some)
    for start, end in some:
        content[start:end] = bytes(min(end, 30_000) - min(start, 30_000))
    assert path.read_bytes() == bytes(content) and os.stat(path).st_size == 30_000
