"""The calls of /api/v1/. Each fetches, calls a verb or a question, and answers."""

import re
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, NinjaAPI, Path, Query
from ninja.parser import Parser
from ninja.responses import Response

from clinic import throttle
from clinic.clock import now
from clinic.errors import Refused
from practitioners.models import Location, Practitioner, Therapy, Treatment

from .. import appointments, availability, policy, screening
from ..actors import API
from ..models import Appointment, ScreeningRecord, State
from . import payloads as p
from .idempotency import once
from .problems import TooMany, register

MOST_ROWS = 500
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,48}")


def _throttled(request: HttpRequest) -> bool:
    if not throttle.allow(request, "api"):
        raise TooMany
    return True


class JsonOnly(Parser):
    """A body is JSON or it is none: a call whose body is optional works without one."""

    def parse_body(self, request: HttpRequest) -> Any:
        form = (request.content_type or "").startswith(("multipart/", "application/x-www-form"))
        return {} if form or not request.body.strip() else super().parse_body(request)


api = NinjaAPI(
    parser=JsonOnly(),
    title="Clinic bookings",
    version="1",
    urls_namespace="api",
    docs_url=None,
    description="Free times, and booking them. Instants are in UTC. Errors are problem documents.",
)
register(api)
_PROBLEMS = {frozenset({400, 404, 409, 422, 429, 503, 403}): p.Problem}


@api.get("/locations", response={200: list[p.LocationOut], 429: p.Problem})
def locations(request: HttpRequest) -> Any:
    """The clinic's branches."""
    _throttled(request)
    return Location.objects.published()[:MOST_ROWS]


@api.get("/therapies", response={200: list[p.TherapyOut], 429: p.Problem})
def therapies(request: HttpRequest) -> Any:
    """What the clinic offers."""
    _throttled(request)
    return Therapy.objects.published()[:MOST_ROWS]


@api.get("/treatments", response={200: list[p.TreatmentOut], 429: p.Problem})
def treatments(request: HttpRequest) -> Any:
    """What can be booked."""
    _throttled(request)
    return Treatment.objects.bookable()[:MOST_ROWS]


@api.get("/practitioners", response={200: list[p.PractitionerOut], 429: p.Problem})
def practitioners(request: HttpRequest) -> Any:
    """Who gives treatments."""
    _throttled(request)
    given = Prefetch("treatments", Treatment.objects.bookable())
    return Practitioner.objects.published().prefetch_related(given, "languages")[:MOST_ROWS]


@api.get("/availability", response={200: p.AvailabilityOut, **_PROBLEMS})
def free_starts(
    request: HttpRequest,
    treatment: str = Query(..., max_length=120),
    first: date = Query(..., alias="from"),
    last: date = Query(..., alias="to"),
    practitioner: str | None = Query(None, max_length=120),
    location: str | None = Query(None, max_length=80),
) -> Any:
    """Every start of a treatment on the local dates from..to, at most 62 days."""
    _throttled(request)
    wanted = _find(Treatment.objects.bookable(), treatment, "treatment", 404)
    who, where = _who_and_where(practitioner, location, 404)
    if last < first:
        raise Refused(_("The last day is before the first."), code="invalid", field="to")
    if (last - first).days >= availability.LONGEST_DAYS:
        raise Refused(_("Please ask for at most 62 days at a time."), code="invalid", field="to")
    # Nothing is ever offered in the past or this far ahead; dates at the ends of the calendar
    # would leave no room for the window around them.
    if abs((first - now().date()).days) > 800:
        found = []
    else:
        found = availability.starts(wanted, first, last, practitioner=who, location=where)
    zone = (where or Location.objects.published().first() or Location()).time_zone
    return {"treatment": wanted.slug, "timezone": zone, "starts": [p.StartOut.of(s) for s in found]}


@api.post("/appointments", response={201: p.AppointmentOut, **_PROBLEMS})
def book(request: HttpRequest, payload: p.AppointmentIn) -> Any:
    """Book a start. Send an Idempotency-Key, so that trying again can't book twice."""
    _throttled(request)
    treatment = _find(Treatment.objects.bookable(), payload.treatment, "treatment", 422)
    who, where = _who_and_where(payload.practitioner, payload.location, 422)
    # Outside the transaction that books: that somebody was stopped is kept.
    record, answers = _screen(treatment, payload.screening)

    def work() -> tuple[int, Any]:
        row = appointments.book(
            treatment=treatment,
            start=_utc(payload.start),
            practitioner=who,
            location=where,
            screening=record,
            details=payload.details(answers),
            by=API,
            source=Appointment.Source.API,
        )
        return 201, p.AppointmentOut.of(row).model_dump(mode="json")

    key = request.headers.get("Idempotency-Key", "")
    status, answer, replayed = once(key, payload.model_dump(mode="json"), work)
    response = Response(answer, status=status)
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response


@api.get("/appointments/{token}", response={200: p.AppointmentOut, **_PROBLEMS})
def see(request: HttpRequest, token: str = Path(..., max_length=100)) -> Any:
    """One appointment, for whoever holds its token."""
    _throttled(request)
    return _private(_by_token(token))


@api.post("/appointments/{token}/cancel", response={200: p.AppointmentOut, **_PROBLEMS})
def cancel(
    request: HttpRequest,
    token: str = Path(..., max_length=100),
    payload: p.CancelIn | None = Body(None),
) -> Any:
    """Cancel it; cancelling what is cancelled changes nothing."""
    _throttled(request)
    row = _by_token(token)
    if row.state != State.CANCELLED:
        row = appointments.cancel(row, reason=payload.reason if payload else "", by=API)
    return _private(row)


@api.post("/appointments/{token}/reschedule", response={200: p.AppointmentOut, **_PROBLEMS})
def reschedule(
    request: HttpRequest, payload: p.RescheduleIn, token: str = Path(..., max_length=100)
) -> Any:
    """Move it; the old time is kept until the new one is secured."""
    _throttled(request)
    row = _by_token(token)
    who, _where = _who_and_where(payload.practitioner, None, 422)
    row = appointments.reschedule(row, start=_utc(payload.start), practitioner=who, by=API)
    return _private(row)


# --- how ------------------------------------------------------------------------
def _private(row: Appointment) -> HttpResponse:
    response = Response(p.AppointmentOut.of(row).model_dump(mode="json"))
    response["Cache-Control"] = "no-store"
    return response


def _by_token(token: str) -> Appointment:
    """The appointment behind a token; holds have no page yet. 404 for everything else."""
    rows = Appointment.objects.with_people().exclude(state__in=[State.HELD, State.EXPIRED])
    row = rows.filter(token=token).first() if _TOKEN.fullmatch(token) else None
    if row is None:
        raise Http404
    return row


def _find(rows: Any, slug: str, field: str, status: int) -> Any:
    row = rows.filter(slug=slug).first() if "\0" not in slug else None
    if row is None:
        refusal = Refused(_("We do not know this one."), code="unknown", field=field)
        refusal.status = status
        raise refusal
    return row


def _who_and_where(
    practitioner: str | None, location: str | None, status: int
) -> tuple[Practitioner | None, Location | None]:
    people, places = Practitioner.objects.published(), Location.objects.published()
    who = _find(people, practitioner, "practitioner", status) if practitioner else None
    where = _find(places, location, "location", status) if location else None
    return who, where


def _utc(start: datetime) -> datetime:
    try:
        return start.astimezone(UTC)
    except OverflowError:
        raise Refused(_("This is no date we know."), code="invalid", field="start") from None


def _screen(
    treatment: Treatment, given: dict[str, bool | str]
) -> tuple[ScreeningRecord, dict[str, str]]:
    """The gate's record and the therapy's answers; a question that is left out was a no."""
    said = {code: _word(code, value) for code, value in given.items()}
    form = screening.current_form()
    asked = {q.code for q in form.questions.all()}
    own = {q.code for q in policy.questions_of(treatment)}
    for code in said:
        if code not in asked | own:
            raise Refused(
                _("One of the answers belongs to no question."),
                code="screening_unknown",
                field=f"screening.{code[:40]}",
            )
    flags = {code: said.get(code, screening.NO) for code in asked}
    record = screening.record(form, flags, door="api")
    return record, {code: said.get(code, screening.NO) for code in own}


def _word(code: str, value: bool | str) -> str:
    words = {True: screening.YES, False: screening.NO}
    word = words[value] if isinstance(value, bool) else value
    if word not in (screening.YES, screening.NO, screening.UNSURE):
        raise Refused(
            _("Please answer yes, no or unsure."), code="invalid", field=f"screening.{code[:40]}"
        )
    return word
