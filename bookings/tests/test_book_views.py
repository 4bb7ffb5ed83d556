"""The calendar's views and filters: what each shows, and that its address holds all of it."""

from datetime import UTC, date, datetime, time
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings import availability
from bookings.models import Appointment
from bookings.views import calendar
from practitioners.models import Length
from practitioners.tests import factories as directory

from . import cast, factories
from .patient import Visitor

pytestmark = pytest.mark.django_db
WEDNESDAY = "2027-01-06"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel("2027-01-04T08:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def world():
    return factories.bookable_clinic(practitioner={"gender": "woman"})


@pytest.fixture
def ben(world):
    """A man who speaks Welsh, in on Wednesdays only."""
    welsh = directory.language("cy", "Welsh")
    person = directory.practitioner(
        name="Ben Rhys", treatments=[world.treatment], gender="man", languages=[welsh]
    )
    factories.opening(world.location, factories.body(person), days=[2])
    return person


def see(client, world, **params):
    headers = params.pop("headers", {})
    address = reverse("book-treatment", args=[world.treatment.slug])
    return client.get(address, params, headers=headers)


def board(client, world, **params):
    return see(client, world, **params).context["board"]


def free_dates(client, world, **params):
    return [d.date.isoformat() for d in board(client, world, **params).month.days if d.starts]


# --- views ------------------------------------------------------------------------
def test_a_week_runs_from_monday_to_sunday_of_the_day_asked_for(client, world):
    shown = board(client, world, view="week", date="2027-01-14")
    days = shown.month.days
    assert (days[0].date, days[-1].date) == (date(2027, 1, 11), date(2027, 1, 17))
    assert shown.day.date == date(2027, 1, 14)


def test_a_week_shows_three_starts_of_each_part_and_how_many_more(client, world):
    rest = board(client, world, view="week", date=WEDNESDAY).week[2]
    assert [(name, len(slots), more) for name, slots, more in rest.parts] == [
        ("Morning", 3, 0),
        ("Afternoon", 3, 2),
    ]
    assert "2 more" in see(client, world, view="week", date=WEDNESDAY).content.decode()


def test_weeks_reach_from_this_one_to_the_horizon(client, world):
    this = board(client, world, view="week")
    assert (this.previous, this.following) == (None, date(2027, 1, 11))
    last = board(client, world, view="week", date="2027-03-05")
    assert (last.previous, last.following) == (date(2027, 2, 22), None)
    assert see(client, world, view="week", date="2026-12-31").status_code == 404
    assert see(client, world, view="week", date="2027-03-08").status_code == 404


def test_from_the_month_to_the_week_and_back_never_leads_to_what_is_over(client, world, monday):
    monday.move_to("2027-01-20T08:00:00Z")
    for asked in ({"month": "2027-01"}, {"date": "2027-01-05"}):
        days = board(client, world, view="week", **asked).month.days
        assert days[0].date == date(2027, 1, 18)
    monday.move_to("2027-01-01T08:00:00Z")
    assert board(client, world, view="week").month.first == date(2026, 12, 28)
    shown = board(client, world, date="2026-12-28")
    assert (shown.month.first, shown.day.date) == (date(2027, 1, 1), date(2027, 1, 1))


def test_another_view_opens_at_the_day_whose_times_are_shown(client, world, ben):
    def leads_to(**asked):
        shown = board(client, world, practitioner=ben.slug, **asked)
        return [parse_qs(urlsplit(v.url).query).get("date") for v in shown.views]

    # The month begins in a week of the one before, the week with days on which he is not in.
    assert leads_to(month="2027-02") == [None, ["2027-02-03"], None]
    assert leads_to(view="week", date="2027-02-01") == [["2027-02-03"], *[["2027-02-01"]] * 2]
    assert leads_to() == [None] * 3


def test_a_week_without_a_free_day_leads_to_the_first_one(client, world):
    away = datetime(2027, 1, 25, tzinfo=UTC)
    factories.absence(factories.body(world.practitioner), datetime(2027, 1, 1, tzinfo=UTC), away)
    assert board(client, world, view="week").day.date == away.date()
    text = unescape(see(client, world, view="week", date="2027-01-12").content.decode())
    assert "Nothing is free in this week" in text
    assert 'href="?view=week&date=2027-01-25#times"' in text


def test_the_list_begins_with_the_earliest_starts_and_says_with_whom(client, world, ben):
    first = board(client, world, view="list").first_available
    assert [rest.day.date.day for rest in first] == [4, 5, 6, 7, 8]
    name, slots, more = first[0].parts[1]
    assert (name, len(slots), more) == ("Afternoon", 4, 1)
    assert first[0].parts[0][1][0].choice.start.hour == 10
    assert "Ana Okafor or Ben Rhys" in see(client, world, view="list").content.decode()


def test_the_list_has_whole_days_only(client, world, monkeypatch):
    monkeypatch.setattr(calendar, "LISTED", 10)  # seven on Monday, and three of Tuesday's eight
    assert [len(d.starts) for d in board(client, world, view="list").listed] == [7]


def test_an_empty_month_leads_to_the_first_free_time_of_all(client, world):
    begins, ends = datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
    factories.absence(factories.body(world.practitioner), begins, ends)
    shown = board(client, world, month="2027-02")
    assert shown.day is None and shown.earliest.local.date() == date(2027, 1, 4)


def test_days_say_how_full_they_are_in_words_and_in_the_length_of_a_bar(client, world):
    visitor = Visitor(world)
    for hour in (9, 10, 11):
        visitor.client.cookies.clear()
        visitor.hold(f"{WEDNESDAY}T{hour:02}:00:00+00:00")
    text = see(client, world).content.decode()
    _before, _sign, cell = text.partition(f'id="day-{WEDNESDAY}"')
    cell = cell.partition("</a>")[0]
    assert "gauge--2" in cell and "up to half taken" in cell
    other = text.partition('id="day-2027-01-07"')[2].partition("</a>")[0]
    assert "gauge--0" in other and "nothing taken yet" in other


# --- filters ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "hours"),
    [("morning", {9, 10, 11}), ("afternoon", {12, 13, 14, 15, 16}), ("evening", {17, 18, 19})],
)
def test_a_part_of_the_day_goes_by_the_wall(client, world, monday, part, hours):
    monday.move_to("2027-07-05T06:00:00Z")
    for owner in (factories.body(world.practitioner), None):
        factories.opening(world.location, owner, starts=time(17), ends=time(20))
    shown = board(client, world, part=part)
    assert {s.local.hour for d in shown.month.days for s in d.starts} == hours
    assert [s.local.utcoffset().seconds for s in shown.day.starts] == [3600] * len(hours)


def test_gender_and_language_narrow_it_to_those_practitioners(client, world, ben):
    wednesdays = ["2027-01-06", "2027-01-13", "2027-01-20", "2027-01-27"]
    assert free_dates(client, world, gender="man") == wednesdays
    assert free_dates(client, world, language="cy") == wednesdays
    assert len(free_dates(client, world, gender="woman")) == 28


def test_a_start_of_a_filtered_calendar_is_with_somebody_who_matches(client, world, ben):
    slot = board(client, world, gender="man", date=WEDNESDAY).parts[0][1][0]
    assert slot.choice.practitioner == ben and "practitioner=ben-rhys" in slot.url
    anyone = board(client, world, date=WEDNESDAY).parts[0][1][0]
    assert "practitioner=" not in anyone.url


def test_only_what_tells_practitioners_apart_is_offered(client, world):
    assert set(board(client, world).form.fields) == set()
    other = world.another_practitioner(gender="woman")
    assert set(board(client, world).form.fields) == {"practitioner"}
    other.gender = "non-binary"
    other.save()
    other.languages.set([directory.language("bn", "Bengali")])
    form = board(client, world).form
    assert dict(form.fields["gender"].choices).keys() == {"", "woman", "non-binary"}
    assert list(form.fields["language"].choices)[1:] == [("bn", "Bengali")]


def test_a_language_that_all_speak_is_no_choice(client, world):
    english = directory.language()
    world.practitioner.languages.set([english])
    other = world.another_practitioner(languages=[english])
    assert "language" not in board(client, world).form.fields
    other.languages.add(directory.language("bn", "Bengali"))
    assert "language" in board(client, world).form.fields


def test_when_nobody_matches_it_says_which_filter_to_leave_out(client, world, ben, monkeypatch):
    # There is nothing to ask about free time.
    monkeypatch.delattr(availability, "load")
    page = see(client, world, gender="woman", language="cy", part="morning")
    text = unescape(page.content.decode())
    assert page.status_code == 200 and "Nobody matches your filters" in text
    assert 'href="?part=morning&language=cy">Without “woman”' in text
    assert 'href="?part=morning&gender=woman">Without “Welsh”' in text
    assert 'href="?">Without any filter' in text
    # To leave out the morning would help nobody.
    assert "Without “Morning”" not in text


def test_a_language_that_nobody_speaks_any_more_is_not_an_unknown_address(client, world):
    directory.language("cy", "Welsh")
    assert "Without “Welsh”" in see(client, world, language="cy").content.decode()


def test_a_calendar_with_nothing_offers_to_leave_out_each_filter_and_the_phone(client, world):
    text = unescape(
        see(client, world, part="evening", location=world.location.slug).content.decode()
    )
    assert "Nothing is free in January" in text and "0117 496 0100" in text
    assert 'href="?location=tidewell-quayside">Without “Evening”' in text
    assert 'href="?part=evening">Without “Tidewell Quayside”' in text


# --- lengths ----------------------------------------------------------------------
def test_each_length_is_offered_with_its_price_and_its_own_starts(client, world):
    Length.objects.create(treatment=world.treatment, minutes=90, price_pence=8800)
    page = see(client, world, minutes="90", date=WEDNESDAY)
    text = page.content.decode()
    assert "£88" in text and "£60" in text and "90 minutes" in text
    starts = page.context["board"].day.starts
    assert starts[-1].local.hour == 15
    assert board(client, world, date=WEDNESDAY).day.starts[-1].local.hour == 16
    assert "minutes=90" in page.context["board"].parts[0][1][0].url


def test_a_treatment_of_one_length_asks_for_none(client, world):
    assert board(client, world).lengths == []
    assert see(client, world, minutes="90").status_code == 404


# --- the address ------------------------------------------------------------------
FILTERS = {"part": "morning", "gender": "man", "language": "cy", "view": "week"}


def test_every_way_on_keeps_what_was_chosen(client, world, ben):
    chosen = {**FILTERS, "practitioner": ben.slug, "location": world.location.slug}
    shown = board(client, world, **chosen, date=WEDNESDAY)

    def says(address):
        return {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}

    assert says(shown.following_url) == {**chosen, "date": "2027-01-11"}
    assert says(shown.url(date="2027-01-07")) == {**chosen, "date": "2027-01-07"}
    without = {k: v for k, v in chosen.items() if k != "gender"}
    assert says({d.name: d.url for d in shown.drops}["gender"]) == {**without, "date": WEDNESDAY}
    assert shown.kept == {"view": "week", "date": WEDNESDAY, "part": "morning"}


@pytest.mark.parametrize(
    "query",
    ["view=year", "part=night", "gender=x", "language=tlh", "minutes=61", "view=list&part=%F0%9F"],
)
def test_an_unknown_choice_is_a_friendly_404(client, world, query):
    response = client.get(f"/book/visit/?{query}")
    assert response.status_code == 404
    assert b'href="/book/visit/' in response.content


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("view=list&date=2027-02-30", 400),
        ("view=week&date=0001-01-01", 404),
        ("view=week&date=9999-12-31", 404),
        ("view=week&month=9999-12", 404),
        ("minutes=-60", 400),
        ("minutes=%D9%A6%D9%A0", 400),
        ("gender=%00", 400),
    ],
)
def test_nonsense_is_refused_and_never_an_error(client, world, query, status):
    assert client.get(f"/book/visit/?{query}").status_code == status


# --- without a reload ---------------------------------------------------------------
HTMX = {"HX-Request": "true"}


def test_htmx_gets_the_calendar_alone_and_caches_keep_the_two_apart(client, world):
    part, page = see(client, world, headers=HTMX), see(client, world)
    assert b"<html" not in part.content and b'id="calendar"' in part.content
    assert b"<html" in page.content and b'id="calendar"' in page.content
    for response in (part, page):
        assert "HX-Request" in response.headers["Vary"]


def test_going_back_gets_the_whole_page(client, world):
    page = see(client, world, headers={"HX-History-Restore-Request": "true"})
    assert b"<html" in page.content


# --- whose clock --------------------------------------------------------------------
def note(response):
    return response.content.decode().partition('<p class="zone-note"')[2].partition("</p>")[0]


def test_the_zone_is_named_where_it_is_not_the_clinics_own(client, world):
    assert "hidden>" in note(see(client, world)).partition(">")[0] + ">"
    world.location.time_zone = "America/St_Johns"
    world.location.save()
    said = note(see(client, world))
    assert "hidden" not in said.partition(">")[0]
    assert "Times are Tidewell Quayside time (St Johns)." in said


def test_one_clock_of_several_locations_goes_by_its_city(client, world):
    other = directory.location(name="Tidewell Hilltop")
    world.rooms.members.add(factories.room(other))
    assert "Times are London time." in note(see(client, world))
    other.time_zone = "Asia/Kolkata"
    other.save()
    said = note(see(client, world))
    assert "Tidewell Quayside time (London)" in said and "Tidewell Hilltop time (Kolkata)" in said


# --- moving an appointment ------------------------------------------------------------
def test_a_move_has_the_same_views_and_filters(client, world, ben):
    visit = cast.visit(world, datetime(2027, 1, 7, 10, tzinfo=UTC))
    address = reverse("appointment-move", args=[visit.token])
    shown = client.get(address, {"view": "week", "part": "morning"}).context["board"]
    assert shown.day.date == date(2027, 1, 7)
    assert shown.state["practitioner"] == "ana-okafor"
    anyone = client.get(address, {"practitioner": "", "gender": "man"}).context["board"]
    slot = anyone.parts[0][1][0]
    assert slot.choice.practitioner == ben and slot.url.startswith(address)
    assert "practitioner=&" in anyone.url(view="week") + "&"
    part = client.get(address, headers=HTMX)
    assert b"<html" not in part.content and "HX-Request" in part.headers["Vary"]


def test_a_move_looks_for_room_for_the_visit_as_long_as_it_is(client, world):
    Length.objects.create(treatment=world.treatment, minutes=90, price_pence=8800)
    visit = cast.visit(world, datetime(2027, 1, 7, 10, tzinfo=UTC))
    Appointment.objects.filter(pk=visit.pk).update(minutes=90)
    address = reverse("appointment-move", args=[visit.token])
    shown = client.get(address, {"date": "2027-01-08", "minutes": "60"}).context["board"]
    assert shown.day.starts[-1].local.hour == 15 and shown.lengths == []
    shown = client.get(address, {"date": "2027-01-08", "minutes": "90"}).context["board"]
    assert "minutes=" not in shown.parts[0][1][0].url


# --- what it costs --------------------------------------------------------------------
@pytest.mark.parametrize("view", ["month", "week", "list"])
@pytest.mark.parametrize("away", [False, True])
def test_a_page_asks_about_free_time_once(client, world, view, away, monkeypatch):
    if away:
        factories.absence(
            factories.body(world.practitioner),
            datetime(2027, 1, 1, tzinfo=UTC),
            datetime(2027, 2, 20, tzinfo=UTC),
        )
    asked = []
    load = availability.load
    monkeypatch.setattr(availability, "load", lambda *a: asked.append(a) or load(*a))
    shown = board(client, world, view=view)
    assert len(asked) == 1
    first = shown.day.date if shown.day else shown.listed[0].date
    assert first.isoformat() == ("2027-02-20" if away else "2027-01-04")


@pytest.mark.parametrize(
    "query", ["view=week", "view=list", "gender=woman&language=en&part=morning", "minutes=90"]
)
def test_the_queries_do_not_grow_with_the_clinic(client, world, query):
    english = directory.language()
    world.practitioner.languages.set([english])
    Length.objects.create(treatment=world.treatment, minutes=90, price_pence=8800)

    def count():
        with CaptureQueriesContext(connection) as seen:
            assert client.get(f"/book/visit/?{query}").status_code == 200
        return len(seen)

    count()
    few = count()
    for n in range(6):
        person = world.another_practitioner(gender="woman", languages=[english])
        factories.absence(
            factories.body(person),
            datetime(2027, 1, 5 + n, tzinfo=UTC),
            datetime(2027, 1, 6 + n, tzinfo=UTC),
        )
        Length.objects.create(treatment=world.treatment, minutes=100 + 5 * n, price_pence=9000)
    assert count() == few
