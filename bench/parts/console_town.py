"""2,252 cameras in the resource tree and on the map; 200 results of a search."""

from __future__ import annotations

from playwright.sync_api import Browser

from bench.common import Figure
from bench.parts.console_browser import KEY_TIMES, Traffic, drag, is_there, key_times, percentile, signed_in
from bench.parts.console_station import CAMERAS, OFFICER, SIGHTINGS, RunningStation

TREE_FILTER, MAP, RESULTS, HIT = "[data-test=tree-filter]", "[data-test=map]", "[data-test=results]", "[data-test=hit]"
# An id, a name's number, and initials of a name: each is typed and taken back again.
TYPED = ("c19", "口7号", "dscl", "第12村")
KEY_PAUSE_MS = 150
FOCUSED = "() => document.activeElement?.dataset.id ?? document.activeElement?.textContent ?? ''"


def tree(browser: Browser, station: RunningStation, idle_s: float) -> list[Figure]:
    with signed_in(browser, station.url, OFFICER) as page:
        if not is_there(page, f"{station.url}/playback", TREE_FILTER):
            return [Figure("page not there: tree", "", "")]
        page.locator("[data-camera]").first.wait_for()
        field = page.locator(f"{TREE_FILTER} input, input{TREE_FILTER}").first
        field.fill("z")  # loads the initials' table, once
        page.wait_for_timeout(2_000)
        field.fill("")
        page.evaluate(KEY_TIMES)
        for text in TYPED:
            for key in text:
                field.press_sequentially(key)
                page.wait_for_timeout(KEY_PAUSE_MS)
            for _ in text:
                field.press("Backspace")
                page.wait_for_timeout(KEY_PAUSE_MS)
        # Backspace is a key with a name: it is counted by itself, and by the input event that follows it.
        took = key_times(page)
        traffic = Traffic(page)
        page.wait_for_timeout(idle_s * 1000)
        a_minute = traffic.all * 60 / idle_s
    worst, p95, idle = max(took), percentile(took, 0.95), round(a_minute / 1e3, 1)
    return [
        Figure("cameras", CAMERAS, ""),
        Figure("key press to filtered tree, p95", round(p95), "ms", "≤ 100", p95 <= 100),
        Figure("key press to filtered tree, worst", round(worst), "ms"),
        Figure(f"bytes to an idle page in {idle_s:g} s, a minute", idle, "kB", "≤ 50", a_minute <= 50e3),
    ]  # fmt: skip


def map_page(browser: Browser, station: RunningStation, seconds: float) -> list[Figure]:
    with signed_in(browser, station.url, OFFICER) as page:
        if not is_there(page, f"{station.url}/map", MAP):
            return [Figure("page not there: map", "", "")]
        page.wait_for_timeout(3_000)
        panned = drag(page, MAP, seconds)
    return [
        Figure(f"map with {CAMERAS} cones, panning", round(panned.fps, 1), "fps", "≥ 25", panned.fps >= 25),
        Figure("longest frame", round(panned.longest), "ms"),
    ]


def results(browser: Browser, station: RunningStation) -> list[Figure]:
    with signed_in(browser, station.url, OFFICER) as page:
        page.goto(f"{station.url}/search")
        page.locator("[data-test=search-run]").click()
        page.locator(HIT).first.wait_for()
        if not page.locator(RESULTS).count():
            return [Figure("page not there: search", "", "")]
        page.locator(HIT).first.focus()
        page.evaluate(KEY_TIMES)
        passed = {page.evaluate(FOCUSED)}
        for _ in range(SIGHTINGS - 1):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(40)
            passed.add(page.evaluate(FOCUSED))
        took = key_times(page)
    p95 = percentile(took, 0.95)
    return [
        Figure("search results stepped through", len(passed), "", f"{SIGHTINGS}", len(passed) == SIGHTINGS),
        Figure("key press to next selected, p95", round(p95), "ms", "≤ 50", p95 <= 50),
        Figure("key press to next selected, worst", round(max(took)), "ms"),
    ]
