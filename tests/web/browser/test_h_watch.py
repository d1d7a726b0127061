"""Watch list and alerts, with the phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_an_alert_is_taken_and_answered_on_a_phone(browser: Browser, town: str) -> None:
    phone = sign_in(browser, town, "patrol", 360, 740)
    ack = phone.locator("[data-test=ack]")
    expect(ack).to_be_visible()
    box = ack.bounding_box()
    assert box is not None and box["height"] >= 48 and box["width"] > 250
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 360
    console = sign_in(browser, town, "video")
    console.click("[data-test=nav-watch]")
    ack.click()
    expect(phone.locator("[data-test=card]")).to_have_attribute("data-state", "acked")
    # The console learns it over its socket, without a reload.
    expect(console.locator("[data-test=alert][data-state=acked]").first).to_be_visible()
    phone.click("[data-test=caught]")
    expect(console.locator("[data-test=alert][data-state=answered]").first).to_contain_text("抓获")
    auditor = sign_in(browser, town, "auditor")
    expect(auditor.get_by_text("alert.answer")).to_be_visible()
    expect(auditor.get_by_text(re.compile("条记录完整|记录链完整"))).to_be_visible()
