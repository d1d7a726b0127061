"""What holds on every page: no errors, nothing foreign, Chinese words, accessibility; and what no page may lose."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.web.browser.pages import sign_in

# Not run to its end yet (docs/progress.md): outside the ordinary run until each page passes it.
pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(600)]

CONSOLE = ROOT / "web" / "console"
PAGE = re.compile(r'name: "(\w+)", path: "([^"]+)", permissions: .*import\("(@/[^"]+)"\)')
ACCOUNTS = {"admin": "admin"}  # who sees the pages that an investigator does not, by the page's name
SETTLE_MS = 1500
PURPOSE = "案件 西店-2026-0099"

STATE_PURPOSE = """(purpose) => fetch('/api/session/purpose', {
  method: 'POST', headers: {'X-Minwang': '1', 'Content-Type': 'application/json'}, body: JSON.stringify({purpose}),
}).then((r) => r.status)"""
SIGN_OUT = "() => fetch('/api/session', {method: 'DELETE', headers: {'X-Minwang': '1'}}).then((r) => r.status)"
# Texts that a person sees or hears: text nodes, and attributes that are shown or read aloud.
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (!node.parentElement.closest('script, style') && node.parentElement.checkVisibility()) found.push(node.data);
  for (const name of ['title', 'aria-label', 'placeholder'])
    for (const e of document.querySelectorAll(`[${name}]`)) found.push(e.getAttribute(name));
  return found;
}"""
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
RUN_AXE = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
  return violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => n.target.join(' ')).join(' | ')}`);
}"""
WORD = re.compile(r"[A-Za-z][A-Za-z/-]*")
# A token with a digit, an at sign, or dots and slashes in it is a number, a unit, a camera or an address.
IDENTIFIER = re.compile(r"\S*[\d@_]\S*|\S+[./:]\S+")
# Names, units, codecs, protocols and keys, which are the same in both languages.
ALLOWED = frozenset(
    re.findall(
        r"\S+",
        """
        minwang english fps kb mb gb tb kbps kb/s mb/s gb/h ms min px hz url id ip csv pdf xlsx zip png jpeg jpg
        onvif rtsp rtp tls tcp udp http https digest mac nvr ptz iso json sha sd usb api dc ir ai ok
        ctrl alt shift esc enter home end space tab
        """,
    )
)


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """An entry of src/shell/pages.ts; `old`: it is not rewritten yet."""

    name: str
    path: str
    old: bool


def console_pages() -> list[ConsolePage]:
    text = (CONSOLE / "src" / "shell" / "pages.ts").read_text(encoding="utf-8")
    return [ConsolePage(name, path, view.startswith("@/views/")) for name, path, view in PAGE.findall(text)]


PAGES = [
    pytest.param(p, id=p.name, marks=[pytest.mark.skip(reason="the page is not rewritten yet")] if p.old else [])
    for p in console_pages()
]


@dataclass(slots=True)
class Watched:
    """What a page asked for, and its errors."""

    errors: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda m: self.errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("request", lambda r: self.addresses.append(r.url))
        page.on("websocket", lambda s: self.addresses.append(s.url))

    def foreign(self, town: str) -> list[str]:
        own = (town, town.replace("http", "ws", 1), "blob:", "data:")
        return [a for a in self.addresses if not a.startswith(own)]


def officer_on(browser: Browser, town: str, name: str) -> Page:
    """Sign in, and state a purpose without its dialog."""
    page = sign_in(browser, town, name)
    page.wait_for_url(lambda address: "/login" not in address)
    if page.evaluate("async () => (await (await fetch('/api/me')).json()).permissions.includes('live.view')"):
        assert page.evaluate(STATE_PURPOSE, PURPOSE) == 200
    return page


def english_words(texts: list[str]) -> list[str]:
    """Return texts with an English word, each shortened; names, numbers, units and addresses are no words."""

    def words(text: str) -> Iterator[str]:
        for word in WORD.findall(IDENTIFIER.sub(" ", text)):
            if len(word) > 1 and word.lower().strip("-/") not in ALLOWED:
                yield word

    return sorted({text.strip()[:80] for text in texts if any(words(text))})


def test_english_words_are_found_among_what_is_the_same_in_both_languages() -> None:
    assert (
        english_words(["wj-01 · 王家村口", "H.264 1280×720 8.0 fps", "192.168.1.4:8899", "rtsp://a/b", "12 kb/s"]) == []
    )
    assert english_words(["Not found", "画面 frozen", "No"]) == ["No", "Not found", "画面 frozen"]


def test_all_pages_are_known() -> None:
    pages = console_pages()
    text = (CONSOLE / "src" / "shell" / "pages.ts").read_text(encoding="utf-8")
    assert len(pages) == text.count("view: () => import(") > 5
    assert all(not p.old for p in pages)


@pytest.mark.parametrize("shown", PAGES)
def test_a_page_is_quiet_chinese_and_accessible(browser: Browser, town: str, shown: ConsolePage) -> None:
    page = officer_on(browser, town, ACCOUNTS.get(shown.name, "investigator"))
    watched = Watched()
    watched.follow(page)
    page.goto(town + shown.path)
    expect(page.locator("main .page, main section, main > div").first).to_be_visible()
    page.wait_for_timeout(SETTLE_MS)
    assert page.url.removeprefix(town).startswith(shown.path), "the account does not see this page"
    assert watched.errors == []
    assert watched.foreign(town) == []
    assert english_words(page.evaluate(TEXTS)) == []
    page.evaluate((CONSOLE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE, AXE_RULES) == []


def test_an_ended_session_leads_to_the_sign_in_page_and_back(browser: Browser, town: str) -> None:
    page = officer_on(browser, town, "investigator")
    page.goto(f"{town}/patrol")
    expect(page.locator("[data-test=top-bar]")).to_be_visible()
    other = browser.new_context(storage_state=page.context.storage_state()).new_page()
    other.goto(f"{town}/login")
    assert other.evaluate(SIGN_OUT) == 200
    expect(page.locator("[data-test=ended]")).to_be_visible()
    page.fill("[name=name]", "investigator")
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    page.wait_for_url(f"{town}/patrol*")
    expect(page.locator("[data-test=top-bar]")).to_be_visible()


def test_a_request_that_fails_shows_a_message_and_keeps_what_was_typed(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "investigator")
    page.route("**/api/session/purpose", lambda r: r.abort())
    page.route("**/api/patrol/rounds", lambda r: r.abort() if r.request.method == "POST" else r.continue_())
    page.click("[data-test=purpose-chip]")
    page.fill("[name=purpose]", PURPOSE)
    page.click("[data-test=purpose-save]")
    expect(page.locator("[data-test=purpose] [role=alert]")).to_contain_text(re.compile("[一-龥]{4}"))
    expect(page.locator("[name=purpose]")).to_have_value(PURPOSE)
    page.keyboard.press("Escape")
    page.goto(f"{town}/patrol")
    page.click("[data-test=patrol-run]")
    expect(page.locator(".el-message--error")).to_contain_text(re.compile("[一-龥]{4}"))


def played_moment(page: Page) -> datetime:
    """Return the time that the playback shows, as it is written there."""
    shown = page.locator("[data-test=at]")
    expect(shown).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    return datetime.strptime(shown.inner_text().strip(), "%Y-%m-%d %H:%M:%S")


def recent() -> str:
    at = datetime.now(timezone.utc) - timedelta(seconds=40)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_reload_restores_cameras_and_time(browser: Browser, town: str) -> None:
    page = officer_on(browser, town, "investigator")
    page.goto(f"{town}/playback?camera=wj-01,yj-01&at={recent()}")
    expect(page.locator("[data-lane=playing]")).to_have_count(2)
    page.click("[data-test=toggle]")
    before = played_moment(page)
    page.wait_for_timeout(500)  # the address follows
    began = time.monotonic()
    page.reload()
    expect(page.locator("[data-lane]")).to_have_count(2)
    streams = page.locator("[data-lane]").evaluate_all("all => all.map((e) => e.dataset.stream.split('/')[0])")
    assert streams == ["wj-01", "yj-01"]
    # It plays on from there.
    assert -2 <= (played_moment(page) - before).total_seconds() <= time.monotonic() - began + 3


def test_an_unknown_address_has_a_page_of_its_own(browser: Browser, town: str) -> None:
    page = officer_on(browser, town, "investigator")
    answer = page.goto(f"{town}/no-such-page")
    assert answer is not None and answer.status == 404
    unknown = page.locator("[data-test=unknown-page]")
    expect(unknown).to_contain_text("/no-such-page")
    unknown.get_by_role("button").click()
    page.wait_for_url(f"{town}/today")


def test_a_computer_abroad_shows_the_times_of_the_station(browser: Browser, town: str) -> None:
    context = browser.new_context(timezone_id="Europe/London", locale="en-GB")
    page = context.new_page()
    page.goto(f"{town}/login")
    page.fill("[name=name]", "investigator")
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/login" not in address)
    assert page.evaluate(STATE_PURPOSE, PURPOSE) == 200
    page.goto(f"{town}/playback?camera=wj-01&at={recent()}")
    there = datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    assert abs(there - played_moment(page)) < timedelta(minutes=3)
    assert page.evaluate("() => new Date(0).getTimezoneOffset()") == -60  # London kept summer time in January 1970
