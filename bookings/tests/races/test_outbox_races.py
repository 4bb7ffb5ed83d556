"""Two schedulers at once claim each message once."""

from datetime import timedelta
from functools import partial

import pytest

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
