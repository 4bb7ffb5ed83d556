"""What is asked for twice under one key is done once, and answered the same both times.

The key, a digest of the request and the answer are one row, written in the transaction that does
the work: they are there together or not at all. Who comes with the same key meanwhile waits for
that transaction. Refusals are not kept: they changed nothing, so trying again is safe.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from clinic.clock import now
from clinic.errors import Refused

from .models import IdempotencyKey
from .placing import retried

KEPT = timedelta(hours=24)


def _sha256(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@retried
@transaction.atomic
def once(
    door: str, key: str, request: Any, work: Callable[[], tuple[int, Any]]
) -> tuple[int, Any, bool]:
    """(status, answer, replayed) of `work`, done once in 24 hours for this key at this door.

    `request` and the answer are plain JSON values. Without a key the work is simply done. Raises
    Refused 422 (key_reused) for the same key with another request, and whatever `work` raises:
    then nothing has happened and the key is free.
    """
    if not key:
        return (*work(), False)
    row, made = _row(_kept_as(door, key), _sha256(request))
    if not made:
        return (*_answer(row, request), True)
    row.status, row.body = work()
    row.save(update_fields=["status", "body"])
    return row.status, row.body, False


def answered(door: str, key: str, request: Any) -> tuple[int, Any] | None:
    """(status, answer) where `once` has done this request, for those who prepare before they ask
    it; None where it has not, or without a key. Refused as there. One query."""
    rows = IdempotencyKey.objects.filter(key=_kept_as(door, key), created_at__gt=now() - KEPT)
    row = rows.first() if key else None
    return _answer(row, request) if row else None


def _kept_as(door: str, key: str) -> str:
    """As a digest, so that nobody reads keys in the database; the doors' keys never meet."""
    return _sha256(door, key)


def _answer(row: IdempotencyKey, request: Any) -> tuple[int, Any]:
    if row.digest != _sha256(request):
        refusal = Refused(
            _("This key came with another request before."),
            code="key_reused",
            field="Idempotency-Key",
        )
        refusal.status = 422
        raise refusal
    assert row.status is not None  # noqa: S101  rows come with their answers
    return row.status, row.body


def _row(key: str, digest: str) -> tuple[IdempotencyKey, bool]:
    """The key's row, and whether it is new; one that is older than a day is forgotten first."""
    row, made = IdempotencyKey.objects.get_or_create(key=key, defaults={"digest": digest})
    if not made and row.created_at <= now() - KEPT:
        # By its id: of two who find it too old at once, the second finds the first one's.
        IdempotencyKey.objects.filter(pk=row.pk).delete()
        row, made = IdempotencyKey.objects.get_or_create(key=key, defaults={"digest": digest})
    return row, made
