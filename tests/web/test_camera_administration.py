"""Cameras over HTTP: the list, a camera's file, credentials, lists to import, and the inventory file."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera, CameraChange, Credential
from core.accounts.permissions import Role
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from health import camera_states
from tests.web.conftest import HEADERS, Client, SignIn
from tests.web.test_orders import send

PASSWORD = "s3cret-of-the-camera"


async def page(client: Client, **query: str) -> dict:  # type: ignore[type-arg]
    async with client.get("/api/cameras", params=query) as reply:
        assert reply.status == 200, await reply.text()
        found: dict = await reply.json()  # type: ignore[type-arg]
        return found


async def audited(database: Database, action: AuditAction) -> list[AuditRow]:
    async with database.reading() as session:
        return list(await session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.id)))


async def test_the_list_is_paged_filtered_and_sorted(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    everything = await page(officer)
    names = [c["id"] for c in everything["cameras"]]
    assert everything["total"] == len(names) == 8 and names == sorted(names)
    assert set(everything["cameras"][0]["checks"]) == set(everything["items"])
    first, second = await page(officer, size="5"), await page(officer, size="5", page="2")
    assert [c["id"] for c in first["cameras"] + second["cameras"]] == names and second["total"] == 8
    assert (await page(officer, size="5", page="3"))["cameras"] == []
    assert {c["village"] for c in (await page(officer, village="wangjia"))["cameras"]} == {"wangjia"}
    assert [c["id"] for c in (await page(officer, text="王家村口"))["cameras"]] == ["wj-01"]
    assert (await page(officer, state="ok"))["total"] == 0 and (await page(officer, state="unknown"))["total"] == 8
    assert (await page(officer, problem="acceptance"))["total"] == 8
    async with database.session() as session:
        (await session.get_one(Camera, "wj-01")).retired = True
        await camera_states.update(session, SystemClock().now())
    assert [c["id"] for c in (await page(officer, retired="true"))["cameras"]] == ["wj-01"]
    assert (await page(await sign_in(Role.VIDEO_OFFICER, ["xidian"])))["total"] < 8
    async with (await sign_in(Role.VIDEO_OFFICER, ["xidian"])).get("/api/cameras?village=wangjia") as reply:
        assert reply.status == 404


async def test_a_file_is_edited_with_history(sign_in: SignIn, database: Database) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    body = {
        "name": "村口东", "number": "017", "legal_class": "7.1", "manager_unit": "王家村村委会",
        "responsible": "王五", "warranty_until": "2027-03-01", "sponsor": None, "reason": "new list of the village",
    }  # fmt: skip
    async with administrator.post("/api/cameras/wj-01", json=body, headers=HEADERS) as reply:
        assert reply.status == 200, await reply.text()
        assert await reply.json() == sorted(set(body) - {"reason"})
    (row,) = (await page(administrator, text="017"))["cameras"]
    assert (row["name"], row["responsible"], row["legal_class"]) == ("村口东", "王五", "7.1")
    async with database.reading() as session:
        changes = await session.scalars(select(CameraChange).where(CameraChange.camera == "wj-01"))
        by_field = {c.field: (c.old, c.new, c.actor) for c in changes}
        exported = await registry.export(session, "town")
    assert by_field["name"] == ("王家村口", "村口东", "administrator-all")
    assert next(c for c in exported.cameras if c.id == "wj-01").number == "017"
    (entry,) = await audited(database, AuditAction.CAMERA_EDIT)
    old: Any = entry.data["old"]
    assert old["name"] == "王家村口" and entry.reason == body["reason"]
    async with administrator.post("/api/cameras/wj-01", json=body, headers=HEADERS) as again:
        assert await again.json() == []
    assert len(await audited(database, AuditAction.CAMERA_EDIT)) == 1
    for wrong, status in (
        ({"name": None}, 400),
        ({"name": ""}, 400),
        ({"legal_class": "8"}, 422),
        ({"retention_days": 1, "legal_class": None}, 400),
        ({"address": "not an address/"}, 400),
        ({"address": "127.0.1.2:8899"}, 409),
    ):
        await send(administrator, "/api/cameras/wj-01", {**wrong, "reason": "because"}, status)
    local = await sign_in(Role.ADMINISTRATOR, ["wangjia"])
    await send(local, "/api/cameras/wj-01", {"address": "10.0.0.9", "reason": "because"}, 403)
    await send(local, "/api/cameras/xd-01", {"site": "x", "reason": "because"}, 404)


async def test_retiring_and_restoring(sign_in: SignIn, database: Database) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    await send(administrator, "/api/cameras/wj-01/retire", {"reason": "pole removed"})
    assert (await page(administrator))["total"] == 7
    await send(administrator, "/api/cameras/wj-01/retire", {"retired": False, "reason": "pole is back"})
    assert (await page(administrator))["total"] == 8
    (row,) = await audited(database, AuditAction.CAMERA_RETIRE)
    assert (row.object, row.reason, row.data["village"]) == ("wj-01", "pole removed", "wangjia")


async def test_a_credential_is_set_and_never_told(sign_in: SignIn, database: Database) -> None:
    """The step that was missing between "identify" and "place": a camera that refuses gets user and password here."""
    administrator = await sign_in(Role.ADMINISTRATOR)
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.refused_at, camera.problem = SystemClock().now(), "refused"
    body = {"username": "admin", "password": PASSWORD, "reason": "given by the installer"}
    made = await send(administrator, "/api/cameras/wj-01/credential", body)
    async with database.reading() as session:
        camera = await session.get_one(Camera, "wj-01")
        sealed = (await session.get_one(Credential, made["credential"])).sealed
        assert (camera.credential, camera.refused_at, camera.problem) == (made["credential"], None, None)
    assert sealed is not None and PASSWORD not in sealed
    async with administrator.get("/api/credentials") as reply:
        text = await reply.text()
        listed = {c["name"]: c for c in await reply.json()}
    assert PASSWORD not in text and listed[made["credential"]]["password_set"] is True
    assert listed["village"]["cameras"] == 7
    rows = await audited(database, AuditAction.CREDENTIAL_SET) + await audited(database, AuditAction.CAMERA_EDIT)
    assert rows and not any(PASSWORD in str(r.data) for r in rows)
    await send(administrator, "/api/cameras/wj-02/credential", {"credential": "absent", "reason": "because"}, 404)
    await send(administrator, "/api/cameras/wj-02/credential", {"username": "x", "reason": "because"}, 409)
    for role in (Role.VIDEO_OFFICER, Role.APPROVER):
        async with (await sign_in(role)).get("/api/credentials") as refused:
            assert refused.status == 403


async def test_credentials_of_other_villages(sign_in: SignIn, database: Database) -> None:
    administrator, local = await sign_in(Role.ADMINISTRATOR), await sign_in(Role.ADMINISTRATOR, ["wangjia"])
    body = {"name": "town", "username": "admin", "password": PASSWORD, "reason": "because"}
    await send(administrator, "/api/credentials", body)
    await send(local, "/api/credentials", body, 403)
    await send(local, "/api/cameras/wj-01/credential", {"credential": "town", "reason": "because"}, 404)
    await send(local, "/api/cameras/xd-01/credential", {"credential": "village", "reason": "because"}, 404)
    async with local.get("/api/credentials") as reply:
        assert [c["name"] for c in await reply.json()] == ["village"]


LIST = """村,点位,ip地址,经度,纬度,编号
wangjia,新桥头,127.0.1.14,121.44,29.48,101
王家村,旧桥头,127.0.1.1:8899,121.5,29.4722,
nowhere,x,,,,
"""


async def test_a_list_is_previewed_before_it_is_imported(sign_in: SignIn, database: Database) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    shown = await send(administrator, "/api/cameras/import", {"name": "list.csv", "text": LIST})
    assert (shown["added"], shown["known"], shown["refused"], shown["committed"]) == (1, 1, 1, False)
    new, known, refused = shown["lines"]
    assert (new["outcome"], new["line"]) == ("added", 2) and new["camera"].startswith("wangjia-")
    assert known["camera"] == "wj-01" and known["differences"]["longitude"] == ["121.4335", "121.5"]
    assert "latitude" not in known["differences"] and "nowhere" in refused["problems"][0]
    assert (await page(administrator))["total"] == 8
    await send(administrator, "/api/cameras/import", {"name": "list.csv", "text": LIST, "commit": True}, 400)
    good = "".join(LIST.splitlines(keepends=True)[:3])
    await send(administrator, "/api/cameras/import", {"name": "list.csv", "text": good, "commit": True})
    (row,) = (await page(administrator, text="101"))["cameras"]
    assert row["name"] == "新桥头" and len(await audited(database, AuditAction.CAMERAS_EXPECT)) == 1
    local = await sign_in(Role.ADMINISTRATOR, ["xidian"])
    hidden = await send(local, "/api/cameras/import", {"name": "list.csv", "text": good})
    assert [line["outcome"] for line in hidden["lines"]] == ["refused", "refused"]
    await send(administrator, "/api/cameras/import", {"name": "x", "text": "no,columns\n"}, 400)


async def test_the_inventory_over_http(sign_in: SignIn, database: Database) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    exported = await send(administrator, "/api/inventory/export", {})
    assert "王家村口" in exported["text"]
    plan = await send(administrator, "/api/inventory/plan", exported)
    assert not any(plan[k] for k in ("added", "changed", "retired", "conflicts")) and plan["applied"] is False
    changed = {"text": exported["text"].replace("王家村口", "王家东村口")}
    plan = await send(administrator, "/api/inventory/plan", changed)
    assert list(plan["changed"]) == ["camera wj-01"]
    assert (await page(administrator, text="王家东村口"))["total"] == 0
    assert (await send(administrator, "/api/inventory/apply", changed))["applied"] is True
    assert (await page(administrator, text="王家东村口"))["total"] == 1
    broken = await send(administrator, "/api/inventory/plan", {"text": "town: t\ncameras: [{id: A}]"}, 400)
    assert "inventory.yaml:2" in broken["message"]
    few = {"text": "town: t"}
    await send(administrator, "/api/inventory/apply", few, 409)
    assert len(await audited(database, AuditAction.INVENTORY_EXPORT)) == 1
    local = await sign_in(Role.ADMINISTRATOR, ["wangjia"])
    for path, body in (("plan", few), ("apply", few), ("export", {})):
        await send(local, f"/api/inventory/{path}", body, 403)


@pytest.mark.parametrize("role", [Role.VIDEO_OFFICER, Role.APPROVER, Role.AUDITOR, Role.CONTRACTOR])
async def test_only_administrators_change_cameras(role: Role, sign_in: SignIn) -> None:
    client = await sign_in(role)
    for path, body in (
        ("/api/cameras/wj-01", {"site": "x", "reason": "because"}),
        ("/api/cameras/wj-01/retire", {"reason": "because"}),
        ("/api/cameras/wj-01/credential", {"credential": "village", "reason": "because"}),
        ("/api/cameras/import", {"name": "x", "text": "x"}),
        ("/api/inventory/apply", {"text": "town: t"}),
    ):
        await send(client, path, body, 403)
