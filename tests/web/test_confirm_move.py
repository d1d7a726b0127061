"""A camera's move waits for a person: the button, its text, and its effect."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect
from sqlalchemy import select

from cameras.registry import findings
from cameras.states import FindingKind
from cameras.tables import Camera, DeviceSeen
from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from tests.web.browser.pages import FLAGS
from tests.web.conftest import HEADERS, PASSWORD, SignIn

expect.set_options(timeout=20_000)  # milliseconds; a busy machine with two cores is slow

SHOTS = Path(os.environ["MINWANG_SCREENSHOTS"]) if "MINWANG_SCREENSHOTS" in os.environ else None


async def moved(database: Database, camera: str, address: str, *, followed: bool, why: str) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        row = await session.get_one(Camera, camera)
        told = {
            "was": row.address if not followed else "127.0.1.77:80",
            "now_at": address,
            "followed": followed,
            "why": why,
        }
        if followed:
            row.address = address
        session.add(
            DeviceSeen(
                address=address,
                endpoint="u",
                url=f"http://{address}/onvif/device_service",
                name="n",
                hardware="h",
                serial="",
                macs=[],
                village=row.village,
                verdict="moved",
                camera=camera,
                first_seen=now - timedelta(hours=1),
                last_seen=now,
            )
        )
        await findings.open_or_update(session, now, FindingKind.MOVED, findings.FindingSubject.of(row), **told)


async def state(database: Database, camera: str) -> tuple[str | None, list[FindingKind], list[str]]:
    """Return the camera's address, its open findings, and the reasons in the audit trail."""
    async with database.reading() as session:
        row = await session.get_one(Camera, camera)
        found = [f.kind for f in await findings.list_open(session) if f.camera == camera]
        rows = await session.scalars(
            select(AuditRow).where(AuditRow.action == "camera.move", AuditRow.object == camera)
        )
        return row.address, found, [r.reason for r in rows]


async def test_only_the_cameras_administrator_confirms(database: Database, sign_in: SignIn) -> None:
    await sign_in(None)
    await moved(database, "wj-01", "127.0.1.50:8899", followed=False, why="no_digest")
    body = {"address": "127.0.1.50:8899", "reason": "seen there"}
    for role, villages, status in ((Role.PATROL_OFFICER, ["wangjia"], 403), (Role.ADMINISTRATOR, ["xidian"], 404)):
        client = await sign_in(role, villages)
        assert (await client.post("/api/cameras/wj-01/move", json=body, headers=HEADERS)).status == status
    assert (await state(database, "wj-01"))[1:] == (["moved"], [])
    manager = await sign_in(Role.ADMINISTRATOR, ["wangjia"])
    assert (await manager.post("/api/cameras/wj-01/move", json=body, headers=HEADERS)).status == 200
    assert await state(database, "wj-01") == ("127.0.1.50:8899", [], ["seen there"])


@pytest.fixture
def driver_may_start(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined] # deactivated because Playwright's driver blocks


@pytest.mark.browser
@pytest.mark.usefixtures("driver_may_start")
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_confirm_button_states_the_consequence(database: Database, sign_in: SignIn, language: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    client = await sign_in(Role.ADMINISTRATOR)
    await moved(database, "wj-01", "127.0.9.50:8899", followed=False, why="outside_subnets")
    await moved(database, "wj-02", "127.0.1.60:8899", followed=True, why="")
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await (await browser.new_context(viewport={"width": 1440, "height": 860}, locale="zh-CN")).new_page()
        problems: list[str] = []
        page.on("pageerror", lambda e: problems.append(str(e)))
        await page.goto(str(client.make_url("/login")))
        await page.fill("[name=name]", "administrator-all")
        await page.fill("[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await page.wait_for_selector("[data-test=top-bar]")
        if language == "en":
            await page.click("[data-test=user-menu]")
            await page.click("[data-test=language]")
            await expect(page.locator("html")).to_have_attribute("lang", "en")  # its texts are loaded
        await page.goto(str(client.make_url("/cameras?tab=findings")))
        for camera, address, says in (
            ("wj-01", "127.0.9.50:8899", "records it into the same file" if language == "en" else "录像仍记入同一点位"),
            ("wj-02", "127.0.1.60:8899", "the address stays as it is" if language == "en" else "地址不变"),
        ):
            line = page.locator("tr", has_text=camera).filter(has=page.locator("[data-kind=moved]"))
            await line.locator("[data-test=confirm-move]").click()
            dialog = page.locator("[data-test=move-dialog]")
            await expect(dialog).to_contain_text(address)
            await expect(dialog).to_contain_text(says)
            if SHOTS is not None:
                await page.screenshot(path=SHOTS / f"move-{camera}-{language}.png")
            await dialog.locator("[data-test=move-confirm]").click()  # nothing is sent without a reason
            await expect(dialog).to_be_visible()
            await dialog.locator("[data-test=move-reason]").fill("现场看过")
            await dialog.locator("[data-test=move-confirm]").click()
            await expect(dialog).to_have_count(0)
            await expect(line).to_have_count(0)
            assert await state(database, camera) == (address, [], ["现场看过"])
        assert problems == []
        await browser.close()
