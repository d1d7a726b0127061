"""A camera's clock and a network, on integers: what a recorder receives of pictures that were taken at known times."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from nvr.clock.wall_clock import WallClock
from nvr.media.pictures.picture_times import PictureTimes

ORIGIN_US = 1_764_000_000_000_000
TICK_US = 400_000
DAY = 86_400.0


@dataclass(frozen=True)
class CameraClock:
    """A simulated camera.

    `steps`: (second, by how many seconds the clock is set). `strays`: (picture, by how much only its timestamp is
    wrong). `pauses`: (second, how long no picture is made, whether the clock stops meanwhile). `delays`: (second, how
    long nothing arrives, how many times faster than real time the backlog then arrives).
    """

    fps: float = 25.0
    speed: float = 1.0
    seconds: float = 40.0
    rate: int = 90_000  # of the timestamps
    stated: int = 90_000
    reordered: int = 0  # B-frames between two other pictures
    steps: tuple[tuple[float, float], ...] = ()
    strays: tuple[tuple[int, float], ...] = ()
    pauses: tuple[tuple[float, float, bool], ...] = ()
    delays: tuple[tuple[float, float, float], ...] = ()
    jitter: float = 0.02
    seed: int = 1


@dataclass(frozen=True)
class Picture:
    taken_us: int
    received_us: int
    timestamp: int


@dataclass(frozen=True)
class PlacedPicture:
    """A picture with the time that the recorder gives it. `decoded_us` orders the file."""

    picture: Picture
    shown_us: int
    decoded_us: int

    @property
    def error(self) -> float:
        """Seconds by which its time is too late."""
        return (self.shown_us - self.picture.taken_us) / 1e6


def _order(count: int, reordered: int) -> list[int]:
    """Return the indices of the pictures in decoding order."""
    if not reordered:
        return list(range(count))
    order, at = [0], 1
    while at + reordered < count:
        order += [at + reordered, *range(at, at + reordered)]
        at += reordered + 1
    return order


def pictures(clock: CameraClock) -> Iterator[Picture]:
    """Yield the pictures in the order of decoding and of arrival."""
    dice, last = random.Random(clock.seed), 0.0
    for number, index in enumerate(_order(int(clock.seconds * clock.fps), clock.reordered)):
        sent = number / clock.fps
        paused = sum(length for at, length, _ in clock.pauses if sent >= at)
        stood = sum(length for at, length, stands in clock.pauses if sent >= at and stands)
        taken = index / clock.fps + paused
        media = (taken - stood) * clock.speed + sum(by for at, by in clock.steps if sent >= at)
        media += sum(by for which, by in clock.strays if which == number)
        arrival = sent + paused + dice.random() * clock.jitter
        for at, length, factor in clock.delays:
            if at <= sent < at + length + length / (factor - 1) + 1:
                arrival = max(arrival, at + length + (sent - at) / factor)
        last = max(last, arrival)
        timestamp = int(900_000_000 + media * clock.rate) & 0xFFFFFFFF
        yield Picture(ORIGIN_US + int(taken * 1e6), ORIGIN_US + int(last * 1e6), timestamp)


def ticks(clock: CameraClock) -> Iterator[tuple[int, list[Picture]]]:
    """Yield (time of a poll, pictures that arrived since the previous one)."""
    dice, now, waiting = random.Random(clock.seed), ORIGIN_US, list[Picture]()
    for picture in pictures(clock):
        while picture.received_us > now:
            if waiting:
                yield now, waiting
                waiting = []
            now += TICK_US + dice.randrange(10_000)
        waiting.append(picture)
    if waiting:
        yield now, waiting


@dataclass
class Run:
    pictures: list[Picture]
    times: list[int]
    shown: list[int]
    durations: list[int]
    arrival_us: int

    @property
    def newest(self) -> tuple[int, int]:
        return self.times[-1], self.arrival_us


def runs(clock: CameraClock, times: PictureTimes) -> Iterator[Run]:
    for arrival_us, came in ticks(clock):
        placed, shown = [], []
        for picture in came:
            times.advance(picture.timestamp)
            times.commit()
            placed.append(times.time)
            shown.append(times.shown)
        ends = [*placed[1:], max(times.end, placed[-1] + 1)]
        yield Run(came, placed, shown, [b - a for a, b in zip(placed, ends, strict=True)], arrival_us)


def place(clock: CameraClock, wall: WallClock | None = None) -> list[PlacedPicture]:
    """Return every picture of the camera with the time that nvr.archive.writing.segment_writer would give it."""
    wall, found, held = wall or WallClock(), list[PlacedPicture](), list[Run]()
    for run in runs(clock, PictureTimes(clock.stated)):
        if held:
            wall.resolve(held[0].newest, run.newest)
        elif wall.is_in_doubt(run.times[0], run.durations, run.arrival_us):
            held.append(run)
            continue
        for one in (*held, run):
            found += _placed(one, wall)
        held.clear()
    for one in held:
        found += _placed(one, wall)
    return found


def _placed(run: Run, wall: WallClock) -> Iterator[PlacedPicture]:
    start, durations = wall.place(run.times[0], run.durations, run.arrival_us)
    assert len(durations) == len(run.durations) and min(durations) > 0
    for picture, time, shown, at in zip(
        run.pictures, run.times, run.shown, accumulate(durations, initial=start), strict=False
    ):
        yield PlacedPicture(picture, wall.wall(at + shown - time), wall.wall(at))
