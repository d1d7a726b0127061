"""Checks and acceptance of cameras."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_the_cameras_page_shows_each_check_and_identifies_again(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "admin")
    page.click("[data-test=nav-cameras]")
    rows = page.locator("[data-test=candidate]")
    expect(rows).to_have_count(8)
    # A good camera passes reachability, credential, identity and streams; the dead one's streams have failed.
    expect(page.locator("[data-test=candidate][data-camera=wj-01]")).to_have_attribute(
        "data-marks", re.compile(r"^oooo")
    )
    expect(page.locator("[data-test=candidate][data-camera=xd-03]")).to_have_attribute(
        "data-marks", re.compile(r"^...x")
    )
    page.click("[data-test=identify]")
    expect(page.locator("[data-test=work]")).to_contain_text("8/8", timeout=40_000)
    page.click("[data-test=file-wj-01]")
    expect(page.locator("[data-test=camera-file]")).to_contain_text("device.serial")
    assert page.locator("[data-test=accept]").count() == 0, "the administrator does not sign for what a camera sees"
    assert page.problems == []  # type: ignore[attr-defined]


def test_a_camera_is_accepted_by_two_persons(browser: Browser, town: str, tmp_path: Path) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-cameras]")
    page.click("[data-test=file-wj-01]")
    for place in ("guest_rooms", "dormitories", "baths_toilets", "changing_rooms", "private_rooms"):
        page.check(f"[data-test=place-{place}]")
    page.select_option("[data-test=masks]", "none_needed")
    page.select_option("[data-test=legal-class]", "7.1")
    page.fill("[data-test=responsible]", "王村长")
    page.click("[data-test=save-acceptance]")
    expect(page.locator("[data-test=missing]")).to_have_text("视野截图, 标识照片")
    page.click("[data-test=take-picture]")
    page.click("[data-test=purpose-0]")
    expect(page.locator("[data-test=missing]")).to_have_text("标识照片")
    expect(page.locator("[data-test=field-of-view]")).to_be_visible()
    photo = tmp_path / "sign.png"
    photo.write_bytes(page.screenshot())
    page.set_input_files("[data-test=sign]", photo)
    expect(page.locator("[data-test=sign-photo]")).to_be_visible()
    expect(page.locator("[data-test=missing]")).to_have_count(0)
    page.check("[data-test=choose-wj-01]")
    page.check("[data-test=choose-xd-03]")
    page.click("[data-test=propose]")
    expect(page.locator("[data-test=told]").first).to_contain_text("已提交 1 路")
    expect(page.locator("[data-test=told]").nth(1)).to_contain_text("xd-03")
    expect(page.locator("[data-test=proposed-by]")).to_be_visible()
    page.check("[data-test=choose-wj-01]")
    page.click("[data-test=accept]")
    expect(page.locator("[data-test=told]").nth(1)).to_contain_text("须由另一人确认")
    chief = sign_in(browser, town, "leader")
    chief.click("[data-test=nav-cameras]")
    chief.check("[data-test=choose-wj-01]")
    chief.click("[data-test=accept]")
    expect(chief.locator("[data-test=told]").first).to_have_text("已验收 1 路")
    expect(page.locator("[data-test=candidate][data-camera=wj-01]")).to_have_attribute("data-marks", re.compile(r"o$"))
    assert page.problems == []  # type: ignore[attr-defined]
