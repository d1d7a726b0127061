"""The patrol officer's phone: an alert taken without network is applied once; nothing but the shell is kept.

It needs no cameras: the test's own server, the real pages in Chromium, and an alert that is sent out as the station
does it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect
from sqlalchemy import select

from cases.alerts import alerts
from cases.tables import Alert, AlertState, AlertStep
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from tests.conftest import ROOT
from tests.web.browser.pages import FLAGS
from tests.web.calls import grey_jpeg
from tests.web.conftest import PASSWORD, SignIn
from tests.web.test_alert_live import sent_alert

DIST = ROOT / "web" / "console" / "dist"
WAIT_MS = 20_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not (DIST / "phone.html").is_file(), reason="the console is not built"),
]

CACHED = """async () => {
  const names = await caches.keys();
  const kept = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map((r) => r.url)));
  return kept.flat();
}"""
CONTROLLED = "() => navigator.serviceWorker.ready.then(() => true)"
STORED = "async () => (await indexedDB.databases()).map((d) => d.name)"


@pytest.fixture
async def chromium(_no_blocking_calls: object) -> AsyncIterator[Browser]:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        await browser.close()


async def open_phone(chromium: Browser, url: str) -> Page:
    """Sign in a patrol officer on a small phone whose clock is right and whose position is known."""
    context = await chromium.new_context(
        viewport={"width": 360, "height": 640}, locale="zh-CN", permissions=["geolocation"],
        geolocation={"latitude": 29.4632, "longitude": 121.4335},
    )  # fmt: skip
    context.set_default_timeout(WAIT_MS)
    phone = await context.new_page()
    await phone.goto(f"{url}/m/")
    await phone.fill("[name=name]", f"{Role.PATROL_OFFICER.value}-all")
    await phone.fill("[name=password]", PASSWORD)
    await phone.click("button[type=submit]")
    await phone.wait_for_url("**/m/")
    return phone


async def send_out(database: Database) -> int:
    """Send an alert out as a video officer does; returns its number."""
    number = await sent_alert(database, state=AlertState.NEW, confirmed_at=None, confirmed_by=None, thumbnail="x.jpg")
    async with database.session() as session:
        alert = await session.get_one(Alert, number)
        await alerts.dispatch(session, SystemClock().now(), "wang", alert)
    return number


async def test_an_alert_is_acknowledged_without_network_and_applied_once(
    chromium: Browser, sign_in: SignIn, database: Database, station_settings: Settings
) -> None:
    client = await sign_in(Role.PATROL_OFFICER)
    await asyncio.to_thread((station_settings.data.dir / "x.jpg").write_bytes, grey_jpeg())
    url = str(client.make_url("")).rstrip("/")
    phone = await open_phone(chromium, url)
    problems: list[str] = []
    hosts: set[str] = set()
    phone.on("pageerror", lambda e: problems.append(str(e)))
    phone.on("request", lambda r: hosts.add(urlsplit(r.url).netloc))
    assert await phone.evaluate(CONTROLLED)

    number = await send_out(database)
    card = phone.locator("[data-test=card]")
    await expect(card).to_have_attribute("data-phase", "waiting", timeout=WAIT_MS)  # it comes by itself
    await expect(card.locator("img").first).to_be_visible()
    await expect(phone.locator("[data-test=way]")).to_contain_text("1.0 公里")
    await expect(phone.locator("[data-test=way]")).to_contain_text("北方向")
    box = await phone.locator("[data-test=ack]").bounding_box()
    assert box is not None and box["height"] >= 48 and box["y"] + box["height"] <= 640
    assert await phone.evaluate("() => document.documentElement.scrollWidth") <= 360

    await phone.context.set_offline(True)
    await phone.click("[data-test=ack]")
    await expect(card).to_have_attribute("data-phase", "going")  # at once, and told as not sent
    await expect(phone.locator("[data-test=unsynced]")).to_be_visible()

    sent: list[tuple[int, bool]] = []

    async def lose_first_answer(route: Route) -> None:
        reply = await route.fetch()
        sent.append((reply.status, (await reply.json())["applied"]))
        await (route.abort() if len(sent) == 1 else route.fulfill(response=reply))

    await phone.route("**/api/alerts/*/ack", lose_first_answer)
    await phone.context.set_offline(False)
    await expect(phone.locator("[data-test=unsynced]")).to_have_count(0, timeout=2 * WAIT_MS)
    assert sent == [(200, True), (200, False)]  # the phone did not learn of the first and sent it again
    await expect(card).to_have_attribute("data-state", "acked")
    async with database.reading() as session:
        rows = (await session.scalars(select(AlertStep.kind).where(AlertStep.alert == number))).all()
    assert [str(k) for k in rows] == ["dispatched", "acked"]

    urls = [urlsplit(u) for u in await phone.evaluate(CACHED)]
    assert len(urls) > 10 and all(u.path == "/m/" or u.path.startswith("/assets/") for u in urls)
    assert await phone.evaluate(STORED) == ["minwang-phone"]
    assert hosts == {urlsplit(url).netloc} and problems == []
    await phone.context.set_offline(True)
    await phone.reload()  # the shell opens from the cache
    await expect(phone.locator("#app")).not_to_be_empty()
    await phone.context.close()
