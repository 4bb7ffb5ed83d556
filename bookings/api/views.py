"""The calls of /api/v1/. Each fetches, calls a verb or a question, and answers."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from django.db.models import Prefetch
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Body, Path, Query
from ninja.decorators import decorate_view
from ninja.parser import Parser
from ninja.responses import Response
from pydantic import WithJsonSchema

from clinic import throttle
from clinic.clock import now
from clinic.errors import Refused
from practitioners.models import Language, Location, Practitioner, Therapy, Treatment

from .. import appointments, availability, policy, screening
from ..actors import API
from ..errors import WrongState
from ..models import Appointment, ScreeningRecord, State
from . import payloads as p
from .fields import Day, Minutes
from .freshness import A_WHILE, ASK_EACH_TIME, kept
from .idempotency import Work, answered_once
from .problems import TooMany, register
from .schema import IDEMPOTENCY_KEY, IF_NONE_MATCH, DocumentedAPI

MOST_ROWS = 500
_OPENS = re.compile(r"[A-Za-z0-9_-]{22,48}")
# Whatever else stands there opens nothing: 404, like a token of nobody.
Token = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{_OPENS.pattern}$"})]


def _throttled(request: HttpRequest) -> bool:
    if not throttle.allow(request, "api"):
        raise TooMany
    return True


class JsonOnly(Parser):
    """A body is JSON or it is none: a call whose body is optional works without one."""

    def parse_body(self, request: HttpRequest) -> Any:
        form = (request.content_type or "").startswith(("multipart/", "application/x-www-form"))
        return {} if form or not request.body.strip() else super().parse_body(request)


api = DocumentedAPI(
    parser=JsonOnly(),
    title="Clinic bookings",
    version="1",
    urls_namespace="api",
    docs_url=None,
    description="Free times, and booking them. Instants are in UTC. Errors are problem documents. "
    "No answer about free times may be used again without asking: send its ETag back.",
)
register(api)


def _refuses(*statuses: int) -> dict[Any, Any]:
    """Problem documents under these statuses, and under those that every call can answer."""
    return {frozenset({400, 429, 503, *statuses}): p.Problem}


def _reads(path: str, answer: Any, cache_control: str, *refusals: int) -> Any:
    """A GET, and its HEAD, whose answer can be asked for again with its ETag."""

    def add(view: Any) -> Any:
        view = decorate_view(kept(cache_control))(view)
        responses: dict[Any, Any] = {200: answer, 304: None, **_refuses(*refusals)}
        api.api_operation(["HEAD"], path, response=responses, include_in_schema=False)(view)
        extra = {"parameters": [IF_NONE_MATCH]}
        return api.get(path, response=responses, openapi_extra=extra)(view)

    return add


@_reads("/locations", list[p.LocationOut], A_WHILE)
def locations(request: HttpRequest) -> Any:
    """The clinic's branches."""
    _throttled(request)
    return list(Location.objects.published()[:MOST_ROWS])


@_reads("/therapies", list[p.TherapyOut], A_WHILE)
def therapies(request: HttpRequest) -> Any:
    """What the clinic offers."""
    _throttled(request)
    return list(Therapy.objects.published()[:MOST_ROWS])


@_reads("/treatments", list[p.TreatmentOut], A_WHILE)
def treatments(request: HttpRequest) -> Any:
    """What can be booked."""
    _throttled(request)
    return list(Treatment.objects.bookable()[:MOST_ROWS])


@_reads("/practitioners", list[p.PractitionerOut], A_WHILE)
def practitioners(request: HttpRequest) -> Any:
    """Who gives treatments."""
    _throttled(request)
    given = Prefetch("treatments", Treatment.objects.bookable())
    people = Practitioner.objects.published().prefetch_related(given, "languages")
    return list(people[:MOST_ROWS])


@_reads("/availability", p.AvailabilityOut, ASK_EACH_TIME, 404, 422)
def free_starts(
    request: HttpRequest,
    treatment: str = Query(..., max_length=120, description="Its slug.", example="massage-60"),
    first: Day = Query(
        ..., alias="from", description="The first local date.", example="2027-01-11"
    ),
    last: Day = Query(..., alias="to", description="The last local date.", example="2027-01-17"),
    practitioner: str | None = Query(None, max_length=120, description="With whom: a slug."),
    location: str | None = Query(None, max_length=80, description="Where: a slug."),
    minutes: Minutes | None = Query(
        None, description="One of the treatment’s lengths; its own unless said."
    ),
    gender: Literal["woman", "man", "non-binary"] | None = Query(
        None, description="Of the practitioner."
    ),
    language: str | None = Query(
        None,
        max_length=12,
        description="That the practitioner speaks: a code, as in /practitioners.",
    ),
    part: Literal["morning", "afternoon", "evening"] | None = Query(
        None, description="Of the day: until 12:00, until 17:00, after that, on the local clock."
    ),
) -> Any:
    """Every start of a treatment on the local dates from..to, at most 62 days."""
    _throttled(request)
    wanted = _find(Treatment.objects.bookable(), treatment, "treatment", 404)
    who, where = _who_and_where(practitioner, location, 404)
    length, _pence = policy.length_of(wanted, minutes)
    if language and not Language.objects.filter(code=language).exists():
        raise _unknown("language", 404)
    if last < first:
        raise Refused(_("The last day is before the first."), code="bad_span", field="to")
    if (last - first).days >= availability.LONGEST_DAYS:
        raise Refused(_("Please ask for at most 62 days at a time."), code="bad_span", field="to")
    # Nothing is ever offered in the past or this far ahead; dates at the ends of the calendar
    # would leave no room for the window around them.
    if abs((first - now().date()).days) > 800:
        found = []
    else:
        found = availability.starts(
            wanted,
            first,
            last,
            practitioner=who,
            location=where,
            minutes=length,
            gender=gender or "",
            language=language or "",
            hours=availability.Part(part).hours if part else None,
        )
    zone = (where or Location.objects.published().first() or Location()).time_zone
    return {
        "treatment": wanted.slug,
        "minutes": length,
        "timezone": zone,
        "starts": [p.StartOut.of(s) for s in found],
    }


@api.post(
    "/appointments",
    response={201: p.AppointmentOut, **_refuses(403, 409, 413, 422)},
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
def book(request: HttpRequest, payload: p.AppointmentIn) -> Any:
    """Book a start. Send an Idempotency-Key, so that trying again can't book twice."""
    _throttled(request)

    def prepare() -> Work:
        treatment = _find(Treatment.objects.bookable(), payload.treatment, "treatment", 422)
        who, where = _who_and_where(payload.practitioner, payload.location, 422)
        # Outside the transaction that books: that somebody was stopped is kept.
        record, answers = _screen(treatment, payload.screening)

        def work() -> tuple[int, Any]:
            row = appointments.book(
                treatment=treatment,
                start=_utc(payload.start),
                minutes=payload.minutes,
                practitioner=who,
                location=where,
                screening=record,
                details=payload.details(answers),
                by=API,
                source=Appointment.Source.API,
            )
            return 201, _plain(row)

        return work

    response = answered_once(request, payload.model_dump(mode="json"), prepare)
    token = json.loads(response.content)["token"]
    response["Location"] = reverse("api:see", args=[token])
    return response


@api.api_operation(
    ["HEAD"], "/appointments/{token}", response=p.AppointmentOut, include_in_schema=False
)
@api.get("/appointments/{token}", response={200: p.AppointmentOut, **_refuses(404)})
def see(request: HttpRequest, token: Token = Path(...)) -> Any:
    """One appointment, for whoever holds its token."""
    _throttled(request)
    response = Response(_plain(_by_token(token)))
    response["Cache-Control"] = "no-store"
    return response


@api.post(
    "/appointments/{token}/cancel",
    response={200: p.AppointmentOut, **_refuses(404, 409, 413, 422)},
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
def cancel(
    request: HttpRequest, token: Token = Path(...), payload: p.CancelIn | None = Body(None)
) -> Any:
    """Cancel it; cancelling what is cancelled changes nothing."""
    _throttled(request)
    row = _by_token(token)
    reason = payload.cleaned() if payload else ""

    def work() -> tuple[int, Any]:
        try:
            return 200, _plain(appointments.cancel(row, reason=reason, by=API))
        except WrongState:
            now_so = _by_token(token)
            if now_so.state != State.CANCELLED:
                raise
            return 200, _plain(now_so)

    return answered_once(request, reason, lambda: work)


@api.post(
    "/appointments/{token}/reschedule",
    response={200: p.AppointmentOut, **_refuses(403, 404, 409, 413, 422)},
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
def reschedule(request: HttpRequest, payload: p.RescheduleIn, token: Token = Path(...)) -> Any:
    """Move it; the old time is kept until the new one is secured."""
    _throttled(request)
    row = _by_token(token)

    def prepare() -> Work:
        who, _where = _who_and_where(payload.practitioner, None, 422)
        start = _utc(payload.start)
        move = partial(appointments.reschedule, row, start=start, practitioner=who, by=API)
        return lambda: (200, _plain(move()))

    return answered_once(request, payload.model_dump(mode="json"), prepare)


# --- how ------------------------------------------------------------------------
def _plain(row: Appointment) -> dict[str, Any]:
    return p.AppointmentOut.of(row).model_dump(mode="json")


def _by_token(token: str) -> Appointment:
    """The appointment behind a token; holds have no page yet. 404 for everything else."""
    rows = Appointment.objects.with_people().exclude(state__in=[State.HELD, State.EXPIRED])
    row = rows.filter(token=token).first() if _OPENS.fullmatch(token) else None
    if row is None:
        raise Http404
    return row


def _find(rows: Any, slug: str, field: str, status: int) -> Any:
    row = rows.filter(slug=slug).first() if "\0" not in slug else None
    if row is None:
        raise _unknown(field, status)
    return row


def _unknown(field: str, status: int) -> Refused:
    refusal = Refused(_("We do not know this one."), code="unknown", field=field)
    refusal.status = status
    return refusal


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


def _screen(treatment: Treatment, said: dict[str, str]) -> tuple[ScreeningRecord, dict[str, str]]:
    """The gate's record and the therapy's answers; a question that is left out was a no."""
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
