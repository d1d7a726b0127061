"""Request bodies: one person's unfinished bodies block neither another person's memory share nor their uploads."""

from __future__ import annotations

import asyncio
import io

import cv2
import numpy as np
import pytest

from core.accounts.permissions import Role
from core.errors import TooManyError
from tests.web.calls import services_of
from tests.web.conftest import HEADERS, Client, SignIn
from web.http import request_bodies

SIMILAR = "/api/search/similar/picture"


async def begin(client: Client, path: str, length: int, sent: bytes) -> asyncio.StreamWriter:
    """Send the head and a part of the body of a request that never ends."""
    cookie = "; ".join(f"{c.key}={c.value}" for c in client.session.cookie_jar)
    _, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.server.port}\r\nX-Minwang: 1\r\nContent-Length: {length}\r\n"
    )
    writer.write(f"{head}Cookie: {cookie}\r\n\r\n".encode() + sent)
    await writer.drain()
    return writer


async def state(client: Client, purpose: str) -> None:
    await client.post("/api/session/purpose", json={"purpose": purpose}, headers=HEADERS)


async def test_uploads_of_a_person_are_bounded(sign_in: SignIn) -> None:
    client, other = await sign_in(Role.INVESTIGATOR, ["wangjia"]), await sign_in(Role.INVESTIGATOR, ["xidian"])
    for c in (client, other):
        await state(c, "case 1")
    uploads = services_of(client).uploads
    held = [await begin(client, SIMILAR, 9_000_000, bytes(200_000)) for _ in range(5)]
    async with asyncio.timeout(5):
        while uploads._open.total() < request_bodies.MAX_UPLOADS_PER_PERSON:
            await asyncio.sleep(0.01)
    assert list(uploads._open.values()) == [request_bodies.MAX_UPLOADS_PER_PERSON]
    assert (await client.post(SIMILAR, data=b"x", headers=HEADERS)).status == 429
    refused = await other.post(SIMILAR, data=b"this is no picture", headers=HEADERS)
    assert refused.status == 400 and "not a readable picture" in await refused.text()
    for writer in held:
        writer.transport.abort()
    async with asyncio.timeout(5):
        while uploads._open:
            await asyncio.sleep(0.01)


async def test_all_uploads_together_are_bounded(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state(client, "case 1")
    monkeypatch.setattr(request_bodies, "MAX_UPLOADS", 0)
    assert (await client.post(SIMILAR, data=b"x", headers=HEADERS)).status == 429


async def test_body_sizes_are_bounded_by_person(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger, client = await sign_in(None), await sign_in(Role.INVESTIGATOR)
    long = {"name": "a", "password": "b" * request_bodies.MAX_ANONYMOUS_JSON_BYTES}
    assert (await stranger.post("/api/session", json=long, headers=HEADERS)).status == 413
    monkeypatch.setattr(request_bodies, "BUDGET_BYTES_PER_PERSON", 1000)
    assert (await client.post("/api/session/purpose", data=b" " * 2000, headers=HEADERS)).status == 429
    assert (await client.post("/api/session/purpose", json={"purpose": "case 1"}, headers=HEADERS)).status == 200
    budget = services_of(client).body_budget
    assert budget.total == 0 and not budget.taken


def test_the_body_budget_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "BUDGET_BYTES", 20)
    budget = request_bodies.BodyBudget()
    for who in ("a", "b"):
        budget._take(who, 10)
    with pytest.raises(TooManyError):
        budget._take("c", 1)
    for who, size in (("a", 10), ("b", 10), ("c", 1)):
        budget._give_back(who, size)
    assert budget.total == 0 and not budget.taken


async def test_an_uploaded_picture_is_complete(sign_in: SignIn) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state(client, "case 1")
    made: list[bytes] = []

    async def looked(_function: object, content: bytes, *_rest: object) -> bytes:
        made.append(content)
        raise TooManyError("enough")

    services_of(client).example_pool.run = looked  # type: ignore[assignment]
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    _, png = cv2.imencode(".png", noise)
    await client.post(SIMILAR, data=io.BytesIO(png.tobytes()), headers=HEADERS)
    assert cv2.imdecode(np.frombuffer(made[0], np.uint8), 1).shape == (300, 400, 3)
