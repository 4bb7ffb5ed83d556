"""Times and numbers of the outbox that fit into each other, and the check that holds them to it."""

from datetime import timedelta

import pytest
from django.conf import settings as in_force

from bookings import notifications
from clinic import checks


def test_a_task_ends_before_it_is_handed_out_again_and_that_before_its_claims_lapse():
    assert checks.check_mail_numbers() == []
    assert timedelta(seconds=in_force.LEASE_SECONDS) == notifications.LEASE
    options = in_force.CELERY_BROKER_TRANSPORT_OPTIONS
    if in_force.REDIS_URL:
        assert options["visibility_timeout"] == in_force.VISIBILITY_SECONDS
    assert in_force.CELERY_TASK_ACKS_LATE and in_force.CELERY_TASK_IGNORE_RESULT


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("LEASE_SECONDS", 200, "clinic.E010"),
        ("VISIBILITY_SECONDS", 100, "clinic.E010"),
        ("EMAIL_TIMEOUT", 20, "clinic.E010"),
        ("MAIL_PER_MINUTE", -1, "clinic.E009"),
        ("MAIL_OLDEST_HOURS", 0, "clinic.E009"),
        ("UNDO_SECONDS", 3600, "clinic.E009"),
    ],
)
def test_control_settings_that_do_not_fit_stop_the_start(settings, name, value, code):
    setattr(settings, name, value)
    assert [problem.id for problem in checks.check_mail_numbers()] == [code]
