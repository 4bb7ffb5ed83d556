"""What a session remembers of somebody who is booking, and who may look at personal pages.

A session holds row ids, never answers: the safety check that was passed or stopped, the times
that are being held, and the mail address that was proved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from itertools import count
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.crypto import get_random_string

from bookings import appointments, patients, screening
from bookings.actors import PATIENT
from bookings.errors import RedFlag, ScreeningNeeded, StartTaken, TooManyHolds
from bookings.idempotency import once
from bookings.models import Appointment, Patient, ScreeningRecord, State
from clinic import throttle
from clinic.clock import now
from practitioners.models import Treatment

from .choice import Choice

MOST_HOLDS = 2
# So often one page's start is kept anew, each once, when its hold is over.
MOST_ANEW = 12
REMEMBERED = 8
# After answers that mean “get help now”, this long the questions stay shut until the advice
# was read and the patient asked for them again. It is a prompt, not a lock.
STOPPED_FOR = timedelta(minutes=30)
PROVED_FOR = timedelta(hours=1)

SCREENING, STOPPED, HOLDS, PROVED = "screening", "stopped", "holds", "proved"

View = Callable[..., HttpResponse]


class SeeOther(HttpResponseRedirect):
    """303: what was sent is done; the page to look at now is another one."""

    status_code = 303


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the POST, also an empty one; None while it is only looked at."""
    return request.POST if request.method == "POST" else None


def personal(view: View) -> View:
    """Keep a page with personal data out of caches and search engines, and its address in house.

    Referrer-Policy is same-origin, not no-referrer: under no-referrer browsers send
    `Origin: null` with a form's POST, which the CSRF check rightly refuses. Other sites learn
    nothing of the address either way.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return private(view(request, *args, **kwargs))

    return guarded


def private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


# --- the safety questions -------------------------------------------------------
def passed_screening(request: HttpRequest) -> ScreeningRecord | None:
    """The check this session passed, while it is fresh. At most three queries."""
    pk = request.session.get(SCREENING)
    record = ScreeningRecord.objects.filter(pk=pk).first() if pk else None
    return record if screening.is_fresh(record) else None


def stopped(request: HttpRequest) -> ScreeningRecord | None:
    """The check that stopped this session a short while ago."""
    pk = request.session.get(STOPPED)
    since = now() - STOPPED_FOR
    return ScreeningRecord.objects.filter(pk=pk, at__gt=since).first() if pk else None


def remember_screening(request: HttpRequest, record: ScreeningRecord) -> None:
    """Keep the newest answers: those that stop take back what an earlier pass allowed."""
    request.session.pop(SCREENING, None)
    request.session.pop(STOPPED, None)
    request.session[SCREENING if record.passed else STOPPED] = record.pk


def ask_again(request: HttpRequest) -> None:
    """The advice was read, and the questions are wanted once more."""
    request.session.pop(STOPPED, None)


# --- times that are held ----------------------------------------------------------
@dataclass
class Kept:
    """One appointment of this session: `form` is its details form's one-time token, `sent` a
    digest of what was sent with it, empty until then."""

    appointment: Appointment
    form: str
    sent: str

    @property
    def is_live(self) -> bool:
        a = self.appointment
        return a.state == State.HELD and a.held_until is not None and a.held_until > now()

    def choice(self) -> Choice:
        """The start it keeps, with its addresses."""
        a = self.appointment
        length = None if a.minutes == a.treatment.minutes else (a.minutes, a.price_pence)
        return Choice(a.treatment, [], [a.location], None, a.location, a.starts_at, length)

    def is_at(self, choice: Choice) -> bool:
        """Whether it is at the chosen start, with and at whom was chosen; of any length."""
        a = self.appointment
        return (
            a.treatment_id == choice.treatment.pk
            and a.starts_at == choice.start
            and choice.location in (None, a.location)
            and choice.practitioner in (None, a.practitioner)
        )

    @property
    def is_done(self) -> bool:
        """Confirmed by this session, whatever became of it later."""
        return self.appointment.state not in (State.HELD, State.EXPIRED)


def kept(request: HttpRequest) -> list[Kept]:
    """What this session holds or has booked, newest first. One query, none without any."""
    entries = request.session.get(HOLDS, [])
    if not entries:
        return []
    rows = Appointment.objects.with_people().in_bulk([e["id"] for e in entries])
    return [Kept(rows[e["id"]], e["form"], e["sent"]) for e in entries if e["id"] in rows]


def live(request: HttpRequest) -> list[Kept]:
    """What this session is keeping at the moment, newest first."""
    return [one for one in kept(request) if one.is_live]


def kept_for(request: HttpRequest, choice: Choice) -> Kept | None:
    """This session's own appointment of the chosen start and length, live or booked."""
    for one in kept(request):
        a = one.appointment
        if one.is_at(choice) and a.minutes == choice.minutes:
            if one.is_live or (one.is_done and a.state != State.CANCELLED):
                return one
    return None


def in_another_length(request: HttpRequest, choice: Choice) -> Kept | None:
    """This session's hold of the chosen start in another length, which the choice replaces."""
    mine = (k for k in kept(request) if k.is_live and k.appointment.minutes != choice.minutes)
    return next((k for k in mine if k.is_at(choice)), None)


def live_hold(request: HttpRequest, treatment: Treatment) -> Kept | None:
    """The time of this treatment that this session is keeping at the moment."""
    mine = (k for k in kept(request) if k.appointment.treatment_id == treatment.pk)
    return next((k for k in mine if k.is_live), None)


def kept_by_form(request: HttpRequest, form: str) -> Kept | None:
    """What the form with this one-time token is about; never another session's."""
    return next((one for one in kept(request) if form and one.form == form), None)


def page_token() -> str:
    """What a page's form carries once, so that a second press is known for one (190 bits)."""
    return get_random_string(32)


def keep(request: HttpRequest, choice: Choice) -> Kept:
    """Hold the chosen start for this session; the same start twice is the same hold.

    A form that is sent twice at once (a double click) holds once, also where the two came before
    the session knew of either: its one-time token, `once`, leads both to one hold. The same start
    in another length, a third one, and one that an own hold stands in the way of, let an older one
    go, but only if they can be had. Raises what `appointments.hold` raises.
    """
    mine = kept_for(request, choice)
    if mine is not None:
        return mine
    start = choice.start
    assert start is not None  # noqa: S101  views with a start only
    if stopped(request):
        raise RedFlag
    record = passed_screening(request)
    if record is None:
        raise ScreeningNeeded
    token = request.POST.get("once") or request.POST.get("form", "")
    replaced = in_another_length(request, choice)
    others = [
        one.appointment
        for one in kept(request)
        if one.is_live and not (replaced and one.form == replaced.form)
    ]

    def take(gone: list[Appointment]) -> Appointment:
        return appointments.hold(
            treatment=choice.treatment,
            minutes=choice.minutes,
            start=start,
            practitioner=choice.practitioner,
            location=choice.location,
            screening=record,
            proved=proved_patient(request),
            instead_of=gone,
            by=PATIENT,
        )

    def work() -> tuple[int, dict[str, Any]]:
        gone = [*([replaced.appointment] if replaced else []), *others[MOST_HOLDS - 1 :]]
        try:
            hold = take(gone)
        except StartTaken:
            # Perhaps by the one they hold themselves.
            if not others:
                raise
            gone = [*gone, others[0]]
            hold = take(gone)
        if not throttle.allow(request, "hold"):
            raise TooManyHolds
        for _old in gone:
            throttle.give_back(request, "hold")
        return 303, {"id": hold.pk, "form": page_token(), "sent": ""}

    # Of one page several starts can be asked for, each once; on an old page whose hold is over the
    # same start once more. Whoever does that for ever holds each time: the search has an end.
    for nth in count():
        key = f"{token} {nth} {choice.hold_url}" if token and nth < MOST_ANEW else ""
        _status, entry, replayed = once("hold", key, "", work)
        one = _remember_hold(request, entry)
        if not replayed or one.is_live or one.is_done:
            return one
    raise AssertionError("unreachable")


def _remember_hold(request: HttpRequest, entry: dict[str, Any]) -> Kept:
    others = [e for e in request.session.get(HOLDS, []) if e["id"] != entry["id"]]
    request.session[HOLDS] = [entry, *others][:REMEMBERED]
    # Written at once: a second tab that saves its own session later must find it.
    request.session.save()
    hold = Appointment.objects.with_people().get(pk=entry["id"])
    return Kept(hold, entry["form"], entry["sent"])


def let_go(request: HttpRequest, one: Kept) -> None:
    """Give a held time back; nothing happens to one that is booked or over."""
    appointments.release(one.appointment, by=PATIENT)
    throttle.give_back(request, "hold")


def digest(request: HttpRequest) -> str:
    """What the details form sent, as a digest: health answers stay out of the session."""
    sent = {k: v for k, v in request.POST.lists() if k != "csrfmiddlewaretoken"}
    return sha256(repr(sorted(sent.items())).encode()).hexdigest()


def remember_sent(request: HttpRequest, one: Kept) -> None:
    """Note what the form that booked it said, to know a second press from a changed form."""
    throttle.give_back(request, "hold")
    entries = request.session.get(HOLDS, [])
    for entry in entries:
        if entry["form"] == one.form:
            entry["sent"] = digest(request)
    request.session[HOLDS] = entries


# --- who they are -------------------------------------------------------------------
@dataclass(frozen=True)
class Proved:
    email: str
    patient: int | None


def proved(request: HttpRequest) -> Proved | None:
    """The mail address that this session proved within the hour, and who was chosen of it."""
    found = request.session.get(PROVED)
    if not found or datetime.fromisoformat(found["at"]) < now() - PROVED_FOR:
        return None
    return Proved(found["email"], found["patient"])


def remember_proof(request: HttpRequest, email: str) -> None:
    """Note the proved address; the session gets a new key, as after signing in."""
    request.session.cycle_key()
    request.session[PROVED] = {"email": email, "at": now().isoformat(), "patient": None}


def remember_patient(request: HttpRequest, patient: Patient) -> None:
    """Note which of the people behind the proved address is coming."""
    request.session[PROVED] = {**request.session[PROVED], "patient": patient.pk}


def proved_patient(request: HttpRequest) -> Patient | None:
    """Who this session proved to be. Asks again whether the address is still theirs."""
    proof = proved(request)
    if proof is None or proof.patient is None:
        return None
    people = patients.proved_patients(proof.email)
    return next((p for p in people if p.pk == proof.patient), None)


def forget_proof(request: HttpRequest) -> None:
    request.session.pop(PROVED, None)
