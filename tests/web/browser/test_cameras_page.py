"""The cameras page: checks, acceptance by two persons, and PTZ."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.web.browser.pages import begin_duty, sign_in

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


def test_ptz_control(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
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
    other.click("[data-camera=yj-01]")
    begin_duty(other)
    other.click("[data-test=ptz-home]")
    expect(other.locator("[data-test=ptz-error]")).to_contain_text("controls this camera")
    assert page.problems == []  # type: ignore[attr-defined]


def test_ptz_stops_when_another_camera_is_shown(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")

    def with_a_second_dome(route: Route) -> None:
        villages = route.fetch().json()
        for village in villages:
            for camera in village["cameras"]:
                camera["ptz"] = camera["ptz"] or camera["id"] == "wj-01"
        route.fulfill(json=villages)

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
