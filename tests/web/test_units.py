"""Routes of units: administration by village, units for an alert, one's own duty and position."""

from __future__ import annotations

from typing import Any

import pytest

from core.accounts.permissions import Role
from core.database import Database
from tests.web.calls import audit_rows, get, post, submit
from tests.web.conftest import SignIn
from tests.web.test_alert_steps import ALERT, alert, step

__all__ = ["alert"]
PATROL = "patrol_officer-wangjia"


def unit(**fields: Any) -> dict[str, Any]:
    return {"name": "王家组", "call_sign": "301", "villages": ["wangjia"], "members": [], **fields}


@pytest.mark.usefixtures("alert")
async def test_a_unit_from_its_creation_to_an_alert(sign_in: SignIn, database: Database) -> None:
    phone, desk = await sign_in(Role.PATROL_OFFICER, ["wangjia"]), await sign_in(Role.VIDEO_OFFICER)
    leader = await sign_in(Role.APPROVER, ["wangjia"])
    assert [o["name"] for o in await get(leader, "/api/units/officers")] == [PATROL]
    made = await post(leader, "/api/units", unit(members=[PATROL]))
    assert (made["members"], made["on_duty"]) == ([PATROL], [])
    await post(desk, "/api/units", unit(), 403)
    assert (await get(phone, "/api/duty"))["on_duty"] is False
    here = {"latitude": 29.47, "longitude": 121.43}
    await post(phone, "/api/duty/position", here, 409)
    told = await post(phone, "/api/duty", {"on_duty": True})
    assert told["on_duty"] and told["unit"]["call_sign"] == "301"
    await post(phone, "/api/duty/position", here)
    await post(phone, "/api/duty/position", here, 429)
    await post(phone, "/api/duty/position", {"latitude": -90.1, "longitude": 0}, 422)
    (offered,) = await get(desk, f"{ALERT}/units")
    assert (offered["on_duty"], offered["taken"], offered["in_area"]) == ([PATROL], 0, True)
    assert [r.object for r in await audit_rows(database, "unit.view")] == ["1"]
    await post(phone, f"{ALERT}/ack", step())
    assert (await get(desk, f"{ALERT}/units"))[0]["taken"] == 1
    changed = unit(name="王家一组", members=[], reason="轮换")
    assert (await post(leader, f"/api/units/{made['id']}", changed))["members"] == []
    assert [r.reason for r in await audit_rows(database, "unit.change")] == ["轮换"]


async def test_units_of_other_villages_are_not_found(sign_in: SignIn) -> None:
    leader, other = await sign_in(Role.APPROVER, ["wangjia"]), await sign_in(Role.APPROVER, ["xidian"])
    made = await post(leader, "/api/units", unit())
    assert await get(other, "/api/units") == []
    await post(other, f"/api/units/{made['id']}", unit(villages=["xidian"], reason="调整"), 404)
    for villages in (["xidian"], None, ["nowhere"]):
        status, _ = await submit(leader, "/api/units", unit(name="x", villages=villages))
        assert status == 404


@pytest.mark.usefixtures("alert")
async def test_the_figures_of_alerts_are_those_of_the_accounts_villages(sign_in: SignIn) -> None:
    desk, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    await post(await sign_in(Role.PATROL_OFFICER), f"{ALERT}/ack", step())
    told = await get(desk, "/api/alerts/figures?days=2")
    assert (told["alerts"], told["to_acknowledgement"]["count"], told["to_phone"]["median_s"]) == (1, 1, None)
    assert [(j["true"], j["false"], j["unknown"]) for j in told["by_camera"]] == [(1, 0, 0)]  # sent out by a person
    assert (await get(other, "/api/alerts/figures"))["alerts"] == 0
    assert (await submit(desk, "/api/units", unit()))[0] == 403
