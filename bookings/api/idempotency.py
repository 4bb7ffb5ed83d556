"""Idempotency-Key: the same request sent twice is done once and answered twice.

The key is stored with a digest of the body before anything happens, and the answer in the
transaction that does it. Refusals are not stored: they changed nothing, so trying again is safe.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction

from clinic.clock import now
from clinic.errors import Refused

from ..models import IdempotencyKey
from ..placing import retried

LONGEST_KEY = 255
# A request that has been at work for longer than this has died.
LOST_AFTER = timedelta(seconds=60)


def _conflict(sentence: str, code: str, status: int) -> Refused:
    refusal = Refused(sentence, code=code, field="Idempotency-Key")
    refusal.status = status
    return refusal


def once(key: str, body: Any, work: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
    """(status, answer, replayed) of `work`, done at most once for this key.

    `body` is what the digest is made of. Raises Refused 422 for the same key with another body,
    409 while the first request is still at work, and whatever `work` raises.
    """
    if not key:
        return (*_in_one_transaction(work), False)
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise _conflict("The key must be 1 to 255 printable characters.", "invalid", 422)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    row, made = IdempotencyKey.objects.get_or_create(key=key, defaults={"digest": digest})
    if not made:
        if row.digest != digest:
            raise _conflict("This key came with another request before.", "key_reused", 422)
        if row.status is not None:
            return row.status, row.body, True
        taken_over = IdempotencyKey.objects.filter(
            pk=row.pk, status=None, created_at__lt=now() - LOST_AFTER
        ).update(created_at=now())
        if not taken_over:
            raise _conflict("The first request is still at work.", "in_progress", 409)

    def remembered() -> tuple[int, Any]:
        status, answer = work()
        IdempotencyKey.objects.filter(pk=row.pk).update(status=status, body=answer)
        return status, answer

    try:
        return (*_in_one_transaction(remembered), False)
    except BaseException:
        IdempotencyKey.objects.filter(pk=row.pk, status=None).delete()
        raise


@retried
def _in_one_transaction(work: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    with transaction.atomic():
        return work()
