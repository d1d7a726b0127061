"""How answers and the console's files are delivered: compressed, cached, and what an unknown address gets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestClient, TestServer

from core.accounts.permissions import Role
from tests.web.conftest import SignIn
from web import server
from web.framework import refusals
from web.http import compression, not_found
from web.http.file_response import Static

SCRIPT = b"export const words = 'the same again and again';\n" * 100


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A server of a small built console."""

    def build() -> None:
        (tmp_path / "index.html").write_text("<title>console</title>")
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets" / "page-1.js").write_bytes(SCRIPT)
        (tmp_path / "assets" / "page-1.js.gz").write_bytes(gzip.compress(SCRIPT))

    await asyncio.to_thread(build)
    app = web.Application(middlewares=[not_found.middleware(lambda _: tmp_path / "index.html", refusals.error)])
    files = await asyncio.to_thread(Static, "/assets", tmp_path / "assets", headers=server.ASSET_HEADERS)
    app.router.register_resource(files)

    async def known(_: web.Request) -> web.Response:
        return web.Response(text="known")

    app.router.add_get("/api/known", known)
    async with TestClient(TestServer(app), auto_decompress=False) as made:
        yield made


async def test_hashed_files_are_compressed_and_cached_for_good(
    client: TestClient[web.Request, web.Application],
) -> None:
    packed = await client.get("/assets/page-1.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(await packed.read()) == SCRIPT
    assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "javascript" in packed.headers["Content-Type"] and "Accept-Encoding" in packed.headers["Vary"]
    plain = await client.get("/assets/page-1.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers and await plain.read() == SCRIPT
    missing = await client.get("/assets/page-2.js", headers={"Accept": "text/html"})
    assert missing.status == 404 and "immutable" not in missing.headers.get("Cache-Control", "")


async def test_an_unknown_address_gets_the_console_or_json(client: TestClient[web.Request, web.Application]) -> None:
    page = await client.get("/nowhere/at/all", headers={"Accept": "text/html,*/*"})
    assert page.status == 404 and page.headers["Cache-Control"] == "no-cache"
    assert page.content_type == "text/html" and await page.text() == "<title>console</title>"
    picture = await client.get("/nowhere.png", headers={"Accept": "image/*"})
    assert picture.status == 404 and b"console" not in await picture.read()
    for path in ("/api", "/api/nowhere"):
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert (
            answer.status == 404
            and answer.content_type == "application/json"
            and (await answer.json())["code"] == "not_found"
        )
    wrong = await client.delete("/api/known")
    assert (
        wrong.status == 405
        and "GET" in wrong.headers[hdrs.ALLOW]
        and (await wrong.json())["code"] == "method_not_allowed"
    )


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("*", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br, deflate", False),
        ("identity", False),
        ("", False),
        ("x-gzip-like", False),
    ],
)
def test_accept_encoding(header: str, accepted: bool) -> None:
    assert compression.accepts_gzip(header) is accepted


async def test_answers_of_the_api_are_compressed(sign_in: SignIn) -> None:
    signed_in = await sign_in(Role.ADMINISTRATOR)
    bodies = {}
    for encoding in ("gzip", "identity"):
        headers = {"Accept-Encoding": encoding}
        async with signed_in.get("/api/openapi.json", headers=headers, auto_decompress=False) as reply:
            bodies[reply.headers.get("Content-Encoding", "identity")] = await reply.read()
    assert json.loads(gzip.decompress(bodies["gzip"])) == json.loads(bodies["identity"])
    assert len(bodies["gzip"]) < len(bodies["identity"]) / 4
    async with signed_in.get("/api/me", headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as small:
        assert "Content-Encoding" not in small.headers and (await small.json())["role"] == "administrator"


async def test_pages_of_the_console(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "index.html").write_text, "<title>console</title>")
    await asyncio.to_thread((tmp_path / "phone.html").write_text, "<title>phone</title>")
    monkeypatch.setattr(server, "DIST", tmp_path)
    nobody = await sign_in(None)
    for path, status in (("/m/", 200), ("/m/alerts/7", 200), ("/m", 200), ("/contractor", 200), ("/m/nowhere", 404)):
        async with nobody.get(path, headers={"Accept": "text/html"}) as phone:
            assert (phone.status, await phone.text()) == (status, "<title>phone</title>")
            assert phone.headers["Cache-Control"] == "no-cache" and phone.url.path.startswith("/m/")
    assert (await nobody.get("/m/sw.js")).status == 503  # not built
    assert (await nobody.get("/m/install", allow_redirects=False)).headers["Location"] == "/ca"
    known = await nobody.get("/cameras", headers={"Accept": "text/html"})
    assert known.status == 200 and known.headers["Cache-Control"] == "no-cache"
