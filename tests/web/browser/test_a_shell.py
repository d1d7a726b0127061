"""The frame of all pages: tree, language, no foreign hosts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT
from tests.web.browser.pages import begin_duty, choose_in_user_menu, grows, pick_camera, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SCREENSHOT = ROOT / "docs" / "console.png"


def test_tree_live_and_language(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-wall]")
    expect(page.locator("[data-test=health]")).to_contain_text("/40")
    for camera, state in (("wj-01", "ok"), ("wj-02", "fault"), ("xd-03", "offline")):
        page.fill("input[data-test=tree-filter]", camera)
        expect(page.locator(f"[data-camera={camera}]")).to_have_attribute("data-state", state)
    pick_camera(page, "wj-01")
    begin_duty(page)  # no live picture without a purpose; the page asks for it once
    assert grows(page, "live")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("巡检")
    page.screenshot(path=os.environ.get("MINWANG_SCREENSHOT", "/dev/null"), type="png")
    choose_in_user_menu(page, "language")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("Patrol")
    assert page.problems == []  # type: ignore[attr-defined]


def test_pages_load_nothing_from_other_hosts() -> None:
    dist = ROOT / "web" / "console" / "dist"
    for path in [*dist.rglob("*.js"), *dist.rglob("*.css"), *dist.rglob("*.html")]:
        hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", path.read_text(encoding="utf-8")))
        # Addresses in messages and XML namespaces, which are never fetched.
        assert hosts <= {
            "www.w3.org",
            "www.opengis.net",
            "element-plus.org",
            "vuejs.org",
            "pinia.vuejs.org",
            "router.vuejs.org",
            "vue-i18n.intlify.dev",
            "github.com",
            "aomedia.org",
        }, (path, hosts)


def test_readme_screenshot() -> None:
    assert Path(SCREENSHOT).stat().st_size > 20_000
