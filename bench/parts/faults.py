"""Random faults for the soak test: which fault, for which streams, how long, and which gap causes it may lead to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update

from bench.parts.accounting import Injected
from cameras.tables import Camera
from cameras.virtual.device import Device
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SECOND, SystemClock, to_microseconds
from core.database import Database
from core.errors import StorageError
from core.ids import StreamId
from core.tasks import spawn
from station.supervision.supervisor import Supervisor

DISK_BYTES, DISK_INODES = 1_500_000_000, 20_000
CLOCK_STEPS = ("+1d", "-1d", "+40d", "-400d")  # far from all footage, so that no range is recorded twice
CLOCK_GRACE_US = 3_000_000  # libfaketime reads its file once a second
ALWAYS = ("unreachable",)  # a cut connection may be reported as this, whatever the fault was


@dataclass(slots=True)
class Station:
    """The station that the faults are injected into."""

    folder: Path
    server: RtspServer
    mounts: dict[str, Mount]  # by stream
    devices: list[Device]
    database: Database
    supervisor: Supervisor
    # file from which libfaketime reads the station's clock offset; None: libfaketime is not installed
    clock: Path | None = None


@dataclass(slots=True)
class Faults:
    """`run` injects faults for some time, several at once; `injected` is the log for the account."""

    station: Station
    seed: int
    injected: list[Injected] = field(default_factory=list)
    # µs UTC, ranges that the station filed under another time
    elsewhere: list[tuple[int, int]] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    _busy: set[str] = field(default_factory=set)
    _rng: random.Random = field(default_factory=random.Random)

    async def run(self, seconds: float) -> None:
        self._rng.seed(self.seed)
        clock = SystemClock()
        until = clock.monotonic() + seconds
        kinds: list[tuple[float, Callable[[], Coroutine[None, None, None]]]] = [
            (8, self._camera("dead", ("unreachable",))),
            (4, self._camera("stalled", ("no_packets",))),
            (4, self._camera("silent", ("no_packets", "unreachable"))),
            (4, self._camera("garbage", ("protocol_error", "no_packets"))),
            (4, self._camera("packet_loss", ("packet_loss", "no_packets"))),
            (3, self._camera("clock_wrong", ("no_packets",))),
            (3, self._refusal),
            (4, self._jump),
            (1, self._village),
            (1.5, self._kill),
            (1.5, self._stop),
            (1.5, self._full_disk),
            (1.5, self._no_inodes),
        ]
        step_due = clock.monotonic() + seconds / 4
        running: set[asyncio.Task[None]] = set()
        while clock.monotonic() < until:
            if self.station.clock is not None and clock.monotonic() > step_due:
                await asyncio.gather(*running)  # run it alone: a gap across the step has no valid time in either clock
                await self._clock_step()
                step_due = clock.monotonic() + seconds / 3
            (chosen,) = self._rng.choices([k for _, k in kinds], [w for w, _ in kinds])
            task = spawn(chosen())
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(self._rng.uniform(0.5, 4.0))
        await asyncio.gather(*running)

    def _log(self, streams: list[str], causes: tuple[str, ...], start_us: int) -> None:
        now = to_microseconds(SystemClock().now())
        self.injected += [Injected(s, (*causes, *ALWAYS), start_us, now) for s in streams]

    def _free(self) -> str | None:
        free = [s for s in self.station.mounts if s not in self._busy]
        return self._rng.choice(free) if free else None

    def _camera(self, fault: str, causes: tuple[str, ...]) -> Callable[[], Coroutine[None, None, None]]:
        async def inject() -> None:
            stream = self._free()
            if stream is None:
                return
            self.count[fault] += 1
            await self._switch(stream, fault, causes, self._rng.uniform(2, 40))

        return inject

    async def _switch(self, stream: str, fault: str, causes: tuple[str, ...], seconds: float) -> None:
        start = to_microseconds(SystemClock().now())
        self._busy.add(stream)
        self.station.mounts[stream].faults.add(fault)
        await asyncio.sleep(seconds)
        self.station.mounts[stream].faults.discard(fault)
        self._busy.discard(stream)
        self._log([stream], causes, start)

    async def _refusal(self) -> None:
        """Change the password in the camera; later an officer corrects it."""
        stream = self._free()
        if stream is None:
            return
        self.count["wrong password"] += 1
        start = to_microseconds(SystemClock().now())
        mount = self.station.mounts[stream]
        self._busy.add(stream)
        mount.faults.add("wrong_password")
        self.station.server.take_down(mount)
        await asyncio.sleep(1)
        mount.faults.discard("dead")
        await asyncio.sleep(self._rng.uniform(15, 40))
        mount.faults.discard("wrong_password")
        for _ in range(8):  # the refusal may be reported only after its recorder is back
            with contextlib.suppress(StorageError):  # a stopped recorder may lock the database
                async with self.station.database.session() as session:
                    await session.execute(
                        update(Camera).where(Camera.id == StreamId(stream).camera).values(refused_at=None)
                    )
            await asyncio.sleep(5)
        self._busy.discard(stream)
        self._log([stream], ("auth_refused",), start)

    async def _jump(self) -> None:
        """Let the camera's timestamps jump forward or back."""
        self.count["timestamp jump"] += 1
        stream = self._rng.choice(list(self.station.mounts))
        start = to_microseconds(SystemClock().now())
        ticks = self._rng.choice((-1, 1)) * self._rng.randrange(90_000, 90_000 * 3600)
        for player in self.station.server.players:
            if player.shows(self.station.mounts[stream]):
                player.shift_timestamps(ticks)
        await asyncio.sleep(5)
        self._log([stream], ("no_packets", "packet_loss"), start)

    async def _village(self) -> None:
        """Cut a quarter of the cameras at once: their up-link is down."""
        self.count["village down"] += 1
        streams = [
            s for i, s in enumerate(self.station.mounts) if i % 4 == self._rng.randrange(4) and s not in self._busy
        ]
        seconds = self._rng.uniform(5, 25)
        await asyncio.gather(*(self._switch(s, "dead", ("unreachable",), seconds) for s in streams))

    def _recorder(self) -> asyncio.subprocess.Process | None:
        return self._rng.choice(
            [p for p in self.station.supervisor.children.values() if p.returncode is None] or [None]
        )

    async def _kill(self) -> None:
        process = self._recorder()
        if process is None or "kill" in self._busy:
            return
        self._busy.add("kill")  # one at a time, and not often enough for long restart delays of the supervisor
        self.count["recorder killed"] += 1
        start = to_microseconds(SystemClock().now())
        process.send_signal(signal.SIGKILL)
        await asyncio.sleep(60)
        self._busy.discard("kill")
        self._log(list(self.station.mounts), ("recorder_down",), start)

    async def _stop(self) -> None:
        """Stop a recorder for a while (SIGSTOP); the socket buffers hold what arrives."""
        process = self._recorder()
        if process is None or "stop" in self._busy:
            return
        self._busy.add("stop")
        self.count["recorder held up"] += 1
        start = to_microseconds(SystemClock().now())
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._rng.uniform(1, 12))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        await asyncio.sleep(10)
        self._busy.discard("stop")
        self._log(list(self.station.mounts), ("no_packets", "packet_loss", "protocol_error", "disk_error"), start)

    async def _full_disk(self) -> None:
        """Fill the second disk; then free space."""
        disk = self.station.folder / "disk2"
        if "disk" in self._busy or not os.path.ismount(disk):
            return
        self._busy.add("disk")
        self.count["disk full"] += 1
        start = to_microseconds(SystemClock().now())
        ballast = disk / "ballast"
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(self._rng.uniform(10, 30))
        await asyncio.to_thread(ballast.unlink)
        await asyncio.sleep(15)
        self._busy.discard("disk")
        self._log(list(self.station.mounts), ("disk_full", "disk_error"), start)

    async def _no_inodes(self) -> None:
        """Use all inodes of the second disk, which still has space; then free some."""
        disk = self.station.folder / "disk2"
        if "disk" in self._busy or not os.path.ismount(disk):
            return
        self._busy.add("disk")
        self.count["inodes used up"] += 1
        start = to_microseconds(SystemClock().now())
        litter = disk / "litter"
        await asyncio.to_thread(_litter, litter)
        await asyncio.sleep(self._rng.uniform(20, 40))
        await asyncio.to_thread(shutil.rmtree, litter)
        await asyncio.sleep(15)
        self._busy.discard("disk")
        self._log(list(self.station.mounts), ("disk_full", "disk_error"), start)

    async def _clock_step(self) -> None:
        """Set the station's clock wrong, and right again half a minute later."""
        assert self.station.clock is not None
        await asyncio.sleep(70)  # streams that wait to reconnect have done so by then
        step = self._rng.choice(CLOCK_STEPS)
        self.count[f"clock step {step}"] += 1
        start = to_microseconds(SystemClock().now())
        await asyncio.to_thread(set_clock, self.station.clock, step)
        await asyncio.sleep(self._rng.uniform(20, 40))
        await asyncio.to_thread(set_clock, self.station.clock, "+0")
        await asyncio.sleep(10)
        end = to_microseconds(SystemClock().now()) - 10 * SECOND
        self.elsewhere.append((start - CLOCK_GRACE_US, end + CLOCK_GRACE_US))
        self._log(list(self.station.mounts), ("no_packets", "recorder_down"), start)


def set_clock(file: Path, offset: str) -> None:
    """Set the offset that the station's processes read from now on; atomic."""
    new = file.with_suffix(".new")
    new.write_text(offset + "\n")
    new.replace(file)


def fake_clock(file: Path) -> dict[str, str] | None:
    """Return the environment in which a process reads its clock with the offset in `file`; None without libfaketime."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        print("libfaketime is not installed: the fault 'clock step' is left out", file=sys.stderr)
        return None
    set_clock(file, "+0")
    return {
        "LD_PRELOAD": str(libraries[0]), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    }  # fmt: skip


def _litter(folder: Path) -> None:
    """Create files until no more can be created."""
    folder.mkdir()
    with contextlib.suppress(OSError):
        for n in range(DISK_INODES + 1):
            (folder / str(n)).touch()


def _fill(path: Path) -> None:
    """Use every free byte."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as f:
        while f.write(bytes(1_000_000)):
            pass


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system at `folder`; False if mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},nr_inodes={DISK_INODES}", "minwang-soak", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        print(
            "no small disk can be mounted here (needs root): the faults 'disk full' and 'inodes used up' are left out",
            file=sys.stderr,
        )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=False)
