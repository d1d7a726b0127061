"""What onboarding a town's cameras costs: ours against `onvif-zeep-async`, and the hourly survey.

    ./minwang bench onboarding [--quick] [--cameras N]

A separate client process queries a crowd of virtual cameras (also a separate process, one address each), 50 at a time:
time, identity, services, profiles, two stream addresses. onvif-zeep-async does the same, with its WSDL documents parsed
before the clock starts, and closes each camera after use. Both authenticate. CPU and memory are the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator

import psutil

from bench.common import ENVIRONMENT, Figure, report

LOGIN = ("admin", "minwang-2026")
FIRST = "127.96.0.1"
HTTP_PORT = 18990
AT_ONCE = 50
Ask = Callable[[str], Awaitable[None]]


@contextlib.contextmanager
def crowd(cameras: int, make: str = "") -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "cameras.virtual",
        "--crowd",
        str(cameras),
        "--first",
        FIRST,
        "--http-port",
        str(HTTP_PORT),
    ]
    command += [
        "--port",
        str(HTTP_PORT + 1),
        "--discovery-port",
        "0",
        "--loop",
        "2",
        "--make",
        make,
        "--user",
        LOGIN[0],
    ]
    environment = {**ENVIRONMENT, "MINWANG_VIRTUAL_PASSWORD": LOGIN[1], "MINWANG_DIE_WITH_PARENT": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("ready"):
            raise RuntimeError("the virtual cameras did not start")
        yield
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def ask_all(cameras: int, ask: Ask) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(host: str) -> None:
        async with slots:
            await ask(host)

    import ipaddress

    first = ipaddress.ip_address(FIRST)
    await asyncio.gather(*(one(str(first + i)) for i in range(cameras)))


async def ours(cameras: int) -> None:
    from cameras.onvif.client import SoapClient, http_session
    from cameras.onvif.device import identify
    from core.clock import SystemClock

    clock = SystemClock()
    async with http_session() as http:

        async def ask(host: str) -> None:
            url = f"http://{host}:{HTTP_PORT}/onvif/device_service"
            found = await identify(SoapClient(http, clock, LOGIN), url, clock, thorough=False)
            assert len(found.profiles) == 2 and all(p.complete for p in found.profiles), found

        await measured(cameras, ask)


async def hourly(cameras: int) -> None:
    from cameras.onvif.camera_clock import read_camera_time
    from cameras.onvif.client import SoapClient, http_session
    from core.clock import SystemClock

    clock = SystemClock()
    async with http_session() as http:

        async def ask(host: str) -> None:
            told = await read_camera_time(
                SoapClient(http, clock), f"http://{host}:{HTTP_PORT}/onvif/device_service", clock
            )
            assert told.offset is not None

        await measured(cameras, ask)


async def zeep(cameras: int) -> None:
    import onvif
    from onvif import ONVIFCamera

    for name in ("devicemgmt", "media"):
        await onvif.client._cached_document(f"{onvif.client._WSDL_PATH}/{name}.wsdl")

    async def ask(host: str) -> None:
        camera = ONVIFCamera(host, HTTP_PORT, *LOGIN)
        try:
            await camera.update_xaddrs()
            device = await camera.create_devicemgmt_service()
            await device.GetSystemDateAndTime()
            await device.GetDeviceInformation()
            media = await camera.create_media_service()
            profiles = await media.GetProfiles()
            for profile in profiles:
                setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
                assert (await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})).Uri
        finally:
            await camera.close()

    await measured(cameras, ask)


async def measured(cameras: int, ask: Ask) -> None:
    """Print the figures of querying every camera once."""
    await ask(FIRST)  # the first query loads what all need
    before, began, cpu = psutil.Process().memory_info().rss, time.monotonic(), time.process_time()
    await ask_all(cameras, ask)
    # Linux reports the peak in kilobytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu, "memory": max(0, peak - before)}
        )
    )


def client(kind: str, cameras: int) -> dict[str, float]:
    """Run one client in a separate process."""
    command = [sys.executable, "-m", "bench.onboarding", "--client", kind, "--cameras", str(cameras)]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def plan_seconds(cameras: int = 10_000) -> float:
    """Return the seconds to read and plan an inventory of 10,000 cameras that the registry already holds."""
    from cameras.registry import inventory, registry
    from cameras.registry.inventory_entries import Inventory
    from core import migrate
    from core.clock import SystemClock
    from core.database import Database

    entries = [
        {"id": f"c-{i}", "name": f"C {i}", "village": "v", "address": f"10.1.{i // 250}.{i % 250 + 1}"}
        for i in range(cameras)
    ]
    town = Inventory.model_validate({"town": "t", "villages": [{"code": "v", "name": "V"}], "cameras": entries})
    text = inventory.dump(town)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/x.db", bytes(32))
        await migrate.upgrade(database)
        async with database.session() as session:
            await registry.apply(session, town, SystemClock().now(), "bench")
        began = time.monotonic()
        async with database.reading() as session:
            assert (await registry.plan(session, inventory.parse(text))).empty
        took = time.monotonic() - began
        await database.close()
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cameras", type=int)
    parser.add_argument("--client", choices=("ours", "zeep", "hourly"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    cameras = args.cameras or (200 if args.quick else 2252)
    if args.client:
        asyncio.run({"ours": ours, "zeep": zeep, "hourly": hourly}[args.client](cameras))
        return 0
    with crowd(cameras, "TM-2M"):
        our, their, look = client("ours", cameras), client("zeep", cameras), client("hourly", cameras)
    with crowd(cameras):
        many_makes = client("ours", cameras)
    planned = asyncio.run(plan_seconds(1000 if args.quick else 10_000))
    full = cameras >= 2252
    ratio = our["cpu"] / their["cpu"]
    return report(
        "onboarding",
        [
            Figure("cameras", cameras, ""),
            Figure("dialogue, wall", round(our["wall"], 2), "s", "≤ 8 at 2,252", not full or our["wall"] <= 8),
            Figure("dialogue, client CPU", round(our["cpu"], 2), "CPU-s", "≤ 4 at 2,252", not full or our["cpu"] <= 4),
            Figure(
                "dialogue, memory added",
                round(our["memory"] / 1e6, 1),
                "MB",
                "≤ 20 at 2,252",
                not full or our["memory"] <= 20e6,
            ),
            Figure("onvif-zeep-async, wall", round(their["wall"], 2), "s"),
            Figure("onvif-zeep-async, CPU", round(their["cpu"], 2), "CPU-s"),
            Figure("onvif-zeep-async, memory added", round(their["memory"] / 1e6, 1), "MB"),
            Figure("ours / onvif-zeep-async, CPU", round(ratio, 3), "", "≤ 0.35", ratio <= 0.35),
            Figure("the same with all makes and their quirks, CPU", round(many_makes["cpu"], 2), "CPU-s"),
            Figure("the same with all makes, wall", round(many_makes["wall"], 2), "s"),
            Figure("plan of 10,000 cameras", round(planned, 2), "s", "< 3", not full or planned < 3),
            Figure(
                "hourly clock and state check",
                round(look["cpu"], 2),
                "CPU-s",
                "≤ 2 at 2,252",
                not full or look["cpu"] <= 2,
            ),
        ],
    )


if __name__ == "__main__":
    os.environ.pop("http_proxy", None)
    sys.exit(main())
