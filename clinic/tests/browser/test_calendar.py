"""The calendar in a browser: without a reload, back and forward, by keyboard, without a script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from clinic.tests.browser import steps
from clinic.tests.browser.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.once]
CALENDAR = f"/book/{steps.TREATMENT}/"


def mark(page: Page) -> None:
    """Leave a trace in the document that a reload would take away."""
    page.evaluate("document.body.dataset.kept = 'yes'")


def was_reloaded(page: Page) -> bool:
    return page.evaluate("document.body.dataset.kept") != "yes"


def head(page: Page) -> str:
    return page.locator("#calendar-head").inner_text()


def test_filter_month_and_back_work_without_a_reload(person: Callable[..., Page]):
    page = person(width=1280)
    page.goto(CALENDAR)
    mark(page)
    first = head(page)
    page.locator("#part-afternoon").click()
    expect(page.locator("#part-afternoon")).to_have_attribute("aria-current", "true")
    assert page.url.endswith("?part=afternoon")
    assert page.locator("#times h3").all_inner_texts() == ["Afternoon"]
    filtered = head(page)
    page.locator("#later").click()
    expect(page.locator("#calendar-head")).not_to_have_text(filtered)
    assert re.search(r"\?part=afternoon&month=\d{4}-\d\d$", page.url)
    page.locator("#view-week").click()
    page.locator("ol.week").wait_for()
    page.go_back()
    page.locator("table.calendar").wait_for()
    page.go_back()
    expect(page.locator("#calendar-head")).to_have_text(filtered)
    assert page.url.endswith("?part=afternoon")
    page.go_back()
    expect(page.locator("#part-any")).to_have_attribute("aria-current", "true")
    assert head(page) == first and page.url.endswith(CALENDAR)
    page.go_forward()
    expect(page.locator("#part-afternoon")).to_have_attribute("aria-current", "true")
    assert not was_reloaded(page)


def test_what_is_shown_now_is_said_and_the_pressed_link_keeps_the_focus(
    person: Callable[..., Page],
):
    page = person()
    page.goto(CALENDAR)
    page.locator("#later").focus()
    page.keyboard.press("Enter")
    say = page.get_by_role("status").filter(has_text="days with free times")
    say.wait_for(state="attached")
    assert head(page) in say.inner_text()
    expect(page.locator("#later")).to_be_focused()
    page.locator("#view-list").click()
    page.locator(".first").first.wait_for()
    expect(page.locator("#view-list")).to_be_focused()


def test_a_start_is_found_and_chosen_by_keyboard_alone(person: Callable[..., Page]):
    page = person()
    page.goto(CALENDAR)
    mark(page)

    def tab_to(selector: str) -> None:
        for _step in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    tab_to("#later")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="free times").wait_for(state="attached")
    tab_to("table.calendar a")
    day = page.evaluate("document.activeElement.id")
    page.keyboard.press("Enter")
    page.locator(f"#{day}[aria-current]").wait_for()
    # A chosen day leads on to its times.
    expect(page.locator("#times-head")).to_be_focused()
    assert not was_reloaded(page)
    tab_to("a.start")
    page.keyboard.press("Enter")
    page.wait_for_url("**/details/?start=*")


def test_the_filters_form_and_its_chips_work_without_a_reload(person: Callable[..., Page]):
    page = person()
    page.goto(CALENDAR)
    mark(page)
    page.locator("#filters").click()
    page.get_by_label("With whom").select_option(index=1)
    page.get_by_role("button", name="Show free times").click()
    chip = page.locator("a.chip")
    chip.wait_for()
    assert re.search(r"/\?practitioner=[a-z-]+$", page.url)
    expect(page.locator("#calendar-head")).to_be_focused()
    chip.click()
    chip.wait_for(state="detached")
    assert page.url.rstrip("?").endswith(CALENDAR) and not was_reloaded(page)


def test_an_answer_that_is_no_calendar_is_left_to_the_browser(person: Callable[..., Page]):
    page = person()
    page.goto(CALENDAR)
    mark(page)

    def refuse_htmx(route: Route) -> None:
        if "hx-request" in route.request.headers:
            route.fulfill(status=404, body="gone")
        else:
            route.continue_()

    page.route("**/*view=week*", refuse_htmx)
    page.locator("#view-week").click()
    page.locator("ol.week").wait_for()
    assert was_reloaded(page) and page.url.endswith("?view=week")


def test_back_from_a_start_is_the_whole_page_as_it_was(person: Callable[..., Page]):
    page = person()
    page.goto(CALENDAR)
    page.locator("#view-list").click()
    page.locator(".first").first.wait_for()
    page.locator("a.start").first.click()
    page.wait_for_url("**/details/?start=*")
    page.go_back()
    page.locator(".first").first.wait_for()
    assert page.url.endswith("?view=list") and page.locator("header.site-head").is_visible()


def test_while_it_looks_the_calendar_says_that_it_is_busy(person: Callable[..., Page]):
    page = person()
    page.goto(CALENDAR)
    waiting: list[Route] = []
    page.route("**/*view=week*", lambda route: waiting.append(route))
    page.locator("#view-week").click()
    calendar = page.locator("#calendar")
    expect(calendar).to_have_attribute("aria-busy", "true")
    expect(calendar).to_have_class(re.compile("htmx-request"))
    waiting.pop().continue_()
    page.locator("ol.week").wait_for()
    expect(calendar).not_to_have_attribute("aria-busy", "true")


def test_everything_works_without_a_script(person: Callable[..., Page]):
    page = person(javascript=False)
    page.goto(CALENDAR)
    page.locator("#part-afternoon").click()
    page.locator("#later").click()
    page.locator("#view-week").click()
    page.locator("#view-month").click()
    page.locator("#filters").click()
    page.get_by_label("Where", exact=True).select_option(index=1)
    page.get_by_role("button", name="Show free times").click()
    page.wait_for_url("**location=*")
    assert "part=afternoon" in page.url and "date=" in page.url
    page.go_back()
    assert "location=" not in page.url
    assert page.locator(".zone-note").is_hidden()


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Europe/Paris", "Times are London time. Your device is set to Europe/Paris."), ("GB", "")],
)
def test_a_device_with_another_clock_is_told_whose_time_it_is(
    browser: Browser, site: Site, zone: str, said: str
):
    context = browser.new_context(base_url=site.url, timezone_id=zone)
    page = context.new_page()
    page.goto(CALENDAR)
    page.locator("#later").click()
    page.get_by_role("status").filter(has_text="free times").wait_for(state="attached")
    note = page.locator(".zone-note")
    assert note.is_visible() == bool(said)
    assert not said or " ".join(note.inner_text().split()) == said
    context.close()
