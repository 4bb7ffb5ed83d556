"""A code proves an address: the right one, in time, once, and not by guessing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bookings import notifications, proofs
from bookings.models import EmailProof, Notification

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
ANA, BEN = "ana@example.org", "ben@example.org"
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as now:
        yield now


def code_for(email: str = ANA) -> str:
    proofs.send_code(email)
    return Notification.objects.filter(recipient=email).latest("pk").payload["code"]


def wrong(code: str, shift: int = 1) -> str:
    return f"{(int(code) + shift) % 10**6:06d}"


def test_the_code_that_was_sent_proves_the_address():
    assert proofs.check_code(ANA, code_for())


def test_a_code_is_six_digits_also_when_it_begins_with_nought(monkeypatch):
    monkeypatch.setattr(proofs.secrets, "randbelow", lambda _limit: 42)
    assert code_for() == "000042"
    assert proofs.check_code(ANA, "000 042")


@pytest.mark.parametrize("typed", ["Ana@Example.org", "ANA@EXAMPLE.ORG"])
def test_the_address_is_the_same_in_capitals(typed):
    assert proofs.check_code(typed, code_for())


@pytest.mark.parametrize(
    "typed", ["", "0", "abcdef", "１２３４５６", "0" * 10_000, "\x00", "' or 1=1 --"], ids=repr
)
def test_what_is_no_code_proves_nothing(typed):
    code_for()
    assert not proofs.check_code(ANA, typed)


def test_a_wrong_code_proves_nothing_and_the_right_one_still_does():
    code = code_for()
    assert not proofs.check_code(ANA, wrong(code))
    assert proofs.check_code(ANA, code)


def test_a_code_works_once():
    code = code_for()
    assert proofs.check_code(ANA, code)
    assert not proofs.check_code(ANA, code)


def test_a_code_works_for_ten_minutes(clock):
    first = code_for()
    clock.shift(TEN_MINUTES - timedelta(seconds=1))
    assert proofs.check_code(ANA, first)
    second = code_for()
    clock.shift(TEN_MINUTES)
    assert not proofs.check_code(ANA, second)


def test_row_36_after_five_wrong_tries_the_right_code_is_too_late():
    code = code_for()
    for shift in range(1, 5):
        assert not proofs.check_code(ANA, wrong(code, shift))
    other = code_for(BEN)
    assert not proofs.check_code(ANA, wrong(code, 5))
    assert not proofs.check_code(ANA, code)
    # Somebody else's code is not used up by that.
    assert proofs.check_code(BEN, other)


def test_a_new_code_can_be_tried_after_the_old_one_is_used_up():
    code = code_for()
    for shift in range(1, 6):
        proofs.check_code(ANA, wrong(code, shift))
    assert proofs.check_code(ANA, code_for())


def test_row_36_a_wrong_guess_counts_against_every_code_that_is_live(clock):
    """Or asking for more codes would buy more guesses at all of them."""
    codes = [code_for() for _n in range(3)]
    guess = next(f"{n:06d}" for n in range(4) if f"{n:06d}" not in codes)
    for _n in range(5):
        assert not proofs.check_code(ANA, guess)
    assert not any(proofs.check_code(ANA, code) for code in codes)
    clock.shift(TEN_MINUTES)
    assert proofs.check_code(ANA, code_for())


def test_every_live_code_works_whichever_mail_came_first():
    first, second = code_for(), code_for()
    assert proofs.check_code(ANA, first)
    assert proofs.check_code(ANA, second)


def test_a_code_for_one_address_proves_no_other():
    code = code_for(ANA)
    assert not proofs.check_code(BEN, code)
    assert proofs.check_code(ANA, code)


def test_a_fourth_code_in_ten_minutes_is_not_sent(clock):
    for _n in range(5):
        proofs.send_code(ANA)
    assert Notification.objects.filter(recipient=ANA).count() == 3
    proofs.send_code(BEN)
    assert Notification.objects.filter(recipient=BEN).count() == 1
    clock.shift(TEN_MINUTES)
    proofs.send_code(ANA)
    assert Notification.objects.filter(recipient=ANA).count() == 4


def test_the_code_itself_is_not_kept():
    code = code_for()
    assert code not in str(EmailProof.objects.values().get())
    for claimed in notifications.claim():
        assert notifications.deliver(*claimed)
    assert Notification.objects.get().payload == {}


def test_a_code_that_was_not_mailed_was_not_made(monkeypatch):
    def boom(*args: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(notifications, "enqueue", boom)
    with pytest.raises(ConnectionError):
        proofs.send_code(ANA)
    assert not EmailProof.objects.exists()
