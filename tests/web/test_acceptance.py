"""Two accounts accept a camera: one proposes, another confirms exactly that proposal."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cameras.records import AcceptanceFacts
from cameras.registry import acceptance
from cameras.registry.inventory_merge import Difference
from cameras.registry.rows import change_camera
from cameras.tables import Acceptance, Camera, CameraChange
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.errors import ConflictError, ForbiddenError
from core.settings import Settings
from health.checks import checklist
from nvr.archive.reader import Keyframe
from tests.web.calls import audit_rows, post, services_of
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose

NOW = SystemClock().now()
CHECKED: AcceptanceFacts = {
    "places": list(acceptance.PROHIBITED_PLACES),
    "masks": "none_needed",
    "picture": "p.jpg",
    "picture_sha256": "1",
    "sign_photo": "s.jpg",
    "sign_sha256": "2",
}
BODY = {"cameras": ["wj-01"]}


@pytest.fixture
async def officers(sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[Client, Client]:
    """Two clients that may accept; wj-01 passes every check."""
    clients = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.APPROVER)

    async def works(_session: Any, cameras: list[Camera], _now: Any) -> dict[str, list[checklist.ChecklistItem]]:
        return {
            c.id: [checklist.ChecklistItem(name, checklist.ItemState.OK) for name in checklist.ITEMS] for c in cameras
        }

    monkeypatch.setattr(checklist, "checklists", works)
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.acceptance = CHECKED
        camera.profile = camera.profile | {"legal_class": "7.1", "responsible": "王村长"}
    return clients


async def candidate(client: Client) -> dict[str, Any]:
    async with client.get("/api/onboarding") as reply:
        return next(dict(c) for c in (await reply.json())["cameras"] if c["id"] == "wj-01")


async def test_one_proposes_and_another_confirms(officers: tuple[Client, Client], database: Database) -> None:
    first, second = officers
    assert (await post(second, "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["proposal"]}
    assert (await post(first, "/api/onboarding/propose", BODY))["proposed"] == ["wj-01"]
    assert (await candidate(second))["proposed_by"] == "video_officer-all"
    assert (await post(first, "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["second_person"]}
    assert (await candidate(first))["accepted_at"] is None
    assert (await post(second, "/api/onboarding/propose", BODY))["proposed"] == ["wj-01"], "it stays the first one's"
    assert (await post(second, "/api/onboarding/accept", BODY))["accepted"] == ["wj-01"]
    told = await candidate(first)
    assert (
        told["accepted_at"]
        and told["accepted_by"] == ["video_officer-all", "approver-all"]
        and told["proposed_by"] is None
    )
    async with database.reading() as session:
        (row,) = await session.scalars(select(Acceptance))
    rows = await audit_rows(database, "camera.acceptance_propose", "camera.accept")
    trail = [(r.actor, r.action, r.data["acceptance"]) for r in rows]
    assert row.facts == CHECKED | {"legal_class": "7.1", "responsible": "王村长"}
    assert trail == [
        ("video_officer-all", "camera.acceptance_propose", row.id), ("approver-all", "camera.accept", row.id),
    ]  # fmt: skip


@pytest.mark.parametrize("change", ["masks", "sign_sha256", "responsible"])
async def test_a_change_after_the_proposal_needs_a_new_proposal(
    change: str, officers: tuple[Client, Client], database: Database
) -> None:
    first, second = officers
    await post(first, "/api/onboarding/propose", BODY)
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        if change == "responsible":
            camera.profile = camera.profile | {"responsible": "李村长"}
        else:
            changed: AcceptanceFacts = {"masks": "in_camera"} if change == "masks" else {"sign_sha256": "in_camera"}
            acceptance.store_facts(session, camera, changed, NOW, "somebody")
    assert (await candidate(second))["proposed_by"] is None
    assert (await post(second, "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["proposal"]}
    await post(second, "/api/onboarding/propose", BODY)
    assert (await post(second, "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["second_person"]}
    assert (await post(first, "/api/onboarding/accept", BODY))["accepted"] == ["wj-01"]


async def test_a_changed_file_withdraws_the_acceptance(officers: tuple[Client, Client], database: Database) -> None:
    first, second = officers
    await post(first, "/api/onboarding/propose", BODY)
    await post(second, "/api/onboarding/accept", BODY)
    async with database.session() as session:
        acceptance.store_facts(session, await session.get_one(Camera, "wj-01"), {"masks": "in_camera"}, NOW, "somebody")
    told = await candidate(first)
    assert told["accepted_at"] is None and told["accepted_by"] == []
    assert (await post(second, "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["proposal"]}


async def test_old_acceptances_keep_their_typed_names(officers: tuple[Client, Client], database: Database) -> None:
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.acceptance, camera.accepted_at = {**CHECKED, "checked_by": ["张三", "李四"]}, NOW - timedelta(days=100)
    told = await candidate(officers[0])
    assert told["accepted_by"] == ["张三", "李四"] and told["accepted_at"]


async def test_one_person_cannot_sign_twice(database: Database, officers: tuple[Client, Client]) -> None:
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        with pytest.raises(ConflictError, match="propose"):
            await acceptance.confirm(session, camera, NOW, "zhang")
        await acceptance.propose(session, camera, NOW, "zhang")
        with pytest.raises(ForbiddenError, match="another person"):
            await acceptance.confirm(session, camera, NOW, "zhang")
    with pytest.raises(IntegrityError):
        async with database.session() as session:
            (row,) = await session.scalars(select(Acceptance))
            row.confirmed_by = row.proposed_by


async def test_missing_facts_are_reported_before_signing(officers: tuple[Client, Client], database: Database) -> None:
    async with database.session() as session:
        (await session.get_one(Camera, "wj-01")).acceptance = {**CHECKED, "sign_photo": None}  # type: ignore[assignment]
    for path in ("propose", "accept"):
        assert (await post(officers[0], f"/api/onboarding/{path}", BODY))["lacking"] == {"wj-01": ["sign_photo"]}


async def fill(client: Client, body: Any, status: int = 200) -> Any:
    async with client.post("/api/cameras/wj-01/acceptance", json=body, headers=HEADERS) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json()


async def look(client: Client, part: str = "picture") -> int:
    async with client.get(f"/api/cameras/wj-01/acceptance/{part}") as reply:
        await reply.read()
        return reply.status


def new_pictures(client: Client) -> None:
    """Return a different picture for each request of the newest one, instead of the recorder's."""
    found, count = services_of(client), iter(range(100))

    async def latest(stream: str, *_: Any) -> list[Keyframe]:
        return [Keyframe(stream, 1, "h264", b"", b"")]

    async def jpeg(*_: Any) -> bytes:
        return b"picture %d" % next(count)

    found.reader.latest_keyframes = latest  # type: ignore[assignment]
    found.snapshots.jpeg = jpeg  # type: ignore[assignment]


async def test_a_picture_is_taken_on_demand_and_for_a_purpose(
    officers: tuple[Client, Client], database: Database
) -> None:
    first, second = officers
    new_pictures(first)
    await post(first, "/api/onboarding/propose", BODY)
    await post(second, "/api/onboarding/accept", BODY)
    for body in ({}, {"masks": "none_needed"}, {"legal_class": "7.1", "responsible": "王村长"}):
        told = await fill(second, body)
        assert told["accepted_at"], "nothing was changed"
    assert (await fill(second, {"picture": True}, 403))["code"] == "purpose"
    assert (await candidate(first))["accepted_at"], "what is refused changes nothing"
    await state_purpose(second, "验收")
    told = await fill(second, {"picture": True})
    assert told["accepted_at"] is None and told["picture_by"] == "approver-all"
    async with database.reading() as session:
        camera = await session.get_one(Camera, "wj-01")
    rows = await audit_rows(database, "camera.acceptance")
    assert rows[-1].reason == "验收" and camera.acceptance is not None
    assert (
        rows[-1].data["picture_sha256"]
        == camera.acceptance["picture_sha256"]
        == hashlib.sha256(b"picture 0").hexdigest()
    )


async def test_only_the_second_signer_needs_no_purpose(officers: tuple[Client, Client], sign_in: SignIn) -> None:
    first, second = officers
    new_pictures(first)
    await state_purpose(first)
    await fill(first, {"picture": True})
    assert await look(second) == 403, "nothing is proposed"
    await post(first, "/api/onboarding/propose", BODY)
    assert await look(second) == 200
    await fill(second, {"masks": "in_camera"})
    assert await look(second) == 403, "the proposal is of another file"
    await post(second, "/api/onboarding/propose", BODY)
    assert await look(second) == 403, "he has proposed it himself"


async def test_the_photographer_needs_a_purpose(officers: tuple[Client, Client], sign_in: SignIn) -> None:
    first, second = officers
    new_pictures(first)
    await state_purpose(second)
    await fill(second, {"picture": True})
    await post(first, "/api/onboarding/propose", BODY)
    anew = await sign_in(Role.APPROVER)  # the same account in a session without a purpose
    assert await look(anew) == 403


async def test_a_field_of_view_needs_a_recent_picture(officers: tuple[Client, Client]) -> None:
    await state_purpose(officers[0])
    assert "picture" in (await fill(officers[0], {"picture": True}, 409))["message"]


@pytest.mark.parametrize("change", ["legal_class", "inventory", "replace"])
async def test_a_change_of_any_signed_fact_withdraws_the_acceptance(
    change: str, officers: tuple[Client, Client], sign_in: SignIn, database: Database
) -> None:
    first, second = officers
    await post(first, "/api/onboarding/propose", BODY)
    await post(second, "/api/onboarding/accept", BODY)
    if change == "legal_class":
        await fill(first, {"legal_class": "non_public"})
    elif change == "inventory":
        async with database.session() as session:
            camera = await session.get_one(Camera, "wj-01")
            change_camera(session, camera, [Difference("responsible", "王村长", "李村长", "王村长")], NOW, "somebody")
    else:
        await post(await sign_in(Role.ADMINISTRATOR), "/api/cameras/wj-01/replace", {"reason": "被雷击坏"})
    told = await candidate(first)
    assert told["accepted_at"] is None and told["accepted_by"] == []
    assert told["missing"] == (["field_of_view", "masks"] if change == "replace" else [])
    async with database.reading() as session:
        query = select(CameraChange).where(CameraChange.camera == "wj-01", CameraChange.field == "accepted_at")
        *_, last = await session.scalars(query.order_by(CameraChange.id))
    assert last.old and last.new is None


async def test_a_proposal_is_bound_to_the_device(officers: tuple[Client, Client], sign_in: SignIn) -> None:
    await post(officers[0], "/api/onboarding/propose", BODY)
    await post(await sign_in(Role.ADMINISTRATOR), "/api/cameras/wj-01/replace", {"reason": "被雷击坏"})
    assert (await post(officers[1], "/api/onboarding/accept", BODY))["lacking"] == {"wj-01": ["field_of_view", "masks"]}


@pytest.mark.parametrize(
    ("bad", "status"), [({"masks": "bogus"}, 422), ({"places": ["moon"]}, 422), ({"legal_class": "8"}, 422)]
)
async def test_a_refused_request_changes_no_signed_picture(
    bad: dict[str, Any], status: int, officers: tuple[Client, Client], database: Database, station_settings: Settings
) -> None:
    first, second = officers
    new_pictures(first)
    await state_purpose(first)
    await fill(first, {"picture": True})
    await post(first, "/api/onboarding/propose", BODY)
    await fill(first, {"picture": True, **bad}, status)
    async with second.get("/api/cameras/wj-01/acceptance/picture") as reply:
        assert await reply.read() == b"picture 0", "what was signed"
    await fill(first, {"picture": True})
    async with database.reading() as session:
        (row,) = await session.scalars(select(Acceptance))
    kept = await asyncio.to_thread((station_settings.data.dir / row.facts["picture"]).read_bytes)
    assert hashlib.sha256(kept).hexdigest() == row.facts["picture_sha256"], "it stays, beside the newer one"
