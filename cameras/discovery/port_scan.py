"""TCP port scan of addresses at which a camera should be but did not answer discovery.

Connections are opened and closed without sending data, at a limited rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

# HTTP, RTSP, and ONVIF ports used by different makes.
CAMERA_PORTS = (80, 554, 8000, 2020, 8899, 8080, 888, 5000, 6688, 34567)
CONNECTIONS_PER_S = 200.0  # connections per second
CONNECT_TIMEOUT_S = 2.0
MAX_PARALLEL = 200


async def open_ports(
    hosts: Sequence[str], ports: Sequence[int] = CAMERA_PORTS, rate: float = CONNECTIONS_PER_S
) -> dict[str, list[int]]:
    """Return open ports by host; hosts without open ports are omitted."""
    wanted = [(h, p) for p in ports for h in hosts]
    found: dict[str, list[int]] = {}
    slots = asyncio.Semaphore(MAX_PARALLEL)

    async def one(host: str, port: int) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, ValueError, OverflowError):  # the last two: an invalid host name or port
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
