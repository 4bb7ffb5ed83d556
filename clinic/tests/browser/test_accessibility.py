"""axe-core finds no violation on any public page or step of booking, light and dark."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from clinic.tests.browser import steps
from clinic.tests.browser.conftest import Site

# Whatever stands behind them, the pages are the same.
pytestmark = [pytest.mark.browser, pytest.mark.once]

PAGES = [
    "/",
    "/practitioners/",
    "/practitioners/?q=nobody-of-this-name",
    "/practitioners/?therapy=none-of-this-name",
    "/practitioners/imogen-oyelaran/",
    "/practitioners/mirela-stanbrook/",
    "/therapies/",
    "/therapies/acupuncture/",
    "/therapies/idd-therapy/",
    "/conditions/",
    "/conditions/sciatica/",
    "/contact/",
    "/contact/thanks/",
    "/privacy/",
    "/book/",
    "/book/?who=returning",
    "/book/?who=nobody",
    "/book/?therapy=massage&location=hilltop",
    "/book/returning/",
    "/book/massage-60/",
    "/book/massage-60/?date=2027-02-30",
    "/book/massage-60/?view=week",
    "/book/massage-60/?view=list&part=afternoon",
    "/book/massage-60/?gender=woman&language=pl",
    "/book/massage-60/?gender=woman&view=week",
    "/book/massage-60/?part=evening&language=pl",
    "/book/idd-session/",
    "/book/no-such-treatment/",
    "/book/help-now/",
    "/login/",
    "/no-such-page/",
    "/appointments/no-such-token-at-all-here/",
]


def violations(page: Page) -> list[str]:
    page.wait_for_load_state()
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


@pytest.mark.parametrize(
    ("safety", "said"), [("", "There is a problem"), ("yes", "Please get help now")]
)
def test_a_contact_form_that_comes_back_has_no_violation(page: Page, safety: str, said: str):
    page.goto("/contact/")
    if safety:
        steps.choose(page, "safety", safety)
    page.get_by_role("button", name="Send the message").click()
    page.get_by_role("heading", name=said).wait_for()
    assert not violations(page)


@pytest.mark.parametrize("path", ["/book/help-now/", "/conditions/sciatica/"])
def test_the_printed_red_flags_have_no_violation(page: Page, path: str):
    page.emulate_media(media="print")
    page.goto(path)
    assert not violations(page)
    assert page.get_by_text("Call 999 now").is_visible()


def test_each_step_of_booking_has_no_violation(page: Page):
    found = {}

    def look(step: str) -> None:
        if problems := violations(page):
            found[step] = problems

    steps.choose_a_start(page)
    look("gate")
    page.locator("main form button[type=submit]").last.click()
    page.get_by_role("heading", name="There is a problem").wait_for()
    look("gate, unanswered")
    steps.answer_the_gate(page)
    look("details")
    page.locator("input[name=name]").fill("Axe Example")
    page.get_by_role("button", name="Book this appointment").last.click()
    page.get_by_role("heading", name="There is a problem").wait_for()
    look("details, with errors")
    steps.fill_in(page, "Axe Example", "axe@example.org")
    page.get_by_role("button", name="Book this appointment").last.click()
    page.wait_for_url("**/appointments/**")
    look("booked")
    address = page.url
    for step in ("move/", "cancel/", "coming/"):
        page.goto(address + step)
        look(step)
    for view in ("week", "list"):
        page.goto(f"{address}move/?view={view}")
        look(f"move, {view}")
    assert not found, found


def test_staff_pages_have_no_violation(page: Page):
    found = {}
    for who, paths in {
        "reception": [
            "/desk/",
            "/desk/?date=2026-01-01",
            "/desk/print/",
            "/desk/attention/",
            "/desk/audit/",
            "/desk/search/?q=an",
            "/desk/why/",
            "/desk/why/?treatment=idd-session&date=2026-12-25&time=11:00",
            "/desk/why/?treatment=none&date=2027-02-30&time=25:00",
        ],
        "imogen": ["/schedule/", "/schedule/?view=print", "/schedule/feed/"],
    }.items():
        steps.sign_in(page, who)
        for path in paths:
            page.goto(path)
            if problems := violations(page):
                found[path] = problems
        if who == "reception":
            page.goto("/desk/")
            page.get_by_role("link", name="New time, or close").first.click()
            page.get_by_label("Nothing more to do").check()
            page.get_by_role("button", name="Save").click()
            page.get_by_role("heading", name="There is a problem").wait_for()
            if problems := violations(page):
                found["a visit we cancelled"] = problems
        page.context.clear_cookies()
    assert not found, found


ADMIN_LISTS = [
    "bookings/appointment",
    "bookings/patient",
    "bookings/absence",
    "bookings/bankholiday",
    "bookings/opening",
    "bookings/resource",
    "bookings/pool",
    "bookings/notification",
    "practitioners/location",
    "practitioners/practitioner",
    "practitioners/therapy",
    "practitioners/treatment",
    "clinic/contactmessage",
]


def test_admin_pages_have_no_violation(page: Page):
    """The lists and the first row's page of each; the forms that add what the desk adds."""
    found = {}

    def look(path: str) -> None:
        page.goto(path)
        if problems := violations(page):
            found[page.url] = problems

    steps.sign_in(page, "owner")
    look("/admin/")
    for name in ADMIN_LISTS:
        look(f"/admin/{name}/")
        look(str(page.locator("#result_list tbody th a").first.get_attribute("href")))
    for name in ("bookings/appointment", "bookings/absence"):
        look(f"/admin/{name}/add/")
    assert not found, found


def test_nothing_is_cut_off_at_320_pixels(person: Callable[..., Page]):
    page = person(width=320)
    wide = []
    for path in PAGES:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(path)
    assert not wide


# What a clinic may call itself and its people, with a word that is longer than a phone is wide.
LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
NAMED = (
    "h1, h2.card__title, h3, .card__title a, .tag, .crumbs [aria-current], .links a, .offers a, "
    ".soon__what, .soon__more, .next-start__label, .start small, address, .site-foot h2"
)


@pytest.mark.parametrize("path", ["/", "/practitioners/", "/conditions/sciatica/", "/contact/"])
def test_a_long_word_in_a_name_gives_way_at_320_pixels(person: Callable[..., Page], path: str):
    page = person(width=320)
    page.goto(path)
    assert page.locator(NAMED).count() > 5
    page.evaluate(
        "([named, long]) => document.querySelectorAll(named).forEach(e => e.textContent = long)",
        [NAMED, LONG],
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


LONG_NAMES = """
from datetime import timedelta
from bookings.models import Appointment
from clinic.clock import now
from practitioners.models import Practitioner
who = Practitioner.objects.get(user__username="imogen")
later = Appointment.objects.filter(practitioner=who, state="booked", starts_at__gt=now())
visit = later.order_by("starts_at").last()
visit.patient.name = "W" * 120
visit.patient.save()
Appointment.objects.filter(pk=visit.pk).update(note="m" * 600, staff_note="n" * 300)
print(visit.starts_local.date(), visit.reference)
"""


def test_a_name_without_a_space_widens_no_staff_page(person: Callable[..., Page], site: Site):
    day, reference = site.manage("shell", "-v", "0", "-c", LONG_NAMES).split()

    def look(page: Page, address: str) -> None:
        page.goto(address)
        assert "WWW" in page.content()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url

    for who, address in (("imogen", "/schedule/"), ("reception", "/desk/")):
        page = person(width=320)
        steps.sign_in(page, who)
        look(page, f"{address}?date={day}")
    look(page, f"/desk/{reference}/cancel/")
    page.get_by_label("Why is it cancelled?").fill("Heating")
    page.get_by_role("button", name="Cancel the visit").click()
    page.wait_for_url("**/desk/#undo")
    look(page, "/desk/attention/")
    assert page.locator(".undo").is_visible()
    look(page, f"/desk/{reference}/outcome/")
