"""The lower bound that the recorder is compared with: receive a stream's bytes and write them, nothing else.

RTSP handshakes by the product's client, then one epoll loop with SO_RCVLOWAT of 64 KiB per socket: read, write to the
stream's file. No parsing, no index, no database.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import sys
import time
from pathlib import Path

from nvr.rtsp.client import open_session

LOW_WATER = 65_536


async def connect(streams: int, port: int) -> list[socket.socket]:
    sessions = [await open_session(f"rtsp://127.0.0.1:{port}/cam{i}", None) for i in range(streams)]
    return [s.sock for s in sessions]


def main() -> None:
    streams, port, seconds, folder = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    sockets = asyncio.run(connect(streams, port))
    selector = selectors.DefaultSelector()
    for i, sock in enumerate(sockets):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, LOW_WATER)
        selector.register(sock, selectors.EVENT_READ, os.open(folder / f"{i}.bin", os.O_WRONLY | os.O_CREAT, 0o640))
    print("ready", flush=True)
    buffer = bytearray(512 * 1024)
    view = memoryview(buffer)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(0.5):
            size = key.fileobj.recv_into(buffer)  # type: ignore[union-attr]
            if size:
                os.write(key.data, view[:size])
    print("done", flush=True)


if __name__ == "__main__":
    main()
