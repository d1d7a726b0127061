"""The limit on connection attempts: within one process, and across several that share a file."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import ManualClock, SystemClock
from core.network.connect_limiter import ConnectLimiter, for_person
from core.network.places import subnet_of
from core.network.shared_locks import MAX_AHEAD_SECONDS, SharedLocks
from core.tasks import end, spawn


class Counted:
    """Makes attempts through several limiters; records when each began, and how many ran at once in a subnet."""

    def __init__(self, clock: ManualClock):
        self.clock = clock
        self.began: list[float] = []
        self.running: dict[str, int] = {}
        self.most = 0

    async def attempt(self, budget: ConnectLimiter, url: str, seconds: float) -> None:
        async with budget.attempt(url):
            self.began.append(self.clock.monotonic())
            subnet = subnet_of(url)
            self.running[subnet] = self.running.get(subnet, 0) + 1
            self.most = max(self.most, self.running[subnet])
            await self.clock.sleep(seconds)
            self.running[subnet] -= 1


async def step(clock: ManualClock, seconds: float) -> None:
    for _ in range(round(seconds / 0.01)):
        clock.advance(0.01)
        for _ in range(6):
            await asyncio.sleep(0)


async def test_two_processes_keep_one_budget(tmp_path: Path) -> None:
    clock = ManualClock()
    counted = Counted(clock)
    budgets = [ConnectLimiter(clock, 20, 4, tmp_path / "lock") for _ in range(2)]
    for budget in budgets:
        assert await budget._opened() is not None
    work = [spawn(counted.attempt(budgets[i % 2], f"rtsp://10.0.{i % 3}.{i}/x", 0.5)) for i in range(60)]
    await step(clock, 12)
    assert all(t.done() for t in work)
    await end(*work)
    assert len(counted.began) == 60 and counted.most == 4
    begun = sorted(counted.began)
    assert all(b - a >= 19 / 20 - 0.011 for a, b in zip(begun, begun[19:], strict=False))  # 20 in any second


async def test_a_place_is_given_back_whatever_ends_the_attempt(tmp_path: Path) -> None:
    one, other = (ConnectLimiter(SystemClock(), 10_000, 1, tmp_path / "lock") for _ in range(2))
    with pytest.raises(RuntimeError):
        async with one.attempt("rtsp://10.0.0.1/"):
            raise RuntimeError
    waiting = spawn(_hold(other, "rtsp://10.0.0.2/", 0.0))
    async with one.attempt("rtsp://10.0.0.1/"):
        ended = spawn(_hold(other, "rtsp://10.0.0.2/", 9.0))
        await asyncio.sleep(0.05)
        await end(ended)
    await asyncio.wait_for(waiting, 2)


async def _hold(budget: ConnectLimiter, url: str, seconds: float) -> None:
    async with budget.attempt(url):
        await asyncio.sleep(seconds)


async def test_a_process_that_dies_gives_its_places_back(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom core.clock import SystemClock\n"
        "from core.network.connect_limiter import ConnectLimiter\n"
        "async def main():\n"
        "    async with ConnectLimiter(SystemClock(), 100, 1, Path(sys.argv[1])).attempt('rtsp://10.0.0.1/'):\n"
        "        print('held', flush=True)\n        await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "lock"), stdout=subprocess.PIPE
    )
    assert process.stdout is not None and await process.stdout.readline() == b"held\n"
    budget = ConnectLimiter(SystemClock(), 100, 1, tmp_path / "lock")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_hold(budget, "rtsp://10.0.0.9/", 0.0), 0.2)
    process.kill()
    await process.wait()
    await asyncio.wait_for(_hold(budget, "rtsp://10.0.0.9/", 0.0), 2)


def test_turns_of_another_boot_are_forgotten(tmp_path: Path) -> None:
    first, second = SharedLocks(tmp_path / "lock"), SharedLocks(tmp_path / "lock")
    assert first.lock(0) and not second.lock(0)
    assert first.next_turn(1000.0, 0.05) == 1000.0
    assert second.next_turn(1000.0, 0.05) == 1000.05
    assert second.next_turn(1000.0 - MAX_AHEAD_SECONDS - 1, 0.05) == 1000.0 - MAX_AHEAD_SECONDS - 1
    second._boot = b"x" * 36
    assert second.next_turn(5.0, 0.05) == 5.0


async def test_a_file_that_cannot_be_used_counts_for_this_process_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = ConnectLimiter(SystemClock(), 1000, 4, tmp_path / "missing" / "lock")
    await _hold(budget, "rtsp://10.0.0.1/", 0.0)
    await _hold(budget, "rtsp://10.0.0.1/", 0.0)
    assert sum("for this process only" in r.message for r in caplog.records) == 1


async def test_what_a_person_waits_for_goes_first(tmp_path: Path) -> None:
    """Four dead cameras hold the subnet's places, forty attempts wait in two processes, turns are assigned ahead."""
    clock = ManualClock()
    budgets = [ConnectLimiter(clock, 2, 4, tmp_path / "lock") for _ in range(3)]
    for budget in budgets:
        assert await budget._opened() is not None
    counted = Counted(clock)
    dead = [spawn(counted.attempt(budgets[i % 2], f"rtsp://10.0.0.{i}/x", 5.0)) for i in range(40)]
    others = [spawn(counted.attempt(budgets[0], f"rtsp://10.0.{i}.1/x", 0.1)) for i in range(1, 40)]
    await step(clock, 3)
    began = len(counted.began)
    person = Counted(clock)
    with for_person():
        steering = [spawn(person.attempt(b, "http://10.0.0.200/onvif", 0.1)) for b in budgets]
    await step(clock, 5)
    assert len(person.began) == 3 and max(person.began) < 8.0, (person.began, began)
    assert counted.most == 4
    await end(*dead, *others, *steering)


@pytest.mark.parametrize("shared", [False, True])
async def test_dead_cameras_never_hold_the_place_of_a_command(tmp_path: Path, shared: bool) -> None:
    """Four dead cameras hold the subnet's places long, in other processes too; a person's attempt begins at once."""
    clock, file = ManualClock(), tmp_path / "lock" if shared else None
    recorder, console = (ConnectLimiter(clock, 20, 4, file) for _ in range(2))
    if not shared:
        console = recorder
    for budget in (recorder, console):
        await budget._opened()
    dead = [spawn(_hold_for(clock, recorder, f"rtsp://10.0.0.{i}/x", 60)) for i in range(8)]
    await step(clock, 1)
    person = Counted(clock)
    for _ in range(3):  # several times
        at = clock.monotonic()
        with for_person():
            steering = spawn(person.attempt(console, "http://10.0.0.200/onvif", 0.1))
        await step(clock, 0.3)
        assert steering.done() and person.began[-1] - at < 0.05
    with for_person():  # two officers: the second waits for the first, not for the dead cameras
        both = [spawn(person.attempt(console, f"http://10.0.0.20{i}/onvif", 0.2)) for i in range(2)]
    await step(clock, 0.7)
    assert all(t.done() for t in both) and person.most == 1
    assert sum(t.done() for t in dead) == 0
    await end(*dead, *both)


async def _hold_for(clock: ManualClock, budget: ConnectLimiter, url: str, seconds: float) -> None:
    async with budget.attempt(url):
        await clock.sleep(seconds)


async def test_persons_have_one_place_more_and_no_others(tmp_path: Path) -> None:
    clock = ManualClock()
    counted, budget = Counted(clock), ConnectLimiter(clock, 100, 2)
    with for_person():
        work = [spawn(counted.attempt(budget, "rtsp://10.0.0.1/x", 0.2)) for _ in range(4)]
    work += [spawn(counted.attempt(budget, "rtsp://10.0.0.2/x", 0.2)) for _ in range(9)]
    await step(clock, 0.05)
    assert counted.most == 3
    await end(work[3], work[4])  # a waiting attempt may be cancelled
    counted.most = 0
    await step(clock, 0.2)
    assert counted.most <= 3
    counted.most = 0
    await step(clock, 2)
    assert len(counted.began) == 11 and counted.most == 2
    await end(*work)


async def test_a_file_that_fails_later_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, or a network file system that lost its locks: logged once, tried again, never an error."""
    clock, said = ManualClock(), list[str]()
    budget = ConnectLimiter(clock, 1000, 4, tmp_path / "lock")
    budget.on_file_failure = said.append
    shared = await budget._opened()
    assert shared is not None
    for name in ("next_turn", "lock", "is_locked"):
        with monkeypatch.context() as patch:
            patch.setattr(SharedLocks, name, _fail)
            for _ in range(2):
                work = spawn(_hold(budget, "rtsp://10.0.0.1/", 0.0))
                await step(clock, 1)
                await work
        clock.advance(61)
        work = spawn(_hold(budget, "rtsp://10.0.0.1/", 0.0))
        await asyncio.sleep(0.05)
        await step(clock, 1)
        await work
        assert budget._shared is not None and len(said) == 1 and "No space left" in said.pop()


def _fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await asyncio.to_thread(folder.mkdir)
    one, other = (ConnectLimiter(SystemClock(), 10_000, 1, folder / "lock") for _ in range(2))
    await _hold(one, "rtsp://10.0.0.1/", 0.0)
    await asyncio.to_thread((folder / "lock").unlink)
    await _hold(other, "rtsp://10.0.0.1/", 0.0)
    async with one.attempt("rtsp://10.0.0.1/"):  # locks the new file, which the other limiter has open
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_hold(other, "rtsp://10.0.0.9/", 0.0), 0.1)
    await asyncio.to_thread(shutil.rmtree, folder)
    await _hold(one, "rtsp://10.0.0.1/", 0.0)
    assert one._shared is None


@pytest.mark.parametrize(
    ("url", "subnet"),
    [("rtsp://10.1.2.3:554/x", "10.1.2.0/24"),
     ("http://[2001:db8::5]/", "2001:db8::/64"), ("rtsp://cam.lan/x", "cam.lan"), ("//10.0.0.1", "10.0.0.0/24")],
)  # fmt: skip
def test_subnets(url: str, subnet: str) -> None:
    assert subnet_of(url) == subnet
