"""The tree of villages and cameras, and the figures of the status bar."""

from __future__ import annotations

from datetime import timedelta

from cameras.registry import registry
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from health import camera_states
from health.tables import Fault, WorkOrder
from nvr.tables import StreamStatus
from tests.web.conftest import HEADERS, Client, SignIn


async def get(client: Client, path: str) -> dict:  # type: ignore[type-arg]
    async with client.get(path) as reply:
        assert reply.status == 200, await reply.text()
        found: dict = await reply.json()  # type: ignore[type-arg]
        return found


async def record(database: Database, cameras: list[str]) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        for camera in cameras:
            for kind in ("main", "sub"):
                session.add(StreamStatus(stream=f"{camera}/{kind}", worker="r", state="recording", at=now, since=now))
        await session.flush()
        await camera_states.update(session, now)


async def test_the_tree_is_slim_and_has_a_version(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    before = await get(officer, "/api/tree")
    assert {c["state"] for v in before["villages"] for c in v["cameras"]} == {"unknown"}
    assert {(v["state"], v["online"], v["recorded"]) for v in before["villages"]} == {("unknown", 0, 0)}
    await record(database, ["wj-01"])
    async with officer.get("/api/tree") as reply:
        tree, tag = await reply.json(), reply.headers["ETag"]
    village = next(v for v in tree["villages"] if v["code"] == "wangjia")
    camera = next(c for c in village["cameras"] if c["id"] == "wj-01")
    assert set(camera) == {"id", "name", "village", "number", "state", "kind", "sub", "position", "faults"}
    assert camera["state"] == "ok" and camera["position"] == [121.4335, 29.4722] and camera["sub"] is True
    assert village["recorded"] == 1 and village["counts"]["ok"] == 1
    assert tree["version"] != before["version"] and tag == f'"{tree["version"]}"'
    async with officer.get("/api/tree", headers={"If-None-Match": tag}) as unchanged:
        assert unchanged.status == 304 and await unchanged.read() == b""
    async with officer.get("/api/tree", headers={"If-None-Match": '"other"'}) as other:
        assert other.status == 200


async def test_an_open_page_needs_no_polling(sign_in: SignIn, database: Database) -> None:
    """What the events after the tree's position say is what the next tree says."""
    officer = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    tree = await get(officer, "/api/tree")
    states = {c["id"]: c["state"] for v in tree["villages"] for c in v["cameras"]}
    await record(database, ["wj-01", "xd-01"])
    async with officer.ws_connect(f"/api/events?after={tree['position']}", headers=HEADERS) as socket:
        event = await socket.receive_json(timeout=10)
        while event["kind"] != "camera.state":
            event = await socket.receive_json(timeout=10)
    assert event["village"] == "wangjia" and "xd-01" not in str(event)
    states |= event["data"]["states"]
    later = await get(officer, "/api/tree")
    assert states == {c["id"]: c["state"] for v in later["villages"] for c in v["cameras"]} and states["wj-01"] == "ok"
    assert later["villages"][0]["counts"] == event["data"]["counts"]


async def test_the_summary_counts_what_waits_for_the_account(sign_in: SignIn, database: Database) -> None:
    await record(database, ["wj-01", "xd-01"])
    now = SystemClock().now()
    async with database.session() as session:
        session.add(
            Fault(camera="wj-01", village="wangjia", family="blurred", state="open", severity=2, first_seen=now)
        )
        for hours in (-1, 5):
            session.add(
                WorkOrder(
                    village="wangjia",
                    camera="wj-01",
                    title="t",
                    state="assigned",
                    severity=1,
                    created_at=now,
                    created_by="x",
                    respond_by=now,
                    repair_by=now + timedelta(hours=hours),
                )
            )
        in_use = len(await registry.cameras(session))
    officer = await sign_in(Role.VIDEO_OFFICER)
    found = await get(officer, "/api/summary")
    assert found["recording"] == {"recorded": 2, "total": in_use, "unknown": in_use - 2, "faults": 1}
    assert (found["open_orders"], found["late_orders"], found["open_alerts"]) == (2, 1, 0)
    assert found["watch_proposals"] is None and found["acceptances"] == 0
    administrator = await get(await sign_in(Role.ADMINISTRATOR), "/api/summary")
    assert administrator["open_alerts"] is None
    elsewhere = await get(await sign_in(Role.APPROVER, ["xidian"]), "/api/summary")
    assert elsewhere["recording"]["recorded"] == 1 and elsewhere["recording"]["faults"] == 0
    assert elsewhere["open_orders"] == 0 and elsewhere["watch_proposals"] == 0
