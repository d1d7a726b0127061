"""The reason for viewing a picture of an alert, order or acceptance: that object while it is open, then a purpose."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.records import AcceptanceFacts
from cameras.registry import acceptance
from cameras.tables import Camera
from cases.tables import Alert, AlertState
from core.accounts.permissions import Role
from health.tables import WorkOrder
from health.vocabulary import OrderState
from tests.web.conftest import state_purpose
from tests.web.sessions.test_footage_grants import NOW, Town, town

__all__ = ["town"]

ALERT, PHOTO, ACCEPTANCE = "/api/alerts/1/thumbnail", "/api/orders/1/photos/1", "/api/cameras/wj-01/acceptance/picture"
FACTS: AcceptanceFacts = {
    "places": list(acceptance.PROHIBITED_PLACES),
    "masks": "none_needed",
    "picture_sha256": "1",
    "sign_sha256": "2",
}
GROUNDS = [
    (Role.PATROL_OFFICER, ALERT, "alert 1, case 1", {"alert": 1, "case": "1"}),
    (Role.VIDEO_OFFICER, PHOTO, "order 1", {"order": 1}),
    (Role.APPROVER, ACCEPTANCE, "acceptance 1 of wj-01", {"acceptance": 1}),
]


@pytest.fixture(autouse=True)
async def proposal(town: Town) -> None:
    """Another person has proposed the acceptance of wj-01 and taken its picture."""
    async with town.database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.acceptance = (camera.acceptance or AcceptanceFacts()) | FACTS | AcceptanceFacts(picture_by="zhang")
        camera.profile = camera.profile | {"legal_class": "7.1", "responsible": "王村长"}
        await acceptance.propose(session, camera, NOW, "zhang")


@pytest.mark.parametrize(("role", "path", "ground", "data"), GROUNDS)
@pytest.mark.parametrize("purpose", ["", "值班巡查"])
async def test_open_work_is_the_reason_for_a_view(
    role: Role, path: str, ground: str, data: dict[str, Any], purpose: str, town: Town
) -> None:
    client, before = await town.client(role, purpose), await town.last()
    assert await town.get(client, path) == 200
    (row,) = await town.rows(before)
    assert row.reason == ground and row.data.get("purpose", "") == purpose
    assert {n: row.data[n] for n in data} == data


async def over(town: Town) -> None:
    async with town.database.session() as session:
        (await session.get_one(Alert, 1)).state = AlertState.ANSWERED
        (await session.get_one(WorkOrder, 1)).state = OrderState.CLOSED
        (await session.get_one(Camera, "wj-01")).accepted_at = NOW


@pytest.mark.parametrize(("role", "path"), [g[:2] for g in GROUNDS])
async def test_closed_work_needs_a_purpose(role: Role, path: str, town: Town) -> None:
    await over(town)
    client, before = await town.client(role, ""), await town.last()
    async with client.get(path) as reply:
        assert (reply.status, (await reply.json())["code"]) == (403, "purpose")
    await state_purpose(client, "复核")
    assert await town.get(client, path) == 200
    (row,) = await town.rows(before)
    assert row.reason == "复核"


async def test_accounts_without_acceptance_rights_need_a_purpose(town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR, "")
    assert await town.get(client, ACCEPTANCE) == 403
