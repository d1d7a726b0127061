"""Checks, file and acceptance of cameras."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.long
def test_the_cameras_page_shows_each_check_and_identifies_again(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "admin")
    page.click("[data-test=nav-cameras]")
    expect(page.locator("[data-test=candidate]")).to_have_count(40)
    # A good camera passes reachability, credential, identity and streams; the dead one's streams have failed.
    expect(page.locator("[data-test=candidate][data-camera=wj-01]")).to_have_attribute(
        "data-marks", re.compile(r"^oooo")
    )
    expect(page.locator("[data-test=candidate][data-camera=xd-03]")).to_have_attribute(
        "data-marks", re.compile(r"^...x")
    )
    page.click("[data-test=identify]")
    expect(page.locator("[data-test=work]")).to_contain_text(re.compile(r"\b(\d+)/\1\b"), timeout=90_000)
    page.click("[data-test=file-wj-01]")
    # The serial number is the device's, so this text is a fact and not a heading.
    expect(page.locator("[data-test=facts] [data-field=serial]")).not_to_have_text("—")
    assert not re.search(r'[{}\[\]"]|owner_kind|legal_class', page.locator("[data-test=facts]").inner_text())
    assert page.locator("[data-test=accept]").count() == 0, "the administrator does not sign for what a camera sees"
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_filter_is_in_the_address(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "admin")
    page.goto(f"{town}/cameras?text=xd-03")
    expect(page.locator("[data-test=candidate]")).to_have_count(1)
    page.goto(f"{town}/cameras/xd-03?file=history")
    expect(page.locator("[data-test=history]")).to_be_visible()
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_an_administrator_edits_with_a_reason(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "admin")
    page.goto(f"{town}/cameras/xd-03")
    page.click("[data-test=edit-camera]")
    page.fill("[data-test=edit-site]", "桥头三号杆")
    expect(page.locator("[data-test=edit-save]")).to_be_disabled()
    page.fill("[data-test=edit-reason]", "现场核对")
    page.click("[data-test=edit-save]")
    expect(page.locator("[data-test=facts] [data-field=site]")).to_have_text("桥头三号杆")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_the_wizard_goes_on_past_steps_of_others(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.goto(f"{town}/cameras?tab=add&new=wj-02")
    for _ in range(5):
        page.click("[data-test=wizard-next]")
    expect(page.locator("[data-test=missing]")).to_be_visible()  # the video officer may fill in the last step
    page.click("[data-test=wizard-finish]")
    expect(page).to_have_url(re.compile(r"/cameras/wj-02$"))
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_camera_is_accepted_by_two_persons(browser: Browser, town: str, tmp_path: Path) -> None:
    page = sign_in(browser, town, "video")
    page.goto(f"{town}/cameras?camera=wj-01&file=acceptance")
    for place in ("guest_rooms", "dormitories", "baths_toilets", "changing_rooms", "private_rooms"):
        page.click(f"[data-test=place-{place}]")
    page.click("[data-test=masks-none_needed]")
    page.click("[data-test='legal-7.1']")
    page.fill("[data-test=responsible]", "王村长")
    page.click("[data-test=save-acceptance]")
    missing = page.locator("[data-test=missing]")
    expect(missing).to_have_text("视野截图、标识照片")
    page.click("[data-test=take-picture]")
    page.click("[data-test=purpose-0]")
    expect(missing).to_have_text("标识照片")
    expect(page.locator("[data-test=field-of-view]")).to_be_visible()
    photo = tmp_path / "sign.png"
    photo.write_bytes(page.screenshot())
    page.set_input_files("[data-test=sign]", photo)
    expect(page.locator("[data-test=sign-photo]")).to_be_visible()
    expect(missing).to_have_count(0)
    page.click("[data-test=close-file]")
    page.click("[data-test=choose-wj-01]")
    page.click("[data-test=choose-xd-03]")
    page.click("[data-test=propose]")
    told = page.locator("[data-test=told]")
    expect(told.first).to_contain_text("已提交 1 路")
    expect(told.nth(1)).to_contain_text("xd-03")
    page.click("[data-test=choose-wj-01]")
    page.click("[data-test=accept]")
    expect(told.nth(1)).to_contain_text("须由另一人确认")
    chief = sign_in(browser, town, "leader")
    chief.click("[data-test=nav-cameras]")
    chief.click("[data-test=choose-wj-01]")
    chief.click("[data-test=accept]")
    expect(chief.locator("[data-test=told]").first).to_have_text("已验收 1 路")
    expect(page.locator("[data-test=candidate][data-camera=wj-01]")).to_have_attribute("data-marks", re.compile(r"o$"))
    assert page.problems == []  # type: ignore[attr-defined]
