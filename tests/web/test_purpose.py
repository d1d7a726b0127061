"""Live video, snapshots, reviews and PTZ need a stated purpose, once per shift; each view leaves a row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from cameras.tables import Camera
from core.accounts.permissions import Role
from core.accounts.tables import SignIn as Session
from core.clock import SystemClock
from core.database import Database
from nvr.archive.reader import Keyframe
from tests.web.calls import audit_rows, services_of
from tests.web.conftest import HEADERS, Client, SignIn

VIEW_REQUESTS: tuple[tuple[str, str, dict[str, str] | None], ...] = (
    ("POST", "/api/live/ticket", {"camera": "wj-01"}),
    ("GET", "/api/cameras/wj-01/snapshot", None),
    ("GET", "/api/patrol/review", None),
    ("POST", "/api/cameras/wj-01/ptz/home", {}),
)


async def state(client: Client, purpose: str) -> dict[str, Any]:
    async with client.post("/api/session/purpose", json={"purpose": purpose}, headers=HEADERS) as reply:
        assert reply.status == 200, await reply.text()
        return dict(await reply.json())


def pictures(client: Client) -> None:
    """Provide a newest picture for every camera, instead of the recorder's."""
    services = services_of(client)

    async def latest(stream: str, *_: Any) -> list[Keyframe]:
        return [Keyframe(stream, 1, "h264", b"", b"")]

    async def jpeg(*_: Any) -> bytes:
        return b"jpeg"

    services.reader.latest_keyframes = latest  # type: ignore[assignment]
    services.snapshots.jpeg = jpeg  # type: ignore[assignment]


@pytest.mark.parametrize(("method", "path", "body"), VIEW_REQUESTS)
async def test_a_view_without_a_purpose_is_refused_with_a_code(
    method: str, path: str, body: Any, sign_in: SignIn, database: Database
) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    pictures(client)
    async with database.session() as session:
        (await session.get_one(Camera, "wj-01")).device = {"ptz": "p"}
    async with client.request(method, path, json=body, headers=HEADERS) as reply:
        assert (reply.status, (await reply.json())["code"]) == (403, "purpose")
    assert await audit_rows(database, "live.open", "snapshot.view", "review.draw", "ptz.take") == []


async def test_one_purpose_holds_for_the_session_and_is_in_every_row(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    pictures(client)
    assert (await state(client, "值班巡查"))["purpose"] == "值班巡查"
    for camera in ("wj-01", "xd-01"):
        async with client.post("/api/live/ticket", json={"camera": camera}, headers=HEADERS) as reply:
            assert reply.status == 200
    assert (await client.get("/api/cameras/wj-01/snapshot")).status == 200
    assert (await client.get("/api/patrol/review")).status == 200
    await state(client, "案件 2026-1")
    async with client.post("/api/live/ticket", json={"camera": "wj-01"}, headers=HEADERS) as reply:
        assert reply.status == 200
    rows = await audit_rows(database, "live.open", "snapshot.view", "review.draw")
    assert [(r.action, r.reason) for r in rows] == [
        ("live.open", "值班巡查"), ("live.open", "值班巡查"), ("snapshot.view", "值班巡查"),
        ("review.draw", "值班巡查"),
        ("live.open", "案件 2026-1"),
    ]  # fmt: skip


async def test_a_new_session_is_offered_the_last_purpose(sign_in: SignIn, database: Database) -> None:
    first = await sign_in(Role.VIDEO_OFFICER)
    await state(first, "值班巡查")
    again, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.INVESTIGATOR)
    me = await (await again.get("/api/me")).json()
    assert (me["purpose"], me["recent_purpose"]) == ("", "值班巡查")
    async with again.post("/api/live/ticket", json={"camera": "wj-01"}, headers=HEADERS) as reply:
        assert reply.status == 403
    assert (await (await other.get("/api/me")).json())["recent_purpose"] == "", "another person's"
    async with database.session() as session:
        await session.execute(update(Session).values(created_at=SystemClock().now() - timedelta(hours=13)))
    fresh = await sign_in(Role.VIDEO_OFFICER)
    assert (await (await fresh.get("/api/me")).json())["recent_purpose"] == "", "of a shift that is over"
