"""The wall: the first live picture after signing in, 25 cells of 640×360 at 12 pictures a second, and 16 cells for a
shift's half hour.
"""

from __future__ import annotations

import time

from playwright.sync_api import Browser, Page

from bench.common import Figure
from bench.parts.console_browser import LiveSockets, heap_bytes, is_there, percentile, signed_in
from bench.parts.console_station import FPS, OFFICER, PASSWORD, RunningStation
from core.audit.actions import AuditAction

WALL = "[data-test=wall]"
NOT_THERE = "page not there: wall"
PLAYING_MS, PICTURE_MS = 120_000, 60_000
SETTLE_S = 5.0
MB = 1e6

# Runs in the page from its beginning; `moments` in ms since the navigation.
MOMENTS = """() => {
  window.moments = {};
  addEventListener('submit', () => (window.moments.submitted ??= performance.now()), true);
  const look = () => {
    const purpose = document.querySelector('[data-test=purpose-0]');  // of the dialog that the cell's button opens
    (purpose ?? document.querySelector('[data-test=live-purpose]'))?.click();
    const videos = [...document.querySelectorAll('[data-cell] video')];
    const playing = videos.filter((v) => v.getVideoPlaybackQuality().totalVideoFrames > 0).length;
    if (playing > 0) window.moments.first ??= performance.now();
    if (playing >= (window.wanted ?? Infinity)) window.moments.all ??= performance.now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
SHOWN = """() => [...document.querySelectorAll('[data-cell] video')].map((v) => {
  const q = v.getVideoPlaybackQuality();
  return q.totalVideoFrames - q.droppedVideoFrames;
})"""


def _address(station: RunningStation, layout: int) -> str:
    return f"/wall?layout={layout}&cells={','.join(station.streaming[:layout])}"


def first_picture(browser: Browser, station: RunningStation, runs: int) -> list[Figure]:
    took = []
    with signed_in(browser, station.url, OFFICER) as page:
        if not is_there(page, station.url + _address(station, 1), WALL):
            return [Figure(NOT_THERE, "", "")]
    for _ in range(runs):
        context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
        page = context.new_page()
        page.add_init_script(f"({MOMENTS})()")
        # Its address is where the console goes on after signing in, as after an ended session.
        page.goto(station.url + _address(station, 1))
        page.fill("[name=name]", OFFICER)
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_function("() => window.moments.first", timeout=PICTURE_MS)
        took.append(float(page.evaluate("() => window.moments.first - window.moments.submitted")))
        context.close()
    p95 = percentile(took, 0.95)
    return [
        Figure("sign-in to first live picture, median", round(percentile(took, 0.5)), "ms"),
        Figure(f"sign-in to first live picture, p95 of {runs}", round(p95), "ms", "≤ 1500", p95 <= 1500),
    ]


def _open_wall(page: Page, station: RunningStation, layout: int) -> float | None:
    """Show as many cells as video; return ms from the navigation until all play, None if there is no wall."""
    page.add_init_script(f"window.wanted = {layout}; ({MOMENTS})()")
    if not is_there(page, station.url + _address(station, layout), WALL):
        return None
    stills = page.locator("[data-test=stills] button")
    page.wait_for_timeout(1_000)
    if stills.count():  # a computer with few cores shows some cells as stills until it is asked for video in all
        stills.first.click()
    page.wait_for_function("() => window.moments.all", timeout=PLAYING_MS)
    return float(page.evaluate("() => window.moments.all"))


def cells_of_25(browser: Browser, station: RunningStation, seconds: float) -> list[Figure]:
    with signed_in(browser, station.url, OFFICER) as page:
        took = _open_wall(page, station, 25)
        if took is None:
            return [Figure(NOT_THERE, "", "")]
        page.wait_for_timeout(SETTLE_S * 1000)
        before, began = page.evaluate(SHOWN), time.monotonic()
        page.wait_for_timeout(seconds * 1000)
        after, passed = page.evaluate(SHOWN), time.monotonic() - began
    shown = sum(b - a for a, b in zip(before, after, strict=True))
    share = shown / (FPS * passed * 25)
    return [
        Figure("25 cells (25 cameras, 640×360, 12 fps), all play after", round(took), "ms", "≤ 4000", took <= 4000),
        Figure("pictures shown of pictures sent", round(share * 100, 1), "%", "≥ 95", share >= 0.95),
    ]  # fmt: skip


def shift(browser: Browser, station: RunningStation, minutes: float) -> list[Figure]:
    with signed_in(browser, station.url, OFFICER) as page:
        last, sockets = station.last_audit_row(), LiveSockets(page)
        if _open_wall(page, station, 16) is None:
            return [Figure(NOT_THERE, "", "")]
        cdp = page.context.new_cdp_session(page)
        page.wait_for_timeout(SETTLE_S * 1000)
        before, until = heap_bytes(cdp), time.monotonic() + minutes * 60
        while time.monotonic() < until:
            # Somebody is there: otherwise the console asks whether anybody still watches.
            page.mouse.move(400 + until % 7, 20)
            page.wait_for_timeout(min(20.0, max(0.0, until - time.monotonic())) * 1000)
            page.mouse.move(420, 20)
        grown = (heap_bytes(cdp) - before) / MB
    rows = station.count_audit_rows(AuditAction.LIVE_OPEN, last)
    return [
        Figure(f"16 cells for {minutes:g} min, page memory grown by", round(grown, 1), "MB", "≤ 20", grown <= 20),
        Figure("sockets opened", sockets.opened, "", "16", sockets.opened == 16),
        Figure("audit rows of live pictures", rows, "", "16", rows == 16),
    ]
