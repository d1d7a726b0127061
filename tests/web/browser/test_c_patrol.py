"""Patrol: faults with their pictures, the register, the review."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.web.browser.pages import begin_duty, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_patrol_shows_each_fault_with_its_picture(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    for camera, family in (("wj-02", "black"), ("yj-02", "frozen"), ("xd-03", "unreachable")):
        fault = page.locator(f"[data-test=fault][data-camera={camera}][data-family={family}]")
        expect(fault).to_be_visible(timeout=60_000)  # a round of the demo takes 15 s
    page.click("[data-test=fault][data-camera=wj-02][data-family=black]")
    page.click("[data-test=fault-purpose]")  # no picture without a purpose
    page.fill("[name=purpose]", "巡检")
    page.click("[data-test=purpose-save]")
    picture = page.locator("figure[data-camera=wj-02] [data-test=fault-picture] img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 640)
    days = page.locator("[data-test=week-day]")
    expect(days).to_have_count(7)
    assert days.nth(0).get_attribute("data-result") == "unknown", "the demo did not run six days ago"
    assert days.nth(6).get_attribute("data-result") == "found"
    days.nth(6).click()  # the picture of the inspection that found it
    expect(page.locator("figure[data-camera=wj-02] [data-test=fault-picture] img").first).to_have_attribute(
        "src", re.compile("/inspections/")
    )
    page.click("[data-test=patrol-run]")
    expect(page.get_by_text(re.compile("巡检进行中|等待开始|已看 40 路"))).to_be_visible()


def test_a_fault_becomes_an_order_that_a_contractor_finishes(browser: Browser, town: str, tmp_path: Path) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    page.click("[data-test=fault][data-camera=wj-02][data-family=black]")
    page.keyboard.press("3")
    expect(page.get_by_text(re.compile("已建 1 张工单"))).to_be_visible()
    page.click("[data-test=register]")  # only who has the register before him can sign it
    expect(page.frame_locator("[data-test=register-page]").get_by_text("视频巡检登记")).to_be_visible()
    page.frame_locator("[data-test=register-page]").locator("body").evaluate(
        "b => b.ownerDocument.defaultView.scrollTo(0, b.scrollHeight)"
    )
    page.click("[data-test=sign]")
    expect(page.locator("[data-test=signed]")).to_be_visible()
    page.click("[data-test=nav-orders]")
    order = page.locator("[data-test=column-new] [data-test=order]", has_text="王家祠堂")
    order.locator(".el-checkbox").click()
    page.click("[data-test=move-assigned]")
    page.click("[data-test=move-dialog] [data-test=vendor]")
    page.get_by_role("option", name="天目维护").click()
    page.click("[data-test=move-submit]")
    expect(page.locator("[data-test=column-assigned] [data-test=order]", has_text="天目维护")).to_be_visible()
    contractor = sign_in(browser, town, "tianmu", 390, 844)
    order = contractor.locator("[data-test=own-order]", has_text="王家祠堂")
    expect(order).to_have_attribute("data-state", "assigned")
    still = order.locator("[data-test=still]")
    expect(still).to_be_visible()
    assert still.evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 192
    order.locator("[data-test=own-working]").click()
    expect(order).to_have_attribute("data-state", "working")
    photo = tmp_path / "mended.png"
    photo.write_bytes(contractor.screenshot())
    order.locator("[data-test=own-file]").set_input_files(photo)
    # A process that has to start decodes it.
    expect(order.locator("[data-test=own-photo]")).to_be_visible(timeout=20_000)
    order.locator("[data-test=own-text]").fill("换了镜头")
    order.locator("[data-test=own-verifying]").click()
    expect(order).to_have_attribute("data-state", "verifying")
    contractor.goto(f"{town}/wall")
    expect(contractor.locator("[data-test=own-order]").first).to_be_visible()  # the contractor has no other page
    assert contractor.problems == []  # type: ignore[attr-defined]
    page.click("[data-test=nav-orders]")
    page.locator("[data-test=column-verifying] [data-test=order]", has_text="王家祠堂").click()
    expect(page.locator("[data-test=order-photo]")).to_be_visible()
    expect(page.get_by_text("换了镜头")).to_be_visible()


@pytest.mark.long
def test_the_patrol_page_shows_problems_of_a_register(browser: Browser, town: str) -> None:
    """The station's answer with states that the demo has no time for: a day without patrol, a changed register."""
    page = sign_in(browser, town, "video")
    told = {"signed_by": None, "later": None, "patrolled": False, "over": False, "problem": "the register was changed"}

    def changed(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | told)

    page.route(re.compile(r"/api/patrol/day(\?|$)"), changed)
    page.click("[data-test=nav-patrol]")
    expect(page.locator("[data-test=register-problem]")).to_contain_text("请核对审计记录")
    page.click("[data-test=register]")
    dialog = page.locator("[data-test=register-dialog]")
    expect(dialog).to_contain_text("the register was changed")
    expect(dialog).to_contain_text("当日尚未结束")  # and no reason is asked for that would be refused
    expect(page.locator("[data-test=register-reason]")).to_have_count(0)
    expect(page.locator("[data-test=sign]")).to_be_disabled()
    page.keyboard.press("Escape")
    told["over"] = True
    page.reload()
    page.click("[data-test=register]")
    expect(page.locator("[data-test=register-reason]")).to_be_visible()
    expect(page.locator("[data-test=sign]")).to_be_disabled()  # without a reason


@pytest.mark.long
def test_a_review_hides_the_machine_verdict(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "video")
    page.click("[data-test=nav-patrol]")
    page.click("[data-test=review]")
    begin_duty(page)
    expect(page.locator("[data-test=review-picture]")).to_be_visible()
    assert "黑屏" not in page.inner_text("body")
    first = page.inner_text("[data-test=review-at]")
    page.keyboard.press("1")
    expect(page.locator("[data-test=review-at]")).not_to_have_text(first)
    # An officer sees a wanted person on a picture: the phones are notified at once.
    told = page.locator("[data-test=review-told]")
    expect(page.locator("[data-test=review-seen]")).to_be_visible()  # the subjects appear after the pictures
    for _ in range(8):  # a dead camera has no picture now
        if page.locator("[data-test=review-seen]").count() == 0:
            break
        page.keyboard.press("3")
        page.locator("[data-test=seen-subject]").first.click()
        page.click("[data-test=seen-confirm]")
        refusal = page.locator(".el-message--error")
        expect(told.filter(has_text="已通知").or_(refusal).first).to_be_visible()
        if told.count() and "已通知" in told.inner_text():
            break
        page.locator("[data-test=seen-dialog] .el-dialog__footer button").first.click()
        expect(page.locator("[data-test=seen-dialog]")).to_have_count(0)
        expect(refusal).to_have_count(0)
        shown = page.inner_text("[data-test=review-at]")
        page.keyboard.press("1")
        expect(page.locator("[data-test=review-at]")).not_to_have_text(shown)
    assert "已通知" in told.inner_text()
    assert page.problems == []  # type: ignore[attr-defined]
