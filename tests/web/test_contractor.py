"""What a contractor can reach: own orders, photos, and a small masked still; nothing of other companies."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from cameras.tables import Camera
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.errors import UsageError
from core.settings import Settings
from health.picture.masked_stills import WIDTH, masked
from health.tables import Fault, WorkOrder
from tests.web.calls import grey_jpeg
from tests.web.conftest import HEADERS, PASSWORD, SignIn

NOW = SystemClock().now()


@pytest.fixture
async def orders(sign_in: SignIn, database: Database, station_settings: Settings) -> dict[str, int]:
    """One order for each of two companies, with a fault picture."""
    made = {}
    picture = station_settings.data.dir / "patrol/x.jpg"
    await asyncio.to_thread(
        lambda: (picture.parent.mkdir(parents=True, exist_ok=True), picture.write_bytes(grey_jpeg()))
    )
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.profile = camera.profile | {
            "masks": [[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]],
            "site": "pole 7 at the bridge",
        }
        for vendor in ("Ning Hai", "Other"):
            order = WorkOrder(
                village="wangjia",
                camera="wj-01",
                title="black",
                state="assigned",
                severity=1,
                vendor=vendor,
                created_at=NOW,
                created_by="x",
                respond_by=NOW,
                repair_by=NOW + timedelta(hours=8),
            )
            session.add(order)
            await session.flush()
            made[vendor] = order.id
            session.add(
                Fault(
                    camera="wj-01",
                    village="wangjia",
                    family="black",
                    state="open",
                    severity=1,
                    detail="",
                    figures={},
                    facts={"votes": []},
                    first_seen=NOW,
                    opened_at=NOW,
                    inspections=2,
                    times=1,
                    order=order.id,
                    picture="patrol/x.jpg",
                )
            )
    return made


async def test_a_contractor_sees_own_orders_only(sign_in: SignIn, orders: dict[str, int], database: Database) -> None:
    client = await sign_in(Role.CONTRACTOR)
    told = await (await client.get("/api/contractor/orders")).json()
    assert told[0]["place"] == "pole 7 at the bridge"
    assert [o["id"] for o in told] == [orders["Ning Hai"]] and told[0]["has_still"] and "address" not in str(told)
    for path in ("still", "photos/1"):
        assert (await client.get(f"/api/contractor/orders/{orders['Other']}/{path}")).status == 404
    for path, status in (("/api/tree", 403), ("/api/faults/1/picture", 403), ("/api/orders", 403), ("/metrics", 403)):
        assert (await client.get(path)).status == status, path
    reply = await client.post(
        f"/api/contractor/orders/{orders['Other']}/move", json={"state": "working"}, headers=HEADERS
    )
    assert reply.status == 404


async def test_steps_photo_and_still(sign_in: SignIn, orders: dict[str, int], database: Database) -> None:
    client, mine = await sign_in(Role.CONTRACTOR), f"/api/contractor/orders/{orders['Ning Hai']}"
    for state, status in (("working", 200), ("closed", 422), ("verifying", 200)):
        reply = await client.post(f"{mine}/move", json={"state": state, "cost": 120}, headers=HEADERS)
        assert reply.status == status, await reply.text()
    kept = await (await client.post(f"{mine}/photo", data=grey_jpeg(3000, 2000), headers=HEADERS)).json()
    photo = await (await client.get(f"{mine}/photos/{kept['photo']}")).read()
    assert cv2.imdecode(np.frombuffer(photo, np.uint8), 1).shape[1] == 1600
    refused = await client.post(f"{mine}/photo", data=b"PK\x03\x04 no picture", headers=HEADERS)
    assert refused.status == 400
    still = cv2.imdecode(np.frombuffer(await (await client.get(f"{mine}/still")).read(), np.uint8), 1)
    assert still is not None and still.shape[1] == WIDTH
    assert still[:, : WIDTH // 2 - 4].max() < 40 < 150 < still[:, WIDTH // 2 + 4 :].min()
    officer = await sign_in(Role.VIDEO_OFFICER)
    file = await (await officer.get(f"/api/orders/{orders['Ning Hai']}")).json()
    assert file["photos"] == [kept["photo"]] and file["order"]["state"] == "verifying" and file["order"]["cost"] == 120
    assert (await officer.get(f"/api/orders/{orders['Ning Hai']}/photos/{kept['photo']}")).status == 200
    assert (await officer.get(f"/api/orders/{orders['Other']}/photos/{kept['photo']}")).status == 404
    async with database.reading() as session:
        actions = set(await session.scalars(select(AuditRow.action)))
    assert {"order.photo", "order.still", "order.move"} <= actions


async def test_a_contractor_needs_a_company(database: Database) -> None:
    accounts = Accounts(database, SystemClock())
    with pytest.raises(UsageError, match="company"):
        await accounts.create("li", PASSWORD, Role.CONTRACTOR, actor="test")
    with pytest.raises(UsageError, match="company"):
        await accounts.create("li", PASSWORD, Role.AUDITOR, vendor="Ning Hai", actor="test")
    await accounts.create("li", PASSWORD, Role.CONTRACTOR, vendor="Ning Hai", actor="test")


def test_an_order_without_a_picture_has_no_still() -> None:
    with pytest.raises(UsageError):
        masked(b"no picture", [])
