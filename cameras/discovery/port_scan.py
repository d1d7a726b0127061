"""TCP ports of addresses where a camera should be and nobody answered discovery: what is there instead?

Connections are opened and closed, nothing is sent, at a bounded rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

# Web, RTSP, and the ONVIF ports that makes were seen to use.
CANDIDATES = (80, 554, 8000, 2020, 8899, 8080, 888, 5000, 6688, 34567)
RATE = 200.0  # connections a second
TIMEOUT = 2.0
AT_ONCE = 200


async def open_ports(
    hosts: Iterable[str], ports: Iterable[int] = CANDIDATES, rate: float = RATE
) -> dict[str, list[int]]:
    """Open ports by host; hosts without any are left out."""
    wanted = [(h, p) for p in ports for h in hosts]
    found: dict[str, list[int]] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(host: str, port: int) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, ValueError, OverflowError):  # the last two: no name or port at all
            return
        finally:
            slots.release()
        found.setdefault(host, []).append(port)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for host, port in wanted:
            await slots.acquire()
            group.create_task(one(host, port))
            await asyncio.sleep(1 / rate)
    return {h: sorted(p) for h, p in found.items()}
