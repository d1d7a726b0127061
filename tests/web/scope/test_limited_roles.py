"""What the scope means for single roles and actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cameras.tables import DeviceSeen
from core.accounts.permissions import Role
from core.database import Database
from health.tables import (
    WorkOrder,
)  # fmt: skip
from health.vocabulary import OrderState
from tests.web.calls import post
from tests.web.conftest import HEADERS, SignIn
from tests.web.scope.route_calls import path_with_ids, request_route
from tests.web.scope.village_objects import MINE, NOW, OTHERS, Ids
from web.api import ROUTES
from web.framework.routing import ReplyKind


async def test_villages_of_a_subject_are_limited_to_proposer_and_approver(sign_in: SignIn) -> None:
    town, local = await sign_in(Role.INVESTIGATOR), await sign_in(Role.INVESTIGATOR, [MINE])
    boss, local_boss = await sign_in(Role.APPROVER), await sign_in(Role.APPROVER, [MINE])
    until = (NOW + timedelta(days=2)).isoformat()

    case = await post(local, "/api/cases", {"number": "1", "title": "t"})
    assert case["village"] == MINE  # the only village that it can belong to
    # The same number in another village: it reveals nothing of that village's cases.
    await post(town, "/api/cases", {"number": "1", "title": "t", "village": OTHERS})
    await post(town, "/api/cases", {"number": "1", "title": "t", "village": "nowhere"}, 404)
    await post(local, "/api/cases", {"number": "1", "title": "t"}, 409)
    body = {"case": case["id"], "title": "t", "cls": "person", "upper": "red", "reason": "rr", "expires_at": until}
    await post(local, "/api/watch", body, 400)  # the whole town
    await post(local, "/api/watch", body | {"villages": []}, 400)
    await post(local, "/api/watch", body | {"villages": [MINE, OTHERS]}, 404)
    await post(local, "/api/watch", body | {"villages": [MINE], "upper": None}, 400)  # would match everybody
    await post(local, "/api/watch", body | {"villages": [MINE], "upper": ""}, 400)
    wide = [await post(town, "/api/watch", body | {"villages": v}) for v in (None, [MINE, OTHERS])]
    for subject in wide:
        await post(local_boss, f"/api/watch/{subject['id']}/decision", {"approve": True}, 403)
        await post(local_boss, f"/api/watch/{subject['id']}/decision", {"approve": False}, 403)
        await post(boss, f"/api/watch/{subject['id']}/decision", {"approve": True})
        for path, more in (("end", {}), ("renew", {"expires_at": until})):
            await post(local_boss, f"/api/watch/{subject['id']}/{path}", {"reason": "rr", **more}, 403)
    shown = await (await local.get("/api/watch")).json()
    assert [s["villages"] for s in shown] == [[MINE], None]
    own = await post(local, "/api/watch", body | {"villages": [MINE]})
    assert (await post(local_boss, f"/api/watch/{own['id']}/decision", {"approve": True}))["state"] == "active"
    assert (await post(local, f"/api/watch/{own['id']}/end", {"reason": "抓获"}))["state"] == "ended"
    await post(local, f"/api/watch/{own['id']}/end", {"reason": "抓获"}, 409)
    await post(local_boss, f"/api/watch/{own['id']}/renew", {"reason": "rr", "expires_at": until}, 409)


async def test_a_village_administrator_cannot_take_other_villages_cameras(
    filled: tuple[Ids, Ids], sign_in: SignIn, database: Database
) -> None:
    """Refused: devices known under any verdict or of another subnet, and a credential that the village does not use."""
    admin = await sign_in(Role.ADMINISTRATOR, [MINE])
    about: dict[str, Any] = {"endpoint": "u", "url": "http://x", "name": "", "hardware": "", "serial": "", "macs": []}
    async with database.session() as session:
        for number, verdict in enumerate(("known", "first", "moved", "new")):
            address = f"127.0.1.{50 + number}:80" if verdict != "new" else "127.0.1.1:8899"  # the address of wj-01
            session.add(
                DeviceSeen(address=address, village=MINE, verdict=verdict, first_seen=NOW, last_seen=NOW, **about)
            )
    body = {"village": MINE, "name": "n"}
    for address, status in (
        ("127.0.1.50:80", 404),
        ("127.0.1.51:80", 404),
        ("127.0.1.52:80", 404),
        ("127.0.1.1:8899", 409),
    ):
        reply = await admin.post("/api/onboarding/adopt", json=body | {"address": address}, headers=HEADERS)
        assert reply.status == status, address
    mine = body | {"address": "127.0.1.9:80"}
    assert (await admin.post("/api/onboarding/adopt", json=mine | {"credential": "xd"}, headers=HEADERS)).status == 404
    assert (
        await admin.post("/api/onboarding/adopt", json=mine | {"credential": "village"}, headers=HEADERS)
    ).status == 200


async def test_administrators_see_no_pictures(filled: tuple[Ids, Ids], sign_in: SignIn) -> None:
    mine, _ = filled
    for scope in (None, [MINE]):
        admin = await sign_in(Role.ADMINISTRATOR, scope)
        for route in [
            r
            for r in ROUTES
            if r.reply_kind is ReplyKind.FILE
            and not r.path.startswith(
                ("/ca", "/api/openapi", "/metrics", "/register", "/report/", "/api/map", "/api/station/bundle")
            )
        ]:
            status, _ = await request_route(admin, route, path_with_ids(route.path, mine), {})
            assert status == 403, route.path
        faults = (await (await admin.get("/api/patrol")).json())["faults"]
        assert faults and not any(f["has_picture"] or f["has_reference"] for f in faults)
        assert (await (await admin.get(f"/api/orders/{mine['order']}")).json())["photos"] == []


async def test_a_contractor_does_not_see_long_closed_orders(
    filled: tuple[Ids, Ids], sign_in: SignIn, database: Database
) -> None:
    mine, _ = filled
    client, order = await sign_in(Role.CONTRACTOR), mine["order"]
    paths = [f"/api/contractor/orders/{order}/photos/{mine['photo']}", f"/api/contractor/orders/{order}/still"]
    for state, closed, found in (
        (OrderState.WORKING, None, True),
        (OrderState.CLOSED, NOW - timedelta(days=29), True),
        (OrderState.CLOSED, NOW - timedelta(days=31), False),
        (OrderState.MERGED, None, False),
    ):
        async with database.session() as session:
            row = await session.get_one(WorkOrder, order)
            row.state, row.closed_at = state, closed
        assert ((await client.get(paths[0])).status == 200) == found, state
        # The file is not a picture: 503 where it is found.
        assert ((await client.get(paths[1])).status == 404) == (not found), state
        photo = await client.post(f"/api/contractor/orders/{order}/photo", data=b"x", headers=HEADERS)
        assert (photo.status == 404) == (not found)
