"""Virtual cameras that send only as fast as their client reads.

The data that a recorder has received is then known at any time, however busy the machine is: the pictures sent, minus
those still in the kernel's buffers. A test that kills a recorder can compute the lost pictures without a clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cameras.virtual.rtsp_server import Mount, Player, RtspServer

UNREAD_PICTURES = 2  # with this many pictures in the kernel's buffers, the camera waits
_ROUNDING_S = 1e-6  # seconds added so that rounding does not make a picture early


class PacedServer(RtspServer):
    """RTSP server that waits for its clients; `unread` returns the number of pictures that were not read yet."""

    async def _tick_for_ever(self) -> None:
        while True:
            waiting = await asyncio.to_thread(_queued_bytes)
            for player in [p for p in self.players if p.playing]:
                if self._unread(player, waiting) < UNREAD_PICTURES:
                    player.send_next(_ROUNDING_S)
            pictures = [p.seconds_a_picture for p in self.players if p.playing]
            await asyncio.sleep(min(pictures, default=0.1))

    async def unread(self, mount: Mount) -> int:
        """Return how many pictures of the mount are, completely or partly, in the kernel's buffers."""
        waiting = await asyncio.to_thread(_queued_bytes)
        return sum(self._unread(p, waiting) for p in self.players if p.shows(mount))

    @staticmethod
    def _unread(player: Player, waiting: dict[tuple[str, str], int]) -> int:
        if player.transport is None:
            return 0
        ours, theirs = (_proc_address(player.transport.get_extra_info(name)) for name in ("sockname", "peername"))
        left = (
            player.transport.get_write_buffer_size() + waiting.get((ours, theirs), 0) + waiting.get((theirs, ours), 0)
        )
        return player.pictures_in(left)


def _queued_bytes() -> dict[tuple[str, str], int]:
    """Return bytes not yet sent or read of every TCP connection by (local, remote) address (proc(5)). Blocking."""
    found = {}
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        sent, received = fields[4].split(":")
        found[fields[1], fields[2]] = int(sent, 16) + int(received, 16)
    return found


def _proc_address(address: Sequence[object]) -> str:
    """Return an IPv4 address and port as /proc/net/tcp writes them."""
    host, port = str(address[0]), int(str(address[1]))
    return "".join(f"{int(part):02X}" for part in reversed(host.split("."))) + f":{port:04X}"
