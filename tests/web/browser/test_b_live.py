"""Live video and the control of domes."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.web.browser.pages import begin_duty, grows, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_an_unattended_page_asks_and_stops(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-live]")
    page.click("[data-camera=wj-01]")
    begin_duty(page)
    assert grows(page, "live")
    wait = page.evaluate("async () => (await (await fetch('/api/me')).json()).ask_after_seconds")
    assert wait == 30 * 60 - 105  # before the session becomes idle
    # Shift the page's clock, as if nobody had touched it meanwhile.
    later = "s => { const now = Date.now.bind(Date); Date.now = () => now() + s * 1000 }"
    page.evaluate(later, wait + 5)
    expect(page.locator("[data-test=still-watching]")).to_contain_text("仍在观看")
    page.mouse.move(300, 300)  # any input is an answer
    expect(page.locator("[data-test=still-watching]")).to_have_count(0)
    assert grows(page, "live")
    page.evaluate(later, wait + 70)
    page.click("[data-test=watch-on]")
    assert grows(page, "live")
    assert page.problems == []  # type: ignore[attr-defined]


def test_live_video_is_opened_once(browser: Browser, town: str) -> None:
    """Reloading the tree every 5 s restarts no video and leaves no audit row."""
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-live]")
    opened: list[str] = []
    page.on("websocket", lambda w: opened.append(w.url) if "/api/live/" in w.url else None)
    page.click("[data-camera=wj-01]")
    begin_duty(page)
    page.wait_for_timeout(12_000)
    assert len(opened) == 1 and grows(page, "live")


def test_h265_is_transcoded_for_the_browser(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-live]")
    page.click("[data-camera=xd-02]")
    begin_duty(page)
    page.get_by_role("button", name="主码流").click()
    if page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"):
        pytest.skip("this Chromium plays H.265 itself")
    expect(page.get_by_text("转码")).to_be_visible(timeout=10_000)
    assert grows(page, "live", 20)


def test_ptz_control(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-live]")
    page.click("[data-camera=wj-01]")
    begin_duty(page)
    assert page.locator("[data-test=ptz]").count() == 0
    page.click("[data-camera=yj-01]")
    pad = page.locator("[data-test=ptz]")
    expect(pad).to_be_visible()
    page.fill("[data-test=preset-name]", "守望")
    page.press("[data-test=preset-name]", "Enter")
    expect(pad.locator("[data-test=preset-p1]")).to_have_text("守望")
    right = page.locator("[data-test=ptz-right]")
    right.dispatch_event("pointerdown")
    time.sleep(1.6)  # the button is held: the move is repeated
    right.dispatch_event("pointerup")
    page.click("[data-test=ptz-home]")
    other = sign_in(browser, town, "investigator")
    other.click("[data-test=nav-live]")
    other.click("[data-camera=yj-01]")
    begin_duty(other)
    other.click("[data-test=ptz-home]")
    expect(other.locator("[data-test=ptz-error]")).to_contain_text("controls this camera")
    assert page.problems == []  # type: ignore[attr-defined]


def test_ptz_stops_when_another_camera_is_shown(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-live]")

    def with_a_second_dome(route: Route) -> None:
        tree = route.fetch().json()
        for village in tree["villages"]:
            for camera in village["cameras"]:
                camera["kind"] = "dome" if camera["id"] == "wj-01" else camera["kind"]
        route.fulfill(json=tree)

    expect(page.locator("[data-camera=yj-01]")).to_be_visible()
    page.route("**/api/tree", with_a_second_dome)
    page.reload()
    told: list[str] = []
    page.on("request", lambda r: told.append(r.url.partition("/api/cameras/")[2]) if "/ptz/" in r.url else None)
    page.click("[data-camera=yj-01]")
    begin_duty(page)
    page.locator("[data-test=ptz-right]").dispatch_event("pointerdown")
    time.sleep(0.9)
    page.click("[data-camera=wj-01]")
    time.sleep(1.5)  # long enough for two more moves
    assert told[-1] == "yj-01/ptz/stop" and set(told[:-1]) == {"yj-01/ptz/move"}, told
