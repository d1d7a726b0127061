"""`minwang virtual`: virtual cameras for demos and load runs, in the foreground.

    --streams N      N streams of one clip at rtsp://127.0.0.1:PORT/cam0 …: RTSP only, without ONVIF
    --town FILE      a JSON list of {name, host, seed, variants, codec, dome}: full cameras with ONVIF and discovery
    --inventory FILE a full camera for each camera of an inventory with a loopback address, like the demo town's
    --crowd N        N cameras of many makes with ONVIF and discovery, from address --first on; they share a clip

Prints one line 'ready …' when all servers listen.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from cameras.registry import inventory
from cameras.virtual.clip import Frame, LoopClip, encode
from cameras.virtual.makes import MAKES
from cameras.virtual.rtsp_server import Mount, RtspServer
from cameras.virtual.town import CameraPlan, VirtualTown
from cameras.virtual.virtual_cameras import SIZES, VirtualCameras, create_devices

PASSWORD = "minwang-2026"  # of virtual cameras, unless MINWANG_VIRTUAL_PASSWORD is set


def load_clip(codec: str, bitrate: int, size: tuple[int, int], fps: float, seconds: float) -> LoopClip:
    """Encode a synthetic clip with much detail, whose bit rate is close to `bitrate`."""
    random = np.random.default_rng(7)
    small = random.integers(60, 190, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    base: Frame = np.kron(small, np.ones((8, 8, 1), np.uint8)).astype(np.uint8)
    # Sensor noise: without it the stream stays far below the requested bit rate.
    noise = [random.integers(0, 24, base.shape, dtype=np.uint8) for _ in range(7)]
    frames = (np.roll(base, i * 4, axis=1) + noise[i % len(noise)] for i in range(int(fps * seconds)))
    return encode(frames, codec=codec, fps=fps, gop=int(fps * 2), bitrate=bitrate)


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


async def serve_streams(args: argparse.Namespace) -> None:
    codecs = ("h264", "h265") if args.codec == "mixed" else (args.codec,)
    clips = [load_clip(codec, args.bitrate, args.size, args.fps, args.loop) for codec in codecs]
    login = (args.user, os.environ["MINWANG_VIRTUAL_PASSWORD"]) if args.user else None
    mounts = [
        Mount(f"/cam{i}", {"healthy": clips[i % len(clips)]}, phase=i * 0.37 % args.loop, login=login)
        for i in range(args.streams)
    ]
    server = RtspServer(mounts)
    port = await server.start(args.host, args.port)
    print("ready", port, *(round(c.offsets[-1] * 8 / (c.frames / c.fps)) for c in clips), flush=True)
    await _until_stopped()
    await server.stop()


async def serve_town(args: argparse.Namespace) -> None:
    plans = _of_inventory(args.inventory) if args.inventory else _of_list(args.town)
    password = os.environ.get("MINWANG_VIRTUAL_PASSWORD", PASSWORD if args.inventory else None)
    town = VirtualTown(plans, (args.user, password) if args.user and password else None, args.http_port, args.port)
    await town.start()
    print("ready", len(town.devices), flush=True)
    await _until_stopped()
    await town.stop()


def _of_list(file: Path) -> list[CameraPlan]:
    """Return the cameras of a JSON list of {name, host, seed, variants, codec, dome, view, footage}.

    All but the first three are optional; `view` and `footage` are paths.
    """
    return [
        CameraPlan(
            e["name"],
            e["host"],
            e["seed"],
            tuple(e.get("variants", ())),
            e.get("codec", "h264"),
            Path(e["footage"]) if e.get("footage") else None,
            dome=bool(e.get("dome")),
            view=Path(e["view"]) if e.get("view") else None,
            opening_only=bool(e.get("opening_only")),
        )
        for e in json.loads(file.read_text(encoding="utf-8"))
    ]


def _of_inventory(file: Path) -> list[CameraPlan]:
    """Return the cameras with a loopback address. Raises InventoryError; SystemExit if there is none."""
    hosts = {c.id: (c.address or "").partition(":")[0] for c in inventory.load(file).cameras}
    plans = [CameraPlan(n, h, seed=i + 1) for i, (n, h) in enumerate(hosts.items()) if h.startswith("127.")]
    if not plans:
        sys.exit(f"{file}: no camera with a loopback address (127.…); only these can be simulated on this machine")
    return plans


async def serve_crowd(args: argparse.Namespace) -> None:
    clip = load_clip(args.codec, args.bitrate, SIZES["main"], 25.0, args.loop)
    login = (args.user or "admin", os.environ.get("MINWANG_VIRTUAL_PASSWORD", PASSWORD))
    makes = [m for m in MAKES if args.make in ("", m.model)]
    members = create_devices(args.crowd, clip, args.first, login, (args.http_port, args.port), makes)
    crowd = VirtualCameras(members)
    await crowd.start(args.discovery_port or None)
    print("ready", len(members), flush=True)
    await _until_stopped()
    await crowd.stop()


async def _until_stopped() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the demo or benchmark that started this process ends (prctl PR_SET_PDEATHSIG)."""
    if os.environ.get("MINWANG_DIE_WITH_PARENT"):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def main() -> None:
    _die_with_parent()
    parser = argparse.ArgumentParser(
        prog="minwang virtual", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--town", type=Path)
    parser.add_argument("--inventory", type=Path, metavar="FILE")
    parser.add_argument("--crowd", type=int, default=0)
    parser.add_argument("--first", default="127.64.0.1", help="address of a crowd's first camera")
    parser.add_argument("--make", default="", help="a crowd of this model only")
    parser.add_argument("--discovery-port", type=int, default=3702, help="0: a crowd answers no probes")
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--http-port", type=int, default=8899)
    parser.add_argument("--codec", choices=("h264", "h265", "mixed"), default="h264")
    parser.add_argument("--host", default="127.0.0.1", help="address of the farm; 0.0.0.0: all loopback addresses")
    parser.add_argument("--bitrate", type=int, default=2_000_000)
    parser.add_argument("--size", type=_size, default=(1280, 720), help="of the pictures of --streams, as 1280x720")
    parser.add_argument("--fps", type=float, default=25.0, help="pictures a second of --streams")
    parser.add_argument("--loop", type=float, default=10.0, help="seconds of the clip")
    parser.add_argument("--user")
    args = parser.parse_args()
    if args.inventory:
        args.user = args.user or "minwang"
    serve = serve_town if args.town or args.inventory else serve_crowd if args.crowd else serve_streams
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
