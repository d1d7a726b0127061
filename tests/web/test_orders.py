"""Work orders over HTTP: listed companies, reassigning, closed orders, costs and deadlines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.accounts.permissions import Role
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.numbers import parse_yuan
from core.settings import Settings
from health import orders
from health.tables import Fault, WorkOrder
from tests.web.conftest import HEADERS, Client, SignIn


async def send(client: Client, path: str, body: dict, status: int = 200) -> dict:  # type: ignore[type-arg]
    async with client.post(path, json=body, headers=HEADERS) as reply:
        assert reply.status == status, await reply.text()
        found: dict = await reply.json()  # type: ignore[type-arg]
        return found


async def listed(client: Client, path: str, **query: str) -> list[dict]:  # type: ignore[type-arg]
    async with client.get(path, params=query) as reply:
        assert reply.status == 200, await reply.text()
        found: list[dict] = await reply.json()  # type: ignore[type-arg]
        return found


@pytest.fixture
async def fault(database: Database) -> int:
    now = SystemClock().now()
    async with database.session() as session:
        row = Fault(
            camera="wj-01", village="wangjia", family="black", state="open", severity=1, first_seen=now,
            opened_at=now, picture="patrol/wj-01/x.jpg",
        )  # fmt: skip
        session.add(row)
        await session.flush()
        return row.id


async def test_only_listed_companies_get_orders(sign_in: SignIn, database: Database, fault: int) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    refused = await send(officer, "/api/orders", {"faults": [fault], "vendor": "天目维修"}, 400)
    assert "天目维修" in refused["message"]
    await send(officer, "/api/vendors", {"name": "天目维护", "contact": "老李", "phone": "0574-1234"})
    (order,) = await send(officer, "/api/orders", {"faults": [fault], "vendor": "天目维护"})
    (found,) = await listed(officer, "/api/vendors")
    assert (found["name"], found["contact"], found["open_orders"], found["account"]) == ("天目维护", "老李", 1, False)
    # Assigned wrongly: it is assigned anew while it is open, also after a reported repair.
    await send(officer, "/api/vendors", {"name": "Ning Hai"})
    for state in ("working", "verifying"):
        await send(officer, "/api/orders/move", {"orders": [order["id"]], "state": state})
        body = {"orders": [order["id"]], "state": "assigned", "vendor": "Ning Hai"}
        (moved,) = await send(officer, "/api/orders/move", body)
        assert (moved["vendor"], moved["state"], moved["mended_at"]) == ("Ning Hai", "assigned", None)
    await send(officer, "/api/vendors", {"name": "天目维护", "active": False})
    await send(officer, "/api/orders/move", {"orders": [order["id"]], "state": "assigned", "vendor": "天目维护"}, 400)
    async with database.reading() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.action == AuditAction.VENDOR_CHANGE))).all()
    assert [r.object for r in rows] == ["天目维护", "Ning Hai", "天目维护"]
    changes: Any = rows[2].data
    assert changes["old"]["contact"] == "老李" and changes["new"]["contact"] == ""


async def test_who_may_change_the_list(sign_in: SignIn) -> None:
    body = {"name": "A"}
    for role in (Role.INVESTIGATOR, Role.ADMINISTRATOR, Role.CONTRACTOR):
        await send(await sign_in(role), "/api/vendors", body, 403)
    village = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    await send(village, "/api/vendors", body, 403)
    await send(await sign_in(Role.VIDEO_OFFICER), "/api/vendors", {"name": "A", "phone": "<script>"}, 422)
    assert await listed(village, "/api/vendors") == []


async def test_an_order_shows_its_camera_faults_and_deadlines(sign_in: SignIn, fault: int) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    (order,) = await send(officer, "/api/orders", {"faults": [fault]})
    async with officer.get(f"/api/orders/{order['id']}") as reply:
        file = await reply.json()
    assert file["order"]["camera_name"] == "王家村口" and file["order"]["warranty_until"] is None
    assert [(f["id"], f["family"], f["has_picture"], f["has_reference"]) for f in file["faults"]] == [
        (fault, "black", True, False)
    ]
    deadlines = file["order"]["deadlines"]
    assert deadlines["repair_by"] == file["order"]["mend_by"] and deadlines["verified_at"] is None
    assert (deadlines["warned"], deadlines["escalated"], deadlines["late"]) == (0, False, False)


async def test_reminders_and_verification_are_shown(
    sign_in: SignIn, database: Database, station_settings: Settings
) -> None:
    station_settings.orders.verification_minutes = 5
    officer, now = await sign_in(Role.VIDEO_OFFICER), SystemClock().now()
    async with database.session() as session:
        for state, reminded in (("assigned", 3), ("verifying", 1)):
            session.add(
                WorkOrder(
                    village="wangjia", title="t", state=state, severity=1, created_at=now - timedelta(days=2),
                    created_by="x", respond_by=now, repair_by=now - timedelta(hours=1), reminded=reminded,
                    repaired_at=now if state == "verifying" else None,
                )
            )  # fmt: skip
    verifying, late = await listed(officer, "/api/orders")
    assert (late["deadlines"]["warned"], late["deadlines"]["escalated"], late["deadlines"]["late"]) == (2, True, True)
    assert verifying["deadlines"]["verified_at"] == (now + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    async with database.session() as session:
        changed = await orders.verify_and_remind(session, now + timedelta(minutes=6), timedelta(minutes=5))
        assert [o.state for o in changed] == ["closed"]


async def test_closed_orders_are_paged_and_filtered(sign_in: SignIn, database: Database) -> None:
    officer, now = await sign_in(Role.VIDEO_OFFICER), SystemClock().now()
    async with database.session() as session:
        for n, (state, camera) in enumerate((("closed", "wj-01"), ("merged", "wj-02"), ("working", "wj-01")) * 2):
            session.add(
                WorkOrder(
                    village="wangjia", camera=camera, title=f"title {n} 100%", state=state, severity=1,
                    created_at=now - timedelta(days=n), created_by="x", respond_by=now, repair_by=now,
                )
            )  # fmt: skip
    over = await listed(officer, "/api/orders", over="true")
    assert [o["state"] for o in over] == ["merged", "closed", "merged", "closed"]
    first = await listed(officer, "/api/orders", over="true", limit="3")
    assert first + await listed(officer, "/api/orders", over="true", before=str(first[-1]["id"])) == over
    assert len(await listed(officer, "/api/orders", over="true", camera="wj-02")) == 2
    assert len(await listed(officer, "/api/orders", over="true", text="3 100%")) == 1
    assert await listed(officer, "/api/orders", over="true", text="3_100") == []
    start = (now - timedelta(days=1, hours=1)).isoformat()
    assert len(await listed(officer, "/api/orders", over="true", start=start)) == 2
    assert len(await listed(officer, "/api/orders", over="true", end=start)) == 2
    assert await listed(officer, "/api/orders", over="true", village="xidian") == []


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("180元", 180),
        (" 180 ", 180),
        ("¥1,280.50", 1280.5),
        ("￥180", 180),
        ("１８０ 元整", 180),
        ("180块", 180),
        ("RMB 90", 90),
        ("0", 0),
        ("1.5万", None),
        ("about 180", None),
        ("1,80", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
        ("元", None),
    ],
)
def test_amounts_of_money(text: str, yuan: float | None) -> None:
    assert parse_yuan(text) == yuan


async def test_a_contractors_cost_is_never_dropped(sign_in: SignIn, database: Database, fault: int) -> None:
    officer, contractor = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.CONTRACTOR)
    (order,) = await send(officer, "/api/orders", {"faults": [fault], "vendor": "Ning Hai"})
    own = f"/api/contractor/orders/{order['id']}"
    refused = await send(contractor, f"{own}/move", {"state": "verifying", "cost": "一百八"}, 422)
    assert "cost" in refused["message"]
    (shown,) = await listed(contractor, "/api/contractor/orders")
    assert (shown["state"], shown["cost"]) == ("assigned", None)
    await send(contractor, f"{own}/move", {"state": "verifying", "cost": "180元"})
    (shown,) = await listed(contractor, "/api/contractor/orders")
    assert (shown["state"], shown["cost"]) == ("verifying", 180)
    await send(contractor, f"{own}/cost", {"cost": 200})
    (found,) = await listed(officer, "/api/orders")
    assert found["cost"] == 200
    await send(officer, f"/api/orders/{order['id']}/cost", {"cost": "￥150", "text": "invoice"})
    async with database.reading() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.action == AuditAction.ORDER_COST))).all()
    assert [(r.actor, r.data["old"], r.data["new"]) for r in rows] == [
        ("contractor-all", 180, 200),
        ("video_officer-all", 200, 150),
    ]
    await send(contractor, "/api/contractor/orders/999/cost", {"cost": 1}, 404)
