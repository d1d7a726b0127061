"""What the parts of the console's benchmark measure with in a real Chromium: frames, key presses, memory, bytes."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Browser, CDPSession, Page, WebSocket, expect, sync_playwright

from tests.web.browser.pages import FLAGS, sign_in, state_purpose

UNKNOWN_PAGE = "[data-test=unknown-page]"
PAGE_MS = 60_000

# Milliseconds from a key to the end of the frame that shows what it did: a message posted in a frame's callback is
# delivered after that frame is drawn. A key that types is answered by an input event, any other by itself.
KEY_TIMES = """() => {
  window.keyTimes = [];
  let pressed = 0;
  const drawn = () => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.keyTimes.push(performance.now() - pressed);
    channel.port2.postMessage(0);
  });
  addEventListener('keydown', (e) => { pressed = e.timeStamp; if (e.key.length > 1) drawn(); }, true);
  addEventListener('input', drawn, true);
}"""
COUNT_FRAMES = """() => {
  window.frameTimes = [];
  const next = (at) => { window.frameTimes?.push(at); if (window.frameTimes) requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""
FRAME_TIMES = "() => { const times = window.frameTimes; window.frameTimes = null; return times; }"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a GPU. Raises RuntimeError if it is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("Chromium is not installed; run: apt-get install chromium")
    expect.set_options(timeout=PAGE_MS)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def signed_in(browser: Browser, url: str, name: str, *, purpose: bool = True) -> Iterator[Page]:
    """Open a page of 1920×1080 pixels whose officer is signed in, and has stated a purpose."""
    page = sign_in(browser, url, name, 1920, 1080)
    page.set_default_timeout(PAGE_MS)
    try:
        page.wait_for_url(lambda address: "/login" not in address)
        if purpose:
            state_purpose(page)
        yield page
    finally:
        page.context.close()


def is_there(page: Page, address: str, selector: str) -> bool:
    """Open an address; return whether the console has such a page: one that shows `selector`."""
    page.goto(address)
    page.locator(f"{selector}, {UNKNOWN_PAGE}").first.wait_for(state="attached")
    return page.locator(selector).count() > 0


@dataclass(slots=True)
class Drag:
    """Frames that a page drew while it was dragged; `longest` between two frames in ms."""

    fps: float
    longest: float


def drag(page: Page, selector: str, seconds: float, step: int = 12) -> Drag:
    """Drag an element to and fro with the left button, and count the frames."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(COUNT_FRAMES)
    until, offset, by = time.monotonic() + seconds, 0, step
    while time.monotonic() < until:
        offset += by
        if abs(offset) > box["width"] / 4:
            by = -by
        page.mouse.move(x + offset, y)
    times = [float(t) for t in page.evaluate(FRAME_TIMES)]
    page.mouse.up()
    between = [b - a for a, b in itertools.pairwise(times)]
    assert between, "no frame was drawn"
    return Drag(len(between) * 1000 / sum(between), max(between))


def key_times(page: Page) -> list[float]:
    """Return the times of the keys so far (ms, see KEY_TIMES), and forget them."""
    return [float(t) for t in page.evaluate("() => window.keyTimes.splice(0)")]


def heap_bytes(session: CDPSession) -> float:
    """Return the JavaScript heap that is in use after garbage collection."""
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(m["value"]) for m in metrics if m["name"] == "JSHeapUsedSize")


@dataclass(slots=True)
class Traffic:
    """Bytes on the wire to a page from the time at which this was made: answers, and frames of sockets."""

    page: Page
    scripts: int = 0
    all: int = 0
    _kinds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on("Network.responseReceived", lambda e: self._kinds.update({e["requestId"]: e["type"]}))
        session.on("Network.loadingFinished", lambda e: self._add(e["requestId"], int(e["encodedDataLength"])))
        session.on("Network.webSocketFrameReceived", lambda e: self._add("", len(e["response"]["payloadData"])))

    def _add(self, request: str, size: int) -> None:
        self.all += size
        if self._kinds.get(request) == "Script":
            self.scripts += size


@dataclass(slots=True)
class LiveSockets:
    """The sockets for live pictures that a page opens."""

    page: Page
    opened: int = 0

    def __post_init__(self) -> None:
        self.page.on("websocket", self._count)

    def _count(self, socket: WebSocket) -> None:
        self.opened += "/api/live/" in socket.url


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
