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
    phone.click("[data-test=arrive]")
    expect(phone.locator("[data-test=card]")).to_have_attribute("data-phase", "there")
    phone.click("[data-test=caught]")
    phone.click("[data-test=choose-caught]")
    expect(console.locator("[data-test=alert][data-state=answered]").first).to_contain_text("抓获")
    auditor = sign_in(browser, town, "auditor")
    expect(auditor.get_by_text("反馈预警").first).to_be_visible()
    expect(auditor.get_by_text(re.compile("条记录完整|记录链完整"))).to_be_visible()


@pytest.mark.long
def test_a_proposal_is_decided_with_its_reason_before_the_approver(browser: Browser, town: str) -> None:
    """The form is empty after sending; the approver reads reason and case, and confirms what he decides."""
    officer = sign_in(browser, town, "investigator")
    officer.click("[data-test=nav-cases]")
    officer.click("[data-test=case-new]")
    officer.fill("[data-test=case-dialog] [name=number]", "西店-2026-0101")
    officer.fill("[data-test=case-dialog] [name=title]", "电瓶车被盗")
    officer.click("[data-test=case-submit]")
    expect(officer.locator("[data-test=case]").first).to_contain_text("西店-2026-0101")
    officer.goto(f"{town}/watch?sighting=&cls=person&upper=blue")
    officer.click("[data-test=propose]")
    officer.fill("[data-test=propose-dialog] [name=title]", "蓝衣男子")
    officer.fill("[data-test=propose-dialog] [name=reason]", "监控拍到其推走电瓶车")
    officer.click("[data-test=propose-submit]")
    expect(officer.locator("[data-test=propose-dialog]")).not_to_be_visible()
    expect(officer.locator("[data-test=subjects] tr", has_text="蓝衣男子")).to_have_count(1)
    officer.click("[data-test=propose]")
    expect(officer.locator("[data-test=propose-dialog] [name=title]")).to_have_value("")
    leader = sign_in(browser, town, "leader")
    leader.click("[data-test=nav-watch]")
    leader.locator("tr", has_text="蓝衣男子").locator("[data-test=decide]").click()
    expect(leader.locator("[data-test=decision-reason]")).to_have_text("监控拍到其推走电瓶车")
    expect(leader.locator("[data-test=decision-dialog]")).to_contain_text("西店-2026-0101")
    expect(leader.locator("[data-test=decision-approve]")).to_be_disabled()
    leader.click("[data-test=decision-certain]")
    leader.click("[data-test=decision-refuse]")
    expect(leader.locator("tr.refused", has_text="蓝衣男子")).to_be_visible()
