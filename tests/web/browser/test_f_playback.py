"""Playback of several cameras on one clock."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.web.browser.pages import begin_duty, grows, sign_in, state_purpose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

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


def test_the_timeline_shows_gaps_with_their_cause(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "investigator")
    expect(page.locator("[data-test=top-bar]")).to_be_visible()
    page.goto(f"{town}/playback?camera=xd-03")
    page.click("[data-test=lanes-purpose]")
    begin_duty(page)
    gap = page.locator("[data-test=gaps] [data-cause=unreachable]").first
    expect(gap).to_be_attached()
    expect(gap).to_contain_text("摄像机不可达")


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
    expect(page.locator("[data-test=top-bar]")).to_be_visible()
    state_purpose(page)
    at = datetime.fromtimestamp(time.time() - ago, timezone.utc).isoformat().replace("+00:00", "Z")
    page.goto(f"{town}/playback?camera={cameras}&at={at}")
    return page


@pytest.mark.long
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


@pytest.mark.long
def test_16x_playback_shows_keyframes_only(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01,wj-03", 50)
    expect(page.locator("[data-lane=playing]")).to_have_count(2, timeout=15_000)
    page.click("[data-test=toggle]")
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    expect(page.locator("[data-test=speed]")).to_contain_text("16×")
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


@pytest.mark.long
def test_a_time_lapse_runs_on_the_same_clock(browser: Browser, town: str) -> None:
    """At 60 times two cameras show pictures of the station's time-lapse; it ends at the present, at 1×."""
    page = play_back(browser, town, "wj-01,wj-03", 50)
    expect(page.locator("[data-lane=playing]")).to_have_count(2, timeout=15_000)
    page.click("[data-test=toggle]")
    asked = list[str]()
    page.on("request", lambda r: asked.append(r.url) if "/time-lapse.mp4?" in r.url else None)
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    expect(page.locator("[data-test=speed]")).to_contain_text("60×")
    expect(page.locator("[data-lane=playing]")).to_have_count(2, timeout=15_000)
    assert sorted(u.split("/playback/")[1].split("/")[0] for u in asked) == ["wj-01", "wj-03"]
    expect(page.locator("[data-stream='wj-01/main'] .label")).to_contain_text("快览")
    before = page.locator("[data-test=at]").inner_text()
    page.click("[data-test=toggle]")
    expect(page.locator("[data-test=speed]")).to_contain_text("1×", timeout=15_000)
    expect(page.locator("[data-lane=playing]")).to_have_count(2, timeout=15_000)
    after = page.locator("[data-test=at]").inner_text()
    passed = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    assert passed > timedelta(seconds=25), (before, after)
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_the_time_line_shows_a_thumbnail_and_zooms(browser: Browser, town: str) -> None:
    page = play_back(browser, town, "wj-01", 25)
    expect(page.locator("[data-lane=playing]")).to_have_count(1, timeout=15_000)
    page.click("[data-test=ten-minutes]")
    line = page.locator("[data-test=timeline]")
    box = line.bounding_box()
    assert box is not None
    start, end = (float(str(line.get_attribute(name))) for name in ("data-start", "data-end"))
    x = box["x"] + box["width"] * ((time.time() - 20) * 1000 - start) / (end - start)
    page.mouse.move(x, box["y"] + 30)
    picture = page.locator("[data-test=thumbnail] img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 240)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(300)
    closer = [float(str(line.get_attribute(name))) for name in ("data-start", "data-end")]
    assert closer[1] - closer[0] < end - start
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.long
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
