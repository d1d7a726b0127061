"""A stub of a recorder's live endpoint: it sends fragments for every requested stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from core.clock import SystemClock
from core.database import Database
from nvr.tables import StreamStatus, Worker


@asynccontextmanager
async def live_recorder(database: Database) -> AsyncIterator[list[str]]:
    """Serve wj-01 and wj-02; yield the list of the streams requested so far."""
    asked: list[str] = []

    async def live(request: web.Request) -> web.WebSocketResponse:
        asked.append(f"{request.match_info['camera']}/{request.match_info['kind']}")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        while not socket.closed:
            await socket.send_bytes(b"fragment")
            await asyncio.sleep(0.02)
        return socket

    app = web.Application()
    app.router.add_get("/live/{camera}/{kind}", live)
    recorder = TestServer(app)
    await recorder.start_server()
    now = SystemClock().now()
    async with database.session() as session:
        session.add(
            Worker(name="recorder-0", role="recorder", url=str(recorder.make_url("")).rstrip("/"), pid=1, seen_at=now)
        )
        await session.flush()
        for stream in (f"{c}/{k}" for c in ("wj-01", "wj-02") for k in ("main", "sub")):
            session.add(
                StreamStatus(stream=stream, worker="recorder-0", state="recording", engine="native", at=now, since=now)
            )
    yield asked
    await recorder.close()
