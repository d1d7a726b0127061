"""An officer's shift in English, found by what the pages say: hand-over, wall, playback, search, patrol, watch list."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.pages import grows, pick_camera

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(600)]
SIZE = {"width": 1440, "height": 860}


def sign_in_in_english(browser: Browser, town: str, name: str) -> Page:
    page = browser.new_context(viewport=SIZE, locale="en-GB").new_page()  # type: ignore[arg-type]
    problems: list[str] = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.problems = problems  # type: ignore[attr-defined]
    page.goto(f"{town}/login")
    page.get_by_role("button", name="English").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill("minwang-demo")
    page.get_by_role("button", name="Sign in").click()
    return page


def open_page(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#main").get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_title(re.compile(name))


def test_an_officer_works_in_english(browser: Browser, town: str) -> None:
    page = sign_in_in_english(browser, town, "investigator")
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("Last patrol")
    expect(page.get_by_role("heading", name="New faults")).to_be_visible()

    open_page(page, "Wall")
    pick_camera(page, "wj-01")
    page.get_by_role("dialog").get_by_role("button", name="Duty watch").last.click()
    assert grows(page, "live", 60)

    open_page(page, "Playback")
    page.goto(f"{town}/playback?camera=wj-01")
    page.get_by_role("button", name="Play", exact=True).click()
    assert grows(page, "playback", 60)
    page.get_by_role("button", name="10 min").click()

    open_page(page, "Search")
    words = page.get_by_role("textbox", name="In words")
    words.fill("man in a red top, not white, today")
    words.press("Enter")
    expect(page.locator("[data-test=hit]").first).to_contain_text("red")

    open_page(page, "Patrol")
    page.get_by_role("option", name="black").click()
    expect(page.get_by_role("figure", name="reference").get_by_role("img")).to_be_visible()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("dialog")).to_contain_text("Patrol register")
    page.keyboard.press("Escape")

    open_page(page, "Orders")
    open_page(page, "Watch")
    open_page(page, "Cases")
    open_page(page, "Cameras")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert page.problems == []  # type: ignore[attr-defined]


def test_an_administrator_works_in_english(browser: Browser, town: str) -> None:
    page = sign_in_in_english(browser, town, "security")
    row = page.get_by_role("row").filter(has_text="patrol").first
    expect(row).to_contain_text("Patrol officer")
    assert page.problems == []  # type: ignore[attr-defined]
    page = sign_in_in_english(browser, town, "admin")
    open_page(page, "Admin")
    page.get_by_role("link", name="Station").click()
    expect(page.get_by_role("main")).to_contain_text("Processes")
    assert page.problems == []  # type: ignore[attr-defined]
