"""The map page: cameras where they stand, the card of one, the lasso, the way to the wall."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.pages import begin_duty, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
TOWN = "[data-test=town-map]"


def open_map(browser: Browser, town: str, name: str, query: str = "") -> Page:
    page = sign_in(browser, town, name)
    page.goto(f"{town}/map{query}")
    expect(page.locator(TOWN)).to_have_attribute("data-cameras", re.compile(r"^[1-9]"))
    expect(page.locator(f"{TOWN} canvas").first).to_be_visible()
    return page


def test_a_camera_is_found_and_opened(browser: Browser, town: str) -> None:
    page = open_map(browser, town, "video")
    page.fill("[data-test=tree-filter]", "wj-03")
    page.click("[data-camera=wj-03]")
    begin_duty(page)  # its picture needs a purpose
    card = page.locator("[data-test=map-card]")
    expect(card).to_contain_text("wj-03")
    expect(card.locator("img")).to_be_visible()
    page.wait_for_url(re.compile("camera=wj-03.*at=|at=.*camera=wj-03"))
    page.reload()
    expect(card).to_contain_text("wj-03")
    page.click("[data-test=map-live]")
    expect(page.locator("[data-test=wall]")).to_be_visible()
    page.keyboard.press("m")  # and back, from the selected cell
    expect(card).to_contain_text("wj-03")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_lasso_opens_its_cameras_on_the_wall(browser: Browser, town: str) -> None:
    page = open_map(browser, town, "video")
    page.wait_for_url(re.compile("at="))  # all cameras are in sight
    box = page.locator(TOWN).bounding_box()
    assert box is not None
    page.keyboard.press("l")
    corners = [(0.06, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.3)]  # beside the zoom buttons
    x, y = corners[0]
    page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    page.mouse.up()
    count = int(page.locator(TOWN).get_attribute("data-cameras") or 0)
    chosen = page.locator("[data-test=map-selection] [data-selected]")
    expect(chosen).to_have_count(count)
    page.click("[data-test=map-to-wall]")
    expect(page.locator("[data-test=wall]")).to_be_visible()
    assert "layout=25" in page.url and page.url.count("-") >= 24
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_an_administrator_turns_a_camera(browser: Browser, town: str) -> None:
    page = open_map(browser, town, "admin", "?camera=wj-04")
    page.click("[data-test=map-edit]")
    save = page.locator("[data-test=map-save]")
    expect(save).to_be_disabled()  # without a reason
    azimuth = page.locator("[data-test=map-azimuth] input")
    azimuth.fill("77")
    azimuth.press("Tab")
    page.fill("input[data-test=map-reason], [data-test=map-reason] input", "支架转动后重新测量")
    save.click()
    expect(page.locator("[data-test=map-editor]")).to_have_count(0)
    expect(page.locator("[data-test=map-card]")).to_contain_text("77")
    assert page.problems == []  # type: ignore[attr-defined]
