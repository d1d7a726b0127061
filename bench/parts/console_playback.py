"""Playback of nine cameras on one clock, and dragging the time line."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from playwright.sync_api import Browser, Page

from bench.common import Figure
from bench.parts.console_browser import drag, is_there, percentile, signed_in
from bench.parts.console_station import OFFICER, RunningStation
from tests.web.browser.test_f_playback import walls

LANES, RECORDED_S, BEHIND_S = 9, 75.0, 60.0
SETTLE_S, SAMPLE_S = 4.0, 0.2
PLAYING_MS = 60_000


def _spreads(page: Page, seconds: float) -> list[float]:
    """Return differences (s) between the earliest and the latest camera; computed from the playlists."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        shown = walls(page)
        if len(shown) == LANES:
            found.append(max(shown) - min(shown))
        page.wait_for_timeout(SAMPLE_S * 1000)
    return found


def run(browser: Browser, station: RunningStation, seconds: float) -> list[Figure]:
    time.sleep(max(0.0, station.since + RECORDED_S - time.time()))
    at = datetime.fromtimestamp(time.time() - BEHIND_S, timezone.utc).isoformat().replace("+00:00", "Z")
    with signed_in(browser, station.url, OFFICER) as page:
        page.add_init_script("performance.setResourceTimingBufferSize(10000)")
        address = f"{station.url}/playback?camera={','.join(station.streaming[:LANES])}&at={at}"
        if not is_there(page, address, "[data-test=timeline]"):
            return [Figure("page not there: playback", "", "")]
        page.wait_for_function(
            f"() => document.querySelectorAll('[data-lane=playing]').length === {LANES}", timeout=PLAYING_MS
        )
        page.wait_for_timeout(SETTLE_S * 1000)
        spreads = _spreads(page, seconds)
        dragged = drag(page, "[data-test=timeline]", seconds)
    if not spreads:
        return [Figure("samples in which all nine showed a picture", 0, "", "≥ 1", False)]
    p95 = percentile(spreads, 0.95) * 1000
    return [
        Figure("samples in which all nine showed a picture", len(spreads), ""),
        Figure("skew of nine cameras, median", round(percentile(spreads, 0.5) * 1000), "ms"),
        Figure("skew of nine cameras, p95", round(p95), "ms", "≤ 50", p95 <= 50),
        Figure("time line of nine dragged", round(dragged.fps, 1), "fps", "≥ 30", dragged.fps >= 30),
        Figure("longest frame", round(dragged.longest), "ms"),
    ]
