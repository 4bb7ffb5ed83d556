"""How many mails a minute the mail provider takes (MAIL_PER_MINUTE), for all workers together.

One row says when the next mail may go out. Each mail moves it on by its share of a minute with one
conditional UPDATE, so that of two workers one gets the turn; mails are spread evenly, so that
no minute, wherever it begins, has more than its number.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q

from clinic.clock import now

from .models import MailPace

# Further ahead the row cannot be by itself: somebody's clock was wrong.
FURTHEST = timedelta(minutes=2)


def is_set() -> bool:
    return settings.MAIL_PER_MINUTE > 0


def take_turn() -> bool:
    """Whether a mail may go out now; when it may, it is counted."""
    if not is_set():
        return True
    instant = now()
    row = MailPace.objects.filter(pk=1)
    may = Q(free_at__lte=instant) | Q(free_at__gt=instant + FURTHEST)
    next_at = instant + timedelta(minutes=1) / settings.MAIL_PER_MINUTE
    return bool(row.filter(may).update(free_at=next_at, turns=F("turns") + 1))


def wait(deadline: float) -> bool:
    """Sleep until a mail may go out; False where that is past `deadline` (of time.monotonic)."""
    while is_set():
        row, _made = MailPace.objects.get_or_create(pk=1, defaults={"free_at": now()})
        seconds = (row.free_at - now()).total_seconds()
        if seconds <= 0 or seconds > FURTHEST.total_seconds():
            break
        if time.monotonic() + seconds >= deadline:
            return False
        time.sleep(seconds)
    return time.monotonic() < deadline


def is_reminders_turn() -> bool:
    """One turn in four is a reminder's first, so that a crowd of others cannot starve them."""
    turns = MailPace.objects.filter(pk=1).values_list("turns", flat=True).first()
    return (turns or 0) % 4 == 3
