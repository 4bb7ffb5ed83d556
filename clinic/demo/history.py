"""What became of each visit: its appointment, what happened to it, the messages. No queries.

Times are drawn from seeded dice and counted from midnight of today; only what a clock decides
(who has arrived, which reminders have gone out) depends on the present instant.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from bookings.models import (
    Answer,
    Appointment,
    AppointmentEvent,
    Kind,
    Notification,
    Patient,
    ScreeningForm,
    ScreeningRecord,
    State,
)
from bookings.notifications import reminder_due
from clinic.clock import local, midnight
from practitioners.models import Treatment

from .clients import THERAPY_OF
from .diary import Visit
from .pages import THERAPIES

_READABLE = "23456789CDFGHJKMNPQRTVWXYZ"
_QUESTIONS = {therapy.slug: therapy.questions for therapy in THERAPIES}
_NOTES = (
    "Please ring the bell twice, I may be on the phone outside.",
    "I can only come before the school run.",
    "Mornings are hard for me. I may be five minutes late.",
)
_FIRST_NOTES = ("It is my first time. I am a bit nervous.", *_NOTES)
_LATER_NOTES = ("Same as last time, please, but a little gentler on the left.", *_NOTES)
_REASONS = ("I have to work", "Feeling better", "My child is ill", "No lift that day", "")
_CLINIC_REASONS = ("Practitioner unwell", "Heating broke down")
REMINDERS = (2880, 120)


@dataclass
class Story:
    """Unsaved rows that belong together; those that hang on the appointment have none yet."""

    appointment: Appointment
    claims: list[tuple[int, datetime, datetime]]
    screening: ScreeningRecord | None = None
    events: list[AppointmentEvent] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


class Teller:
    """Tells the story of one visit after the other."""

    def __init__(
        self,
        *,
        now: datetime,
        zone: str,
        treatments: dict[str, Treatment],
        form: ScreeningForm,
        desk: Any,
        policy_hours: int,
    ) -> None:
        self.now = now
        # What people did before today; nothing that is drawn lies after it.
        self.latest = midnight(local(now, zone).date(), zone) - timedelta(hours=2)
        self.treatments, self.form, self.desk = treatments, form, desk
        self.policy_hours = policy_hours
        self.dice = random.Random("tidewell stories")
        self._no = {q.code: "no" for q in form.questions.all()}
        self._references: set[str] = set()

    def tell(self, visit: Visit, patient: Patient | None) -> Story:
        source = self._source(visit)
        booked_at = self._booked_at(visit)
        row = self._appointment(visit, patient, source, booked_at)
        story = Story(row, [(pk, start, end) for pk, start, end in visit.claims])
        if source != "desk":
            story.screening = ScreeningRecord(
                form=self.form,
                at=booked_at - timedelta(minutes=6),
                answers=self._no,
                passed=True,
                door="api" if source == "api" else "web",
            )
        self._begin(story, booked_at)
        if visit.fate == "held":
            story.appointment.held_until = self.now + timedelta(minutes=settings.HOLD_MINUTES)
            return story
        if visit.fate == "expired":
            self._note(story, booked_at + timedelta(minutes=10), "expire", "system", State.EXPIRED)
            return story
        self._answer(story, visit)
        moved_at = self._move(story, visit, booked_at)
        ended_at = self._end(story, visit, moved_at or booked_at)
        self._coming(story)
        if patient and patient.email:
            self._mail(story, patient.email, booked_at, moved_at, ended_at)
        return story

    # --- the appointment --------------------------------------------------------
    def _source(self, visit: Visit) -> str:
        if visit.client and visit.client.data.by_phone:
            return "desk"
        return self.dice.choices(["web", "desk", "api"], [84, 12, 4])[0]

    def _booked_at(self, visit: Visit) -> datetime:
        """Some days before, never after yesterday, and not before they could have known."""
        at = visit.starts_at - timedelta(days=self.dice.uniform(0.7, 20))
        if at > self.latest:
            at = self.latest - timedelta(days=self.dice.uniform(0, 13))
        if visit.not_before:
            at = max(at, visit.not_before)
        at = min(at, self.latest, visit.starts_at - timedelta(hours=3))
        return at.replace(second=0, microsecond=0)

    def _reference(self) -> str:
        while True:
            found = "".join(self.dice.choices(_READABLE, k=8))
            if found not in self._references:
                self._references.add(found)
                return found

    def _appointment(
        self, visit: Visit, patient: Patient | None, source: str, booked_at: datetime
    ) -> Appointment:
        treatment = self.treatments[visit.treatment.slug]
        return Appointment(
            reference=self._reference(),
            state=State.HELD,
            patient=patient,
            treatment=treatment,
            practitioner=visit.practitioner,
            location=visit.location,
            starts_at=visit.starts_at,
            ends_at=visit.ends_at,
            treatment_name=str(treatment),
            minutes=visit.treatment.minutes,
            price_pence=visit.treatment.pence,
            cancellation_hours=self.policy_hours,
            source=source,
            booked_at=booked_at if patient else None,
            held_until=None,
            note=self._words(visit) if patient and self.dice.random() < 0.12 else "",
            wants_chaperone=bool(visit.client and visit.client.data.wants_chaperone),
        )

    def _words(self, visit: Visit) -> str:
        return self.dice.choice(_LATER_NOTES if visit.not_before else _FIRST_NOTES)

    def _begin(self, story: Story, booked_at: datetime) -> None:
        row = story.appointment
        actor = {"desk": "staff", "api": "api"}.get(row.source, "patient")
        held_at = booked_at - timedelta(minutes=4 if actor == "patient" else 0)
        if row.patient is None:
            # The hold is what was made; a live one was made this minute.
            held_at = booked_at
        self._note(story, held_at, "hold", actor, State.HELD, before="")
        if row.patient:
            self._note(story, booked_at, "book", actor, State.BOOKED)

    def _answer(self, story: Story, visit: Visit) -> None:
        """Answers are asked before every treatment that is not for returning patients only."""
        if visit.treatment.audience == "returning" or visit.client is None:
            return
        data = visit.client.data
        for question in _QUESTIONS[THERAPY_OF[visit.treatment.slug]]:
            value = "no"
            if question.code in data.yes:
                value = "yes"
            elif question.code in data.unsure:
                value = "unsure"
            elif not question.reason and self.dice.random() < 0.03:
                value = self.dice.choice(["yes", "unsure"])
            story.answers.append(
                Answer(
                    code=question.code,
                    question=question.text,
                    value=value,
                    needs_look=value != "no",
                )
            )

    # --- what happened ----------------------------------------------------------
    def _move(self, story: Story, visit: Visit, booked_at: datetime) -> datetime | None:
        """Some were moved once, from an earlier or later time of another day."""
        row = story.appointment
        until = min(self.latest, visit.starts_at - timedelta(hours=30))
        if self.dice.random() > 0.04 or until - booked_at < timedelta(hours=8):
            return None
        at = booked_at + (until - booked_at) * self.dice.uniform(0.3, 0.9)
        at = at.replace(second=0, microsecond=0)
        old = visit.starts_at + timedelta(days=self.dice.choice([-7, -2, 1, 7]))
        detail = {"start": max(old, at).isoformat(), "practitioner": row.practitioner_id}
        row.sequence = 1
        self._note(story, at, "reschedule", "patient", State.BOOKED, detail=detail)
        return at

    def _end(self, story: Story, visit: Visit, since: datetime) -> datetime | None:
        """Cancelled, missed, arrived, completed; returns when it was cancelled."""
        row, now = story.appointment, self.now
        if visit.fate in ("cancelled", "clinic_cancelled"):
            return self._cancel(story, visit, since)
        if visit.fate == "no_show":
            if now >= row.starts_at + timedelta(minutes=15):
                at = row.starts_at + timedelta(minutes=15)
                self._note(story, at, "no_show", "staff", State.NO_SHOW)
            return None
        arrived = row.starts_at - timedelta(minutes=self.dice.randint(1, 9))
        done = row.ends_at + timedelta(minutes=self.dice.randint(1, 8))
        if arrived <= now:
            self._note(story, arrived, "check_in", "staff", State.ARRIVED)
        if done <= now and visit.fate != "unmarked":
            self._note(story, done, "complete", "practitioner", State.COMPLETED)
            if visit.treatment.slug == "idd-assessment":
                row.outcome = "suitable" if visit.suitable else "not_suitable"
        return None

    def _cancel(self, story: Story, visit: Visit, since: datetime) -> datetime:
        row = story.appointment
        by_clinic = visit.fate == "clinic_cancelled"
        until = min(self.latest, row.starts_at - timedelta(hours=1 if by_clinic else 25))
        by_clinic |= until <= since
        at = since + max(until - since, timedelta(minutes=5)) * self.dice.uniform(0.2, 0.9)
        at = min(at, row.starts_at).replace(second=0, microsecond=0)
        row.cancel_reason = self.dice.choice(_CLINIC_REASONS if by_clinic else _REASONS)
        row.cancelled_by_clinic = by_clinic
        row.sequence += 1
        detail = {"reason": row.cancel_reason} if row.cancel_reason else {}
        actor = "staff" if by_clinic else "patient"
        self._note(story, at, "cancel", actor, State.CANCELLED, detail=detail)
        return at

    def _coming(self, story: Story) -> None:
        """Every other one who was reminded has said that they will be there."""
        row = story.appointment
        if row.state != State.BOOKED or self.dice.random() < 0.5:
            return
        at = reminder_due(row, REMINDERS[0]) + timedelta(minutes=self.dice.randint(3, 90))
        if row.booked_at and row.booked_at < at <= self.now:
            row.coming_at = at
            self._note(story, at, "coming", "patient", State.BOOKED)

    def _note(
        self,
        story: Story,
        at: datetime,
        verb: str,
        actor: str,
        to: str,
        *,
        before: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """The next thing that happened: the event, and the state that follows from it."""
        row = story.appointment
        story.events.append(
            AppointmentEvent(
                at=at,
                verb=verb,
                actor=actor,
                user=self.desk if actor == "staff" else None,
                from_state=row.state if before is None else before,
                to_state=to,
                detail=detail or {},
            )
        )
        row.state = to
        row.held_until = None

    # --- the messages -----------------------------------------------------------
    def _mail(
        self,
        story: Story,
        to: str,
        booked_at: datetime,
        moved_at: datetime | None,
        cancelled_at: datetime | None,
    ) -> None:
        """The outbox as the verbs would have left it."""
        row = story.appointment
        self._message(story, to, Kind.CONFIRMATION, booked_at, 0, None)
        if moved_at:
            self._reminders(story, to, booked_at, 0, moved_at)
            self._message(story, to, Kind.CHANGE, moved_at, 1, None)
        version = 1 if moved_at else 0
        self._reminders(story, to, moved_at or booked_at, version, cancelled_at)
        if cancelled_at:
            self._message(story, to, Kind.CANCELLATION, cancelled_at, row.sequence, None)

    def _reminders(
        self, story: Story, to: str, since: datetime, version: int, until: datetime | None
    ) -> None:
        for minutes in REMINDERS:
            due = reminder_due(story.appointment, minutes)
            if due > since:
                self._message(story, to, Kind.REMINDER, due, version, until, minutes)

    def _message(
        self,
        story: Story,
        to: str,
        kind: Kind,
        due: datetime,
        version: int,
        until: datetime | None,
        minutes: int = 0,
    ) -> None:
        """One message: dropped when it fell due after `until`, else sent when its time is past."""
        dropped = until is not None and due > until
        sent = not dropped and due <= self.now
        state = Notification.State.PENDING
        if dropped:
            state = Notification.State.DROPPED
        elif sent:
            state = Notification.State.SENT
        story.notifications.append(
            Notification(
                kind=kind,
                recipient=to,
                start_version=version,
                minutes_before=minutes,
                due_at=due,
                state=state,
                attempts=1 if sent else 0,
                sent_at=due + timedelta(seconds=self.dice.randint(1, 9)) if sent else None,
            )
        )
