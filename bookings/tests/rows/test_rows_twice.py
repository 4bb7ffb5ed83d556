"""Rows 1 to 5: what is sent twice, at once or much later, is done once."""

import json
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bookings import availability, tasks
from bookings.models import Appointment, IdempotencyKey, Notification
from bookings.tests import factories
from bookings.tests.factories import World
from bookings.tests.patient import Visitor
from bookings.tests.races.arena import double_bookings, race
from bookings.views import flow

from .doors import (
    THURSDAY_10,
    THURSDAY_11,
    THURSDAY_12,
    TUESDAY_10,
    TUESDAY_11,
    body,
    path_of,
    post,
)

at_once = pytest.mark.django_db(transaction=True)
one_by_one = pytest.mark.django_db
DAY = timedelta(days=1)


def mails(kind: str) -> int:
    return Notification.objects.filter(kind=kind).count()


def sent(visitor: Visitor, address: str, data: dict[str, Any]) -> HttpResponse:
    """The same browser sends the same form once more, on a connection of its own."""
    client = Client()
    client.cookies = visitor.client.cookies
    return client.post(address, data)


# --- the web form ---------------------------------------------------------------------
def gate(visitor: Visitor, start: str) -> dict[str, str]:
    """The safety questions as the page shows them, answered: with its one-time token."""
    page = visitor.get_details(start)
    answers = {f"gate-{c}": "no" for c in factories.all_no(visitor.world.screening)}
    return {**answers, "once": page.context["once"]}


@at_once
def test_row_01_a_double_click_on_the_first_button_keeps_one_time(world: World):
    """The two have no session yet: what ties them together is the page's token alone."""
    world.another_practitioner()
    world.rooms.members.add(factories.room(world.location))
    one, two = Visitor(world), Visitor(world)
    form = gate(one, TUESDAY_10)
    address = one.url("book-safety", TUESDAY_10)
    first, second = race(
        partial(one.client.post, address, form), partial(two.client.post, address, form)
    )
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.url == second.url
    assert Appointment.objects.count() == 1
    # Whichever answer the browser keeps, the time is theirs to book.
    form_of_both = two.form_token(TUESDAY_10)
    assert two.send(TUESDAY_10, form=form_of_both).status_code == 303
    assert one.send(TUESDAY_10, form=form_of_both).status_code == 303
    assert (Appointment.objects.count(), mails("confirmation")) == (1, 1)


@one_by_one
def test_row_01_an_old_page_keeps_the_time_anew_when_its_hold_is_over(
    visitor: Visitor, monday: Any
):
    form = gate(visitor, TUESDAY_10)
    address = visitor.url("book-safety", TUESDAY_10)
    for held in range(1, 4):
        # Twice each time: the second press is the first one's.
        assert visitor.client.post(address, form).status_code == 303
        assert Visitor(visitor.world).client.post(address, form).status_code == 303
        assert visitor.get_details(TUESDAY_10).context["kept"].is_live
        assert Appointment.objects.count() == held
        monday.shift(timedelta(minutes=11))


@one_by_one
def test_an_old_page_that_was_pressed_often_is_not_looked_up_for_ever(
    visitor: Visitor, monday: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(flow, "MOST_ANEW", 2)
    form = gate(visitor, TUESDAY_10)
    for _held in range(4):
        visitor.client.post(visitor.url("book-safety", TUESDAY_10), form)
        assert visitor.get_details(TUESDAY_10).context["kept"].is_live
        monday.shift(timedelta(minutes=11))
    assert IdempotencyKey.objects.count() == 2


@one_by_one
def test_row_01_a_page_of_another_browser_opens_nothing_of_this_one(visitor: Visitor, world: World):
    stranger = Visitor(world)
    visitor.client.post(visitor.url("book-safety", TUESDAY_10), gate(visitor, TUESDAY_10))
    refused = stranger.client.post(
        stranger.url("book-safety", TUESDAY_10), {**gate(stranger, TUESDAY_11), "once": "guessed"}
    )
    assert refused.status_code == 409


@at_once
def test_row_01_a_double_click_on_book_move_and_cancel_does_each_once_with_one_mail(
    visitor: Visitor,
):
    """One test for the three: what is committed costs long to clear away."""

    def twice(address: str, data: dict[str, Any]) -> set[tuple[int, str]]:
        send = partial(sent, visitor, address, data)
        return {(answer.status_code, answer.url) for answer in race(send, send)}

    visitor.hold(THURSDAY_10)
    typed = {"name": "Pat Example", "email": "pat@example.org", "of_age": "yes"}
    form = {**typed, "form": visitor.form_token(THURSDAY_10)}
    [booked] = twice(visitor.url("book-details", THURSDAY_10), form)
    row = Appointment.objects.get()
    assert booked == (303, row.get_absolute_url())
    assert mails("confirmation") == 1

    move = reverse("appointment-move", args=[row.token])
    page = visitor.client.get(move, {"start": THURSDAY_12})
    assert b'name="version" value="0"' in page.content
    assert twice(move, {"start": THURSDAY_12, "version": "0"}) == {booked}
    row.refresh_from_db()
    assert (row.sequence, row.starts_at.hour, mails("change")) == (1, 12, 1)
    assert row.events.filter(verb="reschedule").count() == 1

    cancel = reverse("appointment-cancel", args=[row.token])
    assert twice(cancel, {"version": "1"}) == {booked}
    row.refresh_from_db()
    assert (row.state, mails("cancellation")) == ("cancelled", 1)


@one_by_one
def test_row_01_an_old_page_neither_moves_nor_cancels_what_has_moved_since(visitor: Visitor):
    booked = visitor.book(THURSDAY_10)
    move = reverse("appointment-move", args=[booked.token])
    cancel = reverse("appointment-cancel", args=[booked.token])
    assert b'name="version" value="0"' in visitor.client.get(cancel).content
    for start in (THURSDAY_12, THURSDAY_11):
        booked.refresh_from_db()
        version = str(booked.sequence)
        assert visitor.client.post(move, {"start": start, "version": version}).status_code == 303
    for address, data in ((move, {"start": THURSDAY_12}), (cancel, {})):
        old = visitor.client.post(address, {**data, "version": "0"})
        assert old.status_code == 409
        assert b"has been moved since you opened the page" in old.content
        # The page that says so can be sent at once.
        assert b'name="version" value="2"' in old.content
    booked.refresh_from_db()
    assert (booked.state, booked.starts_at.hour, mails("change")) == ("booked", 11, 2)


# --- the API --------------------------------------------------------------------------
@one_by_one
def test_row_01_a_replay_after_23_hours_is_answered_and_after_24_it_is_new(
    world: World, monday: Any
):
    first = post(body(), key="a")
    monday.shift(DAY - timedelta(hours=1))
    assert post(body(), key="a").json() == first.json()
    monday.shift(timedelta(hours=1))
    # Nobody has cleaned up yet: it is the time that counts.
    again = post(body(start=THURSDAY_12), key="a")
    assert again.status_code == 201
    assert again.json()["reference"] != first.json()["reference"]
    monday.shift(timedelta(hours=1))
    tasks.clean_up()
    assert post(body(start=THURSDAY_12), key="a").json() == again.json()


@one_by_one
def test_row_01_a_retry_of_a_move_or_a_cancellation_is_answered_as_the_first(world: World):
    path = path_of(post(body()))
    moves = [post({"start": THURSDAY_12}, f"{path}/reschedule", key="m") for _n in range(2)]
    assert moves[0].status_code == 200
    assert moves[0].json() == moves[1].json()
    assert moves[1]["Idempotency-Replayed"] == "true"
    cancels = [post({}, f"{path}/cancel", key="c") for _n in range(2)]
    assert cancels[0].json() == cancels[1].json()
    assert (mails("change"), mails("cancellation")) == (1, 1)
    # A late retry of the move still says what it said then, and does nothing.
    assert post({"start": THURSDAY_12}, f"{path}/reschedule", key="m").json() == moves[0].json()
    assert Appointment.objects.get().state == "cancelled"


@one_by_one
def test_row_02_a_key_is_good_for_one_request_at_one_address(world: World):
    path = path_of(post(body(), key="a"))
    for data, address in (
        (body(note="Other"), "/api/v1/appointments"),
        ({"start": THURSDAY_12}, f"{path}/reschedule"),
        ({}, f"{path}/cancel"),
    ):
        refused = post(data, address, key="a")
        assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert Appointment.objects.get().sequence == 0


@one_by_one
def test_row_02_a_key_tells_a_stranger_nothing_of_the_first_answer(world: World):
    """Only who knows each word of the request gets its answer; keys are not kept as they are."""
    secret = post(body(), key="guessable-1").json()["manage_url"]
    refused = post(body(1), key="guessable-1")
    assert refused.status_code == 422
    assert secret not in refused.content.decode() and "Guest 0" not in refused.content.decode()


@at_once
def test_row_03_the_same_key_at_once_is_done_once_and_answered_alike(world: World):
    answers = race(*[partial(post, body(), key="a") for _n in range(4)])
    assert {a.status_code for a in answers} == {201}
    assert len({json.dumps(a.json(), sort_keys=True) for a in answers}) == 1
    assert sorted(a.get("Idempotency-Replayed", "") for a in answers) == ["", *["true"] * 3]
    assert (Appointment.objects.count(), mails("confirmation")) == (1, 1)
    # The control: without a key the same words are four requests, and three lose.
    answers = race(*[partial(post, body(start=THURSDAY_12)) for _n in range(4)])
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]


@at_once
def test_row_05_of_fifty_who_want_the_last_start_one_gets_it_and_49_get_others(
    world: World, settings: Any
):
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    answers = race(*[partial(post, body(n), key=f"k{n}") for n in range(50)])
    assert sorted({a.status_code for a in answers}) == [201, 409]
    assert [a.status_code for a in answers].count(201) == 1
    assert double_bookings() == 0
    losers = [a.json() for a in answers if a.status_code == 409]
    assert {a["code"] for a in losers} == {"start_taken"}
    day = availability.starts(world.treatment, date(2027, 1, 7), date(2027, 1, 7))
    free = {start.at.isoformat() for start in day}
    for answer in losers:
        assert answer["alternatives"]
        same_day = [a["start"] for a in answer["alternatives"] if a["start"][:10] == "2027-01-07"]
        assert set(same_day) <= free
