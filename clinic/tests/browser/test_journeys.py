"""Each journey from start to end, in a real browser, with a real worker delivering the mail."""

import json
import re
from collections.abc import Callable

import pytest
from icalendar import Calendar
from playwright.sync_api import Page, expect

from clinic.tests.browser import steps
from clinic.tests.browser.conftest import Site, links_in

pytestmark = pytest.mark.browser
Person = Callable[..., Page]


def test_a_patient_books_without_javascript_and_is_sent_a_confirmation(person: Person, site: Site):
    page = person(javascript=False)
    page.goto("/")
    page.get_by_role("link", name="Book a visit").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    address = steps.book(page, "Nora Journey", "nora@example.org")
    main = page.locator("main")
    for needed in ("Tidewell", "£62", "Massage", "free of charge until", "Bring"):
        expect(main).to_contain_text(needed)
    mail = site.wait_for_mail("nora@example.org", "Your appointment")
    assert address in [link.split("?")[0] for link in links_in(mail)]
    entries = [p for p in mail.walk() if p.get_content_type() == "text/calendar"]
    event = Calendar.from_ical(entries[0].get_content()).walk("VEVENT")[0]
    assert "assage" not in mail.as_string()
    assert event["SEQUENCE"] == 0


def test_a_patient_moves_the_appointment_and_the_calendar_follows(person: Person, site: Site):
    page = person(javascript=False)
    address = steps.book(page, "Milo Journey", "milo@example.org")
    first = site.wait_for_mail("milo@example.org", "Your appointment")
    # The month opens at their own day, which may have no other time.
    move = next(link for link in links_in(first) if link.endswith("/move/"))
    page.goto(f"{move}?view=list")
    before = page.locator("main").inner_text()
    page.locator("a.start").first.click()
    page.locator("main form button[type=submit]").last.click()
    if "gate-" in page.content():
        steps.answer_the_gate(page)
    page.goto(address)
    assert page.locator("main").inner_text() != before
    moved = site.wait_for_mail("milo@example.org", "moved")
    part = next(p for p in moved.walk() if p.get_content_type() == "text/calendar")
    event = Calendar.from_ical(part.get_content()).walk("VEVENT")[0]
    old = next(p for p in first.walk() if p.get_content_type() == "text/calendar")
    was = Calendar.from_ical(old.get_content()).walk("VEVENT")[0]
    assert event["UID"] == was["UID"]
    assert event["SEQUENCE"] > was["SEQUENCE"]
    assert event["DTSTART"].dt != was["DTSTART"].dt


def test_a_patient_cancels_and_the_entry_is_taken_out_of_the_calendar(person: Person, site: Site):
    page = person(javascript=False)
    address = steps.book(page, "Cleo Journey", "cleo@example.org")
    mail = site.wait_for_mail("cleo@example.org", "Your appointment")
    page.goto(next(link for link in links_in(mail) if link.endswith("/cancel/")))
    page.locator("main form button[type=submit]").last.click()
    page.goto(address)
    expect(page.locator("main")).to_contain_text("ancelled")
    gone = site.wait_for_mail("cleo@example.org", "cancelled")
    part = next(p for p in gone.walk() if p.get_content_type() == "text/calendar")
    calendar = Calendar.from_ical(part.get_content())
    assert calendar["METHOD"] == "CANCEL"
    assert calendar.walk("VEVENT")[0]["STATUS"] == "CANCELLED"


def test_following_every_link_of_a_mail_changes_nothing(person: Person, site: Site):
    page = person(javascript=False)
    address = steps.book(page, "Scan Journey", "scan@example.org")
    mail = site.wait_for_mail("scan@example.org", "Your appointment")
    page.goto(address)
    before = page.locator("main").inner_text()
    for link in [*links_in(mail), f"{address}coming/"]:
        page.request.get(link)
    page.goto(address)
    assert page.locator("main").inner_text() == before


def test_a_red_flag_stops_the_booking_and_says_where_to_get_help(person: Person):
    page = person(javascript=False)
    steps.choose_a_start(page)
    code = page.locator("input[type=radio][value=unsure]").first.get_attribute("name") or ""
    steps.answer_the_gate(page, **{code.removeprefix("gate-"): "unsure"})
    expect(page).to_have_url(re.compile("/book/help-now/"))
    expect(page.locator("main")).to_contain_text("999")
    expect(page.locator("main")).to_contain_text("111")


def test_the_hold_counts_down_and_can_be_kept_longer_once(person: Person):
    page = person()
    steps.choose_a_start(page)
    steps.answer_the_gate(page)
    expect(page.locator("[data-hold-left]")).to_have_text(re.compile(r"^9 min \d+ s left$"))
    page.get_by_role("button", name="Keep it ten minutes longer").click()
    expect(page.locator("[data-hold-left]")).to_have_text(re.compile(r"^19 min \d+ s left$"))
    expect(page.get_by_role("button", name="Keep it ten minutes longer")).to_have_count(0)


def test_a_wrong_detail_is_explained_beside_the_field_and_the_rest_is_kept(person: Person):
    page = person(javascript=False)
    steps.choose_a_start(page)
    steps.answer_the_gate(page)
    steps.fill_in(page, "Typo Journey", "typo@example.org")
    page.get_by_label("Mail address").fill("typo at example.org")
    page.locator("input[name=email]").press("Enter")
    expect(page.locator(".error-summary")).to_be_visible()
    expect(page.get_by_label("Name of the patient")).to_have_value("Typo Journey")


def test_reception_marks_arrived_and_the_practitioner_sees_it(person: Person, site: Site):
    done = site.manage("shell", "-v", "0", "-c", VISIT_TODAY)
    visit = json.loads(done.strip().splitlines()[-1])
    desk = person(width=1280)
    steps.sign_in(desk, "reception")
    desk.goto(f"/desk/?location={visit['location']}")
    entry = desk.locator(f"[id*='{visit['reference']}'], [data-reference='{visit['reference']}']")
    entry = (
        entry.first
        if entry.count()
        else desk.locator("li, tr, article").filter(has_text="Today Journey").last
    )
    entry.get_by_role("button", name="Arrived").first.click()
    expect(desk.locator("main")).to_contain_text("Arrived")
    practitioner = person()
    steps.sign_in(practitioner, "imogen")
    practitioner.goto("/schedule/")
    main = practitioner.locator("main")
    expect(main).to_contain_text("Today Journey")
    expect(main).to_contain_text("Arrived")


def test_a_contact_message_is_stored_mailed_acknowledged_and_answered(person: Person, site: Site):
    page = person(javascript=False)
    page.goto("/contact/")
    page.locator("input[name=name]").fill("Cora Contact")
    page.locator("input[name=email]").fill("cora@example.org")
    page.locator("input[name=subject]").fill("Parking")
    page.locator("textarea[name=message]").fill("Where can I leave my tricycle?")
    for radio in page.locator("main input[type=radio][value=no]").all():
        radio.check(force=True)
    question = page.locator("label[for=id_answer]").inner_text()
    page.locator("input[name=answer]").fill(str(add_up(question)))
    page.locator("main form button[type=submit]").last.click()
    expect(page).to_have_url(re.compile("/contact/thanks/"))
    site.wait_for_mail("cora@example.org", "We have your message")
    site.wait_for_mail("hello@example.org", "Cora Contact")
    staff = person(width=1280)
    steps.sign_in(staff, "owner")
    staff.goto("/admin/clinic/contactmessage/")
    staff.get_by_role("link", name="Parking").click()
    staff.locator("textarea[name=answer]").fill("Behind the house, under the roof.")
    staff.locator("input[name=_save]").click()
    answer = site.wait_for_mail("cora@example.org", "answer")
    body = answer.get_body(("plain",))
    assert body is not None
    assert "Behind the house" in body.get_content()


NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"


def add_up(question: str) -> int:
    """“What is three plus four?”"""
    words = question.lower().replace("?", " ").replace(",", " ").split()
    numbers = NUMBERS.split()
    return sum(numbers.index(word) for word in words if word in numbers)


# A visit of today, whatever the weekday: the clinic opens for it.
VISIT_TODAY = """
import json
from datetime import time, timedelta
from clinic import clock
from bookings import appointments
from bookings.actors import Actor
from bookings.models import Opening, Absence
from practitioners.models import Location, Practitioner, Treatment
person = Practitioner.objects.get(user__username="imogen")
place = Location.objects.get(slug="quayside")
today = clock.today(place.time_zone)
for resource in (person.resource, None, *place.resources.all()):
    Opening.objects.create(resource=resource, location=place, on_date=today,
                           starts=time(0), ends=time(0))
Absence.objects.all().delete()
treatment = person.treatments.filter(audience="new").first()
start = clock.now().replace(minute=0, second=0, microsecond=0)
row = None
for minutes in range(-180, 300, 5):
    at = start + timedelta(minutes=minutes)
    if clock.local(at, place.time_zone).date() != today:
        continue
    try:
        row = appointments.book(
            treatment=treatment, start=at, practitioner=person, location=place,
            details=appointments.Details(name="Today Journey", email="today@example.org"),
            by=Actor("staff"), source="desk", override=True,
        )
        break
    except Exception as error:
        last = error
if row is None:
    raise last
print(json.dumps({"reference": row.reference, "location": place.slug}))
"""
