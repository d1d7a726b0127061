"""What tests do on every page: sign in, state a purpose, watch whether a video plays."""

from __future__ import annotations

import time

from playwright.sync_api import Browser, Page, expect

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


def sign_in(browser: Browser, town: str, name: str, width: int = 1440, height: int = 860) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    page.set_default_navigation_timeout(90_000)
    problems: list[str] = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.problems = problems  # type: ignore[attr-defined]
    # WALLS reads the playlists' addresses from there.
    page.add_init_script("performance.setResourceTimingBufferSize(10000)")
    page.goto(f"{town}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", "minwang-demo")
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)  # going elsewhere before would abort the sign-in
    return page


def state_purpose(page: Page) -> None:
    page.click("[data-test=purpose-chip]")
    page.fill("[name=purpose]", "案件 西店-2026-0087")
    page.click("[data-test=purpose-save]")
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


def choose_in_user_menu(page: Page, entry: str) -> None:
    """Choose an entry of the menu under one's own name: language, theme, own-password, sign-out."""
    page.click("[data-test=user-menu]")
    page.click(f"[data-test={entry}]")


def pick_camera(page: Page, camera: str) -> None:
    """Choose a camera in the resource tree, which keeps only the rows in sight in the document."""
    page.fill("input[data-test=tree-filter]", camera)
    page.click(f"[data-test=tree] [data-camera={camera}]")
    page.fill("input[data-test=tree-filter]", "")
