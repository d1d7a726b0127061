"""The API: who may call what, what it refuses, what it returns."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import events
from core.accounts.permissions import GRANTS, Permission, Role
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.errors import NotFoundError
from core.events import EventKind
from health.tables import WorkOrder
from health.vocabulary import FaultFamily, FaultOutcome, FaultStatus, OrderState, OrderStep, ReviewAnswer
from nvr.tables import GapCause
from search.store import SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from tests.conftest import ROOT
from tests.search.sightings import sighting
from tests.waiting import eventually
from tests.web.conftest import HEADERS, PASSWORD, SignIn
from web.api import ROUTES
from web.framework import openapi
from web.framework.routing import ReplyKind, Route
from web.server import CONSOLE_PATHS
from web.views.orders import order_view
from web.work import picture_files

EXPECTED = json.loads((Path(__file__).parent / "permissions.json").read_text(encoding="utf-8"))
SAMPLES = {
    "part": "init",
    "camera": "wj-01",
    "kind": "main",
    "segment": "1",
    "ticket": "x",
    "fault": "1",
    "inspection": "1",
    "sighting": "1",
} | {
    "subject": "1",
    "finding": "1",
    "alert": "1",
    "entry": "1",
    "example": "1",
    "muting": "1",
    "unit": "1",
    "village": "wangjia",
    "number": "1",
    "order": "1",
    "photo": "1",
    "day": "2026-11-01",
    "account": "nobody",
    "case": "1",
    "hold": "1",
    "bookmark": "1",
    "view": "1",
    "layer": "roads",
}


def path_of(route: Route) -> str:
    return re.sub(r"{(\w+)}", lambda m: SAMPLES[m.group(1)], route.path)


def test_every_route_is_in_the_permission_matrix() -> None:
    """A reviewer reads the matrix in permissions.json: a new route must be added there, or this test fails."""
    assert {f"{r.method} {r.path}": r.permission.value for r in ROUTES} == EXPECTED


@pytest.mark.parametrize("role", [None, *Role])
async def test_each_route_as_each_role(role: Role | None, sign_in: SignIn) -> None:
    client = await sign_in(role)
    for route in ROUTES:
        if route.permission is Permission.PUBLIC or (route.method, route.path) == ("DELETE", "/api/session"):
            continue
        reply = await client.request(
            route.method, path_of(route), headers=HEADERS, json={} if route.body else None, allow_redirects=False
        )
        allowed = role is not None and (route.permission is Permission.SIGNED_IN or route.permission in GRANTS[role])
        name = f"{route.method} {route.path} as {role}: {reply.status}"
        if role is None:
            assert reply.status == (302 if route.reply_kind is ReplyKind.PAGE else 401), name
        elif not allowed:
            assert reply.status == 403, name
        else:
            # Allowed, although a purpose or the requested object may be missing.
            refused = reply.status == 403 and "may not do this" in await reply.text()
            assert not refused and reply.status < 500, name


async def test_a_request_from_another_site_is_refused(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    # Without the header that a form on another site cannot set.
    assert (await client.post("/api/patrol/rounds")).status == 403
    assert (await client.post("/api/patrol/rounds", headers={**HEADERS, "Origin": "http://evil.example"})).status == 403
    assert (await client.post("/api/patrol/rounds", headers=HEADERS)).status == 200


async def test_cookie_and_page_are_hardened(sign_in: SignIn) -> None:
    client = await sign_in(None)
    await (await sign_in(Role.AUDITOR)).get("/api/me")
    reply = await client.post("/api/session", json={"name": "auditor-all", "password": PASSWORD}, headers=HEADERS)
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    page = await client.get("/")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Server"] == "minwang" == (await client.get("/none")).headers["Server"]


async def test_invalid_input_gives_one_sentence(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    broken = await client.post("/api/cases", data="{", headers=HEADERS)
    assert (broken.status, (await broken.json())["code"]) == (400, "body_not_json")
    missing = await client.post("/api/cases", json={}, headers=HEADERS)
    told = await missing.json()
    assert (missing.status, told["code"]) == (422, "invalid_input") and "number" in told["message"]
    assert {"path": "number", "kind": "missing", "limits": {}} in told["params"]["fields"]
    assert (await client.get("/api/cameras/none")).status == 404
    assert (await client.get("/api/faults/99999999999999999999/picture")).status == 404


async def purpose(client: Any) -> None:
    assert (await client.post("/api/session/purpose", json={"purpose": "案件 2026-1"}, headers=HEADERS)).status == 200


async def test_search_and_playback_need_a_purpose_and_are_audited(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    assert (await client.post("/api/search", json={}, headers=HEADERS)).status == 403
    await purpose(client)
    assert (await client.post("/api/search", json={"cls": ["person"]}, headers=HEADERS)).status == 200
    auditor = await sign_in(Role.AUDITOR)
    page = await (await auditor.get("/api/audit")).json()
    (row,) = [r for r in page["rows"] if r["action"] == "search.run"]
    assert (row["actor"], row["reason"]) == ("video_officer-all", "案件 2026-1")
    assert page["broken_at"] is None


async def test_video_officers_see_24_hours_only(sign_in: SignIn) -> None:
    now = SystemClock().now()
    query = {"start": (now - timedelta(days=2)).isoformat(), "end": (now - timedelta(days=2, hours=-1)).isoformat()}
    path = "/api/playback/wj-01/main/index.m3u8"
    for role, status in ((Role.VIDEO_OFFICER, 403), (Role.INVESTIGATOR, 404)):  # 404: nothing is recorded there
        client = await sign_in(role)
        await purpose(client)
        assert (await client.get(path, params=query)).status == status


async def test_a_village_officer_sees_the_own_village_only(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    at_ms = to_microseconds(SystemClock().now()) // 1000
    made = {}
    for camera, village in (("wj-01", "wangjia"), ("xd-01", "xidian")):
        async with database.session() as session:
            number = await camera_numbers.of_camera(session, camera, village)
        made[camera] = sighting(at_ms, number)
        batch = Batch(f"{camera}/sub", at_ms * 1000, new=[made[camera]])
        await asyncio.to_thread(sightings.write, ids.day_of(at_ms), [batch])
    client = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    await purpose(client)
    assert [v["code"] for v in (await (await client.get("/api/tree")).json())["villages"]] == ["wangjia"]
    for asked in ({}, {"cameras": ["wj-01", "xd-01"]}, {"map_area": [[100, 20], [130, 20], [130, 40], [100, 40]]}):
        found = await (await client.post("/api/search", json=asked, headers=HEADERS)).json()
        assert [r["camera"] for r in found["rows"]] == ["wj-01"], asked
    assert (await (await client.post("/api/search", json={"cameras": ["xd-01"]}, headers=HEADERS)).json())["rows"] == []
    counts = await (await client.post("/api/search/counts", json={}, headers=HEADERS)).json()
    assert (counts["total"], counts["by_camera"]) == (1, {"wj-01": 1})
    assert (await client.post("/api/search", json={"villages": ["xidian"]}, headers=HEADERS)).status == 404
    for path in (
        "/api/cameras/xd-01",
        "/api/cameras/xd-01/snapshot",
        f"/api/sightings/{made['xd-01'].id}/thumbnail",
        f"/api/sightings/{made['xd-01'].id}",
    ):
        assert (await client.get(path)).status == 404, path
    assert (await client.get(f"/api/sightings/{made['wj-01'].id}")).status == 200
    body = {"verdict": "candidate"}
    assert (await client.post(f"/api/sightings/{made['xd-01'].id}/judgement", json=body, headers=HEADERS)).status == 404
    assert (await client.post("/api/live/ticket", json={"camera": "xd-01"}, headers=HEADERS)).status == 404


async def test_a_funder_reads_only_the_own_villages_figures(sign_in: SignIn) -> None:
    client = await sign_in(Role.FUNDER, ["wangjia"])
    assert [v["code"] for v in await (await client.get("/api/reports")).json()] == ["wangjia"]
    assert (await client.get("/report/xidian")).status == 404
    page = await client.get("/report/wangjia")
    assert page.status == 200 and "<img" not in await page.text()
    report = await (await client.get("/api/reports/wangjia")).json()
    assert not [k for k in keys(report) if re.search(r"rtsp|snapshot|thumb|plate|face|person|lng|lat$", k)]


def keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(k for v in value.values() for k in keys(v))]
    return [k for v in value for k in keys(v)] if isinstance(value, list) else []


async def test_live_tickets_are_single_use_and_personal(sign_in: SignIn) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.INVESTIGATOR)
    await purpose(officer)
    async with await officer.post("/api/live/ticket", json={"camera": "wj-01"}, headers=HEADERS) as reply:
        ticket = (await reply.json())["ticket"]
    assert (await other.get(f"/api/live/{ticket}")).status == 403  # and this uses it up
    assert (await officer.get(f"/api/live/{ticket}")).status == 403


async def test_events_arrive_by_scope_and_resume(sign_in: SignIn, database: Database) -> None:
    clock = SystemClock()

    async def announce(kind: EventKind, village: str) -> None:
        async with database.session() as session:
            events.append(session, clock.now(), kind, village=village, camera="c")

    async def texts(socket: Any, count: int) -> list[str]:
        return [json.loads((await socket.receive(timeout=5)).data)["kind"] for _ in range(count)]

    officer, patrol = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.PATROL_OFFICER, ["wangjia"])
    async with database.reading() as session:
        start = f"/api/events?after={await events.last_id(session)}"
    mine, his = await officer.ws_connect(start), await patrol.ws_connect(start)
    for kind, village in (
        (EventKind.FAULT_OPENED, "wangjia"),
        (EventKind.ALERT_DISPATCHED, "xidian"),
        (EventKind.ALERT_DISPATCHED, "wangjia"),
    ):
        await announce(kind, village)
    assert await texts(mine, 3) == ["fault.opened", "alert.dispatched", "alert.dispatched"]
    assert await texts(his, 1) == ["alert.dispatched"]  # neither the fault nor the other village's alert
    await mine.close()
    await his.close()
    async with database.reading() as session:
        last = await events.last_id(session)
    again = await officer.ws_connect(f"/api/events?after={last - 2}")
    assert await texts(again, 2) == ["alert.dispatched", "alert.dispatched"]
    await again.close()
    ahead = await officer.ws_connect(f"/api/events?after={last + 1000}")  # from before the database was restored
    received = asyncio.ensure_future(texts(ahead, 1))

    async def has_arrived() -> bool:
        await announce(EventKind.ALERT_DISPATCHED, "wangjia")  # the first ones may come before the socket follows
        return received.done()

    await eventually(has_arrived)
    assert received.result() == ["alert.dispatched"]
    await ahead.close()


async def test_the_api_document_names_roles_and_models(sign_in: SignIn) -> None:
    document = openapi.document(ROUTES)
    assert openapi.document(ROUTES) is document, "it is generated once"
    operations = [o for p in document["paths"].values() for o in p.values()]
    assert len(operations) == len(ROUTES)
    assert all(o["summary"] and o["x-permission"] for o in operations)
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= set(document["components"]["schemas"])
    for path in document["paths"].values():
        for method, operation in path.items():
            named = any(p["name"] == "X-Minwang" and p["required"] for p in operation["parameters"])
            assert named == (method != "get"), "what the station refuses without it says so"
            answer = operation["responses"].get("200") or operation["responses"]["101"]
            assert "content" in answer or answer["description"] in ("The file", "A WebSocket", "An HTML page")
    assert document["paths"]["/metrics"]["get"]["security"] == [{"session": []}, {"metricsToken": []}]
    client = await sign_in(Role.AUDITOR)
    assert (await (await client.get("/api/openapi.json")).json())["openapi"] == "3.1.0"


def test_the_api_document_lists_the_values_of_closed_sets() -> None:
    schemas = openapi.document(ROUTES)["components"]["schemas"]
    for values in (FaultFamily, FaultStatus, FaultOutcome, OrderState, OrderStep, GapCause, ReviewAnswer, Role):
        assert schemas[values.__name__]["enum"] == list(values)


def test_an_order_of_another_release_is_shown() -> None:
    at = SystemClock().now()
    row = WorkOrder(
        id=7, village="v", camera=None, title="t", state="of_a_later_release", severity=1, vendor="", assignee="",
        created_at=at, respond_by=at, repair_by=at, reopened=0, reminded=0, warranty=False,
    )  # fmt: skip
    assert order_view(row, at).model_dump(mode="json")["state"] == "of_a_later_release"


async def test_a_case_from_proposal_to_decision(sign_in: SignIn) -> None:
    officer, leader = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.APPROVER)
    case = await (await officer.post("/api/cases", json={"number": "1", "title": "t"}, headers=HEADERS)).json()
    body = {
        "case": case["id"],
        "title": "红衣",
        "cls": "person",
        "upper": "red",
        "reason": "监控",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    assert (await officer.post("/api/watch", json=body, headers=HEADERS)).status == 400  # longer than 30 days
    body["expires_at"] = (SystemClock().now() + timedelta(days=3)).isoformat()
    subject = await (await officer.post("/api/watch", json=body, headers=HEADERS)).json()
    assert (
        await officer.post(f"/api/watch/{subject['id']}/decision", json={"approve": True}, headers=HEADERS)
    ).status == 403
    decided = await leader.post(f"/api/watch/{subject['id']}/decision", json={"approve": True}, headers=HEADERS)
    assert (await decided.json())["state"] == "active"


def test_files_outside_the_data_folder_are_not_served(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    for path in ("../secret.jpg", "../../../../etc/hostname", "/etc/hostname", ""):
        with pytest.raises(NotFoundError):
            picture_files.read(tmp_path / "data", path)


async def test_every_console_page_has_a_path(sign_in: SignIn) -> None:
    shell = ROOT / "web/console/src/shell"
    text = "".join([await asyncio.to_thread((shell / name).read_text) for name in ("router.ts", "pages.ts")])
    pages = {p if p.startswith("/") else f"/{p}" for p in re.findall(r'path: "([\w/:-]*)"', text)}
    known = {re.sub(r"{(\w+)}", r":\1", p) for p in CONSOLE_PATHS}
    assert pages - {"/m/:rest(.*)*"} == known  # the phone's pages are a document of their own
    client = await sign_in(None)
    assert {(await client.get(p)).status for p in known} == {200}
