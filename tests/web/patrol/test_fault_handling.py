"""What people do with faults: verdicts, orders and maintenance; within their villages only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.database import Database
from health.patrol import rounds
from health.tables import CameraBaseline
from health.vocabulary import OrderState
from tests.web.calls import post
from tests.web.conftest import SignIn
from tests.web.patrol.records import NOW


async def test_verdicts_close_nothing_except_a_new_view(
    sign_in: SignIn, faults: dict[str, int], database: Database
) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    await post(officer, "/api/faults/verdict", {"faults": [faults["black"]], "verdict": "false"})
    await post(officer, "/api/faults/verdict", {"faults": [faults["moved"]], "verdict": "new_view"})
    await post(officer, "/api/faults/verdict", {"faults": [faults["black"]], "verdict": "closed"}, 422)
    view = await (await officer.get("/api/patrol")).json()
    told = {f["id"]: f for f in view["faults"]}
    assert told[faults["black"]]["verdict"] == "false" and faults["moved"] not in told
    assert told[faults["uplink"]]["camera_name"] == "wangjia"
    async with database.reading() as session:
        assert (await session.get_one(CameraBaseline, "wj-01")).view >= 1
        assert {"fault.verdict"} <= set(await session.scalars(select(AuditRow.action)))


async def test_a_village_officer_sees_and_judges_own_faults(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    view = await (await officer.get("/api/patrol")).json()
    assert [f["id"] for f in view["faults"]] == [faults["other"]]
    for path, body in (
        ("/api/faults/verdict", {"faults": [faults["black"]], "verdict": "real"}),
        ("/api/orders", {"faults": [faults["black"]]}),
        ("/api/maintenance", {"camera": "wj-01", "hours": 1, "reason": "x"}),
    ):
        await post(officer, path, body, 404)
    asked = await post(officer, "/api/patrol/rounds", {"villages": ["wangjia", "xidian"]})
    assert asked["id"]


async def test_orders_from_fault_to_repair(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    await post(officer, "/api/vendors", {"name": "Tianmu"})
    made = await post(officer, "/api/orders", {"faults": list(faults.values()), "vendor": "Tianmu"})
    assert len(made) == 3 and {o["state"] for o in made} == {"assigned"}
    numbers = [o["id"] for o in made]
    await post(officer, "/api/orders", {"faults": list(faults.values())}, 400)
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "working"})
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "closed"}, 409)
    await post(
        officer, "/api/orders/move", {"orders": [numbers[0]], "state": "verifying", "text": "cleaned", "cost": 120}
    )
    file = await (await officer.get(f"/api/orders/{numbers[0]}")).json()
    assert [n["step"] for n in file["notes"]] == ["created", "working", "verifying"] and file["order"]["cost"] == 120
    listed = await (await officer.get("/api/orders")).json()
    assert {o["id"] for o in listed} == set(numbers)
    refused = await post(officer, "/api/orders/move", {"orders": numbers, "state": "odd"}, 422)
    assert "'assigned'" in refused["message"]
    # All or none: an order that cannot take the step keeps the others in their state.
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "parts"}, 409)
    assert {o["state"] for o in await (await officer.get("/api/orders")).json()} == {"working", "verifying"}


async def test_orders_are_listed_by_state(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    await post(officer, "/api/vendors", {"name": "Tianmu"})
    made = await post(officer, "/api/orders", {"faults": [faults["black"]], "vendor": "Tianmu"})
    for state in OrderState:
        listed = await (await officer.get("/api/orders", params={"state": state.value})).json()
        assert [o["id"] for o in listed] == ([made[0]["id"]] if state == OrderState.ASSIGNED else [])
    for text_of_no_state in ("²", "lost"):
        reply = await officer.get("/api/orders", params={"state": text_of_no_state})
        assert reply.status == 422 and "'assigned'" in (await reply.json())["message"]


async def test_maintenance_begins_and_ends(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    work = await post(officer, "/api/maintenance", {"village": "wangjia", "hours": 2, "reason": "换杆"})
    await post(officer, "/api/maintenance", {"hours": 2, "reason": "x"}, 400)
    assert [m["id"] for m in await (await officer.get("/api/maintenance")).json()] == [work["id"]]
    await post(officer, f"/api/maintenance/{work['id']}/end", {})
    assert await (await officer.get("/api/maintenance")).json() == []


async def test_one_waiting_round_per_person(sign_in: SignIn, database: Database) -> None:
    """Equal scopes count as equal however they are written; one waiting round per person; scheduled rounds go first."""
    officer, other = (
        await sign_in(Role.VIDEO_OFFICER, ["wangjia", "xidian"]),
        await sign_in(Role.VIDEO_OFFICER, ["xidian"]),
    )
    path = "/api/patrol/rounds"
    same: dict[str, Any] = {"villages": ["xidian", "wangjia"]}
    first = await post(officer, path, {"villages": ["wangjia", "xidian", "wangjia"]})
    for body in (same, {}, {**same, "cameras": []}):
        assert (await post(officer, path, body))["id"] == first["id"]
    for body in ({"villages": ["wangjia"]}, {"cameras": ["wj-01"]}, {**same, "vendor": "x"}):
        await post(officer, path, body, 409)
    second = await post(other, path, {})
    async with database.session() as session:
        scheduled = await rounds.request(session, NOW, rounds.SCHEDULE)
        assert (await rounds.request(session, NOW, rounds.SCHEDULE)).id == scheduled.id
        order = []
        while (row := await rounds.next_round(session)) is not None:
            order.append(row.id)
            row.started_at = row.finished_at = NOW
            await session.flush()
    assert order == [scheduled.id, first["id"], second["id"]]
    assert (await post(officer, path, {"villages": ["wangjia"]}))["id"] > scheduled.id
