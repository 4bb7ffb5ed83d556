"""The two forms of an appointment in the admin: book one, and move one."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminDateWidget, AdminTimeWidget
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from clinic.clock import at_wall
from clinic.errors import Refused
from clinic.text import BlockField
from practitioners.models import Location

from .. import appointments as verbs
from .. import screening
from ..actors import Actor
from ..errors import StartNotOffered, StartTaken
from ..explain import explain
from ..models import Appointment, Patient
from ..notifications import how_told
from ..patients import Details
from .columns import SmallArea, clock_time

# The field a refusal names -> the field of these forms it belongs beside.
BESIDE = {"start": "time", "screening": "asked", "date_of_birth": "patient", "email": "patient"}
SHOWN_ALTERNATIVES = 6


class RefusableForm(forms.ModelForm):
    """A form that shows why the verb refused what it was about to save."""

    refused: Refused | None = None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        self.place(cleaned)
        if self.refused:
            field = BESIDE.get(self.refused.field or "", self.refused.field)
            self.add_error(field if field in self.fields else None, self._sentences(self.refused))
        return cleaned

    def place(self, cleaned: dict[str, Any]) -> None:
        """Add the `start` that was typed."""
        raise NotImplementedError

    def wanted(self) -> dict[str, Any]:
        """What was asked of the calendar: arguments of `explain`."""
        return {
            "start": self.cleaned_data["start"],
            "practitioner": self.cleaned_data.get("practitioner"),
            "location": self.cleaned_data["location"],
            "override": True,
        }

    def _sentences(self, refused: Refused) -> list[str]:
        sentences = [str(refused.sentence)]
        if isinstance(refused, StartTaken | StartNotOffered) and "start" in self.cleaned_data:
            # Free again meanwhile: nothing to explain.
            answer = explain(**self.wanted())
            sentences += [line.sentence for line in answer.lines if not answer.is_offered]
        free = refused.alternatives[:SHOWN_ALTERNATIVES] if isinstance(refused, StartTaken) else []
        if free:
            times = "; ".join(
                f"{clock_time(start.at, start.location)} ({start.practitioners[0]})"
                for start in free
            )
            sentences.append(_("Free: %(times)s") % {"times": times})
        return sentences

    def wall(self, location: Location) -> datetime:
        """Day and time as typed, by the location’s clock; ValidationError in the lost hour."""
        day: date = self.cleaned_data["day"]
        at: time = self.cleaned_data["time"]
        there = at_wall(day, at, location.time_zone)
        if there is None:
            raise ValidationError(
                {"time": _("The clocks go forward: this time does not exist on that day.")}
            )
        return there


class BookForm(RefusableForm):
    """A booking by staff: the notice and horizon of online booking do not bind them."""

    day = forms.DateField(label=_("Date"), widget=AdminDateWidget)
    time = forms.TimeField(
        label=_("Time"),
        widget=AdminTimeWidget(format="%H:%M"),
        help_text=_("By the clock of the location."),
    )
    minutes = forms.IntegerField(
        label=_("Another length, in minutes"),
        required=False,
        min_value=5,
        max_value=600,
        help_text=_("Leave empty for the treatment’s own."),
    )
    asked = forms.BooleanField(
        label=_("I asked the red-flag questions, and every answer was no"),
        help_text=_("With a yes or a not sure, do not book: tell them where to get help now."),
    )
    note = BlockField(
        label=_("Note from the patient"), required=False, max_length=2000, widget=SmallArea
    )

    class Meta:
        model = Appointment
        fields = ["treatment", "practitioner", "location", "patient", "note", "wants_chaperone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["practitioner"].required = False
        self.fields["practitioner"].help_text = _("Leave empty for anyone who is free.")
        self.fields["patient"].required = True

    def place(self, cleaned: dict[str, Any]) -> None:
        if {"day", "time", "location"} <= cleaned.keys():
            cleaned["start"] = self.wall(cleaned["location"])

    def wanted(self) -> dict[str, Any]:
        typed = self.cleaned_data
        return {
            **super().wanted(),
            "treatment": typed["treatment"],
            "minutes": typed.get("minutes"),
        }

    def book(self, by: Actor) -> Appointment:
        """Book what was typed (Refused when it cannot be)."""
        typed = self.cleaned_data
        patient: Patient = typed["patient"]
        questions = screening.current_form()
        answers = {question.code: "no" for question in questions.questions.all()}
        return verbs.book(
            treatment=typed["treatment"],
            minutes=typed["minutes"],
            start=typed["start"],
            practitioner=typed["practitioner"],
            location=typed["location"],
            screening=screening.record(questions, answers, door="admin"),
            details=Details(
                name=patient.name,
                email=patient.email,
                phone=patient.phone,
                date_of_birth=patient.date_of_birth,
                access_needs=patient.access_needs,
                wants_chaperone=typed["wants_chaperone"],
                note=typed["note"],
                patient=patient,
            ),
            by=by,
            source=Appointment.Source.DESK,
            override=True,
        )


class MoveForm(RefusableForm):
    """What can change of an appointment: its start, its place and its practitioner; two notes."""

    day = forms.DateField(label=_("Date"), widget=AdminDateWidget, required=False)
    time = forms.TimeField(
        label=_("Time"),
        widget=AdminTimeWidget(format="%H:%M"),
        required=False,
        help_text=_("By the clock of the location."),
    )
    # The version the form was made from: somebody else may have moved it since.
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)
    staff_note = BlockField(
        label=_("Note for staff"), required=False, max_length=4000, widget=SmallArea
    )

    class Meta:
        model = Appointment
        fields = ["practitioner", "location", "staff_note", "outcome"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        starts = self.instance.starts_local
        self.before = (starts, self.instance.practitioner_id, self.instance.location_id)
        self.initial.update(day=starts.date(), time=starts.time(), seen=self.instance.sequence)
        for name in ("day", "time"):
            if name in self.fields:
                self.fields[name].required = True
        if "time" in self.fields and self.instance.patient:
            told = how_told(self.instance.patient)
            self.fields["time"].help_text = format_html(
                "{} {}", self.fields["time"].help_text, told
            )

    def place(self, cleaned: dict[str, Any]) -> None:
        place = {"day", "time", "location", "practitioner"}
        if place <= self.fields.keys() and place <= cleaned.keys():
            start, practitioner, location = self.before
            typed = (cleaned["day"], cleaned["time"].replace(second=0))
            same = typed == (start.date(), start.time().replace(second=0))
            # Untouched, it stays the same instant, also in the hour that the clock shows twice.
            if not same or cleaned["location"].pk != location:
                start = self.wall(cleaned["location"])
            cleaned["start"] = start
            after = (start, cleaned["practitioner"].pk, cleaned["location"].pk)
            cleaned["moved"] = after != self.before
            if cleaned["moved"] and cleaned.get("seen") != self.instance.sequence:
                self.add_error(
                    None, _("Somebody changed this appointment meanwhile. Look at it again first.")
                )

    def wanted(self) -> dict[str, Any]:
        # The form's own instance carries what was typed; its number and treatment stay.
        visit = self.instance
        return {
            **super().wanted(),
            "treatment": visit.treatment,
            "moving": visit,
            "minutes": visit.minutes,
        }

    def move(self, by: Actor) -> None:
        """Move the appointment where something of its place changed (Refused when it cannot be)."""
        typed = self.cleaned_data
        if typed.get("moved"):
            verbs.reschedule(
                # The form's own instance carries what was typed, not what is agreed.
                Appointment.objects.get(pk=self.instance.pk),
                start=typed["start"],
                practitioner=typed["practitioner"],
                location=typed["location"],
                by=by,
                override=True,
            )
