"""The JavaScript that the console sends: to an officer's first page, and to a patrol officer's phone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser

from bench.common import ROOT, Figure
from bench.parts.console_browser import Traffic
from bench.parts.console_station import OFFICER, PASSWORD, PATROL, RunningStation

DIST = ROOT / "web" / "console" / "dist"
FIRST_PAGE_BYTES = 400_000
SETTLE_MS = 3_000
STATIC_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")


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


def static_bytes(dist: Path, *views: str) -> int:
    """Return the compressed bytes of the scripts of these views in a build, with all that they import statically.

    Raises FileNotFoundError if the build lacks one of them.
    """
    assets = dist / "assets"
    wanted = re.findall(r"/assets/([\w.-]+\.js)", (dist / "index.html").read_text(encoding="utf-8"))
    for view in views:
        found = sorted(assets.glob(f"{view}-*.js"))
        if not found:
            raise FileNotFoundError(f"{assets}: no script of {view}")
        wanted.append(found[0].name)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += STATIC_IMPORT.findall((assets / name).read_text(encoding="utf-8"))
    return sum(_compressed(assets / name) for name in seen)


def _compressed(script: Path) -> int:
    """Return the size of the smallest form in which the station sends it."""
    forms = [script, script.with_name(f"{script.name}.br"), script.with_name(f"{script.name}.gz")]
    return min(form.stat().st_size for form in forms if form.is_file())


def run(browser: Browser, station: RunningStation, base: Path | None) -> list[Figure]:
    first = _scripts_on_the_wire(browser, station.url, OFFICER, "/login")
    phone = _scripts_on_the_wire(browser, station.url, PATROL, "/m")
    view = static_bytes(DIST, "LoginView", "MobileView")
    figures = [
        Figure("scripts of sign-in and first page, on the wire", first, "bytes", f"≤ {FIRST_PAGE_BYTES}",
               0 < first <= FIRST_PAGE_BYTES),
        Figure("scripts of the phone (/m), on the wire", phone, "bytes"),
        Figure("the phone's scripts without texts, in the build", view, "bytes"),
    ]  # fmt: skip
    if base is not None:
        before = static_bytes(base, "LoginView", "MobileView")
        figures.append(Figure("the same in the base build", before, "bytes", f"≥ {view}", view <= before))
    return figures
