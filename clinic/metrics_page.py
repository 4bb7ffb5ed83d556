"""/metrics: what all processes counted, and what the database knows at this moment.

For Prometheus, not for the public: it asks with `Authorization: Bearer <METRICS_TOKEN>`. Without
that setting there is no such page. No label names a person, a path or a token.
"""

import logging
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from bookings.models import Appointment, State
from clinic import metrics as counted
from clinic import pulse
from clinic.clock import now

log = logging.getLogger(__name__)


class Database(Collector):
    """What is true across all processes and machines, read when it is asked for. Five queries."""

    def collect(self) -> Iterator[Metric]:
        try:
            gauges = self.gauges()
        except Exception as error:
            log.warning("metrics without the database: %s", type(error).__name__)
            yield _gauge("clinic_database_up", "Whether the database answers.", 0)
            return
        yield _gauge("clinic_database_up", "Whether the database answers.", 1)
        for name, (says, value) in gauges.items():
            yield _gauge(name, says, value)

    def gauges(self) -> dict[str, tuple[str, float]]:
        box, silence, audit = pulse.outbox(), pulse.silence(), pulse.audit_findings()
        holds = Appointment.objects.filter(state=State.HELD, held_until__gt=now()).count()
        found = {
            "clinic_holds": ("Starts that are kept for somebody who is typing.", holds),
            "clinic_outbox_due": ("Messages that should have gone out by now.", box.due),
            "clinic_outbox_stuck": ("Of these, those that wait too long.", box.stuck),
            "clinic_outbox_age_seconds": (
                "How long the oldest of them waits.",
                box.age.total_seconds(),
            ),
            "clinic_undeliverable": (
                "Messages that nobody will get unless somebody helps.",
                box.undeliverable,
            ),
        }
        if silence is not None:
            found["clinic_worker_silence_seconds"] = (
                "How long ago the worker did what beat asked for.",
                silence.total_seconds(),
            )
        if audit is not None:
            found["clinic_audit_findings"] = ("Broken promises in the last audit.", audit)
        return found


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The page, for who brings the token: 401 without, 404 where none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):
        answer = HttpResponse(status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry()
    registry.register(Database())
    page = generate_latest(registry) + generate_latest(_all_processes())
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _all_processes() -> CollectorRegistry:
    """What was counted: by everybody who shares our VAR_DIR, else by this process alone."""
    if not counted.is_shared():
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(counted.FOLDER))
    return registry
