"""The pictures of docs/screenshots: made again with MINWANG_SCREENSHOTS=docs/screenshots."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.pages import sign_in
from tests.web.browser.test_y_everywhere import PURPOSE, STATE_PURPOSE, recent

FOLDER = os.environ.get("MINWANG_SCREENSHOTS", "")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FOLDER, reason="MINWANG_SCREENSHOTS names no folder"),
]
LARGE, SMALL = (1920, 1080), (1366, 768)
QUALITY = 60  # of the JPEG files; all of them together stay below 3 MB
SETTLE_MS = 6000  # video plays, tables are read
CAMERAS = "wj-01,yj-01,xd-01,wj-03"
WALL = "/wall?layout=9&cells=wj-01,wj-03,yj-01,xd-01,xd-02,wj-02,yj-03,yj-02,xd-03"
PAGES = {
    "today": "/today",
    "wall": WALL,
    "map": "/map",
    "playback": f"/playback?camera={CAMERAS}",
    "patrol": "/patrol",
    "orders": "/orders",
    "search": "/search",
    "watch": "/watch",
    "cases": "/cases",
    "cameras": "/cameras",
    "camera": "/cameras/wj-01",
}
OF_OTHERS = {"users": ("security", "/admin/users"), "station": ("admin", "/admin/station")}


def officer(browser: Browser, town: str, name: str, size: tuple[int, int]) -> Page:
    page = sign_in(browser, town, name, *size)
    if name not in ("admin", "security"):
        assert page.evaluate(STATE_PURPOSE, PURPOSE) == 200
    return page


def take(page: Page, town: str, path: str, name: str) -> None:
    address = f"{path}&at={recent()}" if path.startswith("/playback") else path
    page.goto(town + address)
    expect(page.locator("main .el-skeleton")).to_have_count(0)
    if path == "/search":
        page.fill("[name=words]", "红衣男子")
        page.click("[data-test=search-run]")
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=Path(FOLDER) / f"{name}.jpg", type="jpeg", quality=QUALITY)


@pytest.mark.parametrize(("size", "suffix"), [(LARGE, ""), (SMALL, "-1366")])
def test_pages_in_chinese(browser: Browser, town: str, size: tuple[int, int], suffix: str) -> None:
    page = officer(browser, town, "video", size)
    for name, path in PAGES.items():
        take(page, town, path, name + suffix)
    for name, (account, path) in OF_OTHERS.items():
        take(officer(browser, town, account, size), town, path, name + suffix)


def test_some_pages_in_english_and_light(browser: Browser, town: str) -> None:
    page = officer(browser, town, "video", SMALL)
    page.evaluate("() => localStorage.setItem('language', 'en')")
    for name in ("today", "wall", "patrol"):
        take(page, town, PAGES[name], f"{name}-en")
    page.evaluate("() => (localStorage.setItem('language', 'zh-CN'), localStorage.setItem('theme', 'light'))")
    for name in ("today", "map"):
        take(page, town, PAGES[name], f"{name}-light")
