"""The console and the phone page in Chromium, over the running demo town: nothing is faked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT

pytestmark = pytest.mark.browser
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
SCREENSHOT = ROOT / "docs" / "console.png"


@pytest.fixture(autouse=True)
def _playwright_runs_its_own_loop(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def town() -> Iterator[str]:
    """The demo, running; its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = ROOT / ".demo-browser.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "station", "demo", "--port", str(port)], cwd=ROOT, env=environment, stderr=out
        )
    deadline = time.monotonic() + 90
    while log.read_text().count("fault opened") < 3 or "on the patrol officers' phones" not in log.read_text():
        assert time.monotonic() < deadline and process.poll() is None, log.read_text()
        time.sleep(0.5)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    log.unlink()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


def sign_in(browser: Browser, town: str, name: str, width: int = 1440, height: int = 860) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    problems: list[str] = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.problems = problems  # type: ignore[attr-defined]
    page.goto(f"{town}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    return page


def state_purpose(page: Page) -> None:
    page.click("[data-test=purpose-chip]")
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose] button[type=submit]")
    expect(page.locator("[data-test=purpose-chip]")).to_contain_text("西店-2026-0087")


def frames_shown(page: Page, which: str) -> int:
    return int(
        page.evaluate("(w) => document.querySelector(`[data-test=${w}]`).getVideoPlaybackQuality().totalVideoFrames", which)
    )


def grows(page: Page, which: str, seconds: float = 12) -> bool:
    """Whether the video shows more and more pictures."""
    deadline = time.monotonic() + seconds
    first = frames_shown(page, which)
    while time.monotonic() < deadline:
        if frames_shown(page, which) > first + 15:
            return True
        time.sleep(0.25)
    return False


def test_tree_live_and_language(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    expect(page.locator("[data-camera=wj-01]")).to_have_attribute("data-state", "ok")
    expect(page.locator("[data-camera=wj-02]")).to_have_attribute("data-state", "fault")
    expect(page.locator("[data-camera=xd-03]")).to_have_attribute("data-state", "offline")
    assert page.locator("[data-camera]").count() == 8
    page.click("[data-camera=wj-01]")
    assert grows(page, "live")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("巡检")
    page.screenshot(path=os.environ.get("MINWANG_SCREENSHOT", "/dev/null"), type="png")
    page.click("[data-test=language]")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("Patrol")
    assert page.problems == []  # type: ignore[attr-defined]


def test_patrol_shows_each_fault_with_its_picture(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    for camera, family in (("wj-02", "black"), ("yj-02", "frozen"), ("xd-03", "no_stream")):
        expect(page.locator(f"[data-test=fault][data-camera={camera}]")).to_have_attribute("data-family", family)
    picture = page.locator("[data-camera=wj-02] [data-test=fault-picture]")
    expect(picture).to_be_visible()
    assert picture.evaluate("i => i.naturalWidth") == 640
    page.click("[data-test=patrol-run]")
    expect(page.get_by_text(re.compile("巡检进行中|等待开始|已看 8 路"))).to_be_visible()


def test_search_jumps_to_playback(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-search]")
    page.click("[data-test=search-run]")
    expect(page.locator("[data-test=purpose]")).to_be_visible()  # no search without a purpose
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose] button[type=submit]")
    page.select_option("[name=upper]", "red")
    page.click("[data-test=search-run]")
    hit = page.locator("[data-test=hit]").last
    expect(hit).to_be_visible()
    hit.scroll_into_view_if_needed()
    expect(hit).to_contain_text("红")
    page.wait_for_timeout(300)
    assert hit.locator("img").evaluate("i => i.complete && i.naturalWidth") > 10
    hit.click()
    expect(page.locator("[data-test=timeline] .recorded").first).to_be_attached()
    assert grows(page, "playback")
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_timeline_shows_gaps_with_their_cause(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "investigator")
    expect(page.locator("[data-camera=xd-03]")).to_be_visible()
    page.goto(f"{town}/playback?camera=xd-03")
    gap = page.locator("[data-test=timeline] [data-cause=unreachable]").first
    expect(gap).to_be_attached()
    assert "摄像机不可达" in str(gap.get_attribute("title"))


def test_an_alert_is_taken_and_answered_on_a_phone(browser: Browser, town: str) -> None:
    phone = sign_in(browser, town, "patrol", 360, 740)
    ack = phone.locator("[data-test=ack]")
    expect(ack).to_be_visible()
    box = ack.bounding_box()
    assert box is not None and box["height"] >= 48 and box["width"] > 250
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 360
    console = sign_in(browser, town, "video")
    console.click("[data-test=nav-watch]")
    ack.click()
    expect(phone.locator("[data-test=card]")).to_have_attribute("data-state", "acked")
    # The console hears of it over its socket, without a reload.
    expect(console.locator("[data-test=alert][data-state=acked]").first).to_be_visible()
    phone.click("[data-test=caught]")
    expect(console.locator("[data-test=alert][data-state=answered]").first).to_contain_text("抓获")
    auditor = sign_in(browser, town, "auditor")
    expect(auditor.get_by_text("alert.answer")).to_be_visible()
    expect(auditor.get_by_text("记录链完整")).to_be_visible()


def test_a_funder_sees_figures_and_no_picture(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "wangjia")
    expect(page.locator("[data-test=report]")).to_have_count(1)
    assert page.locator("[data-test=nav-live]").count() == 0
    page.goto(f"{town}/report/wangjia")
    expect(page.locator("h1")).to_contain_text("王家村")
    assert page.locator("img").count() == 0
    assert page.request.get(f"{town}/api/cameras/wj-01/snapshot").status == 403


def test_the_page_loads_nothing_from_outside() -> None:
    dist = ROOT / "web" / "console" / "dist"
    for path in [*dist.rglob("*.js"), *dist.rglob("*.css"), *dist.rglob("*.html")]:
        hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", path.read_text(encoding="utf-8")))
        # Addresses in messages and name spaces, never fetched.
        assert hosts <= {
            "www.w3.org",
            "vuejs.org",
            "pinia.vuejs.org",
            "router.vuejs.org",
            "vue-i18n.intlify.dev",
            "github.com",
            "aomedia.org",
        }, (path, hosts)


def test_screenshot_for_the_readme_is_there() -> None:
    assert Path(SCREENSHOT).stat().st_size > 20_000
