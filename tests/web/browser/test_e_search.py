"""Search by words, similarity and motion."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.pages import grows, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def search_for_a_purpose(page: Page, purpose: str) -> None:
    """Search; the purpose is asked for once, and the search goes on by itself."""
    page.click("[data-test=nav-search]")
    page.click("[data-test=search-run]")
    page.fill("[name=purpose]", purpose)
    page.click("[data-test=purpose-save]")
    expect(page.locator("[data-test=hit]").first).to_be_visible()


def test_search_by_words_jumps_to_playback(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    search_for_a_purpose(page, "案件 西店-2026-0087")
    assert "models pull" not in page.inner_text("body")  # an officer installs nothing
    first = page.locator("[data-test=hit]").first.bounding_box()
    assert first is not None and first["y"] < 300
    page.fill("[name=words]", "戴眼镜的红衣男子 qwertz")
    page.press("[name=words]", "Tab")
    expect(page.locator("[data-kind=upper][data-value=red]")).to_be_visible()
    expect(page.locator("[data-kind=note][data-value=glasses]")).to_be_visible()  # understood, but not searched
    expect(page.locator("[data-test=unknown]")).to_contain_text("qwertz")
    page.click("[data-test=search-run]")
    hit = page.locator("[data-test=hit]").first  # the newest; the demo's sightings of yesterday have no footage
    expect(hit).to_contain_text("红")
    hit.click()
    detail = page.locator("[data-test=hit-detail]")
    expect(detail).to_be_visible()
    page.wait_for_timeout(300)
    assert hit.locator("img").first.evaluate("i => i.complete && i.naturalWidth") > 10
    page.reload()  # words, filter, results and selection lie in the address
    expect(page.locator("[name=words]")).to_have_value("戴眼镜的红衣男子 qwertz")
    expect(page.locator("[data-test=hit]").first).to_be_visible()
    expect(detail).to_be_visible()
    page.click("[data-kind=upper] .el-tag__close")  # the officer removes a chip
    expect(page.locator("[data-kind=upper]")).to_have_count(0)
    page.click("[data-test=hit-open]")
    expect(page.locator("[data-lane=ready], [data-test=playback]").first).to_be_attached()
    assert grows(page, "playback")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_candidates_and_similar_ones(browser: Browser, town: str) -> None:
    """Mark candidates by key, keep them for the case, and search for similar ones."""
    page = sign_in(browser, town, "investigator")
    search_for_a_purpose(page, "案件 西店-2026-0088")
    expect(page.locator("[data-test=counts] .slot").first).to_be_attached()
    hit = page.locator("[data-test=hit]").first
    hit.focus()
    page.keyboard.press("c")
    expect(hit).to_have_attribute("data-verdict", "candidate")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("[data-test=hit][data-verdict=rejected]")).to_have_count(1)
    page.click("[data-test=panel-candidates]")
    expect(page.locator("[data-test=hit]")).to_have_count(1)
    page.locator("[data-test=hit]").click()
    page.click("[data-test=hit-similar]")
    expect(page.locator("[data-test=likeness]").first).to_be_visible()
    page.click("[data-test=range-today]")
    expect(page.locator("[data-kind=between]")).to_be_visible()
    expect(page.locator("[data-test=hit]").first).to_be_visible()
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_compare_places_motion_and_a_box(browser: Browser, town: str) -> None:
    """Compare two places, search motion in the archive, search by a box on a picture, draw on the map."""
    page = sign_in(browser, town, "investigator")
    search_for_a_purpose(page, "案件 西店-2026-0089")
    page.goto(f"{town}/search?tab=together&f={quote(json.dumps({'villages': ['wangjia']}))}")
    page.click("[data-test=keep-set]")
    page.click("[data-kind=village] .el-tag__close")
    page.click("[data-test=keep-set]")
    expect(page.locator("[data-test=set]")).to_have_count(2)
    page.click("[data-test=compare]")
    expect(page.locator("[data-test=meeting], [data-test=no-meeting]").first).to_be_visible()
    page.goto(f"{town}/search?tab=motion&f={quote(json.dumps({'cameras': ['wj-01']}))}")
    area = page.locator("[data-test=motion] [data-test=draw]")
    expect(area).to_be_visible()
    for x, y in ((0.1, 0.2), (0.9, 0.2), (0.9, 0.9), (0.1, 0.9)):
        box = area.bounding_box()
        assert box is not None
        area.click(position={"x": box["width"] * x, "y": box["height"] * y})
    page.click("[data-test=motion-run]")
    expect(page.locator("[data-test=motion-done]")).to_contain_text("100%", timeout=60_000)
    expect(page.locator("[data-test=moved]").first).to_be_visible()
    page.click("[data-test=panel-similar]")
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
