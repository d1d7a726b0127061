"""What holds on every page: no errors, nothing foreign, Chinese words, accessibility; and what no page may lose."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Request, StorageState, expect

from station.demo.accounts import ACCOUNTS as ACCOUNTS_OF_DEMO
from tests.conftest import ROOT
from tests.web.browser.pages import choose_in_user_menu, sign_in

# Each page in both languages: minutes, so beside the long tests.
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(600)]

CONSOLE = ROOT / "web" / "console"
PAGE = re.compile(r'name: "(\w+)", path: "([^"]+)", permissions: ')
# Who sees the pages that an investigator does not, by the page's name; and parts of pages with an address of their own.
ACCOUNTS = {"admin": "admin"}
PARTS = {
    "investigator": ["/cameras/wj-01", "/cameras?tab=findings"],
    "admin": ["/admin/credentials", "/admin/station", "/admin/settings"],
    "security": ["/admin/users"],
}
HAN = re.compile("[一-龥]+")
LATIN = re.compile("^[^一-龥]+$")
SETTLE_MS = 300
VIEWPORT = {"width": 1366, "height": 768}
SIGNED_IN: dict[str, StorageState] = {}  # by account
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
        ctrl alt shift esc enter home end space tab km
        """,
    )
)

# Pages of the administrator name programs, commands to type and values of settings as they are written.
ADMINISTRATOR = frozenset(
    re.findall(
        r"\S+",
        """
        ffmpeg sqlite postgresql vda noto sans cjk sc minwang install models list inode apt-get chrony smartmontools
        smartctl smart root backup passphrase-file docs target auto off own proxy none zh en dir web wmts iana builtin
        chmod accounts required mon sun profile g x-forwarded-for x-forwarded forwarded proto host rfc sqlalchemy
        """,
    )
)

# Names in the demo: accounts, its cameras' credential and what they tell of themselves.
NAMES = frozenset(name for name, *_ in ACCOUNTS_OF_DEMO) | {"village", "virtual", "main", "sub", "ve-main", "ve-sub"}


def console_pages() -> list[tuple[str, str]]:
    """Account and address of every page of src/shell/pages.ts and of its parts."""
    text = (CONSOLE / "src" / "shell" / "pages.ts").read_text(encoding="utf-8")
    pages = [(ACCOUNTS.get(name, "investigator"), path) for name, path in PAGE.findall(text)]
    return [*pages, *((account, path) for account, paths in PARTS.items() for path in paths)]


@dataclass(slots=True)
class Watched:
    """What a page asked for and was told, and its errors."""

    errors: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda m: self.errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("request", lambda r: self.addresses.append(r.url))
        page.on("requestfinished", lambda r: self.requests.append(r) if "/api/" in r.url else None)
        page.on("websocket", lambda s: self.addresses.append(s.url))

    def foreign(self, town: str) -> list[str]:
        own = (town, town.replace("http", "ws", 1), "blob:", "data:")
        return [a for a in self.addresses if not a.startswith(own)]

    def data(self) -> str:
        """What the station told, as text: names of cameras, villages and persons, what people wrote."""
        answers = [r.response() for r in self.requests]
        told = [a.json() for a in answers if a and a.ok and "json" in a.headers.get("content-type", "")]
        return json.dumps(told, ensure_ascii=False)


def officer_on(browser: Browser, town: str, name: str, **context: str) -> Page:
    """Return a page of an account that has stated a purpose, without its dialog; it signs in once."""
    if name not in SIGNED_IN:
        page = sign_in(browser, town, name)
        if page.evaluate("async () => (await (await fetch('/api/me')).json()).permissions.includes('live.view')"):
            assert page.evaluate(STATE_PURPOSE, PURPOSE) == 200
        SIGNED_IN[name] = page.context.storage_state()
        page.context.close()
    wanted = {"viewport": VIEWPORT, "locale": "zh-CN", **context}
    return browser.new_context(storage_state=SIGNED_IN[name], **wanted).new_page()  # type: ignore[arg-type]


def settle(page: Page) -> None:
    """Wait until the page has read what it shows."""
    expect(page.locator("main .page, main section, main > div").first).to_be_visible()
    expect(page.locator("main .el-skeleton")).to_have_count(0)
    page.wait_for_timeout(SETTLE_MS)


def english_words(texts: list[str], known: frozenset[str] = frozenset()) -> list[str]:
    """Return texts with an English word, each shortened; names, numbers, units and addresses are no words."""

    def words(text: str) -> Iterator[str]:
        for word in WORD.findall(IDENTIFIER.sub(" ", text)):
            if len(word) > 1 and word.lower().strip("-/") not in ALLOWED | NAMES | known:
                yield word

    return sorted({text.strip()[:80] for text in texts if any(words(text))})


def test_english_words_are_found_among_what_is_the_same_in_both_languages() -> None:
    assert (
        english_words(["wj-01 · 王家村口", "H.264 1280×720 8.0 fps", "192.168.1.4:8899", "rtsp://a/b", "12 kb/s"]) == []
    )
    assert english_words(["Not found", "画面 frozen", "No"]) == ["No", "Not found", "画面 frozen"]


def chinese_words(texts: list[str], data: str) -> list[str]:
    """Return texts with Chinese that the station did not tell, or that is a text of the Chinese console."""
    names = {display for _, display, *_ in ACCOUNTS_OF_DEMO} | {"中文"}  # the menu entry for the other language
    own = {t for t in ui_texts("zh-CN") if HAN.search(t) and len(t) > 1} - names
    return sorted(
        {
            t.strip()[:80]
            for t in texts
            if t.strip() in own or any(w not in data and w not in names for w in HAN.findall(t))
        }
    )


def ui_texts(language: str) -> Iterator[str]:
    """All texts of the console in a language."""

    def leaves(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for child in node.values():
                yield from leaves(child)
        elif isinstance(node, str):
            yield node

    for path in [CONSOLE / "src" / "i18n" / f"{language}.json", *(CONSOLE / "src").glob(f"*/*.{language}.json")]:
        yield from leaves(json.loads(path.read_text(encoding="utf-8")))


def test_chinese_words_are_found_unless_they_are_data() -> None:
    data = '{"name": "王家村口", "reason": "监控显示"}'
    assert chinese_words(["王家村口 wj-01", "Patrol", "监控显示"], data) == []
    assert chinese_words(["巡检", "王家村口 离线"], data + "巡检") == ["巡检", "王家村口 离线"]


def test_all_pages_are_known() -> None:
    text = (CONSOLE / "src" / "shell" / "pages.ts").read_text(encoding="utf-8")
    assert len(PAGE.findall(text)) == text.count("view: () => import(") > 5
    assert "@/views/" not in text


@pytest.mark.parametrize(("account", "path"), console_pages())
def test_a_page_is_quiet_accessible_and_in_one_language(browser: Browser, town: str, account: str, path: str) -> None:
    page = officer_on(browser, town, account)
    watched = Watched()
    watched.follow(page)
    page.goto(town + path)
    settle(page)
    assert page.url.removeprefix(town).startswith(path), "the account does not see this page"
    assert watched.errors == []
    assert watched.foreign(town) == []
    assert english_words(page.evaluate(TEXTS), ADMINISTRATOR if account in ("admin", "security") else frozenset()) == []
    page.evaluate((CONSOLE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE, AXE_RULES) == []
    choose_in_user_menu(page, "language")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".rail [aria-current=page]")).to_have_text(LATIN)
    assert chinese_words(page.evaluate(TEXTS), watched.data()) == []
    page.evaluate("() => localStorage.removeItem('language')")
    assert watched.errors == []


def test_an_ended_session_leads_to_the_sign_in_page_and_back(browser: Browser, town: str) -> None:
    page = officer_on(browser, town, "investigator")
    page.goto(f"{town}/patrol")
    expect(page.locator("[data-test=top-bar]")).to_be_visible()
    other = browser.new_context(storage_state=page.context.storage_state()).new_page()
    other.goto(f"{town}/login")
    assert other.evaluate(SIGN_OUT) == 200
    del SIGNED_IN["investigator"]
    expect(page.locator("[data-test=ended]")).to_be_visible()
    page.fill("[name=name]", "investigator")
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    page.wait_for_url(f"{town}/patrol*")
    expect(page.locator("[data-test=top-bar]")).to_be_visible()


def test_a_request_that_fails_shows_a_message_and_keeps_what_was_typed(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
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
