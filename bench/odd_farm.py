"""Virtual cameras on one port, some of them odd; at its end it writes when each picture was sent.

python -m bench.odd_farm STREAMS ODD PORT LOOP_SECONDS OUT.json
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from cameras.virtual.__main__ import load_clip
from cameras.virtual.faulty_streams import STREAM_FAULTS, FaultyMount, FaultyPlayer
from cameras.virtual.rtsp_server import RtspServer

BITRATE = 2_000_000


def oddity(number: int, streams: int, odd: int) -> str:
    """Return the oddity of a camera; odd cameras are spread evenly among the others."""
    if odd and number % (streams // odd) == 0:
        return STREAM_FAULTS[number // (streams // odd) % len(STREAM_FAULTS)]
    return ""


async def serve(streams: int, odd: int, port: int, loop_seconds: float, out: Path) -> None:
    clip = load_clip("h264", BITRATE, (1280, 720), 25.0, loop_seconds)
    mounts = [
        FaultyMount(f"/cam{i}", {"healthy": clip}, phase=i * 0.37 % loop_seconds, fault=oddity(i, streams, odd))
        for i in range(streams)
    ]
    server = RtspServer([*mounts], FaultyPlayer)
    await server.start("127.0.0.1", port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    await server.stop()
    facts = {m.path.strip("/"): {"oddity": m.fault, "sent": m.sent} for m in mounts}
    await asyncio.to_thread(out.write_text, json.dumps(facts))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])))
