"""The console and the phone page in Chromium, with the running demo town; nothing is mocked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.conftest import ROOT
from tests.demo import Demo, demo, kept_its_promises

expect.set_options(timeout=20_000)  # milliseconds; a busy machine with two cores is slow

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
SCREENSHOT = ROOT / "docs" / "console.png"


@pytest.fixture(autouse=True)
def _pages_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the pages of a test, so that they play no video during the next one."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            context.close()


@pytest.fixture(autouse=True)
def _playwright_runs_its_own_loop(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def running_demo() -> Iterator[Demo]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def town(running_demo: Demo) -> str:
    """The URL of the demo."""
    return running_demo.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


def sign_in(browser: Browser, town: str, name: str, width: int = 1440, height: int = 860) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    problems: list[str] = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.problems = problems  # type: ignore[attr-defined]
    # WALLS reads the playlists' addresses from there.
    page.add_init_script("performance.setResourceTimingBufferSize(10000)")
    page.goto(f"{town}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    return page


def state_purpose(page: Page) -> None:
    page.click("[data-test=purpose-chip]")
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose] button[type=submit]")
    expect(page.locator("[data-test=purpose-chip]")).to_contain_text("西店-2026-0087")


def begin_duty(page: Page) -> None:
    """Choose the suggested purpose in the dialog that the first view opens."""
    page.click("[data-test=purpose-0]")
    expect(page.locator("[data-test=purpose]")).to_have_count(0)
    expect(page.locator("[data-test=purpose-chip]")).to_have_text("值班巡查")


def frames_shown(page: Page, which: str) -> int:
    return int(
        page.evaluate(
            "(w) => document.querySelector(`[data-test=${w}]`).getVideoPlaybackQuality().totalVideoFrames", which
        )
    )


def grows(page: Page, which: str, seconds: float = 12) -> bool:
    """Return whether the video shows new frames."""
    deadline = time.monotonic() + seconds
    first = frames_shown(page, which)
    while time.monotonic() < deadline:
        if frames_shown(page, which) > first + 15:
            return True
        time.sleep(0.25)
    return False


def test_tree_live_and_language(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    expect(page.locator("[data-camera=wj-01]")).to_have_attribute("data-state", "ok")
    expect(page.locator("[data-camera=wj-02]")).to_have_attribute("data-state", "fault")
    expect(page.locator("[data-camera=xd-03]")).to_have_attribute("data-state", "offline")
    assert page.locator("[data-camera]").count() == 40
    page.click("[data-camera=wj-01]")
    begin_duty(page)  # no live picture without a purpose; the page asks for it once
    assert grows(page, "live")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("巡检")
    page.screenshot(path=os.environ.get("MINWANG_SCREENSHOT", "/dev/null"), type="png")
    page.click("[data-test=language]")
    expect(page.locator("[data-test=nav-patrol]")).to_have_text("Patrol")
    assert page.problems == []  # type: ignore[attr-defined]


def test_an_unattended_page_asks_and_stops(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-camera=wj-01]")
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


def test_live_video_is_opened_once(browser: Browser, town: str) -> None:
    """Reloading the tree every 5 s restarts no video and leaves no audit row."""
    page = sign_in(browser, town, "video")
    opened: list[str] = []
    page.on("websocket", lambda w: opened.append(w.url) if "/api/live/" in w.url else None)
    page.click("[data-camera=wj-01]")
    begin_duty(page)
    page.wait_for_timeout(12_000)
    assert len(opened) == 1 and grows(page, "live")


def test_h265_is_transcoded_for_the_browser(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-camera=xd-02]")
    begin_duty(page)
    page.get_by_role("button", name="主码流").click()
    if page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"):
        pytest.skip("this Chromium plays H.265 itself")
    expect(page.get_by_text("转码")).to_be_visible(timeout=10_000)
    assert grows(page, "live", 20)


def test_patrol_shows_each_fault_with_its_picture(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    for camera, family in (("wj-02", "black"), ("yj-02", "frozen"), ("xd-03", "unreachable")):
        fault = page.locator(f"[data-test=fault][data-camera={camera}]")
        expect(fault).to_have_attribute("data-family", family, timeout=60_000)  # a round of the demo takes 15 s
    page.click("[data-test=fault][data-camera=wj-02]")
    page.click("[data-test=fault-purpose]")  # no picture without a purpose
    page.fill("[name=purpose]", "巡检")
    page.click("[data-test=purpose] button[type=submit]")
    picture = page.locator("figure[data-camera=wj-02] [data-test=fault-picture]")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 640)
    page.click("[data-test=patrol-run]")
    expect(page.get_by_text(re.compile("巡检进行中|等待开始|已看 40 路"))).to_be_visible()


def test_a_fault_becomes_an_order_and_the_day_is_signed(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    page.click("[data-test=fault][data-camera=wj-02]")
    page.keyboard.press("3")
    expect(page.get_by_text(re.compile("已建 1 张工单"))).to_be_visible()
    page.click("[data-test=sign]")
    expect(page.locator("[data-test=signed]")).to_be_visible()
    page.click("[data-test=nav-orders]")
    order = page.locator("[data-test=column-new] [data-test=order]", has_text="王家祠堂")
    order.locator("input").check()
    page.fill("[data-test=vendor]", "天目维护")
    page.click("[data-test=move-assigned]")
    expect(page.locator("[data-test=column-assigned] [data-test=order]", has_text="天目维护")).to_be_visible()


def test_the_patrol_page_shows_problems_of_a_register(browser: Browser, town: str) -> None:
    """The station's answer with states that the demo has no time for: a day without patrol, a changed register."""
    page = sign_in(browser, town, "video")
    told = {"signed_by": None, "later": None, "patrolled": False, "over": False, "problem": "the register was changed"}

    def changed(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | told)

    page.route(re.compile(r"/api/patrol/day(\?|$)"), changed)
    page.click("[data-test=nav-patrol]")
    expect(page.locator("[data-test=register-problem]")).to_contain_text("请核对审计记录: the register was changed")
    asked: list[str] = []
    page.on("dialog", lambda d: (asked.append(d.message), d.dismiss()))
    page.click("[data-test=sign]")
    expect(page.locator("[data-test=day-error]")).to_contain_text("当日尚未结束")
    assert asked == [], "no reason is asked for that would be refused"
    told["over"] = True
    with page.expect_event("dialog"):
        page.click("[data-test=sign]")
    expect(page.locator("[data-test=day-error]")).to_have_count(0)


def test_a_contractor_reports_a_repair_with_a_photo(browser: Browser, town: str, tmp_path: Path) -> None:
    """Runs after the test above has given the order to this company."""
    page = sign_in(browser, town, "tianmu", 390, 844)
    order = page.locator("[data-test=own-order]", has_text="王家祠堂")
    expect(order).to_have_attribute("data-state", "assigned")
    still = order.locator("[data-test=still]")
    expect(still).to_be_visible()
    assert still.evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 192
    order.locator("[data-test=own-working]").click()
    expect(order).to_have_attribute("data-state", "working")
    photo = tmp_path / "mended.png"
    photo.write_bytes(page.screenshot())
    order.locator("[data-test=own-file]").set_input_files(photo)
    # A process that has to start decodes it.
    expect(order.locator("[data-test=own-photo]")).to_be_visible(timeout=20_000)
    order.locator("[data-test=own-text]").fill("换了镜头")
    order.locator("[data-test=own-verifying]").click()
    expect(order).to_have_attribute("data-state", "verifying")
    page.goto(f"{town}/live")
    expect(page.locator("[data-test=own-order]").first).to_be_visible()  # the contractor has no other page
    assert page.problems == []  # type: ignore[attr-defined]
    officer = sign_in(browser, town, "video")
    officer.click("[data-test=nav-orders]")
    officer.locator("[data-test=column-verifying] [data-test=order]", has_text="王家祠堂").click()
    expect(officer.locator("[data-test=order-photo]")).to_be_visible()
    expect(officer.get_by_text("换了镜头")).to_be_visible()


def test_a_review_hides_the_machine_verdict(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    page.click("[data-test=review]")
    begin_duty(page)
    expect(page.locator("[data-test=review-picture]")).to_be_visible()
    assert "黑屏" not in page.inner_text("body")
    first = page.inner_text("[data-test=review-at]")
    page.keyboard.press("1")
    expect(page.locator("[data-test=review-at]")).not_to_have_text(first)
    # An officer sees a wanted person on a picture: the phones are notified at once.
    told = page.locator("[data-test=review-told]")
    expect(page.locator("[data-test=review-seen]")).to_be_visible()  # the subjects appear after the pictures
    for _ in range(8):  # a dead camera has no picture now
        if page.locator("[data-test=review-seen]").count() == 0:
            break
        page.keyboard.press("3")
        expect(told).not_to_be_empty()
        if "已通知" in told.inner_text():
            break
        page.keyboard.press("1")
    assert "已通知" in told.inner_text()
    assert page.problems == []  # type: ignore[attr-defined]


def test_search_by_words_jumps_to_playback(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-search]")
    expect(page.locator("[data-test=pack-missing]")).to_contain_text("minwang models pull")
    page.click("[data-test=search-run]")
    expect(page.locator("[data-test=purpose]")).to_be_visible()  # no search without a purpose
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose] button[type=submit]")
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
    page.click("[data-test=purpose] button[type=submit]")
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


def test_the_timeline_shows_gaps_with_their_cause(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "investigator")
    expect(page.locator("[data-camera=xd-03]")).to_be_visible()
    page.goto(f"{town}/playback?camera=xd-03")
    gap = page.locator("[data-test=timeline] [data-cause=unreachable]").first
    expect(gap).to_be_attached()
    assert "摄像机不可达" in str(gap.get_attribute("title"))


# The player uses XMLHttpRequest; requests that this script makes with fetch are not counted as the player's.
WALLS = (
    """async () => {
  const walls = [];
  for (const video of document.querySelectorAll('[data-lane] video')) {
    const stream = video.closest('[data-lane]').dataset.stream;
    const asked = performance.getEntriesByType('resource').filter(e => e.initiatorType === 'xmlhttprequest');
    const lists = asked.filter(e => e.name.includes(`/${stream}/index.m3u8`));
    window.playlists ??= {};
    const address = lists.at(-1)?.name;
    if (address) walls.push([stream, video.currentTime, video.readyState, video.playbackRate, address]);
  }
  const texts = {};
  for (const [, , , , address] of walls) texts[address] = """
    """(window.playlists[address] ??= await (await fetch(address)).text());
  return walls.map(([stream, time, ready, rate, address]) => [stream, time, ready, rate, texts[address]]);
}"""
)


def wall_of(playlist: str, position: float) -> float:
    """Return the wall-clock time (Unix seconds) at a video position, computed from the playlist alone."""
    begin, wall = 0.0, 0.0
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            wall = datetime.fromisoformat(line.partition(":")[2]).timestamp()
        elif line.startswith("#EXTINF:"):
            length = float(line[8:].rstrip(","))
            if position < begin + length:
                return wall + position - begin
            begin, wall = begin + length, wall + length
    return wall


def walls(page: Page) -> list[float]:
    """Return the wall-clock time that each camera shows now; empty while one has no picture."""
    found = page.evaluate(WALLS)
    return (
        [wall_of(text, time) for _, time, ready, _, text in found]
        if all(ready >= 3 for _, _, ready, _, _ in found)
        else []
    )


def play_back(browser: Browser, town: str, cameras: str, ago: float) -> Page:
    page = sign_in(browser, town, "video")
    expect(page.locator("[data-camera=wj-01]")).to_be_visible()
    state_purpose(page)
    at = datetime.fromtimestamp(time.time() - ago, timezone.utc).isoformat().replace("+00:00", "Z")
    page.goto(f"{town}/playback?camera={cameras}&at={at}")
    return page


def test_several_cameras_keep_one_clock(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01,wj-03,yj-01,xd-01", 25)
    expect(page.locator("[data-lane=playing]")).to_have_count(4, timeout=15_000)
    deadline, good, worst = time.monotonic() + 25, 0, list[float]()
    while good < 12 and time.monotonic() < deadline:  # for two and a half seconds without a break
        shown = walls(page)
        spread = max(shown) - min(shown) if len(shown) == 4 else 1.0
        worst.append(round(spread, 3))
        good = good + 1 if spread <= 0.05 else 0
        page.wait_for_timeout(200)
    assert good >= 12, worst
    assert page.problems == []  # type: ignore[attr-defined]


def test_frame_by_frame(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01", 25)
    expect(page.locator("[data-lane=playing]")).to_have_count(1, timeout=15_000)
    assert grows(page, "playback")
    page.click("[data-test=toggle]")
    page.wait_for_timeout(500)
    (before,) = walls(page)
    for _ in range(4):
        page.click("[data-test=step-forward]")
        page.wait_for_timeout(250)
    (after,) = walls(page)
    assert after - before == pytest.approx(4 / 8, abs=0.06)  # the demo's cameras send eight pictures a second
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_timeout(400)
    (back,) = walls(page)
    assert after - back == pytest.approx(1 / 8, abs=0.04)


def test_16x_playback_shows_keyframes_only(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01,wj-03", 50)
    expect(page.locator("[data-lane=playing]")).to_have_count(2, timeout=15_000)
    page.click("[data-test=toggle]")
    page.select_option("[data-test=speed]", "16")
    for _ in range(80):
        if walls(page) and all("/keyframes" in text for *_, text in page.evaluate(WALLS)):
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail(f"the keyframes alone were never shown: {page.evaluate(WALLS)}")
    page.click("[data-test=toggle]")
    seen: list[tuple[float, float]] = []
    deadline = time.monotonic() + 6
    while not any(t - u > 0.4 and (w - v) / (t - u) > 10 for t, w in seen for u, v in seen):
        assert time.monotonic() < deadline, seen
        shown = walls(page)
        seen += [(time.monotonic(), shown[0])] if shown else []
        page.wait_for_timeout(100)


def test_a_strip_thumbnail_seeks_to_its_time(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01", 25)
    picture = page.locator("[data-test=strip] img").first
    expect(picture).to_be_visible(timeout=15_000)
    page.wait_for_timeout(800)
    assert picture.evaluate("i => i.naturalWidth") == 160
    wanted = str(page.locator("[data-test=strip] button").first.get_attribute("title"))
    page.locator("[data-test=toggle]").click()
    page.locator("[data-test=strip] button").first.click()
    expect(page.locator("[data-test=at]")).to_contain_text(wanted[:-1])
    page.hover("[data-test=timeline]")
    page.mouse.wheel(0, -600)
    assert page.problems == []  # type: ignore[attr-defined]


def test_a_clip_plays_in_the_browser(browser: Browser, town: str, tmp_path: Path) -> None:
    end = datetime.now(timezone.utc) - timedelta(seconds=5)
    target = tmp_path / "clip.mp4"
    moments = [t.isoformat() for t in (end - timedelta(seconds=12), end)]
    command = [
        "-m",
        "station",
        "--config",
        str(ROOT / ".demo" / "minwang.toml"),
        "clip",
        "wj-01",
        *moments,
        str(target),
        "--reason",
        "案件 1",
    ]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = browser.new_page()
    page.goto(target.as_uri())
    video = page.locator("video")
    expect(video).to_be_attached()
    facts = video.evaluate("""v => new Promise(done => {
        v.muted = true; v.currentTime = 6; v.play();
        setTimeout(() => done([v.duration, v.videoWidth, v.getVideoPlaybackQuality().totalVideoFrames, v.error]), 2000);
    })""")
    assert facts[0] == pytest.approx(12, abs=4) and facts[1] == 1280 and facts[2] > 8 and facts[3] is None


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


def test_an_alert_is_taken_and_answered_on_a_phone(browser: Browser, town: str) -> None:
    phone = sign_in(browser, town, "patrol", 360, 740)
    ack = phone.locator("[data-test=ack]")
    expect(ack).to_be_visible()
    box = ack.bounding_box()
    assert box is not None and box["height"] >= 48 and box["width"] > 250
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 360
    console = sign_in(browser, town, "video")
    console.click("[data-test=nav-watch]")
    ack.click()
    expect(phone.locator("[data-test=card]")).to_have_attribute("data-state", "acked")
    # The console learns it over its socket, without a reload.
    expect(console.locator("[data-test=alert][data-state=acked]").first).to_be_visible()
    phone.click("[data-test=caught]")
    expect(console.locator("[data-test=alert][data-state=answered]").first).to_contain_text("抓获")
    auditor = sign_in(browser, town, "auditor")
    expect(auditor.get_by_text("alert.answer")).to_be_visible()
    expect(auditor.get_by_text(re.compile("条记录完整|记录链完整"))).to_be_visible()


def test_a_funder_sees_figures_and_no_pictures(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "wangjia")
    expect(page.locator("[data-test=report]")).to_have_count(1)
    assert page.locator("[data-test=nav-live]").count() == 0
    page.goto(f"{town}/report/wangjia")
    expect(page.locator("h1")).to_contain_text("王家村")
    assert page.locator("img").count() == 0
    assert page.request.get(f"{town}/api/cameras/wj-01/snapshot").status == 403


def test_pages_load_nothing_from_other_hosts() -> None:
    dist = ROOT / "web" / "console" / "dist"
    for path in [*dist.rglob("*.js"), *dist.rglob("*.css"), *dist.rglob("*.html")]:
        hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", path.read_text(encoding="utf-8")))
        # Addresses in messages and XML namespaces, which are never fetched.
        assert hosts <= {
            "www.w3.org",
            "vuejs.org",
            "pinia.vuejs.org",
            "router.vuejs.org",
            "vue-i18n.intlify.dev",
            "github.com",
            "aomedia.org",
        }, (path, hosts)


def test_readme_screenshot() -> None:
    assert Path(SCREENSHOT).stat().st_size > 20_000


def test_the_demo_is_complete_and_cleans_up(running_demo: Demo) -> None:
    """The whole main task, with the demo's own exit status; the last test, because it ends the demo."""
    kept_its_promises(running_demo.stop(), running_demo.run)
