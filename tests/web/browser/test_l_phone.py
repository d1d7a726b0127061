"""The patrol officer's phone: an alert taken without network is applied once; nothing but the shell is kept."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RAISE = """async (camera) => {
  const headers = { "X-Minwang": "1", "Content-Type": "application/json" };
  const subjects = await (await fetch("/api/watch")).json();
  const active = subjects.find((s) => s.state === "active");
  const body = JSON.stringify({ camera });
  const reply = await fetch(`/api/watch/${active.id}/seen`, { method: "POST", headers, body });
  return reply.ok ? (await reply.json()).id : Promise.reject(new Error(await reply.text()));
}"""
CACHED = """async () => {
  const names = await caches.keys();
  const kept = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map((r) => r.url)));
  return kept.flat();
}"""
CONTROLLED = "() => navigator.serviceWorker.ready.then(() => new Promise((done) => setTimeout(done, 500)))"


def raise_alert(officer: Page, camera: str) -> int:
    """Report a sighting, which goes out to the patrol officers at once; returns the alert's number."""
    return int(officer.evaluate(RAISE, camera))


def test_an_alert_is_acknowledged_without_network_and_applied_once(browser: Browser, town: str) -> None:
    officer = sign_in(browser, town, "video")
    phone = sign_in(browser, town, "patrol", 360, 640)
    phone.wait_for_url("**/m/")
    hosts: set[str] = set()
    phone.on("request", lambda r: hosts.add(urlsplit(r.url).netloc))
    phone.evaluate(CONTROLLED)
    number = raise_alert(officer, "wj-01")
    card = phone.locator("[data-test=card]")
    expect(phone.locator("[data-test=ack]")).to_be_visible()
    phone.goto(f"{town}/m/alerts/{number}")
    expect(card).to_have_attribute("data-phase", "waiting")
    expect(card.locator("img").first).to_be_visible()

    phone.context.set_offline(True)
    phone.click("[data-test=ack]")
    expect(card).to_have_attribute("data-phase", "going")  # at once, and told as not sent
    expect(phone.locator("[data-test=unsynced]")).to_be_visible()

    answers: list[dict[str, object]] = []
    sent: list[int] = []

    def lose_first_answer(route: Route) -> None:
        reply = route.fetch()
        sent.append(reply.status)
        if len(sent) == 1:
            route.abort()  # applied by the station, but the phone does not learn it
            return
        answers.append(json.loads(reply.text()))
        route.fulfill(response=reply)

    phone.route("**/api/alerts/*/ack", lose_first_answer)
    phone.context.set_offline(False)
    expect(phone.locator("[data-test=unsynced]")).to_have_count(0, timeout=30_000)
    assert sent == [200, 200] and [a["applied"] for a in answers] == [False]
    expect(card).to_have_attribute("data-state", "acked")
    phone.unroute_all(behavior="wait")

    urls = phone.evaluate(CACHED)
    assert len(urls) > 10 and all(urlsplit(u).path == "/m/" or urlsplit(u).path.startswith("/assets/") for u in urls)
    assert hosts == {urlsplit(town).netloc}
    phone.context.set_offline(True)
    phone.reload()  # the shell opens from the cache, and says that the station is away
    expect(phone.locator("#app")).not_to_be_empty()
    phone.context.set_offline(False)
    assert phone.problems == []  # type: ignore[attr-defined]
