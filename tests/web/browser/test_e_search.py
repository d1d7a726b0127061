"""Search by words, similarity and motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import grows, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_search_by_words_jumps_to_playback(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-search]")
    expect(page.locator("[data-test=pack-missing]")).to_contain_text("minwang models pull")
    page.click("[data-test=search-run]")
    expect(page.locator("[data-test=purpose]")).to_be_visible()  # no search without a purpose
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose-save]")
    page.fill("[name=words]", "戴眼镜的红衣男子 qwertz")
    page.press("[name=words]", "Tab")
    expect(page.locator("[data-kind=upper][data-value=red]")).to_be_visible()
    expect(page.locator("[data-kind=note][data-value=glasses]")).to_be_visible()  # understood, but not searched
    expect(page.locator("[data-test=unknown]")).to_contain_text("qwertz")
    expect(page.locator("[name=upper]")).to_have_value("red")
    page.click("[data-test=search-run]")
    hit = page.locator("[data-test=hit]").last
    expect(hit).to_be_visible()
    hit.scroll_into_view_if_needed()
    expect(hit).to_contain_text("红")
    page.wait_for_timeout(300)
    assert hit.locator("img").evaluate("i => i.complete && i.naturalWidth") > 10
    page.click("[data-kind=upper] button")  # the officer removes a chip
    expect(page.locator("[name=upper]")).to_have_value("")
    hit.locator("[data-test=hit-open]").click()
    expect(page.locator("[data-test=timeline] .recorded").first).to_be_attached()
    assert grows(page, "playback")
    assert page.problems == []  # type: ignore[attr-defined]


def test_candidates_similarity_and_motion(browser: Browser, town: str) -> None:
    """Mark candidates by key, search for similar ones, compare two places, and search motion in the archive."""
    page = sign_in(browser, town, "investigator")
    page.click("[data-test=nav-search]")
    page.click("[data-test=search-run]")
    page.fill("[name=purpose]", "案件 西店-2026-0088")
    page.click("[data-test=purpose-save]")
    page.click("[data-test=search-run]")
    hit = page.locator("[data-test=hit]").first
    expect(hit).to_be_visible()
    expect(page.locator("[data-test=counts] div").first).to_be_attached()
    hit.focus()
    page.keyboard.press("c")
    expect(hit).to_have_attribute("data-verdict", "candidate")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("[data-test=hit][data-verdict=rejected]")).to_have_count(1)
    page.click("[data-test=candidates]")
    expect(page.locator("[data-test=hit]")).to_have_count(1)
    page.locator("[data-test=hit-similar]").click()
    expect(page.locator("[data-test=likeness]").first).to_be_visible()
    page.click("[data-test=panel-together]")
    page.select_option("[name=village]", "wangjia")
    page.click("[data-test=keep-set]")
    page.select_option("[name=village]", "xidian")
    page.click("[data-test=keep-set]")
    page.click("[data-test=compare]")
    expect(page.locator("[data-test=together] [role=alert]")).to_have_count(0)
    page.select_option("[name=village]", "wangjia")
    page.select_option("[name=camera]", "wj-01")
    page.click("[data-test=panel-motion]")
    area = page.locator("[data-test=motion] [data-test=draw]")
    for x, y in ((20, 60), (500, 60), (500, 300), (20, 300)):
        area.click(position={"x": x, "y": y})
    page.click("[data-test=motion-run]")
    expect(page.locator("[data-test=motion-done]")).to_contain_text("100%", timeout=60_000)
    expect(page.locator("[data-test=moved]").first).to_be_visible()
    page.click("[data-test=panel-similar]")
    page.select_option("[name=frame-camera]", "wj-01")
    picture = page.locator("[data-test=similar] [data-test=draw]")
    expect(picture.locator("img")).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.9)
    page.mouse.up()
    expect(page.locator("[data-test=likeness]").first).to_be_visible(timeout=20_000)
    page.click("[data-test=draw-map]")
    expect(page.locator("[data-test=map] circle").first).to_be_attached()
    assert page.problems == []  # type: ignore[attr-defined]
