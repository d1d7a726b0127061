"""Live video and the page that shows it."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import begin_duty, grows, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_tree_live_and_language(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    expect(page.locator("[data-camera=wj-01]")).to_have_attribute("data-state", "ok")
    expect(page.locator("[data-camera=wj-02]")).to_have_attribute("data-state", "fault")
    expect(page.locator("[data-camera=xd-03]")).to_have_attribute("data-state", "offline")
    assert page.locator("[data-camera]").count() == 8
    page.click("[data-camera=wj-01]")
    begin_duty(page)  # no live picture without a purpose; the page asks for it once
    assert grows(page, "live")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("巡检")
    page.screenshot(path=os.environ.get("MINWANG_SCREENSHOT", "/dev/null"), type="png")
    page.click("[data-test=language]")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("Patrol")
    assert page.problems == []  # type: ignore[attr-defined]


def test_an_unattended_page_asks_and_stops(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
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
    opened: list[str] = []
    page.on("websocket", lambda w: opened.append(w.url) if "/api/live/" in w.url else None)
    page.click("[data-camera=wj-01]")
    begin_duty(page)
    page.wait_for_timeout(12_000)
    assert len(opened) == 1 and grows(page, "live")


def test_h265_is_transcoded_for_the_browser(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-camera=xd-02]")
    begin_duty(page)
    page.get_by_role("button", name="主码流").click()
    if page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"):
        pytest.skip("this Chromium plays H.265 itself")
    expect(page.get_by_text("转码")).to_be_visible(timeout=10_000)
    assert grows(page, "live", 20)
