"""The JavaScript that the console sends: to an officer's first page, and to a patrol officer's phone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from bench.common import ROOT, Figure
from bench.parts.console_browser import Traffic
from bench.parts.console_station import OFFICER, PASSWORD, PATROL, RunningStation
from bench.parts.phone_build import PHONE_BYTES, phone_files, sent_bytes

DIST = ROOT / "web" / "console" / "dist"
FIRST_PAGE_BYTES = 400_000
SETTLE_MS = 3_000


def _scripts_on_the_wire(browser: Browser, url: str, name: str, path: str) -> int:
    """Return the bytes of all scripts from an empty cache to the first page after signing in."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
    try:
        page = context.new_page()
        traffic = Traffic(page)
        page.goto(url + path)
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda address: "/login" not in address)
        page.wait_for_timeout(SETTLE_MS)
        return traffic.scripts
    finally:
        context.close()


def _bytes_of_build(dist: Path) -> int:
    """Return the compressed bytes of the phone's pages in a build, in the larger language."""
    return max(sum(sent_bytes(p) for p in phone_files(dist, language)) for language in ("zh-CN", "en"))


def run(browser: Browser, station: RunningStation, base: Path | None) -> list[Figure]:
    first = _scripts_on_the_wire(browser, station.url, OFFICER, "/login")
    phone = _scripts_on_the_wire(browser, station.url, PATROL, "/m/")
    build = _bytes_of_build(DIST)
    figures = [
        Figure("scripts of sign-in and first page, on the wire", first, "bytes", f"≤ {FIRST_PAGE_BYTES}",
               0 < first <= FIRST_PAGE_BYTES),
        Figure("scripts of the phone (/m/), on the wire", phone, "bytes"),
        Figure("all of the phone's pages in the build", build, "bytes", f"≤ {PHONE_BYTES}", 0 < build <= PHONE_BYTES),
    ]  # fmt: skip
    if base is not None and (base / "phone.html").is_file():
        figures.append(Figure("the same in the base build", _bytes_of_build(base), "bytes"))
    return figures
