"""axe-core finds no violation on any public page or step of booking, light and dark."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from clinic.tests.browser import steps
from clinic.tests.browser.conftest import Site

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/practitioners/",
    "/practitioners/?q=nobody-of-this-name",
    "/practitioners/imogen-oyelaran/",
    "/therapies/",
    "/therapies/acupuncture/",
    "/therapies/idd-therapy/",
    "/conditions/",
    "/conditions/sciatica/",
    "/contact/",
    "/book/",
    "/book/?who=returning",
    "/book/returning/",
    "/book/massage-60/",
    "/book/help-now/",
    "/login/",
    "/no-such-page/",
    "/appointments/no-such-token-at-all-here/",
]


def violations(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {node['target']} {node['failureSummary']}"
        for v in found
        for node in v["nodes"]
    ]


@pytest.fixture(params=["light-390", "dark-1280"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Any:
    scheme, width = request.param.split("-")
    # The checker is a script that the site's own policy would rightly refuse.
    context = browser.new_context(
        base_url=site.url,
        color_scheme=scheme,
        bypass_csp=True,
        reduced_motion="reduce",
        viewport={"width": int(width), "height": 900},
    )
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_public_pages_have_no_violation(page: Page):
    found = {}
    for path in PAGES:
        page.goto(path)
        if problems := violations(page):
            found[path] = problems
    assert not found, found


def test_each_step_of_booking_has_no_violation(page: Page):
    found = {}

    def look(step: str) -> None:
        if problems := violations(page):
            found[step] = problems

    steps.choose_a_start(page)
    look("gate")
    page.locator("main form button[type=submit]").last.click()
    look("gate, unanswered")
    steps.answer_the_gate(page)
    look("details")
    page.locator("input[name=name]").fill("Axe Example")
    page.get_by_role("button", name="Book this appointment").last.click()
    look("details, with errors")
    steps.fill_in(page, "Axe Example", "axe@example.org")
    page.get_by_role("button", name="Book this appointment").last.click()
    page.wait_for_url("**/appointments/**")
    look("booked")
    address = page.url
    for step in ("move/", "cancel/", "coming/"):
        page.goto(address + step)
        look(step)
    assert not found, found


def test_staff_pages_have_no_violation(page: Page):
    found = {}
    for who, paths in {
        "reception": ["/desk/", "/desk/?date=2026-01-01"],
        "imogen": ["/schedule/", "/schedule/feed/"],
    }.items():
        steps.sign_in(page, who)
        for path in paths:
            page.goto(path)
            if problems := violations(page):
                found[path] = problems
        page.context.clear_cookies()
    assert not found, found


@pytest.mark.parametrize("path", ["/", "/practitioners/", "/book/massage-60/", "/contact/"])
def test_nothing_is_cut_off_at_320_pixels(person: Callable[..., Page], path: str):
    page = person(width=320)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
