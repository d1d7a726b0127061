"""The wall: live video in cells, the keyboard, replay, and the control of domes."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.browser.pages import begin_duty, grows, pick_camera, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def open_wall(browser: Browser, town: str, name: str = "video", query: str = "") -> Page:
    page = sign_in(browser, town, name)
    expect(page.locator("[data-test=top-bar]")).to_be_visible()
    page.goto(f"{town}/wall{query}")
    expect(page.locator("[data-test=wall]")).to_be_visible()
    return page


def sockets_of(page: Page) -> list[str]:
    """Return a list that grows with the live sockets that the page opens."""
    opened: list[str] = []
    page.on("websocket", lambda w: opened.append(w.url) if "/api/live/" in w.url else None)
    return opened


def cell(page: Page, number: int) -> str:
    return str(page.locator(f"[data-cell='{number}']").get_attribute("data-showing"))


@pytest.mark.long
def test_an_unattended_page_asks_and_stops(browser: Browser, town: str) -> None:
    page = open_wall(browser, town)
    pick_camera(page, "wj-01")
    begin_duty(page)
    assert grows(page, "live")
    wait = page.evaluate("async () => (await (await fetch('/api/me')).json()).ask_after_seconds")
    assert wait == 30 * 60 - 105  # before the session becomes idle
    # Shift the page's clock, as if nobody had touched it meanwhile.
    later = "s => { const now = Date.now.bind(Date); Date.now = () => now() + s * 1000 }"
    page.evaluate(later, wait + 5)
    expect(page.locator("[data-test=still-watching]")).to_contain_text("仍在观看")
    page.mouse.move(300, 300)  # any input is an answer
    expect(page.locator("[data-test=still-watching]")).to_have_count(0)
    assert grows(page, "live")
    page.evaluate(later, wait + 70)
    page.click("[data-test=watch-on]")
    assert grows(page, "live")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_cell_keeps_one_socket(browser: Browser, town: str) -> None:
    """For as long as it shows the same camera, whatever happens to the tree and to other cells."""
    page = open_wall(browser, town)
    opened = sockets_of(page)
    pick_camera(page, "wj-01")
    begin_duty(page)
    for number in "2341":
        page.wait_for_timeout(15_000)
        page.keyboard.press(number)  # another cell is selected
    assert len(opened) == 1 and grows(page, "live")


@pytest.mark.long
def test_the_address_restores_the_wall(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=9&cells=wj-01,,village:wangjia")
    page.click("[data-cell='2'] .label")
    pick_camera(page, "yj-01")
    begin_duty(page)
    assert [cell(page, 1), cell(page, 2)] == ["wj-01", "yj-01"]
    page.click("[data-test='layout-1+5']")
    expect(page).to_have_url(re.compile(r"layout=1(%2B|\+)5"))
    page.reload()
    expect(page.locator("[data-cell]")).to_have_count(6)
    assert [cell(page, 1), cell(page, 2)] == ["wj-01", "yj-01"]
    third = page.locator("[data-cell='3']")
    expect(third).to_have_attribute("data-showing", re.compile("^wj-"))  # a camera of the village's tour
    page.goto(f"{town}/wall?cells=wj-01,zz-99,%3Cb%3E")  # an address that somebody typed
    expect(page.locator("[data-cell='2']")).to_contain_text("没有这个点位")
    page.goto(f"{town}/live?camera=wj-03")  # an address of earlier releases
    expect(page.locator("[data-cell='1']")).to_have_attribute("data-showing", "wj-03")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_cameras_and_villages_are_dragged(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=4")
    page.fill("input[data-test=tree-filter]", "wj-0")
    page.locator("[data-camera=wj-01]").drag_to(page.locator("[data-cell='3']"))
    begin_duty(page)
    expect(page.locator("[data-cell='3']")).to_have_attribute("data-showing", "wj-01")
    page.locator("[data-village=wangjia]").drag_to(page.locator("[data-cell='2']"))
    expect(page.locator("[data-cell='2']")).to_have_attribute("data-showing", re.compile("wj-"))
    page.locator("[data-cell='3'] .label").drag_to(page.locator("[data-cell='4']"))
    expect(page.locator("[data-cell='4']")).to_have_attribute("data-showing", "wj-01")
    expect(page.locator("[data-cell='3']")).to_have_attribute("data-showing", "")


def test_keys_act_on_the_selected_cell(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=4&cells=wj-03,wj-01")
    opened = sockets_of(page)
    page.locator("[data-test=live-purpose]").first.click()
    begin_duty(page)
    expect(page.locator("[data-cell='2']")).to_have_attribute("data-state", "playing")
    page.keyboard.press("2")
    page.keyboard.press(" ")
    expect(page.locator("[data-cell='2'] [data-test=frozen]")).to_contain_text("已定格")
    page.keyboard.press(" ")
    expect(page.locator("[data-test=frozen]")).to_have_count(0)
    before = len(opened)
    page.keyboard.press("Enter")  # the main stream; the other cell's socket is closed
    expect(page.locator("[data-cell='1']")).to_have_attribute("data-state", "off")
    expect(page.locator("[data-cell='2'] .facts")).to_contain_text("主码流")
    assert len(opened) == before + 1
    page.keyboard.press("Escape")
    expect(page.locator("[data-cell='1']")).to_have_attribute("data-state", "playing")
    page.keyboard.press("?")
    expect(page.locator("[data-test=shortcut-help]")).to_contain_text("定格")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_instant_replay(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=1&cells=wj-01")
    page.locator("[data-test=live-purpose]").first.click()
    begin_duty(page)
    assert grows(page, "live")
    page.keyboard.press("1")
    page.keyboard.press("p")
    expect(page.locator("[data-test=replaying]")).to_contain_text(re.compile(r"回看 \d\d:"))
    assert grows(page, "replay")
    page.keyboard.press("p")
    expect(page.locator("[data-test=replay]")).to_have_count(0)
    assert grows(page, "live")


@pytest.mark.long
def test_a_dead_camera_says_why(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=1&cells=xd-03")
    page.locator("[data-test=live-purpose]").first.click()
    begin_duty(page)
    expect(page.locator("[data-test=cell-message]")).to_contain_text("摄像机不可达")


@pytest.mark.long
def test_h265_is_transcoded_for_the_browser(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=1&cells=xd-02")
    page.locator("[data-test=live-purpose]").first.click()
    begin_duty(page)
    if page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"):
        pytest.skip("this Chromium plays H.265 itself")
    expect(page.locator("[data-cell='1'] .facts")).to_contain_text("转码播放", timeout=20_000)
    expect(page.locator("[data-cell='1'] .facts")).to_contain_text("H.265")
    assert grows(page, "live", 20)


@pytest.mark.long
def test_ptz_control(browser: Browser, town: str) -> None:
    page = open_wall(browser, town)
    pick_camera(page, "wj-01")
    begin_duty(page)
    assert page.locator("[data-test=ptz]").count() == 0
    pick_camera(page, "yj-01")
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
    other = open_wall(browser, town, "investigator", "?layout=1&cells=yj-01")
    other.locator("[data-test=live-purpose]").first.click()
    begin_duty(other)
    other.click("[data-test=ptz-home]")
    expect(other.locator("[data-test=ptz-error]")).to_be_visible()
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_ptz_stops_when_another_camera_is_shown(browser: Browser, town: str) -> None:
    page = open_wall(browser, town, query="?layout=1&cells=yj-01")

    def a_dome_too(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "ptz": True})

    page.route("**/api/cameras/wj-01", a_dome_too)
    told: list[str] = []
    page.on("request", lambda r: told.append(r.url.partition("/api/cameras/")[2]) if "/ptz/" in r.url else None)
    page.locator("[data-test=live-purpose]").first.click()
    begin_duty(page)
    page.locator("[data-test=ptz-right]").dispatch_event("pointerdown")
    time.sleep(0.9)
    pick_camera(page, "wj-01")
    time.sleep(1.5)  # long enough for two more moves
    assert told[-1] == "yj-01/ptz/stop" and set(told[:-1]) == {"yj-01/ptz/move"}, told


@pytest.mark.long
def test_favourites_and_views_stand_on_top_of_the_tree(browser: Browser, town: str) -> None:
    """Kept by the station: they are there in another browser as well, until they are taken away."""
    page = open_wall(browser, town, query="?layout=1%2B5&cells=wj-01,xd-01")
    page.click("[data-test=views]")
    page.fill("input[data-test=view-name]", "村口")
    page.click("[data-test=view-save]")
    page.keyboard.press("Escape")
    tree = page.locator("[data-test=tree]")
    expect(tree.locator("[data-view]", has_text="村口")).to_contain_text("1+5")
    tree.locator("[data-camera=blw-01]").click(button="right")
    page.click("[data-test=tree-favourite]")
    expect(tree.locator("[data-group=favourites]")).to_contain_text("1")
    other = open_wall(browser, town, query="?layout=4&cells=")
    rows = other.locator("[data-test=tree]")
    expect(rows.locator("[data-camera=blw-01]")).to_have_count(2)  # above, and in its village
    rows.locator("[data-view]", has_text="村口").click()
    expect(other.locator("[data-cell]")).to_have_count(6)
    assert [cell(other, 1), cell(other, 2)] == ["wj-01", "xd-01"]
    rows.locator("[data-camera=blw-01]").first.focus()
    other.keyboard.press("*")
    expect(rows.locator("[data-group=favourites]")).to_have_count(0)
    assert page.problems == other.problems == []  # type: ignore[attr-defined]
