"""Byte ranges of files (RFC 9110 13.1.5, 14.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from web.http.file_response import FileResponse

BODY = b"0123456789"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    await asyncio.to_thread((tmp_path / "file.mp4").write_bytes, BODY)
    app = web.Application()

    async def serve(_: web.Request) -> web.StreamResponse:
        return FileResponse(tmp_path / "file.mp4")

    async def on_prepare(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Hardened"] = "1"

    app.router.add_get("/file", serve)
    app.on_response_prepare.append(on_prepare)
    async with TestClient(TestServer(app)) as made:
        yield made


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("BYTES=2-", 206, b"23456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-300", 206, BODY),
        ("bytes=9-300", 206, b"9"),
        ("bytes=10-12", 416, None),
        ("bytes=abc", 200, BODY),
        ("bytes=", 200, BODY),
        ("bytes=-", 200, BODY),
        ("bytes=-0", 200, BODY),
        ("bytes=4-2", 200, BODY),
        ("bytes=1-2,4-5", 200, BODY),
        ("items=0-3", 200, BODY),
        ("bytes 0-3", 200, BODY),
        ("bytes=0x1-3", 200, BODY),
    ],
)
async def test_an_invalid_range_is_ignored(
    wanted: str, status: int, body: bytes | None, client: TestClient[web.Request, web.Application]
) -> None:
    reply = await client.get("/file", headers={"Range": wanted})
    assert reply.status == status and reply.headers["X-Hardened"] == "1"
    if body is not None:
        assert await reply.read() == body
    assert (reply.headers.get("Content-Range") is not None) is (status != 200)


async def test_a_range_of_another_version_is_ignored(client: TestClient[web.Request, web.Application]) -> None:
    whole = await client.get("/file")
    tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
    conditions = {
        tag: 206, date: 206, f"W/{tag}": 200, '"another"': 200, "Sat, 01 Jan 2000 00:00:00 GMT": 200,
        "Fri, 01 Jan 2100 00:00:00 GMT": 200, "yesterday": 200, "": 200,
    }  # fmt: skip
    for condition, status in conditions.items():
        reply = await client.get("/file", headers={"Range": "bytes=2-4", "If-Range": condition})
        assert (reply.status, await reply.read()) == (status, b"234" if status == 206 else BODY), condition
