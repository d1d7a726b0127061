"""The thresholds of `minwang bench security` can be missed."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from bench import security
from bench.parts import web_load
from bench.parts.strangers import Console, waits


def test_slow_answers_fail_the_benchmark() -> None:
    good, bad = (
        web_load.latency_figures("meanwhile", [0.01] * 99 + [2.0], [0.01]),
        web_load.latency_figures("meanwhile", [0.01] * 90 + [0.4] * 10, [0.01]),
    )
    assert [f.ok for f in good] == [True, True, True] and good[2].value == 2000
    assert [f.ok for f in bad] == [True, False, True] and bad[1].value == 400


def test_missing_load_fails_the_benchmark() -> None:
    assert not web_load.crowd_figure({"held": {}, "told": {}}).ok
    assert web_load.crowd_figure({"held": {"half-open": 200, "slow bodies": 200}, "told": {"half-open closed": 800}}).ok


def test_lost_footage_fails_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    now_us = int(time.time() * 1e6)
    with sqlite3.connect(tmp_path / "data" / "minwang.db") as database:
        database.execute("CREATE TABLE gap (stream TEXT, start_us INTEGER, end_us INTEGER)")
        database.execute("CREATE TABLE stream_status (stream TEXT, lost_packets INTEGER, state TEXT)")
        database.execute("INSERT INTO stream_status VALUES ('c0/main', 0, 'recording'), ('h0/main', 7, 'waiting')")
        database.execute("INSERT INTO gap VALUES ('c0/main', 0, 5), ('h0/main', ?, NULL)", (now_us,))
    database.close()
    assert [f.ok for f in security.lost(tmp_path, now_us - 10_000_000, 1)] == [True, True, True]
    with sqlite3.connect(tmp_path / "data" / "minwang.db") as database:
        database.execute("INSERT INTO gap VALUES ('c0/main', ?, ?)", (now_us - 2_000_000, now_us - 1_000_000))
        database.execute("UPDATE stream_status SET lost_packets = 3, state = 'waiting'")
    database.close()
    figures = security.lost(tmp_path, now_us - 10_000_000, 1)
    assert [f.ok for f in figures] == [False, False, False] and figures[0].value == 1


async def test_failed_pages_and_requests_are_counted() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503 if request.path == "/api/me" else 200, text="no PDF")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    async with Console(str(server.make_url("")).rstrip("/")).session() as session:
        told: Counter[int] = Counter()
        assert not await web_load._page(session, "2026-11-29", told) and told == {200: 1}
        assert set(await waits(session, 0.05)) == {10.0}
    await server.close()
