"""Work on untrusted pictures: whatever happens to a decoding process affects no other task."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from core.errors import DetectorError, ProtocolError
from nvr.playback.decode_pool import MAX_STARTS, DecodePool
from tests.nvr.playback.pool_tasks import (
    always_killed,
    crash,
    fine,
    hang,
    hang_marked,
    kill_own_process,
    killed_while_it_answers,
    me,
    own_timeout,
    refuse_to_start,
    start_slowly,
    work,
    work_marked,
)
from tests.waiting import eventually


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., DecodePool]]:
    pools = list[DecodePool]()

    def new(*args: object, **kwargs: object) -> DecodePool:
        pools.append(DecodePool(*args, **kwargs))  # type: ignore[arg-type]
        return pools[-1]

    yield new
    for pool in pools:
        await asyncio.wait_for(pool.close(), 20)


async def test_a_picture_that_crashes_or_holds_its_decoder_harms_nobody(make: Callable[..., DecodePool]) -> None:
    pool = make(1, timeout=1.0)
    with pytest.raises(ProtocolError, match="crashed"):
        await pool.run(crash)
    assert await pool.run(fine) == 42
    with pytest.raises(ProtocolError, match="to decode"):
        await pool.run(hang)
    assert await pool.run(fine) == 42
    assert (pool.counters.crashed, pool.counters.timed_out) == (1, 1)


async def test_the_time_of_a_task_begins_when_a_process_takes_it(make: Callable[..., DecodePool]) -> None:
    pool = make(1, timeout=2.0)
    answers = await asyncio.gather(*(pool.run(work, 0.8, i) for i in range(4)))  # the last one waits for 2.4 s
    assert [a[1] for a in answers] == [0, 1, 2, 3]


async def test_the_others_go_on_while_one_hangs_or_crashes(make: Callable[..., DecodePool]) -> None:
    pool = make(2, timeout=3.0)
    await asyncio.gather(pool.run(work, 0.2, 0), pool.run(work, 0.2, 0))
    before = set(pool.processes())
    hanging = asyncio.ensure_future(pool.run(hang))
    crashing = asyncio.gather(*(pool.run(crash) for _ in range(2)), return_exceptions=True)
    answers = await asyncio.gather(*(pool.run(work, 0.01, i) for i in range(20)))
    assert [a[1] for a in answers] == list(range(20))
    assert all(isinstance(e, ProtocolError) for e in await crashing)
    with pytest.raises(ProtocolError, match="to decode"):
        await hanging
    assert len(before) == 2


def _is_gone(pool: DecodePool, process: int) -> bool:
    return process not in pool.processes()


async def test_a_decoder_killed_while_idle_is_replaced_unnoticed(make: Callable[..., DecodePool]) -> None:
    pool = make(1)
    for is_noticed in (False, True, False):
        process = await pool.run(me)
        os.kill(process, signal.SIGKILL)
        if is_noticed:
            await eventually(partial(_is_gone, pool, process))
        assert await pool.run(me) != process


async def test_a_task_killed_once_from_outside_is_done_all_the_same(
    make: Callable[..., DecodePool], tmp_path: Path
) -> None:
    pool = make(1)
    assert await pool.run(kill_own_process, tmp_path / "killed") == "done"
    assert pool.counters.killed == 1
    with pytest.raises(ProtocolError, match="crashed"):  # twice is too often: the picture uses up the memory
        await pool.run(always_killed)
    assert await pool.run(fine) == 42


async def test_large_tasks_to_processes_that_die_do_not_block_the_pool(make: Callable[..., DecodePool]) -> None:
    """Writing a task larger than the pipe blocks if its reader dies; Python 3.11.2 never returned from it."""
    pool = make(1, initializer=start_slowly)
    payload = bytes(3_000_000)
    for delay in (0.05, 0.15, 0.35):
        job = asyncio.ensure_future(pool.run(work, 0.0, 1, payload))
        await asyncio.sleep(delay)
        for process in pool.processes():
            os.kill(process, signal.SIGKILL)
        assert (await asyncio.wait_for(job, 20))[2] == payload
        assert await pool.run(fine) == 42


async def test_processes_that_never_come_up_are_not_the_pictures_fault(make: Callable[..., DecodePool]) -> None:
    pool = make(1, initializer=refuse_to_start)
    with pytest.raises(DetectorError, match="ended before they started their task"):
        await pool.run(fine)
    assert pool.counters.died_idle == MAX_STARTS


async def test_errors_of_the_function_come_through(make: Callable[..., DecodePool]) -> None:
    pool = make(1)
    with pytest.raises(TimeoutError, match="of the function itself"):
        await pool.run(own_timeout)
    assert pool.counters.timed_out == 0


async def test_a_caller_that_is_cancelled_costs_no_process(make: Callable[..., DecodePool], tmp_path: Path) -> None:
    pool = make(1)
    process = await pool.run(me)
    job = asyncio.ensure_future(pool.run(work_marked, 0.3, tmp_path / "began"))
    await eventually(lambda: asyncio.to_thread((tmp_path / "began").exists))
    job.cancel()
    assert await pool.run(me) == process


async def test_closing_ends_every_process(make: Callable[..., DecodePool], tmp_path: Path) -> None:
    pool = make(2)
    await asyncio.gather(pool.run(work, 0.1, 0), pool.run(work, 0.1, 0))
    job = asyncio.ensure_future(pool.run(hang_marked, tmp_path / "began"))
    await eventually(lambda: asyncio.to_thread((tmp_path / "began").exists))
    processes = pool.processes()
    assert len(processes) == 2
    await asyncio.wait_for(pool.close(), 15)
    with pytest.raises(asyncio.CancelledError):
        await job
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert await pool.run(fine) == 42  # closed pools start again when they are used


async def test_half_an_answer_spoils_no_later_one(make: Callable[..., DecodePool], tmp_path: Path) -> None:
    pool = make(1)
    async with asyncio.timeout(20):
        assert await pool.run(killed_while_it_answers, tmp_path / "marker") == b"done"
        assert await pool.run(fine) == 42
    assert pool.counters.killed == 1


@pytest.mark.long
@pytest.mark.parametrize("wanted", [25, pytest.param(100, marks=pytest.mark.soak)])
async def test_kills_cost_no_other_task(make: Callable[..., DecodePool], wanted: int) -> None:
    """SIGKILL of processes that are idle, busy or starting, at random moments, under a constant load of tasks."""
    pool = make(2, initializer=start_slowly)
    rng, kills, ended = random.Random(1), 0, asyncio.Event()
    outcomes = {"done": 0, "killed twice": 0}

    async def ask() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            try:
                _, answer, _payload = await pool.run(
                    work, rng.choice((0.0, 0.01, 0.1)), number, bytes(rng.choice((0, 400_000)))
                )
                assert answer == number
                outcomes["done"] += 1
            except ProtocolError:
                outcomes["killed twice"] += 1
            if rng.random() < 0.3:
                await asyncio.sleep(0.05)  # let the processes become idle

    began = time.monotonic()
    await pool.run(work, 0.0, 0, b"")
    start = time.monotonic() - began  # seconds on a busy machine: a process killed faster than it starts never works
    asking = [asyncio.ensure_future(ask()) for _ in range(2)]
    deadline = time.monotonic() + 150
    while kills < wanted and time.monotonic() < deadline:
        await asyncio.sleep(rng.uniform(0.0, max(0.7, 2 * start)))
        for process in rng.sample(there := pool.processes(), min(len(there), 1)):
            os.kill(process, signal.SIGKILL)
            kills += 1
    ended.set()
    await asyncio.wait_for(asyncio.gather(*asking), 60)
    # Only a task whose own process was killed twice while it worked may fail.
    assert kills == wanted
    assert outcomes["killed twice"] == pool.counters.crashed <= 10
    assert outcomes["done"] > wanted / 2
