"""The town of the demo: its virtual cameras, in a process of their own, and the faults that some of them get."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import aiohttp

from cameras.registry.inventory_entries import CameraEntry
from core.errors import StorageError, UsageError
from core.host.child_environment import child_environment
from core.tasks import end, spawn
from station.demo.inventory import DemoTown
from station.demo.people import STORY_S, Story, passages
from station.demo.views import ParkedInMap, ViewBuilder

H265 = "xd-02"  # a newer model, whose main stream most browsers cannot play
DOME = "yj-01"
RTSP_PORT = 8554  # of every virtual camera, each at its own address
DRAWING_LIMIT_S = 900.0


class CameraFault(StrEnum):
    """A fault of a virtual camera; values are those of cameras.virtual.rtsp_server.FAULTS."""

    BLACK = "black"
    FROZEN = "frozen"
    DEAD = "dead"  # it answers nothing


FAULTS = {"wj-02": CameraFault.BLACK, "yj-02": CameraFault.FROZEN, "xd-03": CameraFault.DEAD}


def check_addresses(cameras: Sequence[CameraEntry]) -> None:
    """Raise StorageError if an address is in use: the addresses are fixed, so one demo per machine can run."""
    for host, port in _addresses(cameras):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
            except OSError as e:
                raise StorageError(
                    f"{host}:{port}, an address of the virtual cameras, cannot be used ({e.strerror});"
                    " is another demo or a test run going on? end it first"
                ) from e


def _addresses(cameras: Sequence[CameraEntry]) -> Iterator[tuple[str, int]]:
    """Yield host and port of each camera's ONVIF and RTSP service."""
    for camera in cameras:
        host, _, port = (camera.address or "").partition(":")
        yield host, int(port)
        yield host, RTSP_PORT


async def start_cameras(
    folder: Path, town: DemoTown, clips: Sequence[Path], password: str, stopping: asyncio.Task[None]
) -> asyncio.subprocess.Process:
    """Start the cameras and wait until they have drawn their streets.

    Raises StorageError if they do not start, or if `stopping` ends meanwhile.
    """
    process = await _spawn(folder, town, clips, password)
    assert process.stdout is not None
    reading = spawn(process.stdout.readline())
    await asyncio.wait({reading, stopping}, timeout=DRAWING_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    if not reading.done() or not reading.result().startswith(b"ready"):
        await end(reading)
        await stop_cameras(process)
        if stopping.done():
            raise StorageError("the demo was ended while its cameras were being drawn")
        raise StorageError(f"the virtual cameras did not start; {folder / 'cameras.log'} says why")
    return process


async def _spawn(folder: Path, town: DemoTown, clips: Sequence[Path], password: str) -> asyncio.subprocess.Process:
    plan = folder / "town.json"
    entries = [_plan_entry(camera, seed) for seed, camera in enumerate(town.streaming, 1)]
    if clips:
        for i, entry in enumerate(entries):
            entry["footage"] = str(clips[i % len(clips)])
    else:
        views = await asyncio.to_thread(_write_views, folder / "views", town)
        for entry, view in zip(entries, views, strict=True):
            entry["view"] = str(view)
    await asyncio.to_thread(plan.write_text, json.dumps(entries))
    log = await asyncio.to_thread((folder / "cameras.log").open, "wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cameras.virtual",
        "--town",
        str(plan),
        "--user",
        "minwang",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        env=child_environment(MINWANG_VIRTUAL_PASSWORD=password, MINWANG_DIE_WITH_PARENT="1"),
    )
    log.close()
    return process


def _write_views(folder: Path, town: DemoTown) -> list[Path]:
    """Write what each streaming camera sees, with the story of everybody who moves in the town. Blocking."""
    folder.mkdir()
    sites = town.sites[: len(town.streaming)]
    story = Story(town.map, sites)
    movers = story.movers()
    taken = [ParkedInMap(story.theft.place, story.theft.look, (story.theft.second, STORY_S))] if story.theft else []
    builder, files = ViewBuilder(town.map), []
    for number, site in enumerate(sites):
        view = builder.view(site, number, passages(movers, site), STORY_S, taken)
        files.append(folder / f"{site.id}.json")
        files[-1].write_text(view.model_dump_json(), encoding="utf-8")
    return files


def find_clips(folder: Path) -> list[Path]:
    """Return the MP4 files of a folder by name. Raises UsageError if there is none."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".mp4" and p.is_file())
    if not found:
        raise UsageError(f"{folder} contains no MP4 file")
    return found


def _plan_entry(camera: CameraEntry, seed: int) -> dict[str, object]:
    """Return the camera's entry in the plan that `cameras.virtual --town` reads."""
    fault = FAULTS.get(camera.id, CameraFault.DEAD)
    return {
        "name": camera.id,
        "host": (camera.address or "").partition(":")[0],
        "seed": seed,
        "codec": "h265" if camera.id == H265 else "h264",
        "dome": camera.id == DOME,
        "variants": [fault] if fault is not CameraFault.DEAD else [],
        "opening_only": camera.id in FAULTS,
    }


async def break_cameras(cameras: Sequence[CameraEntry]) -> None:
    addresses = {c.id: c.address for c in cameras}
    async with aiohttp.ClientSession() as http:
        for camera, fault in FAULTS.items():
            async with http.post(
                f"http://{addresses[camera]}/virtual/faults", json={"fault": fault, "on": True}
            ) as reply:
                reply.raise_for_status()


async def stop_cameras(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
