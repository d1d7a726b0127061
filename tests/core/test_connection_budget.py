"""The budget of connection attempts: of one process, and of several that share a file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import ManualClock, SystemClock
from core.connection_budget import MAX_AHEAD_SECONDS, ConnectionBudget, _SharedFile, subnet_of
from core.tasks import end, spawn


class Counted:
    """Attempts through several budgets: when each began, and how many of a subnet ran at once."""

    def __init__(self, clock: ManualClock):
        self.clock = clock
        self.began: list[float] = []
        self.running: dict[str, int] = {}
        self.most = 0

    async def attempt(self, budget: ConnectionBudget, url: str, seconds: float) -> None:
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
    budgets = [ConnectionBudget(clock, 20, 4, tmp_path / "lock") for _ in range(2)]
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
    one, other = (ConnectionBudget(SystemClock(), 10_000, 1, tmp_path / "lock") for _ in range(2))
    with pytest.raises(RuntimeError):
        async with one.attempt("rtsp://10.0.0.1/"):
            raise RuntimeError
    waiting = spawn(_hold(other, "rtsp://10.0.0.2/", 0.0))
    async with one.attempt("rtsp://10.0.0.1/"):
        ended = spawn(_hold(other, "rtsp://10.0.0.2/", 9.0))
        await asyncio.sleep(0.05)
        await end(ended)
    await asyncio.wait_for(waiting, 2)


async def _hold(budget: ConnectionBudget, url: str, seconds: float) -> None:
    async with budget.attempt(url):
        await asyncio.sleep(seconds)


async def test_a_process_that_dies_gives_its_places_back(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom core.clock import SystemClock\n"
        "from core.connection_budget import ConnectionBudget\n"
        "async def main():\n"
        "    async with ConnectionBudget(SystemClock(), 100, 1, Path(sys.argv[1])).attempt('rtsp://10.0.0.1/'):\n"
        "        print('held', flush=True)\n        await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(tmp_path / "lock"), stdout=subprocess.PIPE)
    assert process.stdout is not None and await process.stdout.readline() == b"held\n"
    budget = ConnectionBudget(SystemClock(), 100, 1, tmp_path / "lock")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_hold(budget, "rtsp://10.0.0.9/", 0.0), 0.2)
    process.kill()
    await process.wait()
    await asyncio.wait_for(_hold(budget, "rtsp://10.0.0.9/", 0.0), 2)


def test_turns_of_another_boot_are_forgotten(tmp_path: Path) -> None:
    first, second = _SharedFile(tmp_path / "lock"), _SharedFile(tmp_path / "lock")
    assert first.lock(0) and not second.lock(0)
    assert first.next_turn(1000.0, 0.05) == 1000.0
    assert second.next_turn(1000.0, 0.05) == 1000.05
    assert second.next_turn(1000.0 - MAX_AHEAD_SECONDS - 1, 0.05) == 1000.0 - MAX_AHEAD_SECONDS - 1
    second._boot = b"x" * 36
    assert second.next_turn(5.0, 0.05) == 5.0


async def test_a_file_that_cannot_be_used_counts_for_this_process_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = ConnectionBudget(SystemClock(), 1000, 4, tmp_path / "missing" / "lock")
    await _hold(budget, "rtsp://10.0.0.1/", 0.0)
    await _hold(budget, "rtsp://10.0.0.1/", 0.0)
    assert sum("for this process alone" in r.message for r in caplog.records) == 1


@pytest.mark.parametrize(
    ("url", "subnet"),
    [("rtsp://10.1.2.3:554/x", "10.1.2.0/24"),
     ("http://[2001:db8::5]/", "2001:db8::/64"), ("rtsp://cam.lan/x", "cam.lan"), ("//10.0.0.1", "10.0.0.0/24")],
)  # fmt: skip
def test_subnets(url: str, subnet: str) -> None:
    assert subnet_of(url) == subnet
