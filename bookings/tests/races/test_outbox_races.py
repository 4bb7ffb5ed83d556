"""Two schedulers at once claim each message once."""

import threading
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db.models import QuerySet

from bookings import notifications, proofs
from bookings.models import EmailProof, Kind, Notification
from clinic import clock

from .arena import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_each_message_is_claimed_by_one():
    due = clock.now() - timedelta(minutes=1)
    Notification.objects.bulk_create(
        Notification(kind=Kind.CONTACT_RECEIPT, recipient=f"p{n}@example.org", due_at=due)
        for n in range(60)
    )
    claims = race(*[partial(notifications.claim, 20) for _n in range(6)])
    ids = [pk for claim in claims for pk, _attempt in claim]
    assert len(ids) == len(set(ids))
    assert {attempt for claim in claims for _pk, attempt in claim} == {1}
    rest = notifications.claim(60)
    assert len(ids) + len(rest) == 60


def test_a_code_works_once():
    proofs.send_code("pat@example.org")
    code = Notification.objects.get().payload["code"]
    answers = race(*[partial(proofs.check_code, "pat@example.org", code) for _n in range(6)])
    assert sorted(answers) == [False] * 5 + [True]
    assert EmailProof.objects.get().used_at


# --- the controls: what the same races do without the claim, and without the fence ------------
def test_control_who_looks_first_and_marks_later_sends_it_again(monkeypatch):
    due = clock.now() - timedelta(minutes=1)
    Notification.objects.bulk_create(
        Notification(kind=Kind.CONTACT_RECEIPT, recipient=f"p{n}@example.org", due_at=due)
        for n in range(60)
    )
    all_have_looked(monkeypatch, 3)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_how: rows)
    monkeypatch.setattr(notifications, "transaction", SimpleNamespace(atomic=nullcontext))
    claims = race(*[partial(notifications.claim, 20) for _n in range(3)])
    ids = [pk for claim in claims for pk, _attempt in claim]
    assert len(ids) > len(set(ids))


def test_control_a_code_that_is_marked_whatever_it_was_works_for_all(monkeypatch):
    proofs.send_code("pat@example.org")
    code = Notification.objects.get().payload["code"]
    all_have_looked(monkeypatch, 3, whatever_it_was=True)
    answers = race(*[partial(proofs.check_code, "pat@example.org", code) for _n in range(3)])
    assert answers == [True] * 3


def all_have_looked(monkeypatch, crowd: int, *, whatever_it_was: bool = False) -> None:
    """Nobody writes before everybody has read; maybe without looking at what it is by then."""
    gate, real = threading.Barrier(crowd, timeout=20), QuerySet.update

    def update(rows, **fields):
        gate.wait()
        return real(rows.model.objects.all() if whatever_it_was else rows, **fields)

    monkeypatch.setattr(QuerySet, "update", update)
